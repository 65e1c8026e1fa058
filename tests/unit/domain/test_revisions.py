"""A revision in doubt: what puts it there, and what alone refutes it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from services.common.domain.errors import Cause, Reason
from services.common.domain.order import Order
from services.common.domain.order_events import (
    IllegalEvent,
    Placement,
    PlacementPlanned,
    PlacementSignaled,
)
from services.common.domain.order_status import OrderStatus, Signal
from tests.unit.domain.orders import NOW, spec

OLD, NEW = "o-1~al~1.0", "o-1~al~1.1"
ENDS = (Signal.FILLED, Signal.CANCELED, Signal.EXPIRED, Signal.REJECTED)


def revised(*signals: tuple[str, Signal]) -> Order:
    """An order with a revision, after these signals."""
    asked = spec()
    order = Order("main", asked, asked.content_hash())
    old = Placement(OLD, "alpaca", Decimal(10), NOW)
    order, _ = order.apply(PlacementPlanned(old))
    order, _ = order.apply(PlacementSignaled(OLD, Signal.ACKNOWLEDGED))
    order, _ = order.apply(PlacementPlanned(replace(old, placement_id=NEW, replaces=OLD)))
    for placement_id, signal in signals:
        cause = Cause(Reason.OUTCOME_UNKNOWN, "by the test")
        order, _ = order.apply(PlacementSignaled(placement_id, signal, cause=cause))
    return order


@pytest.mark.parametrize("end", ENDS)
def test_end_of_its_order_lets_a_revision_be_disproved(end: Signal) -> None:
    order = revised((NEW, Signal.DOUBTED), (OLD, end), (NEW, Signal.DISPROVED))
    revision = order.placement(NEW)
    assert revision is not None
    assert revision.status is OrderStatus.UNPLACED


@pytest.mark.parametrize("word", [Signal.ACKNOWLEDGED, Signal.REPLACED, Signal.PENDING_CANCEL])
def test_revision_is_not_disproved_while_it_may_be_in_force(word: Signal) -> None:
    with pytest.raises(IllegalEvent):
        revised((NEW, Signal.DOUBTED), (OLD, word), (NEW, Signal.DISPROVED))


def test_order_itself_is_never_disproved() -> None:
    asked = spec()
    order = Order("main", asked, asked.content_hash())
    order, _ = order.apply(PlacementPlanned(Placement(OLD, "alpaca", Decimal(10), NOW)))
    order, _ = order.apply(PlacementSignaled(OLD, Signal.DOUBTED))
    with pytest.raises(IllegalEvent):
        order.apply(PlacementSignaled(OLD, Signal.DISPROVED))


@pytest.mark.parametrize(
    "signals",
    [
        ((NEW, Signal.NOT_SENT), (OLD, Signal.REPLACED)),
        ((OLD, Signal.REPLACED), (NEW, Signal.NOT_SENT)),
    ],
)
def test_refused_revision_of_a_replaced_order_is_in_doubt(
    signals: tuple[tuple[str, Signal], ...],
) -> None:
    order = revised(*signals)
    assert order.status is OrderStatus.IN_DOUBT
    assert order.is_open
    assert order.leaves_qty == 10


def test_refused_revision_is_not_doubted_when_a_later_one_takes_over() -> None:
    order = revised((NEW, Signal.NOT_SENT))
    later = Placement("o-1~al~1.2", "alpaca", Decimal(10), NOW, replaces=OLD)
    order, _ = order.apply(PlacementPlanned(later))
    order, _ = order.apply(PlacementSignaled(OLD, Signal.REPLACED))
    assert [p.status for p in order.placements][1:] == [
        OrderStatus.UNPLACED,
        OrderStatus.PENDING_NEW,
    ]
    refused, _ = order.apply(PlacementSignaled("o-1~al~1.2", Signal.NOT_SENT))
    assert {p.status for p in refused.placements[1:]} == {OrderStatus.IN_DOUBT}, "one of them"
    taken, _ = order.apply(PlacementSignaled("o-1~al~1.2", Signal.ACKNOWLEDGED))
    assert taken.status is OrderStatus.ACCEPTED
    assert not taken.counts(taken.placements[1])
