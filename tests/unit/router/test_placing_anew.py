"""An order with fills is replaced by cancel, proof, new placement: nothing slips in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import (
    Cause,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import OrderReport, VenuePosition
from services.router.books.entries import OrderEntry
from services.router.routing.revising import Asked
from tests.unit.domain.orders import NOW, instrument, spec
from tests.unit.router.harness import Running, closing, held_short, router, until, virtual
from tests.unit.router.scripted_port import PLACED, Answer, ScriptedPort, refuses, report

ANEW = "o-1~al~2.0"
Replace = asyncio.Task[OrderEntry]
CHEAPER = OrderChange(limit_price=Decimal("8.40"))


def ends(port: ScriptedPort, cum: str = "4") -> None:
    """The venue ends the order for good, and its stream says so."""
    port.knows[PLACED] = replace(
        port.knows[PLACED],
        status=OrderStatus.CANCELED,
        signal=Signal.CANCELED,
        raw_status="canceled",
        cum_qty=Decimal(cum),
    )
    port.news.put_nowait(port.knows[PLACED])


async def replacing(
    running: Running, order: OrderSpec, terms: OrderChange = CHEAPER, filled: str = "4"
) -> Replace:
    """An order with fills is being replaced: its cancel was asked for, its end not proven yet."""
    await running.submit(order)
    running.alpaca.fill(PLACED, "e-1", filled, filled, px=str(order.limit_price))
    await until(lambda: running.order().order.cum_qty)
    work = running.core.desk.replace("main", "o-1", Asked("r-1", terms))
    waiting = asyncio.ensure_future(work)
    await until(lambda: running.alpaca.canceled)
    return waiting


def calls(qty: str, client_order_id: str = "o-1") -> OrderSpec:
    """Calls to sell, covered by the shares that the venue holds."""
    return spec(
        client_order_id=client_order_id,
        instrument=instrument("SPY241115C00600000"),
        order_qty=Decimal(qty),
        limit_price=Decimal(1),
    )


def with_shares(qty: str) -> ScriptedPort:
    port = ScriptedPort("alpaca")
    port.held = [VenuePosition("alpaca", "main", instrument("SPY"), Decimal(qty))]
    return port


@virtual
async def test_what_is_to_come_stays_covered_until_it_is_sent(tmp_path: Path) -> None:
    port = with_shares("1000")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        cheaper = OrderChange(limit_price=Decimal("0.90"))
        waiting = await replacing(running, calls("10"), cheaper)
        ends(port)
        await until(lambda: running.order().order.placements[0].status is OrderStatus.CANCELED)
        with pytest.raises(Refused) as refused:
            await running.submit(calls("1", "o-2"))
        assert refused.value.reason is Reason.NO_COVER
        await waiting
        assert [order.order_qty for order in port.sent] == [10, 6]


@virtual
async def test_growth_is_reserved_while_the_end_is_proven(tmp_path: Path) -> None:
    port = with_shares("1500")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        waiting = await replacing(running, calls("10"), OrderChange(order_qty=Decimal(15)))
        order = running.order().order
        assert (order.cum_qty, order.leaves_qty, order.leaves_sum) == (4, 11, 11)
        with pytest.raises(Refused) as refused:
            await running.submit(calls("1", "o-2"))
        assert refused.value.reason is Reason.NO_COVER
        ends(port)
        await waiting
        assert port.sent[-1].order_qty == 11


@virtual
async def test_a_growing_exit_holds_what_it_will_close(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held_short(running, "10")
        close = closing(client_order_id="o-1", order_qty=Decimal(6))
        waiting = await replacing(running, close, OrderChange(order_qty=Decimal(10)), filled="1")
        with pytest.raises(Refused) as refused:
            await running.submit(closing(order_qty=Decimal(1)))
        assert refused.value.reason is Reason.INSUFFICIENT_QTY
        ends(running.alpaca, "1")
        await waiting
        assert running.alpaca.sent[-1].order_qty == 9


@virtual
async def test_the_order_is_not_shown_ended_between_the_two(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        waiting = await replacing(running, spec())
        ends(running.alpaca)
        await until(lambda: running.order().order.placements[0].status is OrderStatus.CANCELED)
        order = running.order().order
        assert (order.is_open, order.status, order.leaves_qty) == (
            True,
            OrderStatus.PENDING_REPLACE,
            6,
        )
        await waiting


@virtual
async def test_a_cancel_in_between_ends_the_order(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        waiting = await replacing(running, spec())
        ends(running.alpaca)
        await until(lambda: running.order().order.placements[0].status is OrderStatus.CANCELED)
        entry = await running.core.desk.cancel("main", "o-1")
        assert entry.order.status is OrderStatus.CANCELED
        with pytest.raises(Refused) as refused:
            await waiting
        assert refused.value.reason is Reason.CHANGE_IN_PROGRESS
        assert [order.client_order_id for order in running.alpaca.sent] == [PLACED]
        assert running.kinds() == [], "the client's own word is no interruption"


@virtual
async def test_a_not_after_that_has_passed_is_said_before_anything_is_canceled(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec(not_after=NOW + timedelta(seconds=30)))
        running.alpaca.fill(PLACED, "e-1", "4", "4")
        await until(lambda: running.order().order.cum_qty)
        await asyncio.sleep(60)
        with pytest.raises(Refused) as refused:
            await running.core.desk.replace("main", "o-1", Asked("r-1", CHEAPER))
        assert refused.value.reason is Reason.NOT_AFTER_PASSED
        assert running.alpaca.canceled == []


def rejects(order: OrderSpec) -> OrderReport:
    made = report(order, OrderStatus.REJECTED, Signal.REJECTED)
    return replace(made, cause=Cause(Reason.INVALID_PRICE, "not at this price"))


@pytest.mark.parametrize("answer", [refuses(Unavailable(Reason.RATE_LIMITED, "429")), rejects])
def test_an_order_that_ended_without_its_successor_is_alarmed(
    tmp_path: Path, answer: Answer
) -> None:
    @virtual
    async def run() -> None:
        async with router(tmp_path / "j.db") as running:
            waiting = await replacing(running, spec())
            running.alpaca.answer = answer
            ends(running.alpaca)
            with pytest.raises(OutcomeUnknown, match="was canceled for a replace"):
                await waiting
            assert running.kinds() == ["REPLACE_INTERRUPTED"]
            order = running.order().order
            assert (order.is_open, order.cum_qty) == (False, 4)

    run()


@virtual
async def test_what_follows_leaves_no_later_than_the_replace_may(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        latest = NOW + timedelta(hours=1)
        await running.submit(spec(not_after=NOW + timedelta(hours=2)))
        running.alpaca.fill(PLACED, "e-1", "4", "4")
        await until(lambda: running.order().order.cum_qty)
        work = running.core.desk.replace("main", "o-1", Asked("r-1", CHEAPER, latest))
        waiting = asyncio.ensure_future(work)
        await until(lambda: running.alpaca.canceled)
        ends(running.alpaca)
        await waiting
        assert running.alpaca.sent[-1].not_after == latest


@virtual
async def test_a_fault_in_between_leaves_nothing_held(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        waiting = await replacing(running, spec())

        async def breaks(*_: object) -> object:
            raise RuntimeError("a defect of ours")

        running.core.care.settle = breaks  # type: ignore[method-assign, assignment]
        with pytest.raises(OutcomeUnknown, match="a defect of ours"):
            await waiting
        placements = running.order().order.placements
        assert [p.placement_id for p in placements if p.status is OrderStatus.UNPLACED] == [ANEW]
        assert running.order().order.leaves_sum == 6, "the old terms may work on"
        assert len(running.alpaca.sent) == 1


@virtual
async def test_a_restart_in_between_sends_nothing_and_says_so(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", crash=True) as running:
        waiting = await replacing(running, spec())
        ports = running.ports
    with pytest.raises(TandemError):
        await waiting
    ends(ports["alpaca"])
    async with router(tmp_path / "j.db", ports=ports) as running:
        assert running.kinds() == ["REPLACE_INTERRUPTED"]
        await until(lambda: running.order().order.status is OrderStatus.CANCELED)
        order = running.order().order
        assert (order.leaves_sum, order.terms.limit_price) == (0, Decimal("8.50"))
        await asyncio.sleep(60)
        assert len(ports["alpaca"].sent) == 1


@virtual
async def test_what_was_released_and_not_answered_is_in_doubt_after_a_restart(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", crash=True) as running:
        waiting = await replacing(running, spec())
        running.alpaca.hold = asyncio.Event()
        ends(running.alpaca)
        await until(lambda: len(running.alpaca.sent) == 2)
        ports = running.ports
    with pytest.raises(TandemError):
        await waiting
    ports["alpaca"].hold = None
    async with router(tmp_path / "j.db", ports=ports) as running:
        statuses = {p.placement_id: p.status for p in running.order().order.placements}
        assert statuses[ANEW] is OrderStatus.IN_DOUBT
        assert running.order().order.leaves_sum == 6
