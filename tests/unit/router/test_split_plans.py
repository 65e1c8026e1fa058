"""Exits that no single venue holds: which are split, into what, and which are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.domain.amounts import Money
from services.common.domain.errors import Effect, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.order_status import Signal
from services.common.domain.order_terms import OrderClass, OrderType, TimeInForce
from services.router.risk.gate import Role
from services.router.routing.planned import Plan
from services.router.routing.splits import divide, why_whole
from tests.unit.domain.orders import instrument
from tests.unit.router.folded import TAGS, Folded
from tests.unit.router.test_plan import BTC, STO, plan, put, refusal, stock, view

VENUES = list(TAGS)
QTY = st.integers(min_value=0, max_value=40).map(Decimal)
PART = st.decimals(min_value=0, max_value=40, places=3, allow_nan=False)


def holding(**held: str) -> Folded:
    """Shares that are held long at these venues."""
    fold = Folded()
    for venue, qty in held.items():
        fold.held(stock(Side.BUY, qty, f"held-{venue}"), venue)
    return fold


def parts(planned: Plan) -> dict[str, str]:
    assert planned.role is Role.EXIT
    assert planned.candidates == ()
    return {child.view.name: str(child.order_qty) for child in planned.children}


def sale(qty: str, **changes: Any) -> Any:
    return stock(Side.SELL, qty, "exit", **changes)


# -- into what --


@given(st.dictionaries(st.sampled_from(VENUES), PART, min_size=1), st.data())
def test_parts_add_up_and_none_is_more_than_is_free(
    free: Mapping[str, Decimal], data: st.DataObject
) -> None:
    most = sum(free.values())
    asked = data.draw(st.decimals(min_value=0, max_value=most, places=3, allow_nan=False))
    found = divide(asked, free)
    assert sum(found.values()) == asked
    assert all(0 < qty <= free[venue] for venue, qty in found.items())
    whole = sum(int(qty) for qty in free.values())
    if asked == int(asked) and asked <= whole:
        assert all(qty == int(qty) for qty in found.values())


@pytest.mark.parametrize(
    ("asked", "free", "wanted"),
    [
        ("10", {"a": "6", "b": "6"}, {"a": "6", "b": "4"}),
        ("10", {"b": "6", "a": "6"}, {"b": "6", "a": "4"}),
        ("12", {"a": "1", "b": "5", "c": "7"}, {"a": "1", "b": "5", "c": "6"}),
        ("6", {"a": "6", "b": "6"}, {"a": "6"}),
        ("10", {"a": "6.5", "b": "4.5"}, {"a": "6", "b": "4"}),
        ("10", {"a": "6.5", "b": "3.5"}, {"a": "6.5", "b": "3.5"}),
        ("10.5", {"a": "6.3", "b": "6"}, {"a": "6", "b": "4.5"}),
        ("0.7", {"a": "0.3", "b": "0.4"}, {"a": "0.3", "b": "0.4"}),
    ],
)
def test_venues_give_in_turn_and_whole_quantities_where_they_can(
    asked: str, free: dict[str, str], wanted: dict[str, str]
) -> None:
    found = divide(Decimal(asked), {venue: Decimal(qty) for venue, qty in free.items()})
    assert found == {venue: Decimal(qty) for venue, qty in wanted.items()}


# -- where --


@given(
    st.dictionaries(st.sampled_from(VENUES), st.tuples(QTY, QTY, st.booleans()), min_size=1),
    st.integers(min_value=1, max_value=100).map(Decimal),
)
def test_an_exit_is_placed_only_on_what_is_free_at_venues_that_can_take_it(
    venues: Mapping[str, tuple[Decimal, Decimal, bool]], asked: Decimal
) -> None:
    fold, free = Folded(), dict[str, Decimal]()
    for venue, (held, reserved, _) in venues.items():
        if held:
            fold.held(stock(Side.BUY, str(held), f"held-{venue}"), venue)
            free[venue] = max(held - reserved, Decimal(0))
        if held and reserved:
            fold.order(stock(Side.SELL, str(reserved), f"exit-{venue}"), venue)
    views = [view(name, ready=up, takes_entries=up) for name, (_, _, up) in venues.items()]
    ready = {name: qty for name, qty in free.items() if venues[name][2]}
    order = sale(str(asked))
    if not free:
        assert plan(order, fold, views).role is Role.ENTRY
    elif asked > sum(held for held, _, _ in venues.values()):
        assert refusal(order, fold, views) is Reason.WOULD_CROSS_ZERO
    elif asked > sum(free.values()):
        assert refusal(order, fold, views) is Reason.INSUFFICIENT_QTY
    elif asked > sum(ready.values()):
        assert refusal(order, fold, views) is Reason.HOLDER_UNAVAILABLE
    else:
        assert_placed(plan(order, fold, views), asked, ready)


def assert_placed(planned: Plan, asked: Decimal, ready: Mapping[str, Decimal]) -> None:
    """Whole at the first venue that has it all, or in parts that add up at several."""
    assert planned.role is Role.EXIT
    whole = [name for name, qty in ready.items() if qty >= asked]
    assert [one.name for one in planned.candidates] == whole[:1]
    given_to = {child.view.name: child.order_qty for child in planned.children}
    assert len(given_to) == len(planned.children)
    assert all(0 < qty <= ready[name] for name, qty in given_to.items())
    if not whole:
        assert len(given_to) > 1
        assert sum(given_to.values()) == asked


def test_what_open_exits_have_is_in_no_part() -> None:
    fold = holding(alpaca="6", second="6", third="6")
    fold.order(stock(Side.SELL, "5", "open"), "alpaca", Signal.DOUBTED)
    assert parts(plan(sale("10"), fold, [view(name) for name in VENUES])) == {
        "alpaca": "1",
        "second": "6",
        "third": "3",
    }


def test_shares_behind_short_calls_are_in_no_part() -> None:
    fold = holding(alpaca="150", second="50")
    call = put(STO, "1", "call", instrument=instrument("SPY241115C00600000"))
    fold.held(replace(call, limit_price=Decimal(1)))
    assert parts(plan(sale("100"), fold)) == {"alpaca": "50", "second": "50"}
    assert refusal(sale("101"), fold) is Reason.INSUFFICIENT_QTY


def test_short_options_at_two_venues_are_bought_back_by_one_order() -> None:
    fold = Folded()
    fold.held(put(STO, "6", "held-1"), "alpaca")
    fold.held(put(STO, "6", "held-2"), "second")
    assert parts(plan(put(BTC, "10"), fold)) == {"alpaca": "6", "second": "4"}


def test_a_pinned_exit_is_not_split() -> None:
    fold = holding(alpaca="6", second="6")
    assert refusal(sale("10", venue_pin="second"), fold) is Reason.WOULD_CROSS_ZERO


def test_with_one_of_two_holders_down_nothing_is_sent() -> None:
    fold = holding(alpaca="6", second="6")
    views = [view("alpaca"), view("second", ready=False, takes_entries=False)]
    with pytest.raises(Refused) as refused:
        plan(sale("10"), fold, views)
    error = refused.value
    assert (error.reason, error.effect) == (Reason.HOLDER_UNAVAILABLE, Effect.NONE)
    assert [(c.venue, c.message) for c in error.venue_causes] == [("second", "it is down")]
    assert "6 at second" in error.message


def test_holders_that_can_together_stand_in_for_one_that_cannot() -> None:
    fold = holding(alpaca="10", second="6", third="6")
    views = [view("alpaca", ready=False, takes_entries=False), view("second"), view("third")]
    assert parts(plan(sale("10"), fold, views)) == {"second": "6", "third": "4"}


def test_a_holder_that_the_account_has_no_more_is_named() -> None:
    fold = holding(alpaca="6", second="6")
    with pytest.raises(Refused) as refused:
        plan(sale("10"), fold, [view("alpaca")])
    assert refused.value.reason is Reason.HOLDER_UNAVAILABLE
    assert "no venue of the account" in refused.value.message


# -- which --


@pytest.mark.parametrize(
    "kept",
    [
        {"time_in_force": TimeInForce.IOC},
        {"time_in_force": TimeInForce.GTC},
        {"time_in_force": TimeInForce.OPG},
        {"order_type": OrderType.MARKET, "limit_price": None},
        {"order_type": OrderType.STOP, "limit_price": None, "stop_price": Decimal(8)},
    ],
)
def test_an_order_that_promises_nothing_of_the_whole_may_be_split(kept: dict[str, Any]) -> None:
    fold = holding(alpaca="6", second="6")
    assert parts(plan(sale("10", **kept), fold)) == {"alpaca": "6", "second": "4"}


@pytest.mark.parametrize(
    ("whole", "what"),
    [
        ({"time_in_force": TimeInForce.FOK}, "fill-or-kill"),
        ({"order_class": OrderClass.OCO}, "OCO"),
        ({"order_class": OrderClass.BRACKET}, "BRACKET"),
    ],
)
def test_an_order_whose_promise_is_about_the_whole_is_never_split(
    whole: dict[str, Any], what: str
) -> None:
    fold = holding(alpaca="6", second="6")
    with pytest.raises(Refused) as refused:
        plan(sale("10", **whole), fold)
    error = refused.value
    assert (error.reason, error.effect) == (Reason.INSUFFICIENT_QTY, Effect.NONE)
    assert what in error.message
    assert "venue_pin" in error.message
    assert [one.name for one in plan(sale("6", **whole), fold).candidates] == ["alpaca"]


def test_a_whole_order_waits_for_the_holder_that_has_enough() -> None:
    fold = holding(alpaca="10", second="6", third="6")
    views = [view("alpaca", ready=False, takes_entries=False), view("second"), view("third")]
    order = sale("10", time_in_force=TimeInForce.FOK)
    assert refusal(order, fold, views) is Reason.HOLDER_UNAVAILABLE


def test_an_order_by_amount_is_never_split() -> None:
    by_amount = sale("0", notional=Money(Decimal(100), "USD"))
    assert why_whole(by_amount) == "an order by amount"
