"""Unit tests of activities as they appear: each told once, late ones too, only of this account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from services.alpaca_adapter.activity_poll import ActivityPoll, PollTerms
from services.alpaca_adapter.activity_reads import ActivityReads
from services.alpaca_adapter.translate_activity import ActivityTranslator
from services.common.adapter.budget import Priority
from services.common.adapter.port import VenueEvent
from services.common.domain.activities import Activity
from tests.unit.alpaca_adapter.test_activity_reads import activity_json
from tests.unit.alpaca_adapter.wire import Desk, Reply, problem

DATE = {"Date": "Mon, 18 Nov 2024 15:00:00 GMT"}


class HandClock:
    """Time that passes when the test says so."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.waits: list[float] = []
        self._due = asyncio.Event()

    def monotonic(self) -> float:
        return self._desk.clock.at

    def now(self) -> Any:
        return self._desk.clock.now()

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self._due.wait()

    def passes(self, seconds: float) -> None:
        self._desk.clock.at += seconds
        self._due.set()
        self._due = asyncio.Event()


class Scene:
    """A poll over a venue that lists what the test says."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = []
        self.failure: Reply | None = None
        self.desk = Desk(self.answers)
        self.clock = HandClock(self.desk)
        self.events: list[VenueEvent] = []
        self.admitted = True
        self.poll = ActivityPoll(
            ActivityReads(
                self.desk.reader, ActivityTranslator("alpaca", "main", self.desk.clock.now)
            ),
            self,
            self.clock,
            PollTerms(interval_s=60.0, lookback_s=7 * 86_400.0),
            venue_now=self.desk.watch.now,
            may_read=lambda: self.admitted,
        )

    def answers(self, _: object) -> Reply:
        newest_first = sorted(self.listed, key=lambda item: str(item["id"]), reverse=True)
        return self.failure or Reply(200, newest_first, headers=DATE)

    def publish(self, *events: VenueEvent) -> None:
        self.events.extend(events)

    def told(self) -> list[int]:
        return [int(e.activity_id[19:27]) for e in self.events if isinstance(e, Activity)]

    async def waiting(self, times: int) -> None:
        """Until the poll has waited so often."""
        await self.until(lambda: len(self.clock.waits) >= times)

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(5.0):
            while not check():
                await asyncio.sleep(0)


@asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[Scene]:
    task = asyncio.create_task(scene.poll.run())
    try:
        yield scene
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_appears_is_told_once_the_oldest_first() -> None:
    scene = Scene()
    scene.listed = [activity_json(1), activity_json(2, "FEE")]
    async with running(scene):
        await scene.waiting(1)
        assert scene.told() == [1, 2]
        scene.listed.append(activity_json(3, "OPTRD"))
        scene.clock.passes(60.0)
        await scene.waiting(2)
    assert scene.told() == [1, 2, 3]
    assert scene.clock.waits == [60.0, 60.0]
    assert set(scene.desk.pace.taken) == {Priority.PROBE}


async def test_a_late_activity_with_an_older_date_is_told() -> None:
    scene = Scene()
    scene.listed = [activity_json(5)]
    async with running(scene):
        await scene.waiting(1)
        scene.listed.append(activity_json(2, "FEE", date="2024-11-15"))
        scene.clock.passes(60.0)
        await scene.waiting(2)
    assert scene.told() == [5, 2]
    after = scene.desk.venue.asked[1].query["after"]
    assert after.startswith("2024-11-10T15:0")  # a week and a day before the venue's now


async def test_one_that_is_missing_for_a_while_is_not_told_again() -> None:
    scene = Scene()
    scene.listed = [activity_json(1)]
    async with running(scene):
        await scene.waiting(1)
        scene.listed = []
        scene.clock.passes(60.0)
        await scene.waiting(2)
        scene.listed = [activity_json(1)]
        scene.clock.passes(60.0)
        await scene.waiting(3)
        assert scene.told() == [1]
        scene.listed = []
        scene.clock.passes(60.0)
        await scene.waiting(4)
        scene.clock.passes(8 * 86_400.0)
        await scene.waiting(5)
    assert scene.poll._seen == {}  # nothing is kept for ever


async def test_a_new_session_has_them_read_at_once() -> None:
    scene = Scene()
    async with running(scene):
        await scene.waiting(1)
        scene.listed = [activity_json(1)]
        scene.poll.soon()
        await scene.waiting(2)
        assert scene.told() == [1]


async def test_a_failed_reading_is_no_news_and_waits_as_told() -> None:
    scene = Scene()
    scene.failure = problem(403, 40310000, "account is not allowed")
    scene.listed = [activity_json(1)]
    async with running(scene):
        await scene.waiting(1)
        assert scene.told() == []
        scene.failure = None
        scene.clock.passes(60.0)
        await scene.waiting(2)
    assert scene.told() == [1]


async def test_nothing_is_read_of_an_account_that_is_not_admitted() -> None:
    scene = Scene()
    scene.admitted = False
    scene.listed = [activity_json(1)]
    async with running(scene):
        await scene.waiting(1)
        assert scene.desk.venue.asked == []
        scene.admitted = True
        scene.poll.soon()
        await scene.waiting(2)
    assert scene.told() == [1]
