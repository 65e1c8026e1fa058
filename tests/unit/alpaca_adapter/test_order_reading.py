"""Unit tests of the terms that an order shows, and of what counts as the same order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter.order_reading import (
    has_changed,
    lacks_legs,
    read_terms,
    same_content,
)
from services.alpaca_adapter.wire_fields import Unreadable
from services.common.domain.amounts import Money
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OptionCombo,
    OrderChange,
    OrderClass,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
)
from tests.unit.alpaca_adapter.order_scene import (
    LOWER_PUT,
    PUT,
    bracket,
    bracket_json,
    by_amount,
    exits_json,
    oco,
    oco_json,
    oto,
    spread,
    spread_json,
    stock,
)
from tests.unit.alpaca_adapter.wire import order_json

STOP = {"type": "stop", "order_type": "stop", "limit_price": None, "stop_price": "390"}
TRAIL = {"type": "trailing_stop", "limit_price": None, "stop_price": "397.5"}

SHOWN: list[tuple[OrderSpec, dict[str, Any]]] = [
    (stock(), order_json(qty="2.000", limit_price="399.50", position_intent=None)),
    (stock(time_in_force=TimeInForce.OPG), order_json(time_in_force="opg")),
    (stock(OrderType.STOP, stop_price=Decimal(390)), order_json(**STOP)),
    (
        stock(OrderType.STOP_LIMIT, stop_price=Decimal(390)),
        order_json(type="stop_limit", stop_price="390.0"),
    ),
    (
        stock(OrderType.TRAILING_STOP, trail_amount=Decimal(2)),
        order_json(**TRAIL, trail_price="2.00", hwm="399.5"),
    ),
    (
        stock(OrderType.TRAILING_STOP, trail_percent=Decimal(1)),
        order_json(**TRAIL, trail_percent="1.0", hwm="399.5"),
    ),
    (stock(extended_hours=True), order_json(extended_hours=True)),
    (
        by_amount(),
        order_json(type="market", limit_price=None, qty=None, notional="100.50"),
    ),
    (
        by_amount(),
        order_json(type="market", limit_price=None, qty="0.25", notional="100.50"),
    ),
    (bracket(), bracket_json()),
    (bracket(None), bracket_json(None)),
    (oco(), oco_json()),
    (oto(), order_json(order_class="oto", legs=[exits_json(None)[1]])),
    (spread(), spread_json()),
    (spread(), spread_json(legs=list(reversed(spread_json()["legs"])))),
]


@pytest.mark.parametrize(("spec", "shown"), SHOWN)
def test_an_order_that_came_back_is_the_one_that_was_sent(
    spec: OrderSpec, shown: dict[str, Any]
) -> None:
    assert same_content(spec, shown)
    terms = read_terms(shown)
    assert (terms.order_type, terms.order_class) == (spec.order_type, spec.order_class)
    assert (terms.take_profit, terms.stop_loss) == (spec.take_profit, spec.stop_loss)
    assert (terms.notional, terms.extended_hours) == (spec.notional, spec.extended_hours)
    assert (terms.trail_amount, terms.trail_percent) == (spec.trail_amount, spec.trail_percent)
    assert terms.stop_price == spec.stop_price


ONE_TERM_ELSE: list[tuple[OrderSpec, dict[str, Any]]] = [
    (stock(), order_json(extended_hours=True)),
    (stock(), order_json(notional="100")),
    (stock(), order_json(trail_price="1")),
    (stock(), order_json(time_in_force="gtc")),
    (stock(), order_json(type="stop_limit", stop_price="390")),
    (stock(), order_json(symbol="QQQ")),
    (stock(), order_json(side="sell")),
    (stock(), bracket_json()),
    (stock(OrderType.STOP, stop_price=Decimal(391)), order_json(**STOP)),
    (stock(OrderType.TRAILING_STOP, trail_amount=Decimal(3)), order_json(**TRAIL, trail_price="2")),
    (by_amount(), order_json(type="market", limit_price=None, qty=None, notional="100.51")),
    (by_amount(), order_json(type="market", limit_price=None, qty="1")),
    (bracket("389"), bracket_json()),
    (bracket(None), bracket_json()),
    (replace(bracket(), take_profit=TakeProfit(Decimal(411))), bracket_json()),
    (bracket(), order_json()),
    (replace(oco(), take_profit=TakeProfit(Decimal(411)), limit_price=Decimal(411)), oco_json()),
    (spread("-1.4"), spread_json()),
    (spread(qty="1"), spread_json()),
    (spread(), spread_json(legs=spread_json()["legs"][:1])),
]


@pytest.mark.parametrize(("spec", "shown"), ONE_TERM_ELSE)
def test_one_other_term_makes_another_order(spec: OrderSpec, shown: dict[str, Any]) -> None:
    assert not same_content(spec, shown)


def test_an_intent_counts_if_both_say_one() -> None:
    spec = stock(position_intent=PositionIntent.BUY_TO_OPEN)
    assert same_content(spec, order_json(position_intent=""))
    assert not same_content(spec, order_json(position_intent="buy_to_close"))


def test_a_leg_of_another_intent_makes_another_order() -> None:
    first, second = spread_json()["legs"]
    closing = second | {"position_intent": "buy_to_close"}
    assert not same_content(spread(), spread_json(legs=[first, closing]))


def test_an_exit_that_was_changed_since_says_nothing_against_the_order() -> None:
    take_profit, stop_loss = exits_json()
    changed = stop_loss | {"id": "exit-3", "stop_price": "395", "replaces": "exit-2"}
    assert same_content(bracket(), bracket_json(legs=[take_profit, changed]))


@pytest.mark.parametrize("legs", [None, []])
def test_without_its_legs_nobody_can_tell(legs: list[object] | None) -> None:
    for spec, shown in ((bracket(), bracket_json()), (spread(), spread_json())):
        assert lacks_legs(shown | {"legs": legs})
        with pytest.raises(Unreadable):
            same_content(spec, shown | {"legs": legs})


def test_an_order_without_legs_of_its_own_lacks_none() -> None:
    assert not lacks_legs(order_json())
    assert not lacks_legs(bracket_json())
    assert not lacks_legs(spread_json()["legs"][0])


def test_the_legs_are_what_a_multi_leg_order_is_for() -> None:
    combo = read_terms(spread_json()).instrument
    assert isinstance(combo, OptionCombo)
    assert [(leg.contract.occ, leg.position_intent, leg.ratio_qty) for leg in combo.legs] == [
        (PUT, PositionIntent.SELL_TO_OPEN, 1),
        (LOWER_PUT, PositionIntent.BUY_TO_OPEN, 1),
    ]


def test_a_ratio_that_is_not_shown_follows_from_the_quantities() -> None:
    legs = [
        {k: v for k, v in leg.items() if k != "ratio_qty"} | {"qty": qty}
        for leg, qty in zip(spread_json()["legs"], ("4", "2"), strict=True)
    ]
    combo = read_terms(spread_json(qty="2", legs=legs)).instrument
    assert isinstance(combo, OptionCombo)
    assert [leg.ratio_qty for leg in combo.legs] == [2, 1]


def test_a_leg_that_cant_be_read_leaves_the_order_without_an_instrument() -> None:
    first, second = spread_json()["legs"]
    odd = second | {"symbol": "no option"}
    assert read_terms(spread_json(legs=[first, odd])).instrument is None


def test_a_replaced_exit_counts_no_more() -> None:
    take_profit, stop_loss = exits_json()
    old = stop_loss | {"status": "replaced", "replaced_by": "exit-3"}
    new = stop_loss | {"id": "exit-3", "stop_price": "395", "replaces": "exit-2"}
    terms = read_terms(bracket_json(legs=[take_profit, old, new]))
    assert terms.stop_loss == StopLoss(Decimal(395), Decimal("389.5"))


def test_an_amount_is_in_dollars() -> None:
    assert read_terms(order_json(notional="5")).notional == Money(Decimal(5), "USD")


def test_unknown_words_are_none() -> None:
    terms = read_terms(order_json(type="iceberg", time_in_force="gtx", order_class="pegged"))
    assert (terms.order_type, terms.time_in_force, terms.order_class) == (None, None, None)
    assert read_terms(order_json(order_class="simple")).order_class is OrderClass.SIMPLE


def test_a_change_is_seen_in_the_terms_by_value() -> None:
    shown = order_json(qty="3", limit_price="399.50", time_in_force="gtc")
    change = OrderChange(
        order_qty=Decimal("3.0"), limit_price=Decimal("399.5"), time_in_force=TimeInForce.GTC
    )
    assert has_changed(change, shown)
    assert not has_changed(replace(change, limit_price=Decimal(400)), shown)
    assert not has_changed(replace(change, order_qty=Decimal(2)), shown)
