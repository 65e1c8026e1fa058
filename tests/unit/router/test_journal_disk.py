"""The journal's disk goes wrong: nothing was sent, nobody was told, and nothing tries again."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from services.common.domain.errors import Effect, Reason, Refused, Unavailable
from services.router.journal import sqlite
from services.router.journal.records import AlertRaised, Severity, TradingState
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.store import CommitFailed, JournalError, check_chain
from services.router.risk.journal_room import MIB, RoomSettings
from tests.unit.adapter.recording_vfs import RecordingVfs
from tests.unit.domain.orders import spec
from tests.unit.router.harness import closing, held_short, router, until, virtual
from tests.unit.router.test_sqlite import opened
from tests.unit.router.test_store import chain


@dataclass(frozen=True)
class Fault:
    what: str
    kind: str
    file: str
    error: Callable[[], Exception]
    at_checkpoint: bool = False

    def refuse(self, kind: str, name: str) -> Exception | None:
        return self.error() if (kind, name) == (self.kind, self.file) else None


FULL = lambda: apsw.FullError("the disk is full")  # noqa: E731
BROKEN = lambda: apsw.IOError("the disk is broken")  # noqa: E731
READ_ONLY = lambda: apsw.ReadOnlyError("the file system is read-only")  # noqa: E731
FAULTS = [
    Fault("full", "write", "j.db-wal", FULL),
    Fault("write fails", "write", "j.db-wal", BROKEN),
    Fault("read-only", "write", "j.db-wal", READ_ONLY),
    Fault("sync fails", "sync", "j.db-wal", BROKEN),
    Fault("full at the checkpoint", "write", "j.db", FULL, at_checkpoint=True),
    Fault("sync fails at the checkpoint", "sync", "j.db", BROKEN, at_checkpoint=True),
]
each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)


@each_fault
def test_an_append_that_the_disk_refuses_is_a_failed_commit(
    tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a checkpoint, too: SQLite's own keeps a failed sync of the main file to itself."""
    if fault.at_checkpoint:
        monkeypatch.setattr(sqlite, "_WAL_PAGES_MAX", 1)
    vfs, entries = RecordingVfs(), chain(40)
    with opened(tmp_path / "j.db", vfs.name) as store:
        epoch = store.take_epoch()
        store.append(entries[:20], epoch)
        vfs.refuses = fault.refuse
        with pytest.raises(CommitFailed):
            store.append(entries[20:], epoch)
        vfs.refuses = lambda kind, name: None  # lets the test close the file
    with opened(tmp_path / "j.db") as store:
        found = list(check_chain(store.entries()))
        assert found == entries[: len(found)]
        assert len(found) in (20, 40), "whole or not at all"
        store.append(entries[len(found) :], store.take_epoch())


@each_fault
@virtual
async def test_an_order_that_the_disk_refuses_is_sent_nowhere(
    tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vfs = RecordingVfs()
    async with router(tmp_path / "j.db", vfs=vfs.name, crash=True) as running:
        if fault.at_checkpoint:
            monkeypatch.setattr(sqlite, "_WAL_PAGES_MAX", 1)
        vfs.refuses = fault.refuse
        for client_order_id in ("o-1", "o-2"):
            with pytest.raises(Unavailable) as refused:
                await running.submit(spec(client_order_id=client_order_id))
            assert refused.value.reason is Reason.JOURNAL_UNAVAILABLE
            assert refused.value.effect is Effect.NONE
            vfs.refuses = lambda kind, name: None  # it is well again, and nothing may try again
        assert running.alpaca.sent == []
        assert len(running.stops) == 1
        assert not running.core.journal.is_leading
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec(client_order_id="o-3"))
        assert [order.client_order_id for order in running.alpaca.sent] == ["o-3~al~1.0"]


def test_a_lock_that_another_program_holds_is_a_failed_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_MS", 20)
    with opened(tmp_path / "j.db") as store:
        epoch = store.take_epoch()
        other = apsw.Connection(str(tmp_path / "j.db"))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CommitFailed, match="Busy"):
            store.append(chain(1), epoch)
        other.execute("ROLLBACK")
        other.close()


# -- the files themselves ------------------------------------------------------------------------


def delete_file(path: Path) -> None:
    path.unlink()


def delete_log(path: Path) -> None:
    path.with_name("j.db-wal").unlink()


def replace_file(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)


def delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


each_loss = pytest.mark.parametrize(
    "lose", [delete_file, delete_log, replace_file, delete_folder], ids=lambda lose: lose.__name__
)


@each_loss
def test_a_file_that_was_deleted_or_replaced_is_noticed_by_the_next_append(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    path = tmp_path / "var" / "j.db"
    with opened(path) as store:
        epoch = store.take_epoch()
        store.append(chain(1), epoch)
        lose(path)
        with pytest.raises(CommitFailed, match=r"not there any more|another file|Error"):
            store.append(chain(2)[1:], epoch)


@each_loss
@virtual
async def test_a_router_without_orders_notices_that_its_journal_is_gone(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    path = tmp_path / "var" / "j.db"
    async with router(path, room=RoomSettings(check_s=5.0, low_mib=0), crash=True) as running:
        lose(path)
        await until(lambda: running.stops)
        assert not running.core.journal.is_leading


# -- room ----------------------------------------------------------------------------------------

ROOM = RoomSettings(check_s=5.0, low_mib=100, reduce_mib=10)


@virtual
async def test_low_room_is_warned_of_once_and_entries_stop_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [500 * MIB]
    monkeypatch.setattr(SqliteJournal, "room_bytes", lambda self: left[0])

    async with router(tmp_path / "j.db", room=ROOM) as running:

        def told() -> list[AlertRaised]:
            return running.alerts("JOURNAL_SPACE_LOW")

        await held_short(running)
        await asyncio.sleep(11)
        assert told() == []

        left[0] = 99 * MIB
        await until(told)
        left[0] = 101 * MIB  # hardly more: the same warning holds
        await asyncio.sleep(11)
        left[0] = 99 * MIB
        await asyncio.sleep(11)
        assert [alert.severity for alert in told()] == [Severity.WARNING]
        assert running.core.books.trading_state("") is TradingState.ACTIVE

        left[0] = 9 * MIB
        await until(lambda: len(told()) == 2)
        assert told()[1].severity is Severity.CRITICAL
        assert running.core.books.trading_state("") is TradingState.REDUCING
        with pytest.raises(Refused) as refused:
            await running.submit(spec(client_order_id="entry"))
        assert refused.value.reason is Reason.TRADING_REDUCING
        await running.submit(closing())
        await running.core.desk.cancel("main", "o-2")

        left[0] = 500 * MIB  # trading goes on by a person's word only; the warning stands anew
        await asyncio.sleep(11)
        assert running.core.books.trading_state("") is TradingState.REDUCING
        left[0] = 99 * MIB
        await until(lambda: len(told()) == 3)


@virtual
async def test_a_store_that_knows_no_room_is_not_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(SqliteJournal, "room_bytes", lambda self: asked.append(1))
    async with router(tmp_path / "j.db", room=ROOM) as running:
        await until(lambda: len(asked) > 3)
        assert running.alerts("JOURNAL_SPACE_LOW") == []
        assert running.stops == []


def test_the_room_of_a_file_is_that_of_its_disk(tmp_path: Path) -> None:
    with opened(tmp_path / "j.db") as store:
        room = store.room_bytes()
        assert room is not None
        assert room > 0
        (tmp_path / "j.db").unlink()
        with pytest.raises(JournalError):
            store.room_bytes()
