"""Unit tests of the bodies that leave for Alpaca: which fields, and exact to the last digit."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter.order_bodies import change_body, order_body
from services.common.domain.executions import Side
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OrderChange,
    OrderType,
    PositionIntent,
    StopLoss,
    TimeInForce,
)
from tests.unit.alpaca_adapter.order_scene import (
    LOWER_PUT,
    PUT,
    bracket,
    by_amount,
    oco,
    oto,
    spread,
    stock,
)
from tests.unit.alpaca_adapter.wire import CLIENT_ID

BASE = {
    "symbol": "SPY",
    "side": "buy",
    "qty": "2",
    "type": "limit",
    "time_in_force": "day",
    "client_order_id": CLIENT_ID,
    "limit_price": "399.5",
}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in BASE.items() if name not in names}


def option(price: str | None = "8.50") -> OrderSpec:
    return OrderSpec(
        CLIENT_ID,
        parse_occ("SPY   241115P00400000"),
        Side.SELL,
        Decimal("1.0"),
        OrderType.MARKET if price is None else OrderType.LIMIT,
        TimeInForce.GTC,
        limit_price=None if price is None else Decimal(price),
        position_intent=PositionIntent.SELL_TO_OPEN,
    )


def test_an_option_order_has_the_unpadded_symbol_and_its_intent() -> None:
    assert order_body(option()) == {
        "symbol": PUT,
        "qty": "1",
        "side": "sell",
        "type": "limit",
        "time_in_force": "gtc",
        "client_order_id": CLIENT_ID,
        "limit_price": "8.5",
        "position_intent": "sell_to_open",
    }


def test_a_market_order_has_no_price() -> None:
    assert "limit_price" not in order_body(option(None))


def test_a_limit_of_zero_is_a_limit() -> None:
    assert order_body(option("0"))["limit_price"] == "0"


@pytest.mark.parametrize("time_in_force", list(TimeInForce))
def test_each_time_in_force_has_its_word(time_in_force: TimeInForce) -> None:
    body = order_body(stock(time_in_force=time_in_force))
    assert body == BASE | {"time_in_force": time_in_force.value.lower()}


@pytest.mark.parametrize(
    ("terms", "kind", "prices"),
    [
        (
            {"order_type": OrderType.STOP, "stop_price": Decimal("1.10")},
            "stop",
            {"stop_price": "1.1"},
        ),
        (
            {"order_type": OrderType.STOP_LIMIT, "stop_price": Decimal(400)},
            "stop_limit",
            {"stop_price": "400", "limit_price": "399.5"},
        ),
        (
            {"order_type": OrderType.TRAILING_STOP, "trail_amount": Decimal("2.50")},
            "trailing_stop",
            {"trail_price": "2.5"},
        ),
        (
            {"order_type": OrderType.TRAILING_STOP, "trail_percent": Decimal("0.1")},
            "trailing_stop",
            {"trail_percent": "0.1"},
        ),
    ],
)
def test_each_type_has_its_prices(terms: dict[str, Any], kind: str, prices: dict[str, str]) -> None:
    assert order_body(stock(**terms)) == without("limit_price") | {"type": kind} | prices


def test_fractions_keep_every_digit() -> None:
    body = order_body(stock(order_qty=Decimal("0.123456789"), limit_price=Decimal("0.00010001")))
    assert (body["qty"], body["limit_price"]) == ("0.123456789", "0.00010001")


def test_an_order_by_amount_has_no_quantity() -> None:
    expected = without("limit_price", "qty") | {"type": "market", "notional": "100.5"}
    assert order_body(by_amount()) == expected


def test_extended_hours_are_said_only_if_asked_for() -> None:
    assert order_body(stock(extended_hours=True)) == BASE | {"extended_hours": True}


def test_a_bracket_has_both_exits() -> None:
    assert order_body(bracket()) == BASE | {
        "order_class": "bracket",
        "take_profit": {"limit_price": "410"},
        "stop_loss": {"stop_price": "390", "limit_price": "389.5"},
    }


def test_an_oco_order_has_its_limit_in_the_take_profit_only() -> None:
    assert order_body(oco()) == without("limit_price") | {
        "side": "sell",
        "order_class": "oco",
        "take_profit": {"limit_price": "410"},
        "stop_loss": {"stop_price": "390"},
    }


def test_an_oto_order_has_the_one_exit() -> None:
    expected = BASE | {"order_class": "oto", "stop_loss": {"stop_price": "390"}}
    assert order_body(oto()) == expected


def test_legs_have_the_sides_and_a_credit_is_negative() -> None:
    assert order_body(spread("-1.50")) == without("symbol", "side") | {
        "limit_price": "-1.5",
        "order_class": "mleg",
        "legs": [
            {"symbol": PUT, "ratio_qty": "1", "side": "sell", "position_intent": "sell_to_open"},
            {
                "symbol": LOWER_PUT,
                "ratio_qty": "1",
                "side": "buy",
                "position_intent": "buy_to_open",
            },
        ],
    }
    assert order_body(spread("1.5"))["limit_price"] == "1.5"


@pytest.mark.parametrize("spec", [bracket(), oco(), oto(), spread(), by_amount(), option()])
def test_no_body_has_a_number(spec: OrderSpec) -> None:
    def refuse(text: str) -> float:
        raise AssertionError(f"{text} is a number")

    json.loads(json.dumps(order_body(spec)), parse_float=refuse, parse_int=refuse)


@pytest.mark.parametrize(
    ("change", "body"),
    [
        (OrderChange(order_qty=Decimal("3.0")), {"qty": "3"}),
        (OrderChange(limit_price=Decimal("-0.50")), {"limit_price": "-0.5"}),
        (OrderChange(stop_price=Decimal(390)), {"stop_price": "390"}),
        (OrderChange(trail_amount=Decimal(2)), {"trail": "2"}),
        (OrderChange(trail_percent=Decimal("0.5")), {"trail": "0.5"}),
        (OrderChange(time_in_force=TimeInForce.GTC), {"time_in_force": "gtc"}),
    ],
)
def test_a_change_says_what_changes_and_its_own_id(
    change: OrderChange, body: dict[str, str]
) -> None:
    assert change_body(change, "a~sim~1.1") == body | {"client_order_id": "a~sim~1.1"}


def test_a_stop_loss_may_be_a_market_exit() -> None:
    assert order_body(bracket(None))["stop_loss"] == {"stop_price": "390"}
    assert bracket(None).stop_loss == StopLoss(Decimal(390))
