"""Activities: booked once each, whoever tells them, however late; shown in lists and events."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.common.contract.pb import accounts_pb2, events_pb2
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.activities import Activity, ActivityType
from services.common.domain.errors import ReadFailed, Reason
from services.common.domain.executions import RecordTimes
from services.router.books.digest import digest
from services.router.journal.records import ActivityBooked
from tests.unit.domain.orders import NOW, activity
from tests.unit.router.api_rig import Code, api, failure
from tests.unit.router.folded import Folded
from tests.unit.router.harness import Running, router, takes_entries, until, virtual
from tests.unit.router.scripted_port import ScriptedPort
from tests.unit.router.test_api_lists import pages, read

DAY = timedelta(days=1)


def ids(running: Running) -> list[str]:
    return [booked.activity.activity_id for booked in running.core.books.activities]


def on(days: int, activity_id: str, kind: ActivityType = ActivityType.FEE) -> Activity:
    """An activity so many days after the first."""
    return activity(activity_id, kind, times=RecordTimes(venue_time=NOW + days * DAY))


# -- booking --


def test_an_activity_is_folded_once() -> None:
    fold = Folded().add(ActivityBooked("main", activity()))
    before = digest(fold.books)
    told = len(fold.told)
    fold.add(ActivityBooked("main", activity()))
    assert digest(fold.books) == before
    assert len(fold.told) == told
    fold.add(ActivityBooked("main", activity(venue="second")))
    assert len(fold.books.activities) == 2, "another venue counts for itself"


def test_a_late_one_with_an_older_date_does_not_move_the_last_time() -> None:
    fold = Folded().add(ActivityBooked("main", activity("a-1")))
    earlier = RecordTimes(venue_time=NOW - DAY)
    fold.add(ActivityBooked("main", activity("a-2", times=earlier)))
    assert fold.books.last_activity_time["main", "alpaca"] == NOW


@virtual
async def test_what_the_stream_and_the_list_tell_is_booked_once(path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(path, ports={"alpaca": port}) as running:
        port.news.put_nowait(activity())
        await until(lambda: ids(running) == ["a-1"])
        port.happened = [activity(), activity("a-2", ActivityType.FEE)]
        port.news.put_nowait(None)  # a reconnect
        await until(lambda: ids(running) == ["a-1", "a-2"])
        port.news.put_nowait(activity("a-2", ActivityType.FEE))
        await asyncio.sleep(60)
        assert ids(running) == ["a-1", "a-2"]
        assert running.kinds().count("OPTION_ASSIGNED") == 1
    async with router(path, ports={"alpaca": port}) as running:
        await asyncio.sleep(60)
        assert ids(running) == ["a-1", "a-2"], "known over a restart, too"


@virtual
@pytest.mark.parametrize(
    ("kind", "alert"),
    [
        (ActivityType.ASSIGNMENT, ["OPTION_ASSIGNED"]),
        (ActivityType.EXERCISE, ["OPTION_EXERCISED"]),
        (ActivityType.EXPIRATION, ["OPTION_EXPIRED"]),
        (ActivityType.OPTION_DELIVERY, []),
        (ActivityType.FEE, []),
        (ActivityType.UNSPECIFIED, []),
    ],
)
async def test_what_ends_an_option_is_alarmed(
    path: Path, kind: ActivityType, alert: list[str]
) -> None:
    async with router(path) as running:
        running.alpaca.news.put_nowait(activity("a-1", kind))
        await until(lambda: ids(running))
        assert running.kinds() == alert
        assert all("SPY241115P00400000" in a.message for a in running.alerts())


# -- catching up --


@virtual
async def test_after_a_reconnect_is_read_from_days_before_the_last_known(path: Path) -> None:
    """Brokers tell some a day late under an older date: reading from the last on would miss it."""
    async with router(path) as running:
        running.alpaca.news.put_nowait(on(10, "a-10"))
        await until(lambda: ids(running) == ["a-10"])
        running.alpaca.happened = [on(8, "a-8"), on(9, "a-9"), on(10, "a-10"), on(11, "a-11")]
        running.alpaca.news.put_nowait(None)
        await until(lambda: ids(running) == ["a-10", "a-8", "a-9", "a-11"])
        assert running.alpaca.activities_asked[-1] == NOW + 3 * DAY


@virtual
async def test_the_first_reading_begins_where_the_journal_does_by_the_venues_clock(
    path: Path,
) -> None:
    port = ScriptedPort("alpaca", clock_offset_s=-DAY.total_seconds())
    async with router(path, ports={"alpaca": port}) as running:
        await until(lambda: port.activities_asked)
        created = running.core.books.created
        assert created is not None
        assert port.activities_asked == [created - 8 * DAY]


@virtual
async def test_a_late_one_is_found_without_a_reconnect(path: Path) -> None:
    async with router(path) as running:
        await until(lambda: running.alpaca.activities_asked)
        running.alpaca.happened = [on(0, "a-1")]
        await asyncio.sleep(3700)
        assert ids(running) == ["a-1"]


@virtual
async def test_activities_that_cant_be_read_hold_no_entries_and_are_read_later(
    path: Path,
) -> None:
    port = ScriptedPort("alpaca", activities_error=ReadFailed("alpaca: 500"))
    async with router(path, ports={"alpaca": port}) as running:
        assert takes_entries(running)
        await asyncio.sleep(300)
        assert 5 < len(port.activities_asked) < 20, "with growing waits"
        port.happened, port.activities_error = [activity()], None
        await until(lambda: ids(running) == ["a-1"], within_s=120)


@virtual
async def test_an_adapter_without_activities_is_not_asked_again_and_again(path: Path) -> None:
    error = ReadFailed("not offered", reason=Reason.NOT_IMPLEMENTED)
    port = ScriptedPort("alpaca", activities_error=error)
    async with router(path, ports={"alpaca": port}) as running:
        await asyncio.sleep(600)
        assert takes_entries(running)
        assert len(port.activities_asked) == 1


# -- telling --


async def test_activities_are_listed_by_pages_newest_first_and_by_filter(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        take = it.running.core.activities.take
        for number in range(1, 6):
            times = RecordTimes(venue_time=NOW + number * DAY)
            take(activity(f"a-{number}", ActivityType.FEE, times=times))
        take(activity("a-6", ActivityType.DIVIDEND, venue="second"))

        def request(**filters: object) -> pb.ListActivitiesRequest:
            return pb.ListActivitiesRequest(account_id="main", **filters)  # type: ignore[arg-type]

        found = await pages(it.broker.ListActivities, lambda page: request(page=page), "activities")
        assert [a.activity_id for a in found] == [f"a-{number}" for number in (6, 5, 4, 3, 2, 1)]
        assert found[0].times.HasField("journal_time")

        async def listed(**filters: object) -> list[str]:
            reply = await it.broker.ListActivities(request(**filters))
            return [a.activity_id for a in reply.activities]

        dividends = [accounts_pb2.ACTIVITY_TYPE_DIVIDEND, accounts_pb2.ACTIVITY_TYPE_INTEREST]
        assert await listed(activity_types=dividends) == ["a-6"]
        assert await listed(venue="second") == ["a-6"]
        after, before = NOW + 2 * DAY, NOW + 4 * DAY
        assert await listed(after=after, before=before) == ["a-3", "a-2"]
        assert await listed(activity_types=[0]) == []
        call = it.broker.ListActivities(request(activity_types=[99]))
        assert (await failure(call))[0] is Code.UNIMPLEMENTED


async def test_a_watcher_is_told_of_a_booked_activity_with_its_alert(path: Path) -> None:
    async with api(path) as it:
        call = it.broker.WatchEvents(pb.WatchEventsRequest(account_id="main"))
        assert (await call.read()).event.WhichOneof("kind") == "heartbeat"
        it.running.alpaca.news.put_nowait(replace(activity(), description="assigned"))
        told: list[events_pb2.Event] = await read(call, 2)
        assert [event.WhichOneof("kind") for event in told] == ["activity", "alert"]
        assert told[0].activity.description == "assigned"
        assert told[1].alert.kind == "OPTION_ASSIGNED"
