"""What a client asks for, on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.common.contract.convert.amounts import (
    decimal_to_wire,
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    required_decimal_from_wire,
)
from services.common.contract.convert.enums import (
    ORDER_TYPES,
    POSITION_INTENTS,
    SIDES,
    TIMES_IN_FORCE,
)
from services.common.contract.convert.instruments import instrument_from_wire, instrument_to_wire
from services.common.contract.convert.times import (
    optional_timestamp_from_wire,
    optional_timestamp_to_wire,
)
from services.common.contract.pb import orders_pb2, types_pb2
from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.common.domain.order_spec import OrderSpec

LATER_FIELDS: Final = (
    "notional",
    "stop_price",
    "trail_amount",
    "trail_percent",
    "take_profit",
    "stop_loss",
)
"""Fields of OrderSpec that a later release fills in; set, they are refused by name."""

_SIMPLE: Final = (types_pb2.ORDER_CLASS_UNSPECIFIED, types_pb2.ORDER_CLASS_SIMPLE)


def spec_to_wire(spec: OrderSpec) -> orders_pb2.OrderSpec:
    """Write an order as asked for."""
    return orders_pb2.OrderSpec(
        client_order_id=spec.client_order_id,
        instrument=instrument_to_wire(spec.instrument),
        side=SIDES.to_wire(spec.side),
        position_intent=POSITION_INTENTS.to_wire(spec.position_intent),
        order_qty=decimal_to_wire(spec.order_qty),
        order_type=ORDER_TYPES.to_wire(spec.order_type),
        time_in_force=TIMES_IN_FORCE.to_wire(spec.time_in_force),
        limit_price=optional_decimal_to_wire(spec.limit_price),
        not_after=optional_timestamp_to_wire(spec.not_after),
        venue_pin=spec.venue_pin,
        venue_preference=spec.venue_preference,
        strategy_tag=spec.strategy_tag,
    )


def spec_from_wire(msg: orders_pb2.OrderSpec, *, placement: bool = False) -> OrderSpec:
    """Read and validate an order; `placement` as in `OrderSpec.validate`.

    Raises InvalidRequest naming the field (`order.limit_price`) for what is missing or malformed,
    Refused NOT_IMPLEMENTED naming it for what a later release does. Nothing is ignored.
    """
    for name in _later_fields(msg):
        raise Refused(Reason.NOT_IMPLEMENTED, f"order.{name}: not implemented in this release")
    if not msg.client_order_id:
        raise InvalidRequest("order.client_order_id", "required")
    if not msg.HasField("instrument"):
        raise InvalidRequest("order.instrument", "required")
    spec = OrderSpec(
        client_order_id=msg.client_order_id,
        instrument=instrument_from_wire(msg.instrument, "order.instrument"),
        side=SIDES.required(msg.side, "order.side"),
        order_qty=required_decimal_from_wire(msg, "order_qty", "order.order_qty"),
        order_type=ORDER_TYPES.required(msg.order_type, "order.order_type"),
        time_in_force=TIMES_IN_FORCE.required(msg.time_in_force, "order.time_in_force"),
        limit_price=optional_decimal_from_wire(msg, "limit_price", "order.limit_price"),
        position_intent=POSITION_INTENTS.optional(msg.position_intent, "order.position_intent"),
        not_after=optional_timestamp_from_wire(msg, "not_after", "order.not_after"),
        venue_pin=msg.venue_pin,
        venue_preference=msg.venue_preference,
        strategy_tag=msg.strategy_tag,
    )
    spec.validate(placement=placement)
    return spec


def _later_fields(msg: orders_pb2.OrderSpec) -> Iterator[str]:
    if msg.legs:
        yield "legs"
    if msg.extended_hours:
        yield "extended_hours"
    if msg.order_class not in _SIMPLE:
        yield "order_class"
    for field, _ in msg.ListFields():
        if field.name in LATER_FIELDS:
            yield field.name
