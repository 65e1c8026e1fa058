"""An order of ours with its placements, as the router shows it."""

from __future__ import annotations

from typing import Final

from services.common.contract.convert.amounts import decimal_to_wire, optional_decimal_to_wire
from services.common.contract.convert.causes import optional_cause_to_wire
from services.common.contract.convert.enums import EFFECTS, ORDER_STATUSES
from services.common.contract.convert.specs import spec_to_wire
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.convert.times import times_to_wire, timestamp_to_wire
from services.common.contract.pb import orders_pb2
from services.common.domain.errors import Effect
from services.common.domain.executions import RecordTimes
from services.common.domain.order import Order
from services.common.domain.order_events import Placement
from services.common.domain.order_spec import PlacementId
from services.common.domain.order_status import OrderStatus

# The venue's own word that it did not take it, or the adapter's that it never left.
_WITHOUT_EFFECT: Final = frozenset({OrderStatus.UNPLACED, OrderStatus.REJECTED})
_EXTERNAL: Final = orders_pb2.ORDER_ORIGIN_EXTERNAL


def order_to_wire(
    order: Order,
    *,
    created: RecordTimes,
    updated: RecordTimes,
    sequence: int,
    provisional: bool = False,
) -> orders_pb2.Order:
    """Write an order of our books. `sequence` is the journal's, of its latest change.

    The terms are those in force, the venue's particulars those of the latest placement.
    """
    msg = orders_pb2.Order(
        account_id=order.account_id,
        spec=spec_to_wire(order.terms),
        status=ORDER_STATUSES.to_wire(order.status),
        cum_qty=decimal_to_wire(order.cum_qty),
        leaves_qty=decimal_to_wire(order.leaves_qty),
        avg_px=optional_decimal_to_wire(order.avg_px),
        cause=optional_cause_to_wire(order.cause),
        placements=[placement_to_wire(order, placement) for placement in order.placements],
        cancel_requested=order.cancel_requested,
        created=times_to_wire(created),
        updated=times_to_wire(updated),
        sequence=sequence,
        origin=_EXTERNAL if order.external else orders_pb2.ORDER_ORIGIN_CLIENT,
        provisional=provisional,
    )
    if order.latest is not None:
        _show_latest(msg, order.latest)
    return msg


def placement_to_wire(order: Order, placement: Placement) -> orders_pb2.Placement:
    """Write one placement of `order`, with what is booked for it and what may be live there."""
    return orders_pb2.Placement(
        placement_id=placement.placement_id,
        venue=placement.venue,
        order_qty=decimal_to_wire(placement.order_qty),
        status=ORDER_STATUSES.to_wire(order.placement_status(placement)),
        venue_order_id=placement.venue_order_id,
        cum_qty=decimal_to_wire(order.filled_by(placement)),
        leaves_qty=decimal_to_wire(order.may_be_live(placement)),
        cause=optional_cause_to_wire(placement.cause),
        effect=EFFECTS.to_wire(_effect(order, placement)),
        attempted_at=timestamp_to_wire(placement.attempted_at),
        session_id=placement.session_id,
        raw_status=text_to_wire(placement.raw_status),
        suspect=placement.is_suspect,
    )


def _show_latest(msg: orders_pb2.Order, latest: Placement) -> None:
    placement_id = PlacementId.parse(latest.placement_id)
    msg.venue = latest.venue
    msg.venue_order_id = latest.venue_order_id
    msg.placement_id = latest.placement_id
    msg.raw_status = text_to_wire(latest.raw_status)
    msg.revision = 0 if placement_id is None else placement_id.revision


def _effect(order: Order, placement: Placement) -> Effect:
    """NONE only where nothing was taken; what was taken has had, or may have had, an effect."""
    untouched = not order.filled_by(placement) and not order.may_be_live(placement)
    if untouched and placement.status in _WITHOUT_EFFECT and not placement.is_suspect:
        return Effect.NONE
    return Effect.UNKNOWN
