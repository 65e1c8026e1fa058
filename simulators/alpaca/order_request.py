"""Orders and replaces as Alpaca's clients ask for them, read from the body of a request.

Prices and quantities may be JSON strings or numbers. A field of another JSON type makes the body
malformed (400), as where the fields have fixed types; a missing or unknown value is 422.
"""

import json
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from simulators.alpaca.problems import ApiProblem, invalid, unprocessable
from simulators.alpaca.wire_values import read_number
from simulators.venue.orders import (
    Exits,
    NewLeg,
    NewOrder,
    OrderClass,
    OrderType,
    PositionIntent,
    Side,
    TimeInForce,
)
from simulators.venue.replacing import Changes

_E = TypeVar("_E", bound=Enum)
Content = dict[str, Any]

_CLIENT_ORDER_ID_MAX = 128
_QTY_PLACES = 9
_LEGS_MAX = 4
_PRICES = ("limit_price", "stop_price", "trail_price", "trail_percent")
_CLASSES_WITH_ENTRY = (OrderClass.BRACKET, OrderClass.OTO)
_PLAIN = (OrderType.MARKET, OrderType.LIMIT)


def parse_body(body: bytes) -> Content:
    """The JSON object of a request's body; numbers keep their digits.

    Raises:
        ApiProblem: It is not a JSON object.
    """
    try:
        content = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed() from error
    if not isinstance(content, dict):
        raise _malformed()
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _malformed() -> ApiProblem:
    return ApiProblem(400, 40010000, "request body format is invalid")


def read_order(content: Content, account_id: str) -> NewOrder:
    """The order that a body asks for.

    Raises:
        ApiProblem: A field is missing or malformed, or doesn't go with the others.
    """
    order_class = _class(content)
    if order_class is OrderClass.MLEG:
        return _read_combo(content, account_id)
    symbol = _text(content, "symbol")
    if not symbol:
        raise invalid("symbol is required")
    order_type = _required(OrderType, content, "type")
    intent = _choice(PositionIntent, content, "position_intent")
    side = _choice(Side, content, "side")
    if side is None:
        if intent is None:
            raise invalid("side is required")
        side = intent.side
    prices = {name: _number(content, name) for name in _PRICES}
    exits = _exits(content, order_class)
    if order_class is OrderClass.OCO and exits is not None and exits.take_profit is not None:
        prices["limit_price"] = exits.take_profit
    _check_class(order_class, order_type, exits)
    _check_prices(order_type, prices)
    qty, notional = _amount(content)
    return NewOrder(
        account_id=account_id,
        symbol=symbol,
        side=side,
        order_qty=qty,
        order_type=order_type,
        time_in_force=_required(TimeInForce, content, "time_in_force"),
        position_intent=intent,
        client_order_id=_client_order_id(content),
        extended_hours=_flag(content, "extended_hours"),
        notional=notional,
        order_class=order_class,
        exits=exits,
        limit_price=prices["limit_price"],
        stop_price=prices["stop_price"],
        trail_price=prices["trail_price"],
        trail_percent=prices["trail_percent"],
    )


def read_changes(content: Content) -> Changes:
    """What a replace asks for; raises ApiProblem if a field is malformed."""
    qty = _number(content, "qty")
    if qty is not None and (qty <= 0 or qty % 1):
        raise invalid("qty must be > 0" if qty <= 0 else "qty must be integer")
    for name in ("stop_price", "trail"):
        value = _number(content, name)
        if value is not None and value <= 0:
            raise invalid(f"{name} must be > 0")
    return Changes(
        order_qty=qty,
        limit_price=_number(content, "limit_price"),
        stop_price=_number(content, "stop_price"),
        trail=_number(content, "trail"),
        time_in_force=_choice(TimeInForce, content, "time_in_force"),
        client_order_id=_client_order_id(content),
    )


def _read_combo(content: Content, account_id: str) -> NewOrder:
    order_type = _required(OrderType, content, "type")
    if order_type not in _PLAIN:
        raise unprocessable("invalid options order_type")
    limit_price = _number(content, "limit_price")
    if order_type is OrderType.LIMIT and limit_price is None:
        raise unprocessable("limit price is required for limit orders")
    if order_type is OrderType.MARKET and limit_price is not None:
        raise unprocessable("limit price is only valid for limit orders")
    if _number(content, "notional") is not None:
        raise unprocessable("notional orders are not supported for options trading")
    if _flag(content, "extended_hours"):
        raise unprocessable("extended hours is not supported for options trading")
    qty, _ = _amount(content)
    return NewOrder(
        account_id=account_id,
        symbol="",
        side=Side.BUY,
        order_qty=qty,
        order_type=order_type,
        time_in_force=_required(TimeInForce, content, "time_in_force"),
        limit_price=limit_price,
        client_order_id=_client_order_id(content),
        order_class=OrderClass.MLEG,
        legs=_legs(content),
    )


def _legs(content: Content) -> tuple[NewLeg, ...]:
    listed = content.get("legs")
    if listed is not None and not isinstance(listed, list):
        raise _malformed()
    if not listed or not 2 <= len(listed) <= _LEGS_MAX:
        raise invalid(f"mleg orders require 2 to {_LEGS_MAX} legs")
    legs = tuple(_leg(leg, number) for number, leg in enumerate(listed))
    if len({leg.symbol for leg in legs}) != len(legs):
        raise invalid("all legs must have unique symbols")
    return legs


