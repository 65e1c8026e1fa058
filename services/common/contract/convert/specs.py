"""What a client asks for, on the wire."""

from __future__ import annotations

from decimal import Decimal

from services.common.contract.convert.amounts import (
    decimal_to_wire,
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    optional_money_from_wire,
    optional_money_to_wire,
    required_decimal_from_wire,
)
from services.common.contract.convert.enums import (
    ORDER_CLASSES,
    ORDER_TYPES,
    POSITION_INTENTS,
    SIDES,
    TIMES_IN_FORCE,
)
from services.common.contract.convert.terms import (
    stop_loss_from_wire,
    stop_loss_to_wire,
    take_profit_from_wire,
    take_profit_to_wire,
    tradable_from_wire,
    tradable_to_wire,
)
from services.common.contract.convert.times import (
    optional_timestamp_from_wire,
    optional_timestamp_to_wire,
)
from services.common.contract.pb import broker_service_pb2, orders_pb2, types_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.executions import Side
from services.common.domain.order_rules import check_order
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    NO_CHANGE,
    OptionCombo,
    OrderChange,
    OrderClass,
    Tradable,
)


def spec_to_wire(spec: OrderSpec) -> orders_pb2.OrderSpec:
    """Write an order as asked for."""
    is_combo = isinstance(spec.instrument, OptionCombo)
    plain = spec.order_class is OrderClass.SIMPLE
    msg = orders_pb2.OrderSpec(
        client_order_id=spec.client_order_id,
        side=types_pb2.SIDE_UNSPECIFIED if is_combo else SIDES.to_wire(spec.side),
        position_intent=POSITION_INTENTS.to_wire(spec.position_intent),
        order_qty=None if spec.notional is not None else decimal_to_wire(spec.order_qty),
        notional=optional_money_to_wire(spec.notional),
        order_type=ORDER_TYPES.to_wire(spec.order_type),
        time_in_force=TIMES_IN_FORCE.to_wire(spec.time_in_force),
        limit_price=optional_decimal_to_wire(spec.limit_price),
        stop_price=optional_decimal_to_wire(spec.stop_price),
        trail_amount=optional_decimal_to_wire(spec.trail_amount),
        trail_percent=optional_decimal_to_wire(spec.trail_percent),
        extended_hours=spec.extended_hours,
        order_class=ORDER_CLASSES.to_wire(None if plain else spec.order_class),
        take_profit=take_profit_to_wire(spec.take_profit),
        stop_loss=stop_loss_to_wire(spec.stop_loss),
        not_after=optional_timestamp_to_wire(spec.not_after),
        venue_pin=spec.venue_pin,
        venue_preference=spec.venue_preference,
        strategy_tag=spec.strategy_tag,
        hedge=spec.hedge,
    )
    tradable_to_wire(spec.instrument, msg)
    return msg


def spec_from_wire(msg: orders_pb2.OrderSpec, *, placement: bool = False) -> OrderSpec:
    """Read and validate an order; `placement` as in `check_order`.

    Raises InvalidRequest naming the field (`order.limit_price`) for what is missing or malformed.
    An OCO order's limit price may be left to its take_profit.
    """
    if not msg.client_order_id:
        raise InvalidRequest("order.client_order_id", "required")
    instrument = tradable_from_wire(msg, "order")
    order_class = _order_class(msg)
    take_profit = take_profit_from_wire(msg, "order")
    limit_price = optional_decimal_from_wire(msg, "limit_price", "order.limit_price")
    if order_class is OrderClass.OCO and limit_price is None and take_profit is not None:
        limit_price = take_profit.limit_price
    spec = OrderSpec(
        client_order_id=msg.client_order_id,
        instrument=instrument,
        side=_side(msg, instrument),
        order_qty=_order_qty(msg),
        notional=optional_money_from_wire(msg, "notional", "order.notional"),
        order_type=ORDER_TYPES.required(msg.order_type, "order.order_type"),
        time_in_force=TIMES_IN_FORCE.required(msg.time_in_force, "order.time_in_force"),
        limit_price=limit_price,
        stop_price=optional_decimal_from_wire(msg, "stop_price", "order.stop_price"),
        trail_amount=optional_decimal_from_wire(msg, "trail_amount", "order.trail_amount"),
        trail_percent=optional_decimal_from_wire(msg, "trail_percent", "order.trail_percent"),
        extended_hours=msg.extended_hours,
        order_class=order_class,
        take_profit=take_profit,
        stop_loss=stop_loss_from_wire(msg, "order"),
        position_intent=POSITION_INTENTS.optional(msg.position_intent, "order.position_intent"),
        not_after=optional_timestamp_from_wire(msg, "not_after", "order.not_after"),
        venue_pin=msg.venue_pin,
        venue_preference=msg.venue_preference,
        strategy_tag=msg.strategy_tag,
        hedge=msg.hedge,
    )
    check_order(spec, placement=placement)
    return spec


def change_to_wire(change: OrderChange) -> broker_service_pb2.ReplaceOrderRequest:
    """Write what a replace asks for; ids and terms are the caller's to fill in."""
    return broker_service_pb2.ReplaceOrderRequest(
        order_qty=optional_decimal_to_wire(change.order_qty),
        limit_price=optional_decimal_to_wire(change.limit_price),
        stop_price=optional_decimal_to_wire(change.stop_price),
        trail_amount=optional_decimal_to_wire(change.trail_amount),
        trail_percent=optional_decimal_to_wire(change.trail_percent),
        time_in_force=TIMES_IN_FORCE.to_wire(change.time_in_force),
    )


def change_from_wire(msg: broker_service_pb2.ReplaceOrderRequest) -> OrderChange:
    """Read what a replace asks for. InvalidRequest naming a field, or if nothing is asked for."""
    prices = {
        name: optional_decimal_from_wire(msg, name, name)
        for name in ("order_qty", "limit_price", "stop_price", "trail_amount", "trail_percent")
    }
    for name, value in prices.items():
        if value is not None and value <= 0 and name != "limit_price":
            raise InvalidRequest(name, "must be above 0")
    time_in_force = TIMES_IN_FORCE.optional(msg.time_in_force, "time_in_force")
    change = OrderChange(**prices, time_in_force=time_in_force)
    if change == NO_CHANGE:
        raise InvalidRequest("order_qty", "a replace must change something")
    return change


def _order_class(msg: orders_pb2.OrderSpec) -> OrderClass:
    asked = ORDER_CLASSES.optional(msg.order_class, "order.order_class")
    if asked is not None:
        return asked
    return OrderClass.MULTI_LEG if msg.legs else OrderClass.SIMPLE


def _side(msg: orders_pb2.OrderSpec, instrument: Tradable) -> Side:
    if not isinstance(instrument, OptionCombo):
        return SIDES.required(msg.side, "order.side")
    if msg.side != types_pb2.SIDE_UNSPECIFIED:
        raise InvalidRequest("order.side", "the legs have sides of their own")
    return Side.BUY


def _order_qty(msg: orders_pb2.OrderSpec) -> Decimal:
    """The quantity; 0 for an order by amount."""
    if not msg.HasField("notional"):
        return required_decimal_from_wire(msg, "order_qty", "order.order_qty")
    if msg.HasField("order_qty"):
        raise InvalidRequest("order.notional", "give either this or order_qty")
    return Decimal(0)
