"""The link to a venue: what is read when, what a gap means, and whose journal an adapter knows."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import ReadFailed, Reason, Refused, TandemError, Unavailable
from services.common.domain.executions import RecordTimes
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import VenueState, VenueStatus
from services.router.journal.records import TradingState
from services.router.routing.venue import Claim, Pulse, VenueNews
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, router, until, virtual
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


def takes_entries(running: Running) -> bool:
    return running.core.links["main", "alpaca"].view().takes_entries


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


# -- the journal that an adapter has seen --


@virtual
async def test_a_restored_journal_starts_halted(tmp_path: Path) -> None:
    """The copy's own first records may well reach beyond what the adapter saw."""
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
    shutil.copy(tmp_path / "j.db", tmp_path / "copy.db")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec(client_order_id="o-2", order_qty=Decimal(1)))
    async with router(tmp_path / "copy.db", ports={"alpaca": port}) as running:
        assert running.core.books.trading_state("main") is TradingState.HALTED
        assert "JOURNAL_BEHIND" in running.kinds()
        with pytest.raises(Refused) as refused:
            await running.submit(spec(client_order_id="o-3"))
        assert refused.value.reason is Reason.TRADING_HALTED
        assert len(port.sent) == 2


@virtual
async def test_a_restored_journal_is_found_out_also_after_it_has_grown(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
    shutil.copy(tmp_path / "j.db", tmp_path / "copy.db")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec(client_order_id="o-2", order_qty=Decimal(1)))
    port.reachable = False
    ports = {"alpaca": port, "second": ScriptedPort("second")}
    async with router(tmp_path / "copy.db", ports=ports, wait_ready=False) as running:
        await until(lambda: running.core.links["main", "second"].view().takes_entries)
        for number in range(5):
            await running.submit(spec(client_order_id=f"n-{number}", order_qty=Decimal(1)))
        seen = port.claims[-1].head_seq
        port.reachable = True
        await until(lambda: takes_entries(running))
        assert port.claims[-1].head_seq > seen
        assert running.core.books.trading_state("main") is TradingState.HALTED
        assert "JOURNAL_BEHIND" in running.kinds()


@virtual
async def test_a_journal_that_lacks_its_end_starts_halted(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        journal_id, epoch = running.core.books.journal_id, running.core.books.epoch
    port.claims.append(Claim(journal_id, 1, epoch, 10_000, bytes(32)))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        assert running.core.books.trading_state("main") is TradingState.HALTED


@virtual
async def test_a_journal_beside_the_one_that_an_adapter_knows_starts_halted(
    tmp_path: Path,
) -> None:
    """A journal that was lost and made anew knows nothing of what is at the venue."""
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
    async with router(tmp_path / "new.db", ports={"alpaca": port}) as running:
        assert running.core.books.trading_state("main") is TradingState.HALTED
        assert "JOURNAL_BEHIND" in running.kinds()


@virtual
async def test_an_adapter_that_knows_another_journal_by_name_alone_halts_ours(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca", claims=[Claim("another", 1, 0, 0, bytes(32))])
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        assert running.core.books.trading_state("main") is TradingState.HALTED


@virtual
async def test_a_journal_that_goes_on_in_order_is_not_halted(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    for number in range(3):
        async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
            await running.submit(spec(client_order_id=f"o-{number}", order_qty=Decimal(1)))
            port.news.put_nowait(None)
            await until(lambda: not takes_entries(running))
            await until(lambda: takes_entries(running))
            assert running.core.books.trading_state("main") is TradingState.ACTIVE


@virtual
async def test_a_claim_names_only_records_that_are_durable(tmp_path: Path) -> None:
    """Else a crash under load would look like a restored journal."""
    async with router(tmp_path / "j.db") as running:
        orders = [spec(client_order_id=f"o-{i}", order_qty=Decimal(1)) for i in range(5)]
        seen: list[bool] = []

        def checks(order: object) -> TandemError:
            claim = running.alpaca.claims[-1]
            seen.append(claim.head_seq <= running.core.journal.durable_head.seq)
            return Unavailable(Reason.RATE_LIMITED, "429")

        running.alpaca.answer = checks
        await asyncio.gather(*map(running.submit, orders), return_exceptions=True)
        assert seen == [True] * 5


@virtual
async def test_a_higher_generation_starts_halted(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        assert running.core.books.generation == 1
    async with router(tmp_path / "j.db", generation=2) as running:
        assert running.core.books.generation == 2
        assert running.core.books.trading_state("main") is TradingState.HALTED
    async with router(tmp_path / "j.db", generation=1) as running:
        assert running.core.books.generation == 2, "a generation never goes back"
        assert running.core.books.trading_state("main") is TradingState.HALTED


@virtual
async def test_an_epoch_rises_with_each_start_and_is_claimed_at_each_venue(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca")
    for epoch in (1, 2, 3):
        async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
            assert running.core.books.epoch == epoch
            assert port.claims[-1].epoch == epoch
            assert port.claims[-1].journal_id == running.core.books.journal_id


@virtual
async def test_a_fence_that_is_refused_as_stale_stops_the_router(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", fence_error=Refused(Reason.STALE_EPOCH, "epoch 9 was seen"))
    ports = {"alpaca": port, "second": ScriptedPort("second")}
    async with router(tmp_path / "j.db", ports=ports, wait_ready=False) as running:
        await until(lambda: running.stops)
        await asyncio.sleep(10)
        with pytest.raises(Unavailable) as refused:
            await running.submit(spec(venue_pin="second"))
        assert refused.value.reason is Reason.NOT_LEADER


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
