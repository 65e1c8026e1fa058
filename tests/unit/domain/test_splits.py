"""An order of which each part works at its own venue: what it shows of them together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from services.common.domain.errors import Cause, Reason
from services.common.domain.order import Order
from services.common.domain.order_events import (
    CancelRequested,
    ExecutionReported,
    IllegalEvent,
    PlacementPlanned,
    PlacementSignaled,
    Verdict,
)
from services.common.domain.order_status import OrderStatus, Signal
from tests.unit.domain.orders import NOW, execution, placement, spec

SIX, FOUR = "o-1~al~1.0", "o-1~ib~2.0"
REFUSED = Cause(Reason.VENUE_REJECTED, "not today")
_S, _G = OrderStatus, Signal


def split() -> Order:
    """10 contracts: 6 at alpaca, 4 at ib, no word of either yet."""
    order = Order("main", spec(), "1:hash")
    for part in (
        placement(1, "6", is_child=True),
        placement(2, "4", placement_id=FOUR, venue="ib", is_child=True),
    ):
        order, _ = order.apply(PlacementPlanned(part))
    return order


def said(order: Order, placed: str, signal: Signal, cause: Cause | None = None) -> Order:
    return order.apply(PlacementSignaled(placed, signal, cause=cause))[0]


def filled(order: Order, placed: str, qty: str, cum: str | None = None) -> Order:
    venue = "ib" if placed == FOUR else "alpaca"
    made = execution(f"{placed}/{cum}", qty, cum or qty, client_id=placed, venue=venue)
    return order.apply(ExecutionReported(placed, made))[0]


def ended(order: Order, placed: str, signal: Signal) -> Order:
    """A part after its last word; a filled one has its fill booked."""
    if signal is Signal.FILLED:
        order = filled(order, placed, "6" if placed == SIX else "4")
    return said(order, placed, signal)


def test_its_parts_add_up_and_more_is_not_planned() -> None:
    order = split()
    assert (order.status, order.leaves_qty, order.cum_qty) == (_S.PENDING_NEW, 10, 0)
    with pytest.raises(IllegalEvent):
        order.apply(PlacementPlanned(placement(3, "1")))


@pytest.mark.parametrize(
    ("six", "four", "shown"),
    [
        (_G.ACKNOWLEDGED, None, _S.PENDING_NEW),
        (_G.ACKNOWLEDGED, _G.DOUBTED, _S.IN_DOUBT),
        (_G.ACKNOWLEDGED, _G.PENDING_CANCEL, _S.PENDING_CANCEL),
        (_G.ACKNOWLEDGED, _G.ACKNOWLEDGED, _S.ACCEPTED),
        (_G.ACKNOWLEDGED, _G.NOT_SENT, _S.ACCEPTED),
        (_G.REJECTED, _G.ACKNOWLEDGED, _S.ACCEPTED),
        (_G.FILLED, _G.ACKNOWLEDGED, _S.PARTIALLY_FILLED),
        (_G.FILLED, _G.DOUBTED, _S.IN_DOUBT),
        (_G.FILLED, _G.FILLED, _S.FILLED),
        (_G.FILLED, _G.CANCELED, _S.CANCELED),
        (_G.CANCELED, _G.FILLED, _S.CANCELED),
        (_G.FILLED, _G.EXPIRED, _S.EXPIRED),
        (_G.FILLED, _G.REJECTED, _S.CANCELED),
        (_G.REJECTED, _G.FILLED, _S.CANCELED),
        (_G.FILLED, _G.NOT_SENT, _S.CANCELED),
        (_G.NOT_SENT, _G.FILLED, _S.CANCELED),
        (_G.CANCELED, _G.NOT_SENT, _S.CANCELED),
        (_G.REJECTED, _G.REJECTED, _S.REJECTED),
        (_G.REJECTED, _G.NOT_SENT, _S.REJECTED),
        (_G.NOT_SENT, _G.NOT_SENT, _S.UNPLACED),
    ],
)
def test_the_least_certain_part_decides_and_what_no_part_filled_was_canceled(
    six: Signal, four: Signal | None, shown: OrderStatus
) -> None:
    order = ended(split(), SIX, six)
    if four is not None:
        order = ended(order, FOUR, four)
    assert order.status is shown


def test_a_part_that_ended_reserves_no_more_and_leaves_the_other_standing() -> None:
    order = said(said(split(), SIX, Signal.NOT_SENT), FOUR, Signal.ACKNOWLEDGED)
    assert (order.leaves_qty, order.is_open) == (4, True)
    order = filled(order, FOUR, "4")
    assert (order.cum_qty, order.leaves_qty, order.status) == (4, 0, _S.CANCELED)


@pytest.mark.parametrize("placed", [SIX, FOUR])
def test_why_one_part_was_refused_is_shown_of_the_whole(placed: str) -> None:
    other = SIX if placed == FOUR else FOUR
    order = said(split(), placed, Signal.REJECTED, REFUSED)
    order = said(order, other, Signal.ACKNOWLEDGED)
    assert order.cause == REFUSED


def test_what_an_earlier_plan_met_is_not_said_of_the_next_one() -> None:
    order = said(said(split(), SIX, Signal.NOT_SENT, REFUSED), FOUR, Signal.NOT_SENT, REFUSED)
    later = NOW + timedelta(seconds=1)
    anew = placement(3, "10", placement_id="o-1~al~3.0", attempted_at=later)
    whole, _ = order.apply(PlacementPlanned(anew))
    assert whole.cause is None
    assert said(whole, "o-1~al~3.0", Signal.REJECTED).status is _S.REJECTED
    again, _ = order.apply(PlacementPlanned(replace(anew, order_qty=Decimal(6), is_child=True)))
    assert (again.cause, len(again.children)) == (None, 1)


def test_a_cancel_is_of_all_parts() -> None:
    order, verdict = split().apply(CancelRequested())
    assert verdict is Verdict.CHANGED
    order = said(said(order, SIX, Signal.CANCELED), FOUR, Signal.NOT_SENT)
    assert (order.status, order.leaves_qty) == (_S.CANCELED, 0)


def test_one_part_that_overfills_is_an_overfill() -> None:
    order = filled(split(), SIX, "6")
    more = execution("x", "1", "7", client_id=SIX)
    order, verdict = order.apply(ExecutionReported(SIX, more))
    assert verdict is Verdict.OVERFILL
    assert order.is_exceeded
