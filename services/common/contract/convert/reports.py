"""A venue's word on its order, on the wire: what an adapter answers and the router reads.

The contract's Order has no signal; it follows from the status and the flags for refused cancels
and replaces and for an end that is taken back. What an adapter may say is thereby fixed in one
table: a status that only the router can know (PENDING_NEW, IN_DOUBT, UNPLACED) is neither written
nor read here.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from services.common.contract.convert.amounts import (
    decimal_to_wire,
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    optional_money_from_wire,
    optional_money_to_wire,
    required_decimal_from_wire,
)
from services.common.contract.convert.causes import cause_from_wire, optional_cause_to_wire
from services.common.contract.convert.enums import (
    ORDER_CLASSES,
    ORDER_STATUSES,
    ORDER_TYPES,
    POSITION_INTENTS,
    SIDES,
    TIMES_IN_FORCE,
)
from services.common.contract.convert.replies import reading, require_text
from services.common.contract.convert.terms import (
    stop_loss_from_wire,
    stop_loss_to_wire,
    take_profit_from_wire,
    take_profit_to_wire,
    tradable_from_wire,
    tradable_to_wire,
)
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.convert.times import (
    optional_timestamp_from_wire,
    optional_timestamp_to_wire,
    times_from_wire,
    times_to_wire,
)
from services.common.contract.pb import orders_pb2, types_pb2
from services.common.domain.amounts import sub
from services.common.domain.errors import InvalidRequest, OutcomeUnknown, ReadFailed
from services.common.domain.order_spec import PlacementId
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.order_terms import Tradable
from services.common.domain.reports import OrderReport

SIGNAL_OF_STATUS: Final = {
    OrderStatus.ACCEPTED: Signal.ACKNOWLEDGED,
    OrderStatus.PARTIALLY_FILLED: Signal.ACKNOWLEDGED,
    OrderStatus.SUSPENDED: Signal.SUSPENDED,
    OrderStatus.PENDING_CANCEL: Signal.PENDING_CANCEL,
    OrderStatus.PENDING_REPLACE: Signal.PENDING_REPLACE,
    OrderStatus.FILLED: Signal.FILLED,
    OrderStatus.CANCELED: Signal.CANCELED,
    OrderStatus.REJECTED: Signal.REJECTED,
    OrderStatus.EXPIRED: Signal.EXPIRED,
    OrderStatus.REPLACED: Signal.REPLACED,
}
"""What each status that a venue can say means to the state machine, if nothing was refused."""

REFUSALS: Final = frozenset({Signal.CANCEL_REJECTED, Signal.REPLACE_REJECTED})
"""Signals that go with any status; with an ended order the end is the stronger word."""


def report_to_wire(report: OrderReport) -> orders_pb2.Order:
    """Write a venue's word on its order.

    ValueError if status and signal contradict each other or are not a venue's to say: a fault
    of the adapter that made the report.
    """
    _require_sayable(report)
    client_id = text_to_wire(report.client_id)
    ours = PlacementId.parse(client_id) is not None
    return orders_pb2.Order(
        account_id=report.account_id,
        spec=_spec_to_wire(report, client_id),
        status=ORDER_STATUSES.to_wire(report.status),
        cum_qty=decimal_to_wire(report.cum_qty),
        leaves_qty=optional_decimal_to_wire(_leaves(report)),
        avg_px=optional_decimal_to_wire(report.avg_px),
        venue=report.venue,
        venue_order_id=report.venue_order_id,
        placement_id=client_id,
        raw_status=text_to_wire(report.raw_status),
        cause=optional_cause_to_wire(report.cause),
        created=_created_to_wire(report.created),
        updated=times_to_wire(report.times),
        origin=_origin(client_id, ours),
        cancel_rejected=report.signal is Signal.CANCEL_REJECTED,
        replace_rejected=report.signal is Signal.REPLACE_REJECTED,
        reopened=report.signal is Signal.REOPENED,
        replaces_venue_order_id=report.replaces,
        replaced_by_venue_order_id=report.replaced_by,
        parent_venue_order_id=report.parent,
    )


def report_from_wire(msg: orders_pb2.Order, *, mutation: bool = False) -> OrderReport:
    """Read an adapter's word on an order.

    Raises ReadFailed if status, filled quantity or venue is missing, unknown or not a venue's to
    say; with `mutation` (the order is the answer to a send) OutcomeUnknown, since an answer that
    can't be read proves nothing. A descriptive field that is unknown here reads as None.
    """
    try:
        with reading("order"):
            return _read(msg)
    except ReadFailed as error:
        if mutation:
            raise OutcomeUnknown(error.message) from error
        raise


def _require_sayable(report: OrderReport) -> None:
    implied = SIGNAL_OF_STATUS.get(report.status)
    is_reopened = report.signal is Signal.REOPENED and implied is Signal.ACKNOWLEDGED
    if implied is None or not (is_reopened or report.signal in {implied, *REFUSALS}):
        raise ValueError(
            f"a venue can't say {report.signal.value} of an order that is {report.status.value}"
        )


def _spec_to_wire(report: OrderReport, client_id: str) -> orders_pb2.OrderSpec:
    msg = orders_pb2.OrderSpec(
        client_order_id=client_id,
        side=SIDES.to_wire(report.side),
        position_intent=POSITION_INTENTS.to_wire(report.position_intent),
        order_qty=optional_decimal_to_wire(report.order_qty),
        notional=optional_money_to_wire(report.notional),
        order_type=ORDER_TYPES.to_wire(report.order_type),
        time_in_force=TIMES_IN_FORCE.to_wire(report.time_in_force),
        limit_price=optional_decimal_to_wire(report.limit_price),
        stop_price=optional_decimal_to_wire(report.stop_price),
        trail_amount=optional_decimal_to_wire(report.trail_amount),
        trail_percent=optional_decimal_to_wire(report.trail_percent),
        extended_hours=report.extended_hours,
        order_class=ORDER_CLASSES.to_wire(report.order_class),
        take_profit=take_profit_to_wire(report.take_profit),
        stop_loss=stop_loss_to_wire(report.stop_loss),
    )
    tradable_to_wire(report.instrument, msg)
    return msg


def _leaves(report: OrderReport) -> Decimal | None:
    if report.status in TERMINAL:
        return Decimal(0)
    if report.order_qty is None:
        return None
    return max(sub(report.order_qty, report.cum_qty), Decimal(0))


def _created_to_wire(created: datetime | None) -> types_pb2.RecordTimes | None:
    if created is None:
        return None
    return types_pb2.RecordTimes(venue_time=optional_timestamp_to_wire(created))


def _origin(client_id: str, ours: bool) -> orders_pb2.OrderOrigin.ValueType:
    if ours:
        return orders_pb2.ORDER_ORIGIN_CLIENT
    # An id of another form may be a client's own, sent past the router: not said.
    if client_id:
        return orders_pb2.ORDER_ORIGIN_UNSPECIFIED
    return orders_pb2.ORDER_ORIGIN_EXTERNAL


def _read(msg: orders_pb2.Order) -> OrderReport:
    spec = msg.spec
    status = ORDER_STATUSES.required(msg.status, "status")
    return OrderReport(
        venue=require_text(msg.venue, "venue"),
        account_id=require_text(msg.account_id, "account_id"),
        client_id=msg.placement_id,
        venue_order_id=msg.venue_order_id,
        status=status,
        signal=_signal(msg, status),
        raw_status=msg.raw_status,
        cum_qty=required_decimal_from_wire(msg, "cum_qty", "cum_qty"),
        times=times_from_wire(msg.updated, "updated"),
        instrument=_tradable(spec),
        side=SIDES.get(spec.side),
        order_qty=optional_decimal_from_wire(spec, "order_qty", "spec.order_qty"),
        order_type=ORDER_TYPES.get(spec.order_type),
        time_in_force=TIMES_IN_FORCE.get(spec.time_in_force),
        limit_price=optional_decimal_from_wire(spec, "limit_price", "spec.limit_price"),
        position_intent=POSITION_INTENTS.get(spec.position_intent),
        avg_px=optional_decimal_from_wire(msg, "avg_px", "avg_px"),
        created=optional_timestamp_from_wire(msg.created, "venue_time", "created.venue_time"),
        cause=cause_from_wire(msg.cause) if msg.HasField("cause") else None,
        notional=optional_money_from_wire(spec, "notional", "spec.notional"),
        stop_price=optional_decimal_from_wire(spec, "stop_price", "spec.stop_price"),
        trail_amount=optional_decimal_from_wire(spec, "trail_amount", "spec.trail_amount"),
        trail_percent=optional_decimal_from_wire(spec, "trail_percent", "spec.trail_percent"),
        extended_hours=spec.extended_hours,
        order_class=ORDER_CLASSES.get(spec.order_class),
        take_profit=take_profit_from_wire(spec, "spec"),
        stop_loss=stop_loss_from_wire(spec, "spec"),
        replaces=msg.replaces_venue_order_id,
        replaced_by=msg.replaced_by_venue_order_id,
        parent=msg.parent_venue_order_id,
    )


def _tradable(spec: orders_pb2.OrderSpec) -> Tradable | None:
    # A kind that a newer adapter knows leaves the oneof unset.
    kindless = spec.HasField("instrument") and spec.instrument.WhichOneof("kind") is None
    if kindless or not (spec.legs or spec.HasField("instrument")):
        return None
    return tradable_from_wire(spec, "spec")


def _signal(msg: orders_pb2.Order, status: OrderStatus) -> Signal:
    implied = SIGNAL_OF_STATUS.get(status)
    if implied is None:
        raise InvalidRequest("status", f"{status.value} is not a venue's to say")
    if status in TERMINAL:
        return implied
    if msg.cancel_rejected and msg.replace_rejected:
        raise InvalidRequest("cancel_rejected", "a cancel and a replace refused at once")
    if msg.cancel_rejected:
        return Signal.CANCEL_REJECTED
    if msg.reopened and implied is Signal.ACKNOWLEDGED:
        return Signal.REOPENED
    return Signal.REPLACE_REJECTED if msg.replace_rejected else implied
