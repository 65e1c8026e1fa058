"""Each rule of an order names the field that breaks it; what keeps them all is an order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.amounts import Money
from services.common.domain.errors import InvalidRequest
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.occ import parse_occ
from services.common.domain.order_rules import check_order
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

D = Decimal
BUY_SHARES = OrderSpec(
    client_order_id="buy-1",
    instrument=Equity("SPY"),
    side=Side.BUY,
    order_qty=D(5),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.DAY,
    limit_price=D(400),
)
SHORT = OrderLeg(parse_occ("SPY241115P00400000"), Side.SELL, PositionIntent.SELL_TO_OPEN, 1)
LONG = OrderLeg(parse_occ("SPY241115P00390000"), Side.BUY, PositionIntent.BUY_TO_OPEN, 1)
SPREAD = replace(
    BUY_SHARES,
    instrument=OptionCombo((SHORT, LONG)),
    limit_price=D("-1.50"),
    order_class=OrderClass.MULTI_LEG,
)
STOP = replace(BUY_SHARES, order_type=OrderType.STOP, limit_price=None, stop_price=D(410))
TRAILING = replace(
    BUY_SHARES, order_type=OrderType.TRAILING_STOP, limit_price=None, trail_percent=D(1)
)
BRACKET = replace(
    BUY_SHARES,
    order_class=OrderClass.BRACKET,
    take_profit=TakeProfit(D(410)),
    stop_loss=StopLoss(D(390)),
)
OCO = replace(BRACKET, order_class=OrderClass.OCO, side=Side.SELL, limit_price=D(410))
BY_AMOUNT = replace(BUY_SHARES, order_qty=D(0), notional=Money(D(100), "USD"))
OPTION = replace(
    BUY_SHARES,
    instrument=LONG.contract,
    position_intent=PositionIntent.BUY_TO_OPEN,
)


@pytest.mark.parametrize(
    "order",
    [
        BUY_SHARES,
        replace(BUY_SHARES, extended_hours=True),
        replace(BUY_SHARES, order_qty=D("0.5")),
        replace(BUY_SHARES, limit_price=D(0)),
        STOP,
        replace(STOP, order_type=OrderType.STOP_LIMIT, limit_price=D(411)),
        TRAILING,
        replace(TRAILING, trail_percent=None, trail_amount=D("0.01")),
        BRACKET,
        replace(BRACKET, stop_loss=StopLoss(D(390), D(389))),
        OCO,
        replace(BRACKET, order_class=OrderClass.OTO, stop_loss=None),
        SPREAD,
        replace(SPREAD, limit_price=None, order_type=OrderType.MARKET),
        BY_AMOUNT,
        OPTION,
    ],
)
def test_what_keeps_every_rule_is_an_order(order: OrderSpec) -> None:
    check_order(order)


@pytest.mark.parametrize(
    ("order", "changes", "field"),
    [
        (BUY_SHARES, {"order_qty": D(0)}, "order_qty"),
        (BUY_SHARES, {"order_qty": D(-1)}, "order_qty"),
        (BUY_SHARES, {"limit_price": None}, "limit_price"),
        (BUY_SHARES, {"limit_price": D(-1)}, "limit_price"),
        (BUY_SHARES, {"stop_price": D(1)}, "stop_price"),
        (BUY_SHARES, {"trail_amount": D(1)}, "trail_amount"),
        (BUY_SHARES, {"take_profit": TakeProfit(D(1))}, "take_profit"),
        (BUY_SHARES, {"stop_loss": StopLoss(D(1))}, "stop_loss"),
        (BUY_SHARES, {"position_intent": PositionIntent.SELL_TO_OPEN}, "position_intent"),
        (BUY_SHARES, {"extended_hours": True, "time_in_force": TimeInForce.GTC}, "extended_hours"),
        (OPTION, {"extended_hours": True}, "extended_hours"),
        (OPTION, {"position_intent": None}, "position_intent"),
        (OPTION, {"order_qty": D("1.5")}, "order_qty"),
        (STOP, {"stop_price": None}, "stop_price"),
        (STOP, {"stop_price": D(0)}, "stop_price"),
        (STOP, {"limit_price": D(1)}, "limit_price"),
        (STOP, {"order_type": OrderType.STOP_LIMIT}, "limit_price"),
        (TRAILING, {"trail_amount": D(1)}, "trail_amount"),
        (TRAILING, {"trail_percent": None}, "trail_amount"),
        (TRAILING, {"trail_percent": D(100)}, "trail_percent"),
        (TRAILING, {"trail_percent": D(0)}, "trail_percent"),
        (BRACKET, {"take_profit": None}, "take_profit"),
        (BRACKET, {"stop_loss": None}, "stop_loss"),
        (BRACKET, {"stop_loss": StopLoss(D(410))}, "stop_loss.stop_price"),
        (BRACKET, {"side": Side.SELL}, "stop_loss.stop_price"),
        (BRACKET, {"stop_loss": StopLoss(D(390), D(0))}, "stop_loss.limit_price"),
        (BRACKET, {"take_profit": TakeProfit(D(0))}, "take_profit.limit_price"),
        (
            BRACKET,
            {"order_type": OrderType.STOP, "limit_price": None, "stop_price": D(1)},
            "order_type",
        ),
        (BRACKET, {"order_class": OrderClass.OTO}, "take_profit"),
        (OCO, {"limit_price": D(411)}, "limit_price"),
        (OCO, {"order_type": OrderType.MARKET, "limit_price": None}, "order_type"),
        (SPREAD, {"order_class": OrderClass.SIMPLE}, "order_class"),
        (BUY_SHARES, {"order_class": OrderClass.MULTI_LEG}, "legs"),
        (SPREAD, {"instrument": OptionCombo((SHORT,))}, "legs"),
        (SPREAD, {"instrument": OptionCombo((SHORT, SHORT))}, "legs"),
        (SPREAD, {"instrument": OptionCombo((SHORT, LONG) * 3)}, "legs"),
        (
            SPREAD,
            {"instrument": OptionCombo((replace(SHORT, ratio_qty=2), replace(LONG, ratio_qty=4)))},
            "legs",
        ),
        (
            SPREAD,
            {"instrument": OptionCombo((SHORT, replace(LONG, ratio_qty=0)))},
            "legs[1].ratio_qty",
        ),
        (
            SPREAD,
            {"instrument": OptionCombo((SHORT, replace(LONG, side=Side.SELL)))},
            "legs[1].position_intent",
        ),
        (SPREAD, {"side": Side.SELL}, "side"),
        (SPREAD, {"order_qty": D("0.5")}, "order_qty"),
        (
            SPREAD,
            {"order_type": OrderType.STOP, "limit_price": None, "stop_price": D(1)},
            "order_type",
        ),
        (BY_AMOUNT, {"order_qty": D(1)}, "notional"),
        (BY_AMOUNT, {"notional": Money(D(0), "USD")}, "notional"),
        (BY_AMOUNT, {"notional": Money(D(1), "EUR")}, "notional"),
        (OPTION, {"order_qty": D(0), "notional": Money(D(1), "USD")}, "notional"),
        (BRACKET, {"order_qty": D(0), "notional": Money(D(1), "USD")}, "notional"),
        (BUY_SHARES, {"strategy_tag": "ä"}, "strategy_tag"),
        (BUY_SHARES, {"venue_pin": "A"}, "venue_pin"),
        (BUY_SHARES, {"hedge": True}, "hedge"),
        (BRACKET, {"hedge": True, "venue_pin": "ib"}, "hedge"),
        (BY_AMOUNT, {"hedge": True, "venue_pin": "ib"}, "hedge"),
        (SPREAD, {"hedge": True, "venue_pin": "ib"}, "hedge"),
        (
            OPTION,
            {
                "hedge": True,
                "venue_pin": "ib",
                "side": Side.SELL,
                "position_intent": PositionIntent.SELL_TO_CLOSE,
            },
            "hedge",
        ),
        (BUY_SHARES, {"client_order_id": ""}, "client_order_id"),
        (BUY_SHARES, {"client_order_id": "a~b~1.0"}, "client_order_id"),
    ],
)
def test_a_broken_rule_is_named_by_its_field(
    order: OrderSpec, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_order(replace(order, **changes))
    assert caught.value.field == f"order.{field}"


def test_a_placement_needs_the_form_of_one() -> None:
    with pytest.raises(InvalidRequest, match="placement_id"):
        check_order(BUY_SHARES, placement=True)
    check_order(replace(BUY_SHARES, client_order_id="buy-1~main~1.0"), placement=True)


def test_the_order_of_legs_makes_no_other_order() -> None:
    other = replace(SPREAD, instrument=OptionCombo((LONG, SHORT)))
    assert other.content_hash() == SPREAD.content_hash()


@pytest.mark.parametrize(
    ("order", "changes"),
    [
        (BUY_SHARES, {"extended_hours": True}),
        (BUY_SHARES, {"hedge": True}),
        (STOP, {"stop_price": D(411)}),
        (TRAILING, {"trail_percent": D(2)}),
        (BRACKET, {"take_profit": TakeProfit(D(411))}),
        (BRACKET, {"stop_loss": StopLoss(D(391))}),
        (BRACKET, {"stop_loss": StopLoss(D(390), D(389))}),
        (BRACKET, {"order_class": OrderClass.OTO}),
        (BY_AMOUNT, {"notional": Money(D(101), "USD")}),
        (SPREAD, {"instrument": OptionCombo((SHORT, replace(LONG, ratio_qty=2)))}),
    ],
)
def test_every_term_counts_as_content(order: OrderSpec, changes: dict[str, Any]) -> None:
    assert replace(order, **changes).content_hash() != order.content_hash()


def test_a_hash_of_the_first_release_is_what_it_was() -> None:
    assert BUY_SHARES.content_hash() == (
        "1:7a8916d608560627fba2a3170f6f76641e325f5c36b7fa15cd22f7e617c07945"
    )
