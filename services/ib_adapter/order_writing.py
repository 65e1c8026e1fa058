"""Our orders as IB takes them; what could not be sent exactly is refused, naming the field.

Nothing is left to a default of IB's or of the user's presets: the time in force is always sent.
What IB itself refuses for good is left to its own answer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from services.common.domain.errors import InvalidRequest, Reason
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from services.ib_adapter import figures
from services.ib_adapter.library import Order
from services.ib_adapter.order_words import CLOSING_TYPES_ON_WIRE, TIMES_ON_WIRE, TYPES_ON_WIRE

_AUCTIONS: Final = frozenset({TimeInForce.OPG, TimeInForce.CLS})
_AUCTIONED: Final = frozenset({OrderType.MARKET, OrderType.LIMIT})
_PRICES: Final = ("limit_price", "stop_price", "trail_amount")


def ib_order(spec: OrderSpec, account: str) -> Order:
    """The order as IB takes it. InvalidRequest for what could not be sent exactly."""
    order = Order(
        action=spec.side.value,
        totalQuantity=figures.wire_qty(spec.order_qty, "order.order_qty"),
        orderType=_order_type(spec),
        tif=TIMES_ON_WIRE[spec.time_in_force],
        orderRef=spec.client_order_id,
        account=account,
        openClose=_open_close(spec.position_intent),
        outsideRth=spec.extended_hours,
    )
    if spec.limit_price is not None:
        order.lmtPrice = figures.wire_price(spec.limit_price, "order.limit_price")
    if spec.stop_price is not None:
        order.auxPrice = figures.wire_price(spec.stop_price, "order.stop_price")
    if spec.trail_amount is not None:
        order.auxPrice = figures.wire_price(spec.trail_amount, "order.trail_amount")
    if spec.trail_percent is not None:
        order.trailingPercent = figures.wire_price(spec.trail_percent, "order.trail_percent")
    return order


def check_ticks(spec: OrderSpec, min_tick: Decimal | None) -> None:
    """Raise InvalidRequest for a price that is no multiple of the contract's smallest step, which
    IB would round or refuse. Steps that are larger at some prices are left to IB."""
    if not min_tick or min_tick < 0:
        return
    for name in _PRICES:
        price: Decimal | None = getattr(spec, name)
        _check_tick(f"order.{name}", price, min_tick)
    if spec.take_profit is not None:
        _check_tick("order.take_profit.limit_price", spec.take_profit.limit_price, min_tick)
    if spec.stop_loss is not None:
        _check_tick("order.stop_loss.stop_price", spec.stop_loss.stop_price, min_tick)
        _check_tick("order.stop_loss.limit_price", spec.stop_loss.limit_price, min_tick)


def _check_tick(field: str, price: Decimal | None, min_tick: Decimal) -> None:
    if price is not None and price % min_tick:
        text = f"{price} is no multiple of {min_tick}, this contract's smallest price step"
        raise InvalidRequest(field, text, reason=Reason.INVALID_PRICE)


def _order_type(spec: OrderSpec) -> str:
    if spec.time_in_force in _AUCTIONS and spec.order_type not in _AUCTIONED:
        text = f"{spec.time_in_force.value} orders are MARKET or LIMIT"
        raise InvalidRequest("order.order_type", text)
    if spec.time_in_force is TimeInForce.CLS:
        return CLOSING_TYPES_ON_WIRE[spec.order_type]
    return TYPES_ON_WIRE[spec.order_type]


def _open_close(intent: PositionIntent | None) -> str:
    if intent is None:
        return ""
    return "O" if intent.opens else "C"
