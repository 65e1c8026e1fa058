"""Failovers are counted in all and by the day, over restarts, and told with what a person needs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.common.contract.pb import broker_service_pb2, operations_service_pb2
from services.common.domain.errors import Effect, Reason, Unavailable, VenueCause
from services.router.books.books import Books
from services.router.books.digest import digest
from services.router.books.failovers import FailoverTally, day_of
from services.router.journal.codec import decode
from services.router.journal.records import FailedOver
from services.router.journal.sqlite import SqliteJournal
from tests.unit.router.harness import Running, router, share_order, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, refuses

NOT_SENT = Unavailable(Reason.RATE_LIMITED, "the venue said 429")
NOON = datetime(2024, 11, 4, 17, 0, tzinfo=UTC)
BOTH = ("alpaca", "second")


async def fails_over(running: Running, name: str) -> None:
    running.alpaca.answer = refuses(NOT_SENT)
    await running.submit(share_order(client_order_id=name))
    await running.core.journal.durable()


async def told(running: Running) -> tuple[Any, Any]:
    """What GetStatus and GetFleet say."""
    status = await running.core.broker.GetStatus(broker_service_pb2.GetStatusRequest(), None)
    fleet = await running.core.operations.GetFleet(operations_service_pb2.GetFleetRequest(), None)
    return status, fleet


# -- the day --


def test_a_day_is_that_of_new_york() -> None:
    assert day_of(datetime(2024, 11, 5, 4, 59, tzinfo=UTC)) == date(2024, 11, 4)
    assert day_of(datetime(2024, 11, 5, 5, 0, tzinfo=UTC)) == date(2024, 11, 5)


def test_each_account_counts_its_own_day_and_begins_anew_at_midnight() -> None:
    tally = FailoverTally()
    tally.count("main", NOON)
    tally.count("main", NOON + timedelta(minutes=1))
    tally.count("other", NOON)
    assert [tally.today(name, NOON) for name in ("main", "other", "third")] == [2, 1, 0]
    assert tally.today("main", NOON + timedelta(days=1)) == 0
    tally.count("main", NOON + timedelta(days=1))
    assert (tally.today("main", NOON + timedelta(days=1)), tally.total) == (1, 4)
    assert tally.last == NOON + timedelta(days=1)


def test_a_clock_that_goes_back_over_midnight_loses_no_failover() -> None:
    tally = FailoverTally()
    tally.count("main", NOON)
    tally.count("main", NOON - timedelta(days=1))
    assert tally.today("main", NOON) == 2
    assert tally.total == 2


# -- over restarts, and to whom it is told --


@virtual
async def test_the_counts_are_kept_over_a_restart(tmp_path: Path) -> None:
    ports = {name: ScriptedPort(name) for name in BOTH}
    async with router(tmp_path / "j.db", ports=ports, crash=True) as running:
        await fails_over(running, "o-1")
        await fails_over(running, "o-2")
    async with router(tmp_path / "j.db", ports=ports) as running:
        await fails_over(running, "o-3")
        status, fleet = await told(running)
        for reply in (status, fleet):
            assert (reply.failover_count, reply.failover_count_today) == (3, 3)
            assert reply.HasField("last_failover")
        assert [account.failover_count_today for account in fleet.accounts] == [3]


@virtual
async def test_the_count_of_the_day_ends_with_the_day(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        await fails_over(running, "o-1")
        await asyncio.sleep(timedelta(days=1).total_seconds())
        status, _ = await told(running)
        assert (status.failover_count, status.failover_count_today) == (1, 0)


@virtual
async def test_the_audit_trail_says_from_where_to_where_why_and_the_count_of_the_day(
    tmp_path: Path,
) -> None:
    with capture_logs() as logs:
        async with router(tmp_path / "j.db", *BOTH) as running:
            await fails_over(running, "o-1")
            await fails_over(running, "o-2")
            alerts = running.alerts("FAILOVER")
    store = SqliteJournal(tmp_path / "j.db")
    records = [decode(entry.data)[2] for entry in store.entries()]
    store.close()
    kept = [record for record in records if isinstance(record, FailedOver)]
    cause = VenueCause("alpaca", Reason.RATE_LIMITED, NOT_SENT.message, Effect.NONE, "")
    assert [replace(one, cause=replace(one.cause, placement_id="")) for one in kept] == [
        FailedOver("main", name, "alpaca", "second", cause, number)
        for number, name in enumerate(("o-1", "o-2"), 1)
    ]
    logged = [line for line in logs if line["event"] == "FAILOVER"]
    assert [(one["primary_broker"], one["backup_broker"]) for one in logged] == [BOTH, BOTH]
    assert [one["failover_count_today"] for one in logged] == [1, 2]
    assert all(one["error"] == "RATE_LIMITED: the venue said 429" for one in logged)
    for part in (*BOTH, "o-2", "2024-11-04T15:", "RATE_LIMITED: the venue said 429", "2 today"):
        assert part in alerts[1].message
    assert "second is asked now" in alerts[1].message


def test_a_journal_from_before_the_count_of_the_day_replays() -> None:
    """The day is told by the record's own time: old records count as well."""
    books, again = Books(), Books()
    cause = VenueCause("alpaca", Reason.RATE_LIMITED, "429", Effect.NONE)
    for fold in (books, again):
        fold.apply(1, NOON, FailedOver("main", "o-1", "alpaca", "second", cause))
    assert books.failovers.today("main", NOON) == 1
    assert digest(books) == digest(again) != digest(Books())
    again.failovers.days.clear()
    assert digest(books) != digest(again)


@virtual
async def test_a_failover_that_is_not_recorded_is_not_counted(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        running.alpaca.answer = refuses(NOT_SENT)
        running.second.answer = refuses(NOT_SENT)
        running.second.reachable = False
        running.second.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "second"].view().ready)
        with pytest.raises(Unavailable):
            await running.submit(share_order())
        assert running.core.books.failover_count == 0
