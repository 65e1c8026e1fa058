"""Orders on Alpaca's wire: read from a request's body, written to answers and events."""

import json
from collections.abc import Collection
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from simulators.alpaca.problems import ApiProblem, invalid, not_built_order
from simulators.alpaca.wire_values import plain, read_number, rounded, wire_time
from simulators.venue.instruments import Instrument, OptionContract
from simulators.venue.orders import (
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    PositionIntent,
    Side,
    TimeInForce,
)
from simulators.venue.randomness import fixed_uuid

_E = TypeVar("_E", bound=Enum)

_CLIENT_ORDER_ID_MAX = 128
_TYPES_FOR_LATER = {"stop", "stop_limit", "trailing_stop"}
_TIMES_FOR_LATER = {"ioc", "fok", "opg", "cls"}
_CLASSES_FOR_LATER = {"bracket", "oco", "oto", "mleg"}
_FIELDS_FOR_LATER = ("notional", "stop_price", "trail_price", "trail_percent", "legs")


def asset_id(symbol: str) -> str:
    """The id of an asset, the same for ever."""
    return fixed_uuid(f"asset/{symbol}")


def asset_class(instrument: Instrument) -> str:
    return "us_option" if isinstance(instrument, OptionContract) else "us_equity"


def parse_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a request's body; numbers keep their digits.

    Raises:
        ApiProblem: It is not a JSON object.
    """
    try:
        content = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ApiProblem(400, 40010000, "request body format is invalid") from error
    if not isinstance(content, dict):
        raise ApiProblem(400, 40010000, "request body format is invalid")
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def read_order(content: dict[str, Any], account_id: str) -> NewOrder:
    """The order that a body asks for.

    Raises:
        ApiProblem: A field is missing, malformed, or for a later version of the simulator.
    """
    _refuse_for_later(content)
    symbol = content.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise invalid("symbol is required")
    order_type = _choice(OrderType, content.get("type"), "type", _TYPES_FOR_LATER)
    limit_price = _price(content.get("limit_price"))
    if order_type is OrderType.LIMIT and limit_price is None:
        raise invalid("limit orders require limit_price")
    if order_type is OrderType.MARKET and limit_price is not None:
        raise invalid("market orders require no limit_price")
    intent = content.get("position_intent") or None
    return NewOrder(
        account_id=account_id,
        symbol=symbol,
        side=_choice(Side, content.get("side"), "side"),
        order_qty=_quantity(content.get("qty")),
        order_type=order_type,
        time_in_force=_choice(
            TimeInForce, content.get("time_in_force"), "time_in_force", _TIMES_FOR_LATER
        ),
        limit_price=limit_price,
        position_intent=_choice(PositionIntent, intent, "position_intent") if intent else None,
        client_order_id=_client_order_id(content.get("client_order_id")),
    )


def _refuse_for_later(content: dict[str, Any]) -> None:
    for name in _FIELDS_FOR_LATER:
        if content.get(name) not in (None, [], ""):
            raise not_built_order(f"orders with {name}")
    if content.get("order_class") in _CLASSES_FOR_LATER:
        raise not_built_order(f"order_class {content['order_class']}")
    if content.get("order_class") not in (None, "", "simple"):
        raise invalid("invalid order_class")
    if content.get("extended_hours") not in (None, False):
        raise not_built_order("extended_hours")


def _choice(kind: type[_E], value: Any, name: str, for_later: Collection[str] = frozenset()) -> _E:
    if value is None or value == "":
        raise invalid(f"{name} is required")
    if isinstance(value, str) and value in for_later:
        raise not_built_order(f"{name} {value}")
    try:
        return kind(value)
    except ValueError as error:
        raise invalid(f"invalid {name}") from error


def _price(value: Any) -> Decimal | None:
    if value is None:
        return None
    price = read_number(value)
    if price is None:
        raise invalid("invalid limit_price")
    return price


def _quantity(value: Any) -> Decimal:
    if value is None or value == "":
        raise invalid("qty or notional is required")
    qty = read_number(value)
    if qty is None:
        raise invalid("invalid qty")
    if qty <= 0:
        raise invalid("qty must be > 0")
    return qty


def _client_order_id(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid("invalid client_order_id")
    if len(value) > _CLIENT_ORDER_ID_MAX:
        raise invalid(f"client_order_id must be no more than {_CLIENT_ORDER_ID_MAX} characters")
    return value


def order_json(order: Order) -> dict[str, Any]:
    """The order as every answer and event shows it."""
    asked, ended_at = order.asked, order.ended_at
    avg_px = order.avg_px
    when = wire_time(ended_at)
    return {
        "id": order.venue_order_id,
        "client_order_id": order.client_order_id,
        "created_at": wire_time(order.submitted_at),
        "updated_at": wire_time(order.updated_at),
        "submitted_at": wire_time(order.submitted_at),
        "filled_at": wire_time(order.filled_at),
        "expired_at": when if order.status is OrderStatus.EXPIRED else None,
        "expires_at": wire_time(order.expires_at),
        "canceled_at": when if order.status is OrderStatus.CANCELED else None,
        "failed_at": when if order.status is OrderStatus.REJECTED else None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": asset_id(order.symbol),
        "symbol": order.symbol,
        "asset_class": asset_class(order.instrument),
        "notional": None,
        "qty": plain(asked.order_qty),
        "filled_qty": plain(order.cum_qty),
        "filled_avg_price": plain(rounded(avg_px)) if avg_px is not None else None,
        "order_class": "simple" if isinstance(order.instrument, OptionContract) else "",
        "order_type": asked.order_type.value,
        "type": asked.order_type.value,
        "side": asked.side.value,
        "position_intent": order.position_intent.value,
        "time_in_force": asked.time_in_force.value,
        "limit_price": plain(asked.limit_price) if asked.limit_price is not None else None,
        "stop_price": None,
        "status": order.status.value,
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
    }