def _leg(content: Any, number: int) -> NewLeg:
    if not isinstance(content, dict):
        raise _malformed()
    symbol = _text(content, "symbol")
    if not symbol:
        raise invalid(f"leg.{number} symbol is required")
    ratio = _number(content, "ratio_qty")
    if ratio is None or ratio <= 0 or ratio % 1:
        raise invalid(f"leg.{number} ratio_qty must be a positive integer")
    intent = _choice(PositionIntent, content, "position_intent")
    if intent is None:
        raise unprocessable(f"leg.{number} position intent is required")
    side = _choice(Side, content, "side")
    if side not in (None, intent.side):
        raise unprocessable(f"leg.{number} side does not match its position intent")
    return NewLeg(symbol, ratio, intent)


def _class(content: Content) -> OrderClass:
    return _choice(OrderClass, content, "order_class") or OrderClass.SIMPLE


def _exits(content: Content, order_class: OrderClass) -> Exits | None:
    profit, loss = (_part(content, name) for name in ("take_profit", "stop_loss"))
    if not profit and not loss:
        return None
    if order_class is OrderClass.SIMPLE:
        raise invalid("simple orders must not have take_profit or stop_loss")
    return Exits(
        take_profit=_number(profit, "limit_price"),
        stop_loss=_number(loss, "stop_price"),
        stop_loss_limit=_number(loss, "limit_price"),
    )


def _part(content: Content, name: str) -> Content:
    part = content.get(name)
    if part is not None and not isinstance(part, dict):
        raise _malformed()
    return part or {}


def _check_class(order_class: OrderClass, order_type: OrderType, exits: Exits | None) -> None:
    name, exits = order_class.value, exits or Exits()
    if order_class in _CLASSES_WITH_ENTRY and order_type not in _PLAIN:
        raise invalid(f"{name} orders must be market or limit orders")
    if order_class is OrderClass.OCO and order_type is not OrderType.LIMIT:
        raise invalid("oco orders must be limit orders")
    if order_class in (OrderClass.BRACKET, OrderClass.OCO):
        if exits.take_profit is None:
            raise invalid(f"{name} orders require take_profit.limit_price")
        if exits.stop_loss is None:
            raise invalid(f"{name} orders require stop_loss.stop_price")
    if order_class is OrderClass.OTO and (exits.take_profit is None) is (exits.stop_loss is None):
        raise invalid("oto orders require either take_profit.limit_price or stop_loss.stop_price")
    if exits.stop_loss is None and exits.stop_loss_limit is not None:
        raise invalid("stop_loss.limit_price requires stop_loss.stop_price")


def _check_prices(order_type: OrderType, prices: dict[str, Decimal | None]) -> None:
    limit, stop = prices["limit_price"], prices["stop_price"]
    if order_type is OrderType.MARKET and not limit is stop is None:
        raise invalid("market orders require no stop or limit price")
    if order_type is OrderType.LIMIT:
        if limit is None:
            raise invalid("limit orders require a limit price")
        if stop is not None:
            raise invalid("limit orders require only limit price")
    if order_type is OrderType.STOP:
        if stop is None:
            raise invalid("stop orders require a stop price")
        if limit is not None:
            raise invalid("stop orders require only stop price")
    if order_type is OrderType.STOP_LIMIT and None in (limit, stop):
        raise invalid("stop limit orders require both stop and limit price")
    trails = [prices[name] for name in ("trail_price", "trail_percent")]
    given = [trail for trail in trails if trail is not None]
    if order_type is not OrderType.TRAILING_STOP:
        if given:
            raise invalid("trail_price and trail_percent are only for trailing stop orders")
        return
    if len(given) != 1:
        raise invalid("trailing stop orders must specify one of trail_price or trail_percent")
    if given[0] <= 0:
        raise invalid("trail_price and trail_percent must be > 0")
    if not limit is stop is None:
        raise invalid("trailing stop orders require no stop or limit price")


def _amount(content: Content) -> tuple[Decimal, Decimal | None]:
    """Quantity and notional, of which one is given; the quantity is 0 with the other."""
    qty, notional = _number(content, "qty"), _number(content, "notional")
    if qty is None and notional is None:
        raise invalid("qty or notional is required")
    if qty is not None and notional is not None:
        raise invalid("only one of qty or notional is accepted")
    if notional is not None:
        if notional <= 0:
            raise invalid("notional must be > 0")
        if _places(notional) > 2:
            raise unprocessable("notional value must be limited to 2 decimal places")
        return Decimal(0), notional
    assert qty is not None
    if qty <= 0:
        raise invalid("qty must be > 0")
    if _places(qty) > _QTY_PLACES:
        raise unprocessable(f"qty must be limited to {_QTY_PLACES} decimal places")
    return qty, None


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _text(content: Content, name: str) -> str:
    value = content.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _malformed()
    return value


def _flag(content: Content, name: str) -> bool:
    value = content.get(name)
    if value is not None and not isinstance(value, bool):
        raise _malformed()
    return bool(value)


def _number(content: Content, name: str) -> Decimal | None:
    value = content.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool | list | dict):
        raise _malformed()
    number = read_number(value)
    if number is None:
        raise invalid(f"invalid {name}")
    return number


def _choice(kind: type[_E], content: Content, name: str) -> _E | None:
    text = _text(content, name)
    if not text:
        return None
    try:
        return kind(text)
    except ValueError as error:
        raise invalid(f"invalid {name}") from error


def _required(kind: type[_E], content: Content, name: str) -> _E:
    value = _choice(kind, content, name)
    if value is None:
        raise invalid(f"{name} is required")
    return value


def _client_order_id(content: Content) -> str:
    text = _text(content, "client_order_id")
    if len(text) > _CLIENT_ORDER_ID_MAX:
        raise invalid(f"client_order_id must be no more than {_CLIENT_ORDER_ID_MAX} characters")
    return text
