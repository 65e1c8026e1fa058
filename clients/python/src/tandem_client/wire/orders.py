"""Order specifications, orders, placements and executions from and to the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tandem_client.enums import (
    ExecSource,
    ExecType,
    OrderClass,
    OrderLookup,
    OrderOrigin,
    OrderStatus,
    OrderType,
    PositionIntent,
    Side,
    TimeInForce,
)
from tandem_client.errors import InvalidRequest, MalformedReply
from tandem_client.orders import (
    CLIENT_ORDER_ID,
    Execution,
    Fee,
    Order,
    OrderAnswer,
    OrderCause,
    OrderLeg,
    OrderSpec,
    Placement,
    RecordTimes,
    StopLoss,
)
from tandem_client.pb import broker_service_pb2, errors_pb2, orders_pb2, types_pb2
from tandem_client.reasons import Effect, Reason
from tandem_client.wire import values
from tandem_client.wire.instruments import read_instrument, write_instrument
from tandem_client.wire.values import decimal_or_none, read_enum, write_decimals, write_enum

T = TypeVar("T")

_PRICES = ("limit_price", "stop_price", "trail_amount", "trail_percent", "order_qty")


def check_client_order_id(client_order_id: str, field: str) -> str:
    """Return the id, or raise InvalidRequest naming `field`."""
    if CLIENT_ORDER_ID.fullmatch(client_order_id) is None:
        raise InvalidRequest.unsent(field, "1 to 64 of A-Z, a-z, 0-9, dot, underscore, dash")
    return client_order_id


def write_spec(spec: OrderSpec) -> orders_pb2.OrderSpec:
    """Write what is to be done. The server checks how the fields go together."""
    message = orders_pb2.OrderSpec(
        client_order_id=check_client_order_id(spec.client_order_id, "order.client_order_id"),
        side=write_enum(types_pb2.Side, spec.side),
        position_intent=write_enum(types_pb2.PositionIntent, spec.position_intent),
        order_type=write_enum(types_pb2.OrderType, spec.order_type),
        time_in_force=write_enum(types_pb2.TimeInForce, spec.time_in_force),
        order_class=write_enum(types_pb2.OrderClass, spec.order_class),
        extended_hours=spec.extended_hours,
        venue_pin=spec.venue_pin,
        venue_preference=spec.venue_preference,
        strategy_tag=spec.strategy_tag,
        hedge=spec.hedge,
    )
    write_decimals(message, ((name, getattr(spec, name)) for name in _PRICES), "order")
    if spec.instrument is not None:
        message.instrument.CopyFrom(write_instrument(spec.instrument, "order.instrument"))
    for position, leg in enumerate(spec.legs):
        message.legs.append(_write_leg(leg, f"order.legs[{position}]"))
    if spec.notional is not None:
        message.notional.CopyFrom(values.write_money(spec.notional, "order.notional"))
    if spec.not_after is not None:
        message.not_after.CopyFrom(values.write_time(spec.not_after, "order.not_after"))
    _write_exits(spec, message)
    return message


def _write_leg(leg: OrderLeg, path: str) -> orders_pb2.OrderLeg:
    return orders_pb2.OrderLeg(
        instrument=write_instrument(leg.instrument, f"{path}.instrument"),
        side=write_enum(types_pb2.Side, leg.side),
        position_intent=write_enum(types_pb2.PositionIntent, leg.position_intent),
        ratio_qty=leg.ratio_qty,
    )


def _write_exits(spec: OrderSpec, message: orders_pb2.OrderSpec) -> None:
    write_decimals(
        message.take_profit, [("limit_price", spec.take_profit_price)], "order.take_profit"
    )
    if spec.stop_loss is not None:
        exits = [
            ("stop_price", spec.stop_loss.stop_price),
            ("limit_price", spec.stop_loss.limit_price),
        ]
        write_decimals(message.stop_loss, exits, "order.stop_loss")


def read_spec(message: orders_pb2.OrderSpec) -> OrderSpec:
    """Read a specification as the server gives it back."""
    prices = {name: decimal_or_none(message, name) for name in _PRICES}
    return OrderSpec(
        client_order_id=message.client_order_id,
        instrument=_if_set(message, "instrument", read_instrument),
        side=read_enum(Side, types_pb2.Side, message.side),
        position_intent=read_enum(
            PositionIntent, types_pb2.PositionIntent, message.position_intent
        ),
        order_type=read_enum(OrderType, types_pb2.OrderType, message.order_type),
        time_in_force=read_enum(TimeInForce, types_pb2.TimeInForce, message.time_in_force),
        order_class=read_enum(OrderClass, types_pb2.OrderClass, message.order_class),
        notional=values.money_or_none(message, "notional"),
        legs=tuple(_read_leg(leg) for leg in message.legs),
        extended_hours=message.extended_hours,
        take_profit_price=decimal_or_none(message.take_profit, "limit_price"),
        stop_loss=_if_set(message, "stop_loss", _read_stop_loss),
        not_after=values.time_or_none(message, "not_after"),
        venue_pin=message.venue_pin,
        venue_preference=message.venue_preference,
        strategy_tag=message.strategy_tag,
        hedge=message.hedge,
        **prices,
    )


def _if_set(holder: Any, field: str, read: Callable[[Any], T]) -> T | None:
    return read(getattr(holder, field)) if holder.HasField(field) else None


def _read_leg(message: orders_pb2.OrderLeg) -> OrderLeg:
    return OrderLeg(
        instrument=read_instrument(message.instrument),
        side=read_enum(Side, types_pb2.Side, message.side),
        position_intent=read_enum(
            PositionIntent, types_pb2.PositionIntent, message.position_intent
        ),
        ratio_qty=message.ratio_qty,
    )


def _read_stop_loss(message: orders_pb2.StopLoss) -> StopLoss:
    stop_price = values.read_decimal(message.stop_price)
    return StopLoss(stop_price, decimal_or_none(message, "limit_price"))


def read_order(message: orders_pb2.Order) -> Order:
    """Read an order."""
    if not message.HasField("spec"):
        raise MalformedReply("a reply holds an order without its specification")
    return Order(
        account_id=message.account_id,
        spec=read_spec(message.spec),
        status=read_enum(OrderStatus, types_pb2.OrderStatus, message.status),
        cum_qty=values.decimal_or_zero(message, "cum_qty"),
        leaves_qty=values.decimal_or_zero(message, "leaves_qty"),
        avg_px=decimal_or_none(message, "avg_px"),
        venue=message.venue,
        venue_order_id=message.venue_order_id,
        placement_id=message.placement_id,
        raw_status=message.raw_status,
        cause=_if_set(message, "cause", read_cause),
        placements=tuple(_read_placement(each) for each in message.placements),
        cancel_requested=message.cancel_requested,
        revision=message.revision,
        created=read_times(message.created),
        updated=read_times(message.updated),
        sequence=message.sequence,
        origin=read_enum(OrderOrigin, orders_pb2.OrderOrigin, message.origin),
        provisional=message.provisional,
        cancel_rejected=message.cancel_rejected,
        replace_rejected=message.replace_rejected,
    )


def _read_placement(message: orders_pb2.Placement) -> Placement:
    return Placement(
        placement_id=message.placement_id,
        venue=message.venue,
        order_qty=decimal_or_none(message, "order_qty"),
        status=read_enum(OrderStatus, types_pb2.OrderStatus, message.status),
        venue_order_id=message.venue_order_id,
        cum_qty=decimal_or_none(message, "cum_qty"),
        leaves_qty=decimal_or_none(message, "leaves_qty"),
        cause=_if_set(message, "cause", read_cause),
        effect=read_effect(message.effect),
        attempted_at=values.time_or_none(message, "attempted_at"),
        session_id=message.session_id,
        raw_status=message.raw_status,
        suspect=message.suspect,
    )


def read_effect(number: int) -> Effect:
    """Read an effect: only the word NONE is NONE."""
    return Effect.NONE if number == errors_pb2.EFFECT_NONE else Effect.UNKNOWN


def read_cause(message: orders_pb2.OrderCause) -> OrderCause:
    """Read why an order is where it is."""
    reason = read_enum(Reason, errors_pb2.ErrorReason, message.reason)
    return OrderCause(reason, message.message, message.venue_code)


def read_times(message: types_pb2.RecordTimes) -> RecordTimes:
    """Read where a record stands in time."""
    return RecordTimes(
        venue_time=values.time_or_none(message, "venue_time"),
        received_time=values.time_or_none(message, "received_time"),
        journal_time=values.time_or_none(message, "journal_time"),
        trading_date=values.date_or_none(message, "trading_date"),
    )


def read_answer(message: broker_service_pb2.GetOrderResponse) -> OrderAnswer:
    """Read the answer to a look-up; FOUND without an order is malformed."""
    lookup = read_enum(OrderLookup, broker_service_pb2.OrderLookup, message.lookup)
    found = lookup is OrderLookup.FOUND
    return OrderAnswer(
        lookup=lookup,
        order=read_order(message.order) if found else None,
        as_of=values.time_or_none(message, "as_of"),
        reason=message.reason,
    )


def read_execution(message: orders_pb2.Execution) -> Execution:
    """Read an execution."""
    return Execution(
        exec_id=message.exec_id,
        exec_ref_id=message.exec_ref_id,
        exec_type=read_enum(ExecType, orders_pb2.ExecType, message.exec_type),
        account_id=message.account_id,
        venue=message.venue,
        client_order_id=message.client_order_id,
        placement_id=message.placement_id,
        venue_order_id=message.venue_order_id,
        instrument=read_instrument(message.instrument),
        side=read_enum(Side, types_pb2.Side, message.side),
        last_qty=values.read_decimal(message.last_qty),
        last_px=values.read_decimal(message.last_px),
        cum_qty=decimal_or_none(message, "cum_qty"),
        fees=tuple(read_fee(fee) for fee in message.fees),
        source=read_enum(ExecSource, orders_pb2.ExecSource, message.source),
        late=message.late,
        times=read_times(message.times),
        multiplier=decimal_or_none(message, "multiplier"),
        sequence=message.sequence,
    )


def read_fee(message: orders_pb2.Fee) -> Fee:
    """Read a fee."""
    amount = values.money_or_none(message, "amount")
    if amount is None:
        raise MalformedReply("a reply holds a fee without an amount")
    return Fee(message.kind, amount, message.estimated)
