"""The link to a venue: what is read when, and what a gap means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.common.domain.errors import ReadFailed, Unavailable
from services.common.domain.executions import RecordTimes
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import VenueState, VenueStatus
from services.router.routing.venue import Pulse, VenueNews
from tests.unit.domain.orders import spec
from tests.unit.router.harness import router, takes_entries, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, report


class LossyPort(ScriptedPort):
    """A stream that takes a second to open; what happens before that is told to nobody."""

    opened = 0

    async def watch(self) -> AsyncIterator[VenueNews]:
        self._require()
        self.opened += 1
        await asyncio.sleep(1)
        while not self.news.empty():
            self.news.get_nowait()
        yield Pulse(self.session_id)
        while (item := await self.news.get()) is not None:
            yield item
        raise ReadFailed(f"{self.name}: the stream was cut")


# -- catching up --


@virtual
async def test_a_fill_while_the_stream_opens_is_not_missed(tmp_path: Path) -> None:
    """LEAN IB #249. Reading before the stream stands leaves a hole between the two."""
    port = LossyPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        port.news.put_nowait(None)
        await until(lambda: port.opened == 2)
        await asyncio.sleep(0.5)
        port.fill("o-1~al~1.0", "e-1", "10", "10")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)


@virtual
async def test_a_fill_before_a_jump_of_the_venues_clock_is_not_missed(tmp_path: Path) -> None:
    """Nothing was booked there before, so the catch-up begins where the journal does."""
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        port = running.alpaca
        port.fill("o-1~al~1.0", "e-1", "4", "4")
        assert port.news.get_nowait() is not None  # lost
        created = running.core.books.created
        assert created is not None
        times = RecordTimes(venue_time=created + timedelta(seconds=1))
        port.fills = [replace(fill, times=times) for fill in port.fills]
        port.clock_offset_s = 6 * 3600.0
        port.news.put_nowait(None)  # a reconnect
        await until(lambda: running.order().order.cum_qty == 4)


@virtual
async def test_a_gap_during_the_catch_up_is_caught_up_too(tmp_path: Path) -> None:
    """The adapter's venue session may well be the same after a gap in our own stream."""
    port = LossyPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        go_on, listed = asyncio.Event(), asyncio.Event()
        list_orders = port.open_orders

        async def slow() -> object:
            listed.set()
            await go_on.wait()
            return await list_orders()

        port.open_orders = slow  # type: ignore[method-assign, assignment]
        port.news.put_nowait(None)
        await listed.wait()  # executions were read already
        port.news.put_nowait(None)
        await until(lambda: port.opened == 3)
        port.fill("o-1~al~1.0", "e-1", "10", "10")
        await until(lambda: running.core.links["main", "alpaca"].view().ready)
        go_on.set()
        await until(lambda: running.order().order.status is OrderStatus.FILLED)


