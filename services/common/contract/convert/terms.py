"""Legs and exits of an order, which specs and reports write alike."""

from __future__ import annotations

from services.common.contract.convert.amounts import (
    decimal_to_wire,
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    required_decimal_from_wire,
)
from services.common.contract.convert.enums import POSITION_INTENTS, SIDES
from services.common.contract.convert.instruments import instrument_from_wire, instrument_to_wire
from services.common.contract.pb import orders_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.instruments import OptionContract
from services.common.domain.order_terms import (
    OptionCombo,
    OrderLeg,
    StopLoss,
    TakeProfit,
    Tradable,
)


def tradable_to_wire(tradable: Tradable | None, msg: orders_pb2.OrderSpec) -> None:
    """Write into `msg` what the order is for: an instrument, or legs."""
    if isinstance(tradable, OptionCombo):
        msg.legs.extend(map(_leg_to_wire, tradable.legs))
    elif tradable is not None:
        msg.instrument.CopyFrom(instrument_to_wire(tradable))


def tradable_from_wire(msg: orders_pb2.OrderSpec, field: str) -> Tradable:
    """Read what the order is for. InvalidRequest naming the part below `field`."""
    if not msg.legs:
        if not msg.HasField("instrument"):
            raise InvalidRequest(f"{field}.instrument", "required")
        return instrument_from_wire(msg.instrument, f"{field}.instrument")
    if msg.HasField("instrument"):
        raise InvalidRequest(f"{field}.instrument", "give either this or legs")
    return OptionCombo(
        tuple(_leg_from_wire(leg, f"{field}.legs[{i}]") for i, leg in enumerate(msg.legs))
    )


def take_profit_to_wire(exit_: TakeProfit | None) -> orders_pb2.TakeProfit | None:
    """Write a profit-taking exit; None stays None."""
    if exit_ is None:
        return None
    return orders_pb2.TakeProfit(limit_price=decimal_to_wire(exit_.limit_price))


def take_profit_from_wire(msg: orders_pb2.OrderSpec, field: str) -> TakeProfit | None:
    """Read a profit-taking exit; None if there is none."""
    if not msg.HasField("take_profit"):
        return None
    path = f"{field}.take_profit.limit_price"
    return TakeProfit(required_decimal_from_wire(msg.take_profit, "limit_price", path))


def stop_loss_to_wire(exit_: StopLoss | None) -> orders_pb2.StopLoss | None:
    """Write a protective exit; None stays None."""
    if exit_ is None:
        return None
    return orders_pb2.StopLoss(
        stop_price=decimal_to_wire(exit_.stop_price),
        limit_price=optional_decimal_to_wire(exit_.limit_price),
    )


def stop_loss_from_wire(msg: orders_pb2.OrderSpec, field: str) -> StopLoss | None:
    """Read a protective exit; None if there is none."""
    if not msg.HasField("stop_loss"):
        return None
    path = f"{field}.stop_loss"
    return StopLoss(
        required_decimal_from_wire(msg.stop_loss, "stop_price", f"{path}.stop_price"),
        optional_decimal_from_wire(msg.stop_loss, "limit_price", f"{path}.limit_price"),
    )


def _leg_to_wire(leg: OrderLeg) -> orders_pb2.OrderLeg:
    return orders_pb2.OrderLeg(
        instrument=instrument_to_wire(leg.contract),
        side=SIDES.to_wire(leg.side),
        position_intent=POSITION_INTENTS.to_wire(leg.position_intent),
        ratio_qty=leg.ratio_qty,
    )


def _leg_from_wire(msg: orders_pb2.OrderLeg, field: str) -> OrderLeg:
    if not msg.HasField("instrument"):
        raise InvalidRequest(f"{field}.instrument", "required")
    contract = instrument_from_wire(msg.instrument, f"{field}.instrument")
    if not isinstance(contract, OptionContract):
        raise InvalidRequest(f"{field}.instrument", "a leg is an option")
    return OrderLeg(
        contract=contract,
        side=SIDES.required(msg.side, f"{field}.side"),
        position_intent=POSITION_INTENTS.required(msg.position_intent, f"{field}.position_intent"),
        ratio_qty=msg.ratio_qty,
    )
