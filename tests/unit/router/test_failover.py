"""Failover and the send itself, at the moments at which something else happens in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import (
    Cause,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import OrderReport
from services.router.journal.records import Severity, TradingState, TradingStateSet
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, router, share_order, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, accepts, refuses, report

NOT_SENT = Unavailable(Reason.RATE_LIMITED, "the venue said 429")


def blocked(order: OrderSpec) -> OrderReport:
    """A rejection for the venue's own sake, which lets the next venue try."""
    made = report(order, OrderStatus.REJECTED, Signal.REJECTED)
    return replace(made, cause=Cause(Reason.ACCOUNT_BLOCKED, "blocked"))


def show(running: Running, placement_id: str, venue: str, order: OrderSpec) -> None:
    """The venue's stream shows a placement as live."""
    sent = replace(order, client_order_id=placement_id)
    shown = report(sent, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
    running.core.intake.take_report(replace(shown, venue=venue))


# -- a router that was overtaken --


@virtual
async def test_an_overtaken_router_sends_to_no_other_venue_either(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(Refused(Reason.STALE_EPOCH, "epoch 9 was seen"))
        with pytest.raises(TandemError):
            await running.submit(spec())
        assert running.stops
        assert running.second.sent == []
        with pytest.raises(Unavailable) as refused:
            await running.submit(share_order(client_order_id="o-2", venue_pin="second"))
        assert refused.value.reason is Reason.NOT_LEADER
        assert running.second.sent == []


@virtual
async def test_a_router_learns_from_a_refused_cancel_that_it_was_overtaken(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())

        async def stale(*_: object) -> object:
            raise Refused(Reason.STALE_EPOCH, "epoch 9 was seen")

        running.alpaca.cancel = stale  # type: ignore[method-assign, assignment]
        await running.core.desk.cancel("main", "o-1")
        assert running.stops
        with pytest.raises(Unavailable) as refused:
            await running.submit(share_order(client_order_id="o-2"))
        assert refused.value.reason is Reason.NOT_LEADER


@virtual
async def test_a_router_that_does_not_lead_passes_no_cancel_on(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.journal.resign()
        with pytest.raises(Unavailable) as refused:
            await running.core.desk.cancel("main", "o-1")
        assert refused.value.reason is Reason.NOT_LEADER
        assert running.alpaca.canceled == []


# -- evidence that comes in between --


@virtual
async def test_evidence_that_comes_while_cover_is_read_stops_the_failover(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(NOT_SENT)
        read = running.second.positions

        async def shown_meanwhile() -> object:
            if running.alpaca.sent:
                show(running, "o-1~al~1.0", "alpaca", spec())
            return await read()

        running.second.positions = shown_meanwhile  # type: ignore[method-assign, assignment]
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert running.second.sent == []
        assert running.core.books.failover_count == 0
        assert [p.venue for p in entry.order.placements] == ["alpaca"]


@virtual
async def test_evidence_that_comes_while_the_next_placement_is_synced_stops_its_send(
    tmp_path: Path,
) -> None:
    """Filled + what may be live never exceeds what was asked for by our doing."""
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(NOT_SENT)
        waiting = asyncio.ensure_future(running.submit(share_order()))
        await until(lambda: "o-1~sd~2.0" in running.core.books.by_placement, step_s=0.0001)
        show(running, "o-1~al~1.0", "alpaca", share_order())
        entry = await waiting
        assert running.second.sent == []
        assert entry.order.status is OrderStatus.ACCEPTED
        assert entry.order.leaves_qty == 10


@virtual
async def test_a_fill_of_a_rejected_placement_stops_the_failover(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = blocked
        read = running.second.positions

        async def filled_meanwhile() -> object:
            if running.alpaca.sent and not running.alpaca.fills:
                running.alpaca.fill("o-1~al~1.0", "e-1", "4", "4")
                await until(lambda: running.order().order.cum_qty == 4)
            return await read()

        running.second.positions = filled_meanwhile  # type: ignore[method-assign, assignment]
        entry = await running.submit(spec())
        assert running.second.sent == []
        assert entry.order.cum_qty == 4


@virtual
async def test_a_late_fill_while_the_next_placement_is_synced_stops_its_send(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = blocked
        waiting = asyncio.ensure_future(running.submit(share_order()))
        await until(lambda: "o-1~sd~2.0" in running.core.books.by_placement, step_s=0.0001)
        running.alpaca.fill("o-1~al~1.0", "e-1", "4", "4")
        running.core.intake.take_execution(running.alpaca.fills[0])
        await waiting
        assert running.second.sent == []
        assert running.order().order.cum_qty == 4


@virtual
async def test_the_word_not_sent_against_the_venues_evidence_is_alarmed(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:

        def shown_then_denied(order: OrderSpec) -> TandemError:
            show(running, order.client_order_id, "alpaca", order)
            return NOT_SENT

        running.alpaca.answer = shown_then_denied
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert "VENUE_CONTRADICTION" in running.kinds()


# -- what comes back from a send --


@virtual
async def test_a_fault_during_the_send_leaves_the_order_in_doubt(tmp_path: Path) -> None:
    """Whatever broke on our side, the bytes may be out."""
    async with router(tmp_path / "j.db", "alpaca", "second") as running:

        def breaks(order: OrderSpec) -> object:
            known = report(order, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
            raise RuntimeError(f"a fault of ours after {known.client_id} had gone out")

        running.alpaca.answer = breaks  # type: ignore[assignment]
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.IN_DOUBT
        assert running.second.sent == []
        assert "ORDER_IN_DOUBT" in running.kinds()


@virtual
async def test_a_read_that_failed_inside_a_send_is_a_doubt(tmp_path: Path) -> None:
    """The read may have been that of the answer: it does not say that nothing happened."""
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(ReadFailed("the answer was half a page of HTML"))
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.IN_DOUBT
        assert running.second.sent == []


@virtual
async def test_an_answer_about_another_order_is_a_doubt_and_a_quarantine(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        other = spec(client_order_id="by-hand")
        running.alpaca.answer = lambda _: report(other, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.IN_DOUBT
        assert running.second.sent == []
        assert [
            q.record.order.client_id
            for q in running.core.books.quarantine.values()
            if q.record.order
        ] == ["by-hand"]


@virtual
async def test_an_answer_for_another_quantity_is_a_doubt(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.answer = lambda order: accepts(replace(order, order_qty=Decimal(11)))
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.IN_DOUBT
        assert len(running.core.books.quarantine) == 1


# -- the next attempt goes through every check again --


@virtual
async def test_an_order_whose_time_has_passed_is_not_planned_for_the_next_venue(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.hold = asyncio.Event()
        running.alpaca.answer = refuses(NOT_SENT)
        not_after = running.core.broker._clock.now().replace(microsecond=0)
        order = share_order(not_after=not_after + timedelta(seconds=5))
        waiting = asyncio.ensure_future(running.submit(order))
        await until(lambda: running.alpaca.sent)
        await asyncio.sleep(10)
        running.alpaca.hold.set()
        with pytest.raises(Unavailable):
            await waiting
        assert running.second.sent == []
        assert running.core.books.failover_count == 0


@virtual
async def test_a_gate_that_closes_between_two_venues_stops_the_failover(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:

        def halts(order: OrderSpec) -> TandemError:
            halted = TradingStateSet("main", TradingState.HALTED, "test", "me")
            running.core.journal.record(halted)
            return NOT_SENT

        running.alpaca.answer = halts
        with pytest.raises(Unavailable):
            await running.submit(share_order())
        assert running.second.sent == []
        assert running.core.books.failover_count == 0


@virtual
async def test_a_cancel_between_two_venues_stops_the_failover(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.hold = asyncio.Event()
        running.alpaca.answer = refuses(NOT_SENT)
        waiting = asyncio.ensure_future(running.submit(share_order()))
        await until(lambda: running.alpaca.sent)
        canceling = asyncio.ensure_future(running.core.desk.cancel("main", "o-1"))
        await asyncio.sleep(1)
        running.alpaca.hold.set()
        entry, canceled = await waiting, await canceling
        assert entry.order.status is canceled.order.status is OrderStatus.CANCELED
        assert running.second.sent == []
        assert running.alpaca.canceled == []


@virtual
async def test_a_venue_that_reconnected_while_the_order_was_synced_gets_nothing(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        waiting = asyncio.ensure_future(running.submit(share_order()))
        await until(lambda: "o-1~al~1.0" in running.core.books.by_placement, step_s=0.0001)
        running.core.links["main", "alpaca"]._set_session("session-2")
        with pytest.raises(Unavailable):
            await waiting
        assert running.alpaca.sent == []
        assert running.order().order.status is OrderStatus.UNPLACED


@virtual
async def test_a_pinned_order_does_not_fail_over(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(NOT_SENT)
        with pytest.raises(Unavailable):
            await running.submit(share_order(venue_pin="alpaca"))
        assert running.second.sent == []


@virtual
async def test_a_preference_goes_first_and_may_fail_over(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await running.submit(share_order(venue_preference="second"))
        assert [len(p.sent) for p in running.ports.values()] == [0, 1]
        running.second.answer = refuses(NOT_SENT)
        entry = await running.submit(share_order(client_order_id="o-2", venue_preference="second"))
        assert [p.venue for p in entry.order.placements] == ["second", "alpaca"]


@virtual
async def test_a_venue_passed_over_for_want_of_cover_is_no_failover(tmp_path: Path) -> None:
    ports = {"alpaca": ScriptedPort("alpaca", cash="0"), "second": ScriptedPort("second")}
    async with router(tmp_path / "j.db", ports=ports) as running:
        await running.submit(spec())
        assert len(running.second.sent) == 1
        assert running.core.books.failover_count == 0
        assert "FAILOVER" not in running.kinds()


@virtual
async def test_an_entry_planned_without_the_preferred_venue_counts_as_a_failover(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "alpaca"].view().ready)
        await running.submit(share_order())
        assert running.core.books.failover_count == 1
        assert "FAILOVER" in running.kinds()


@virtual
async def test_a_failover_is_told_with_both_venues_the_cause_and_its_number(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(NOT_SENT)
        await running.submit(share_order())
        (alert,) = running.alerts("FAILOVER")
        assert (alert.venue, alert.client_order_id) == ("alpaca", share_order().client_order_id)
        for part in ("second", "alpaca", "the venue said 429", "failover 1"):
            assert part in alert.message


@virtual
async def test_no_venue_at_all_is_told_once_until_that_has_changed(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        for venue in (running.alpaca, running.second):
            venue.answer = refuses(NOT_SENT)
        for number in range(3):
            with pytest.raises(Unavailable) as failed:
                await running.submit(share_order(client_order_id=f"o-{number}"))
            assert failed.value.reason is Reason.ALL_VENUES_UNAVAILABLE
        (alert,) = running.alerts("ALL_VENUES_UNAVAILABLE")
        assert alert.severity is Severity.CRITICAL
        assert {cause.venue for cause in alert.venue_causes} == {"alpaca", "second"}
        assert alert.message.count("the venue said 429") == 2
        running.alpaca.answer = accepts
        await running.submit(share_order(client_order_id="taken"))
        running.alpaca.answer = refuses(NOT_SENT)
        with pytest.raises(Unavailable):
            await running.submit(share_order(client_order_id="o-4"))
        assert len(running.alerts("ALL_VENUES_UNAVAILABLE")) == 2


@virtual
async def test_an_entry_that_would_now_reduce_a_position_does_not_fail_over(
    tmp_path: Path,
) -> None:
    """It was planned as an entry; what it would do by now is for its client to decide."""
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        sale = share_order(client_order_id="s-1", side=Side.SELL, venue_pin="second")
        await running.submit(sale)
        running.alpaca.hold = asyncio.Event()
        running.alpaca.answer = refuses(NOT_SENT)
        waiting = asyncio.ensure_future(running.submit(share_order()))
        await until(lambda: running.alpaca.sent)
        running.second.fill("s-1~sd~1.0", "e-1", "10", "10")
        await until(lambda: running.order("s-1").order.status is OrderStatus.FILLED)
        running.alpaca.hold.set()
        with pytest.raises(Unavailable):
            await waiting
        assert [order.client_order_id for order in running.second.sent] == ["s-1~sd~1.0"]
        assert running.core.books.failover_count == 0
