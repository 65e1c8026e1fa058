"""A modify is the whole order as it was shown, with what was asked for, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.common.domain.order_terms import OrderChange, TimeInForce
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.library import Contract, Order, OrderState
from services.ib_adapter.order_facts import take_terms
from services.ib_adapter.replacing_terms import changed_order, changed_terms, check_kind
from services.ib_adapter.words import open_order
from tests.unit.ib_adapter.scene import put_contract

ZERO = Decimal(0)


def shown(contract: Contract | None = None, **fields: Any) -> OrderFacts:
    """An order as openOrder shows it."""
    order = Order(permId=900, clientId=17, action="BUY", totalQuantity=3.0, tif="GTC")
    order.orderType, order.lmtPrice, order.auxPrice = "LMT", 5.5, 0.0
    for name, value in fields.items():
        setattr(order, name, value)
    facts, state = OrderFacts(900), OrderState(status="Submitted")
    take_terms(facts, open_order(5, contract or put_contract(), order, state))
    return facts


def written(facts: OrderFacts, change: OrderChange, earlier: Decimal = ZERO) -> dict[str, Any]:
    """What differs between what was shown and what is written."""
    assert facts.whole is not None
    contract, order = changed_order(facts, changed_terms(facts, change, earlier))
    assert contract is facts.whole[0]
    before = vars(facts.whole[1])
    return {name: value for name, value in vars(order).items() if value != before[name]}


def test_only_what_was_asked_for_is_other_than_shown() -> None:
    facts = shown(outsideRth=True, openClose="C", ocaGroup="g", parentId=4, displaySize=1)
    assert written(facts, OrderChange(limit_price=Decimal("5.6"))) == {"lmtPrice": 5.6}
    change = OrderChange(order_qty=Decimal(4), time_in_force=TimeInForce.DAY)
    assert written(facts, change) == {"totalQuantity": 4, "tif": "DAY"}


def test_the_words_for_what_is_not_used_are_not_written() -> None:
    facts = shown(rule80A="?", deltaNeutralOrderType="None")
    change = OrderChange(limit_price=Decimal(6))
    expected = {"lmtPrice": 6.0, "rule80A": "", "deltaNeutralOrderType": ""}
    assert written(facts, change) == expected


def test_a_quantity_is_what_the_revision_is_to_have() -> None:
    assert written(shown(), OrderChange(order_qty=Decimal(4)), Decimal(2)) == {"totalQuantity": 6}


def test_a_stop_keeps_its_limit_and_a_trail_its_stop() -> None:
    stop = shown(orderType="STP LMT", auxPrice=4.0)
    assert written(stop, OrderChange(stop_price=Decimal(3))) == {"auxPrice": 3.0}
    trail = shown(orderType="TRAIL", lmtPrice=0.0, auxPrice=1.0, trailStopPrice=9.0)
    assert written(trail, OrderChange(order_qty=Decimal(2))) == {"totalQuantity": 2}
    assert written(trail, OrderChange(trail_amount=Decimal(2))) == {"auxPrice": 2.0}
    by_percent = written(trail, OrderChange(trail_percent=Decimal(5)))
    assert by_percent == {"auxPrice": Order().auxPrice, "trailingPercent": 5.0}


@pytest.mark.parametrize(
    ("fields", "change", "field"),
    [
        ({}, {"stop_price": Decimal(1)}, "stop_price"),
        ({"orderType": "STP", "auxPrice": 4.0}, {"limit_price": Decimal(1)}, "limit_price"),
        ({}, {"trail_amount": Decimal(1)}, "trail_amount"),
        ({}, {"limit_price": Decimal("5.5")}, "limit_price"),
        ({}, {"order_qty": Decimal("2.5")}, "order_qty"),
        ({}, {"limit_price": Decimal("1e-7")}, "limit_price"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    fields: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        written(shown(**fields), OrderChange(**change))
    assert error.value.field == field


def test_no_less_than_is_filled_can_be_asked_for() -> None:
    facts = shown()
    facts.shown_filled = Decimal(2)
    assert written(facts, OrderChange(order_qty=Decimal(4))) == {"totalQuantity": 4}
    with pytest.raises(InvalidRequest) as error:
        written(facts, OrderChange(order_qty=Decimal(2)))
    assert error.value.reason is Reason.INVALID_QTY


def test_a_change_to_or_from_the_close_is_refused() -> None:
    for facts, asked in ((shown(), TimeInForce.CLS), (shown(orderType="LOC"), TimeInForce.GTC)):
        with pytest.raises(Refused) as error:
            written(facts, OrderChange(time_in_force=asked))
        assert error.value.reason is Reason.UNSUPPORTED_BY_VENUE


def test_the_quantity_of_a_family_is_not_changed() -> None:
    change = OrderChange(order_qty=Decimal(4))
    with pytest.raises(Refused):
        check_kind(shown(), change, has_exits=True)
    exit_ = shown()
    exit_.order_ref = "a~sim~1.0..btp"
    with pytest.raises(Refused):
        check_kind(exit_, change, has_exits=False)
    check_kind(exit_, OrderChange(limit_price=Decimal(1)), has_exits=False)


def test_a_multi_leg_order_that_has_begun_is_not_changed() -> None:
    facts = shown(Contract(secType="BAG"))
    change = OrderChange(limit_price=Decimal(1))
    check_kind(facts, change, has_exits=False)
    facts.executed[7] = Decimal(1)
    with pytest.raises(Refused) as error:
        check_kind(facts, change, has_exits=False)
    assert error.value.reason is Reason.CHANGE_IN_PROGRESS
