"""Changes of orders and positions to the wire, and their answers from it."""

from __future__ import annotations

from typing import Any

from tandem_client.changes import (
    CancelAll,
    Instruction,
    NotCanceled,
    OrderChange,
    PositionClose,
    Preview,
)
from tandem_client.enums import OrderStatus
from tandem_client.pb import broker_service_pb2 as pb
from tandem_client.pb import types_pb2
from tandem_client.wire import values
from tandem_client.wire.instruments import write_instrument
from tandem_client.wire.orders import check_client_order_id, read_cause, read_fee, read_order
from tandem_client.wire.values import money_or_none, read_enum, write_decimals, write_enum

_TERMS = ("order_qty", "limit_price", "stop_price", "trail_amount", "trail_percent")


def write_change(client_order_id: str, change: OrderChange) -> pb.ReplaceOrderRequest:
    """Write other terms of an order."""
    request = pb.ReplaceOrderRequest(
        client_order_id=client_order_id,
        replace_id=check_client_order_id(change.replace_id, "replace_id"),
        time_in_force=write_enum(types_pb2.TimeInForce, change.time_in_force),
    )
    write_decimals(request, ((name, getattr(change, name)) for name in _TERMS), "change")
    if change.not_after is not None:
        request.not_after.CopyFrom(values.write_time(change.not_after, "not_after"))
    return request


def write_close(close: PositionClose) -> pb.ClosePositionRequest:
    """Write what is to be closed."""
    request = pb.ClosePositionRequest(
        client_order_id=check_client_order_id(close.client_order_id, "client_order_id"),
        instrument=write_instrument(close.instrument, "instrument"),
        order_type=write_enum(types_pb2.OrderType, close.order_type),
        time_in_force=write_enum(types_pb2.TimeInForce, close.time_in_force),
    )
    amounts = [("qty", close.qty), ("limit_price", close.limit_price)]
    write_decimals(request, amounts, "close")
    if close.not_after is not None:
        request.not_after.CopyFrom(values.write_time(close.not_after, "not_after"))
    return request


def read_cancel_all(message: pb.CancelAllOrdersResponse) -> CancelAll:
    """Read what came of canceling many."""
    return CancelAll(
        orders=tuple(read_order(order) for order in message.orders),
        failures=tuple(
            NotCanceled(read_order(failure.order), read_cause(failure.cause))
            for failure in message.failures
        ),
    )


def read_instruction(message: Any) -> Instruction:
    """Read how an instruction stands."""
    return Instruction(
        status=read_enum(OrderStatus, types_pb2.OrderStatus, message.status),
        cause=read_cause(message.cause) if message.HasField("cause") else None,
    )


def read_preview(message: pb.PreviewOrderResponse) -> Preview:
    """Read what an order would cost."""
    return Preview(
        venue=message.venue,
        estimated=message.estimated,
        cash_effect=money_or_none(message, "cash_effect"),
        fees=tuple(read_fee(fee) for fee in message.fees),
        initial_margin_change=money_or_none(message, "initial_margin_change"),
        maintenance_margin_change=money_or_none(message, "maintenance_margin_change"),
        buying_power_after=money_or_none(message, "buying_power_after"),
        warnings=tuple(message.warnings),
    )
