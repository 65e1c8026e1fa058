"""Orders of every class, as asked for and as Alpaca shows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.common.domain.amounts import Money
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    OrderLeg,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
)
from tests.unit.alpaca_adapter.wire import CLIENT_ID, order_json

PUT = "SPY241115P00400000"
LOWER_PUT = "SPY241115P00390000"


def stock(order_type: OrderType = OrderType.LIMIT, **terms: Any) -> OrderSpec:
    """Buy SPY; limit 399.5 unless it is of another type."""
    if order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        terms.setdefault("limit_price", Decimal("399.5"))
    terms.setdefault("order_qty", Decimal(2))
    terms.setdefault("time_in_force", TimeInForce.DAY)
    terms.setdefault("side", Side.BUY)
    return OrderSpec(CLIENT_ID, Equity("SPY"), order_type=order_type, **terms)


def by_amount() -> OrderSpec:
    """For 100.50 dollars of SPY."""
    return stock(OrderType.MARKET, order_qty=Decimal(0), notional=Money(Decimal("100.5"), "USD"))


def bracket(stop_limit: str | None = "389.5") -> OrderSpec:
    """A bracket around a buy."""
    return stock(
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfit(Decimal(410)),
        stop_loss=StopLoss(Decimal(390), None if stop_limit is None else Decimal(stop_limit)),
    )


def oco() -> OrderSpec:
    """Two exits of shares that are held."""
    return stock(
        side=Side.SELL,
        limit_price=Decimal(410),
        order_class=OrderClass.OCO,
        take_profit=TakeProfit(Decimal(410)),
        stop_loss=StopLoss(Decimal(390)),
    )


def oto() -> OrderSpec:
    """A buy with a stop behind it."""
    return stock(order_class=OrderClass.OTO, stop_loss=StopLoss(Decimal(390)))


def spread(price: str = "-1.5", qty: str = "2") -> OrderSpec:
    """Sell a put, buy a lower one: receives 1.50."""
    legs = (
        OrderLeg(parse_occ(PUT), Side.SELL, PositionIntent.SELL_TO_OPEN, 1),
        OrderLeg(parse_occ(LOWER_PUT), Side.BUY, PositionIntent.BUY_TO_OPEN, 1),
    )
    return OrderSpec(
        CLIENT_ID,
        OptionCombo(legs),
        Side.BUY,
        Decimal(qty),
        OrderType.LIMIT,
        TimeInForce.DAY,
        limit_price=Decimal(price),
        order_class=OrderClass.MULTI_LEG,
    )


def exits_json(stop_limit: str | None = "389.5", side: str = "sell") -> list[dict[str, Any]]:
    """A take-profit and a stop-loss, as they are nested."""
    stop_type = "stop" if stop_limit is None else "stop_limit"
    common = {"side": side, "status": "held", "order_class": "bracket"}
    return [
        order_json(id="exit-1", client_order_id="made-1", limit_price="410", **common),
        order_json(
            id="exit-2",
            client_order_id="made-2",
            type=stop_type,
            order_type=stop_type,
            limit_price=stop_limit,
            stop_price="390",
            **common,
        ),
    ]


def bracket_json(stop_limit: str | None = "389.5", **changed: Any) -> dict[str, Any]:
    """`bracket()` as Alpaca shows it."""
    return order_json(**({"order_class": "bracket", "legs": exits_json(stop_limit)} | changed))


def oco_json() -> dict[str, Any]:
    """`oco()` as Alpaca shows it: the order itself takes the profit."""
    stop = exits_json(None)[1] | {"order_class": "oco"}
    return order_json(order_class="oco", side="sell", limit_price="410", legs=[stop])


def spread_json(**changed: Any) -> dict[str, Any]:
    """`spread()` as Alpaca shows it."""
    legs = [
        _leg_json("leg-1", PUT, "sell", "sell_to_open"),
        _leg_json("leg-2", LOWER_PUT, "buy", "buy_to_open"),
    ]
    own = {
        "symbol": "",
        "side": "",
        "asset_class": "",
        "position_intent": None,
        "order_class": "mleg",
        "limit_price": "-1.5",
        "legs": legs,
    }
    return order_json(**(own | changed))


def _leg_json(venue_id: str, symbol: str, side: str, intent: str) -> dict[str, Any]:
    return order_json(
        id=venue_id,
        client_order_id=f"made-{venue_id}",
        symbol=symbol,
        asset_class="us_option",
        side=side,
        position_intent=intent,
        type="",
        order_type="",
        order_class="mleg",
        limit_price=None,
        ratio_qty="1",
    )
