"""The journal's writer: one commit for many, told after it, and every way in which it can end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from services.router.journal import codec
from services.router.journal.journal import Journal
from services.router.journal.records import AlertRaised, Record, Severity
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.store import (
    CommitFailed,
    EpochLost,
    Head,
    JournalError,
    JournalStore,
    check_chain,
)
from tests.unit.adapter.recording_vfs import RecordingVfs
from tests.unit.adapter.virtual_time import virtual_clock
from tests.unit.router.conftest import OpenStore
from tests.unit.router.harness import virtual


def alert(text: str) -> AlertRaised:
    return AlertRaised("TEST", Severity.INFO, text)


async def at_once(call: Callable[[], None]) -> None:
    await asyncio.sleep(0.001)
    call()


@dataclass
class Writing:
    """A journal with its writer, what it applied and told, and its failures."""

    journal: Journal
    store: JournalStore
    task: asyncio.Task[None]
    applied: list[tuple[int, datetime, Record]] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    failures: list[JournalError] = field(default_factory=list)


@asynccontextmanager
async def writing(
    open_store: OpenStore,
    run_blocking: Callable[[Callable[[], None]], Awaitable[None]] = at_once,
) -> AsyncIterator[Writing]:
    store = open_store()
    applied: list[tuple[int, datetime, Record]] = []
    told: list[int] = []
    failures: list[JournalError] = []
    journal = Journal(
        store,
        virtual_clock(),
        run_blocking,
        lambda *record: applied.append(record),
        told.append,
        failures.append,
    )
    journal.start(Head(), store.take_epoch())
    task = asyncio.ensure_future(journal.run())
    try:
        yield Writing(journal, store, task, applied, told, failures)
    finally:
        task.cancel()
        await asyncio.wait({task})
        store.close()


def stored(open_store: OpenStore) -> list[str]:
    """The texts of the alerts that a reader of the journal finds."""
    store = open_store()
    try:
        records = [codec.decode(entry.data)[2] for entry in check_chain(store.entries())]
    finally:
        store.close()
    return [record.message for record in records if isinstance(record, AlertRaised)]


@virtual
async def test_a_record_is_applied_at_once_and_told_when_it_is_durable(
    open_store: OpenStore,
) -> None:
    async with writing(open_store) as it:
        seq = it.journal.record(alert("a"), alert("b"))
        assert [entry[0] for entry in it.applied] == [1, 2]
        assert it.told == []
        assert (it.journal.head.seq, it.journal.durable_head.seq) == (2, 0)
        await it.journal.durable(seq)
        assert it.told == [2]
        assert it.journal.durable_head == it.journal.head
    assert stored(open_store) == ["a", "b"]


@virtual
async def test_what_gathers_during_a_commit_shares_the_next(open_store: OpenStore) -> None:
    async with writing(open_store) as it:
        it.journal.record(alert("a"))
        first = asyncio.ensure_future(it.journal.durable())
        await asyncio.sleep(0.0005)
        for text in "bcdef":
            it.journal.record(alert(text))
        await first
        assert it.told == [1]
        await it.journal.durable()
        assert it.told == [1, 6]


@virtual
async def test_those_who_wait_are_woken_after_the_telling(open_store: OpenStore) -> None:
    async with writing(open_store) as it:
        seen: list[list[int]] = []

        async def wait() -> None:
            await it.journal.durable(it.journal.record(alert("a")))
            seen.append(list(it.told))

        await wait()
        assert seen == [[1]]
        await it.journal.durable(1)  # long since: no wait, and no writer needed


@virtual
async def test_a_canceled_wait_changes_nothing_of_the_commit(open_store: OpenStore) -> None:
    async with writing(open_store) as it:
        it.journal.record(alert("a"))
        waiting = asyncio.ensure_future(it.journal.durable())
        await asyncio.sleep(0.0005)
        waiting.cancel()
        await it.journal.durable()
    assert stored(open_store) == ["a"]


@virtual
async def test_a_failed_commit_is_told_to_all_who_wait_and_nothing_follows(
    tmp_path: Path,
) -> None:
    vfs = RecordingVfs()
    async with writing(partial(SqliteJournal, tmp_path / "j.db", vfs=vfs.name)) as it:
        it.journal.record(alert("a"))
        waits = [asyncio.ensure_future(it.journal.durable()) for _ in range(3)]
        vfs.sync_fails = True
        outcomes = await asyncio.gather(*waits, return_exceptions=True)
        vfs.sync_fails = False  # lets the test close its files
        assert [type(outcome) for outcome in outcomes] == [CommitFailed] * 3
        assert len(it.failures) == 1
        assert not it.journal.is_leading
        with pytest.raises(CommitFailed):
            it.journal.record(alert("b"))
        with pytest.raises(CommitFailed):
            await it.journal.durable()
        assert [entry[0] for entry in it.applied] == [1]


@virtual
async def test_what_was_applied_before_a_fault_of_the_fold_is_written(
    open_store: OpenStore,
) -> None:
    async with writing(open_store) as writing_:
        real = writing_.journal._apply

        def apply(seq: int, at: datetime, record: Record) -> None:
            if record == alert("does not fit"):
                raise RuntimeError("a fault of ours")
            real(seq, at, record)

        writing_.journal._apply = apply
        with pytest.raises(RuntimeError):
            writing_.journal.record(alert("fits"), alert("does not fit"))
        async with asyncio.timeout(30):
            await writing_.journal.durable()
    assert len(stored(open_store)) == 1


@virtual
async def test_any_fault_of_the_writer_is_a_failure_of_the_journal(open_store: OpenStore) -> None:
    """A writer that ended in silence would leave every order waiting for ever."""

    async def breaks(_: Callable[[], None]) -> None:
        raise RuntimeError("the thread could not be started")

    async with writing(open_store, breaks) as it:
        it.journal.record(alert("a"))
        with pytest.raises(CommitFailed):
            await it.journal.durable()
        assert len(it.failures) == 1


@virtual
async def test_a_writer_that_is_stopped_leaves_nobody_waiting(open_store: OpenStore) -> None:
    async def hangs(_: Callable[[], None]) -> None:
        await asyncio.sleep(86_400)

    async with writing(open_store, hangs) as it:
        it.journal.record(alert("a"))
        waiting = asyncio.ensure_future(it.journal.durable())
        await asyncio.sleep(1)
        it.task.cancel()
        with pytest.raises(JournalError):
            await waiting
        with pytest.raises(JournalError):
            it.journal.record(alert("b"))
        assert it.task.cancelled()


@virtual
async def test_closing_writes_all_that_was_recorded_and_takes_no_more(
    open_store: OpenStore,
) -> None:
    async with writing(open_store) as it:
        for text in "abc":
            it.journal.record(alert(text))
        it.journal.close()
        assert not it.journal.is_leading
        await it.task
        assert it.journal.durable_head.seq == 3
        await it.journal.durable()
        with pytest.raises(JournalError):
            it.journal.record(alert("d"))
        assert it.failures == []
    assert stored(open_store) == ["a", "b", "c"]


@virtual
async def test_who_has_resigned_still_records_what_comes_back(open_store: OpenStore) -> None:
    async with writing(open_store) as it:
        it.journal.resign()
        assert not it.journal.is_leading
        await it.journal.durable(it.journal.record(alert("a")))
    assert stored(open_store) == ["a"]


@virtual
async def test_who_does_not_hold_the_seat_does_not_lead(open_store: OpenStore) -> None:
    async with writing(open_store) as it:
        held = True
        it.journal.lead_while(lambda: held)
        assert it.journal.is_leading
        held = False
        assert not it.journal.is_leading
        await it.journal.durable(it.journal.record(alert("what came back")))
    assert stored(open_store) == ["what came back"]


@virtual
async def test_a_writer_whose_epoch_was_taken_stops(open_store: OpenStore) -> None:
    async with writing(open_store) as it:
        it.store.take_epoch()
        it.journal.record(alert("a"))
        with pytest.raises(EpochLost):
            await it.journal.durable()
        assert [type(error) for error in it.failures] == [EpochLost]
    assert stored(open_store) == []


@virtual
async def test_the_hash_of_any_durable_record_can_be_read_back(open_store: OpenStore) -> None:
    async with writing(open_store) as it:
        heads = []
        for text in "abc":
            it.journal.record(alert(text))
            heads.append(it.journal.head)
        await it.journal.durable()
        for head in heads:
            assert await it.journal.hash_at(head.seq) == head.hash
        assert await it.journal.hash_at(4) is None