@virtual
async def test_entries_wait_for_the_catch_up_and_exits_do_not(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    go_on = asyncio.Event()
    list_orders = port.open_orders

    async def slow() -> object:
        await go_on.wait()
        return await list_orders()

    port.open_orders = slow  # type: ignore[method-assign, assignment]
    async with router(tmp_path / "j.db", ports={"alpaca": port}, wait_ready=False) as running:
        link = running.core.links["main", "alpaca"]
        await until(lambda: link.view().ready)
        assert not link.view().takes_entries
        with pytest.raises(Unavailable, match="looked up"):
            await running.submit(spec())
        go_on.set()
        await until(lambda: link.view().takes_entries)


@virtual
async def test_a_session_that_changes_during_the_catch_up_is_caught_up_anew(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        reads: list[str] = []
        go_on = asyncio.Event()
        list_orders = port.open_orders

        async def slow() -> object:
            reads.append(running.core.links["main", "alpaca"].session_id)
            await go_on.wait()
            return await list_orders()

        port.open_orders = slow  # type: ignore[method-assign, assignment]
        port.news.put_nowait(Pulse("session-2"))
        await until(lambda: reads)
        port.news.put_nowait(Pulse("session-3"))
        port.news.put_nowait(Pulse("session-2"))
        await asyncio.sleep(1)
        go_on.set()
        await until(lambda: takes_entries(running))
        assert len(reads) == 2


@virtual
async def test_a_catch_up_that_fails_is_tried_again_with_growing_waits(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    attempts: list[float] = []
    list_orders = port.open_orders

    async def fails() -> object:
        attempts.append(asyncio.get_running_loop().time())
        raise ReadFailed("alpaca: 429")

    port.open_orders = fails  # type: ignore[method-assign, assignment]
    async with router(tmp_path / "j.db", ports={"alpaca": port}, wait_ready=False) as running:
        await asyncio.sleep(60)
        assert 5 < len(attempts) < 30
        assert not takes_entries(running)
        port.open_orders = list_orders  # type: ignore[method-assign]
        await until(lambda: takes_entries(running))


@virtual
async def test_a_venue_without_a_session_takes_nothing(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.news.put_nowait(Pulse(""))
        await until(lambda: not takes_entries(running))
        with pytest.raises(Unavailable, match="no session"):
            await running.submit(spec())
        running.alpaca.news.put_nowait(Pulse("session-2"))
        await until(lambda: takes_entries(running))
        entry = await running.submit(spec())
        assert entry.order.placements[-1].session_id == "session-2"


@virtual
async def test_the_other_venue_goes_on_while_one_is_gone(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await asyncio.sleep(30)
        assert running.core.books.venues["main", "alpaca"].state is VenueState.DOWN
        entry = await running.submit(spec())
        assert [p.venue for p in entry.order.placements] == ["second"]


@virtual
async def test_a_venue_that_is_down_for_long_fills_no_journal(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await asyncio.sleep(10)
        before = running.core.journal.head.seq
        await asyncio.sleep(3600)
        assert running.core.journal.head.seq == before


@virtual
async def test_an_order_that_ended_during_a_gap_is_found_to_have_ended(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        port.news.put_nowait(None)
        known = port.knows["o-1~al~1.0"]
        port.knows["o-1~al~1.0"] = replace(
            known, status=OrderStatus.CANCELED, signal=Signal.CANCELED
        )
        await until(lambda: running.order().order.status is OrderStatus.CANCELED)
        assert not running.core.books.open_orders


@virtual
async def test_a_late_report_of_a_gap_does_not_undo_newer_news(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        entry = await running.submit(spec())
        placed = replace(spec(), client_order_id=entry.order.placements[0].placement_id)
        ended = report(placed, OrderStatus.CANCELED, Signal.CANCELED)
        port.news.put_nowait(replace(ended, venue="alpaca"))
        await until(lambda: running.order().order.status is OrderStatus.CANCELED)
        port.news.put_nowait(None)  # what it lists on reconnecting is older
        await asyncio.sleep(10)
        assert running.order().order.status is OrderStatus.CANCELED
        assert not running.core.books.quarantine


@virtual
async def test_a_venue_that_came_up_while_the_stream_opened_is_seen_to_be_up(
    tmp_path: Path,
) -> None:
    """The state was asked for before the stream stood: nobody tells of the change in between."""
    port = LossyPort("alpaca", state=VenueState.DOWN)
    async with router(tmp_path / "j.db", ports={"alpaca": port}, wait_ready=False) as running:
        await until(lambda: port.opened)
        port.state = VenueState.UP
        await until(lambda: takes_entries(running))


@virtual
async def test_news_of_a_state_beat_an_answer_that_was_under_way(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        ask = port.status

        async def slow() -> VenueStatus:
            answer = await ask()
            port.news.put_nowait(replace(answer, state=VenueState.DRAINED))
            await asyncio.sleep(1)
            return answer

        port.status = slow  # type: ignore[method-assign]
        port.news.put_nowait(Pulse("session-2"))
        await asyncio.sleep(10)
        link = running.core.links["main", "alpaca"]
        assert link.session_id == "session-1", "the status said so last"
        assert not takes_entries(running)
        assert "DRAINED" in link.view().why_not


@virtual
async def test_open_orders_at_a_venue_that_is_no_longer_configured_are_alarmed(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await running.submit(spec(venue_pin="second"))
    async with router(tmp_path / "j.db", "alpaca") as running:
        assert running.kinds().count("VENUE_MISSING") == 1
