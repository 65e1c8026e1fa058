"""What a person is told of doubts: that one has begun, and how it ended."""

from __future__ import annotations

from services.common.domain.order import Order
from services.common.domain.order_events import Placement
from services.common.domain.order_status import OrderStatus
from services.router.journal.records import AlertRaised, Record, Severity


def doubt_alerts(order: Order, changed: Order) -> list[Record]:
    """The alerts of what got into doubt (nobody knows whether the venue has it) or out of it."""
    found: list[Record] = []
    for was, now in zip(order.placements, changed.placements, strict=True):
        begun = was.status is not OrderStatus.IN_DOUBT and now.status is OrderStatus.IN_DOUBT
        ended = was.status is OrderStatus.IN_DOUBT and now.status is not OrderStatus.IN_DOUBT
        if begun:
            text = f"{now.placement_id}: {_why_in_doubt(was, now)}"
            where = (order.account_id, now.venue, order.client_order_id)
            found.append(AlertRaised("ORDER_IN_DOUBT", Severity.CRITICAL, text, *where))
        elif ended:
            text = f"{now.placement_id}: {_how_it_ended(now)}"
            where = (order.account_id, now.venue, order.client_order_id)
            found.append(AlertRaised("DOUBT_ENDED", Severity.INFO, text, *where))
    return found


def _why_in_doubt(was: Placement, now: Placement) -> str:
    if was.status is OrderStatus.UNPLACED:
        return "it was refused, and yet its order has been replaced"
    return now.cause.message if now.cause is not None else "no answer"


def _how_it_ended(now: Placement) -> str:
    if now.status is OrderStatus.UNPLACED:
        return now.cause.message if now.cause is not None else "it is not at the venue"
    return f"the venue has it, {now.status.value}"
