"""How a doubt may end besides the venue's word: by proof of absence, or by an operator's word."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.common.domain.errors import Cause, Reason
from services.common.domain.order import Order
from services.common.domain.order_events import (
    DoubtOverruled,
    ExecutionReported,
    IllegalEvent,
    PlacementPlanned,
    PlacementSignaled,
    Verdict,
)
from services.common.domain.order_status import OrderStatus, Signal
from tests.unit.domain.orders import execution, placement, sent

FIRST = "o-1~al~1.0"
SECOND = "o-1~ib~2.0"
WORD = Cause(Reason.RESOLVED_BY_OPERATOR, "never placed, by ann: seen on the broker's page")


def said(order: Order, signal: Signal) -> tuple[Order, Verdict]:
    return order.apply(PlacementSignaled(FIRST, signal))


def in_doubt() -> Order:
    return said(sent(), Signal.DOUBTED)[0]


def overruled() -> Order:
    return in_doubt().apply(DoubtOverruled(FIRST, WORD))[0]


def test_a_doubt_ends_by_proof_of_absence() -> None:
    order, verdict = said(in_doubt(), Signal.FENCED)
    assert (order.status, verdict) == (OrderStatus.UNPLACED, Verdict.CHANGED)
    assert order.leaves_qty == order.committed_qty == 0


def test_after_the_proof_another_placement_may_follow() -> None:
    order, _ = said(in_doubt(), Signal.FENCED)
    following = placement(2, placement_id=SECOND, venue="ib")
    assert order.apply(PlacementPlanned(following))[0].status is OrderStatus.PENDING_NEW


@pytest.mark.parametrize("signal", [Signal.ACKNOWLEDGED, Signal.FILLED, Signal.CANCELED])
def test_an_order_that_is_shown_is_not_called_absent(signal: Signal) -> None:
    with pytest.raises(IllegalEvent):
        said(said(in_doubt(), signal)[0], Signal.FENCED)


def test_an_order_that_was_not_answered_yet_is_not_called_absent() -> None:
    with pytest.raises(IllegalEvent):
        said(sent(), Signal.FENCED)


def test_what_was_called_absent_and_is_shown_is_live_and_a_contradiction() -> None:
    order, verdict = said(said(in_doubt(), Signal.FENCED)[0], Signal.ACKNOWLEDGED)
    assert (order.status, verdict) == (OrderStatus.ACCEPTED, Verdict.CONTRADICTION)


def test_an_operators_word_ends_the_order() -> None:
    order = overruled()
    assert order.status is OrderStatus.CANCELED
    assert not order.is_open
    assert order.cause == WORD
    assert order.leaves_qty == 0


def test_what_an_operator_called_dead_stays_in_the_bound() -> None:
    order = overruled()
    assert order.committed_qty == Decimal(10)
    with pytest.raises(IllegalEvent, match="exceed"):
        order.apply(PlacementPlanned(placement(2, placement_id=SECOND, venue="ib")))


def test_an_operators_word_again_changes_nothing() -> None:
    order, verdict = overruled().apply(DoubtOverruled(FIRST, WORD))
    assert (order, verdict) == (overruled(), Verdict.DUPLICATE)


@pytest.mark.parametrize("signal", [Signal.ACKNOWLEDGED, Signal.NOT_SENT, Signal.CANCELED])
def test_without_a_doubt_there_is_nothing_to_overrule(signal: Signal) -> None:
    with pytest.raises(IllegalEvent, match="not in doubt"):
        said(sent(), signal)[0].apply(DoubtOverruled(FIRST, WORD))


def test_the_venues_word_wins_over_an_operators() -> None:
    order, verdict = said(overruled(), Signal.ACKNOWLEDGED)
    assert (order.status, verdict) == (OrderStatus.ACCEPTED, Verdict.CONTRADICTION)
    assert order.leaves_qty == order.committed_qty == Decimal(10)


def test_a_fill_wins_over_an_operators_word() -> None:
    order, verdict = overruled().apply(ExecutionReported(FIRST, execution()))
    assert verdict is Verdict.CONTRADICTION
    assert (order.cum_qty, order.leaves_qty) == (Decimal(4), Decimal(6))
    assert order.committed_qty == Decimal(10)
