"""Which venue an entry tries first: its own word, then size, rules, cost, the account's order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.common.domain.amounts import Money
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OptionCombo,
    OrderLeg,
    OrderType,
    PositionIntent,
    TimeInForce,
)
from services.router.routing.policy import AccountPolicy
from services.router.routing.preference import (
    LARGE_ORDER_BROKER,
    AssetClass,
    Preference,
    RoutingRule,
    by_preference,
)
from tests.unit.domain.orders import instrument, spec
from tests.unit.router.test_plan import plan as planned
from tests.unit.router.test_plan import short, view

OPTION, EQUITY, MULTI_LEG = AssetClass.OPTION, AssetClass.EQUITY, AssetClass.MULTI_LEG
VIEWS = (view("alpaca"), replace(view("ib"), broker=LARGE_ORDER_BROKER), view("third"))
share = replace(spec(), instrument=instrument("SPY"), position_intent=None, side=Side.BUY)
spread = spec(
    instrument=OptionCombo(
        (
            OrderLeg(instrument(), Side.SELL, PositionIntent.SELL_TO_OPEN, 1),  # type: ignore[arg-type]
            OrderLeg(
                instrument("SPY241115P00390000"),  # type: ignore[arg-type]
                Side.BUY,
                PositionIntent.BUY_TO_OPEN,
                1,
            ),
        )
    ),
    side=Side.BUY,
    position_intent=None,
)


def first(order: OrderSpec, *rules: RoutingRule, **named: object) -> str:
    """The venue that this order tries first."""
    return by_preference(order, VIEWS, Preference(rules, **named))[0].name  # type: ignore[arg-type]


# -- large orders --


def test_a_large_order_goes_first_to_interactive_brokers_unless_told_otherwise() -> None:
    large = {OPTION: Decimal(10)}
    assert first(spec(order_qty=Decimal(10)), large_order_qty=large) == "ib"
    assert first(spec(order_qty=Decimal(9)), large_order_qty=large) == "alpaca"
    elsewhere = {"large_order_qty": large, "large_order_venue": "third"}
    assert first(spec(order_qty=Decimal(10)), **elsewhere) == "third"


def test_an_account_without_interactive_brokers_has_no_venue_for_large_orders_by_itself() -> None:
    large = Preference(large_order_qty={OPTION: Decimal(1)})
    views = (view("alpaca"), view("third"))
    assert by_preference(spec(), views, large)[0].name == "alpaca"


def test_each_class_has_its_own_idea_of_large() -> None:
    large = {EQUITY: Decimal(1000), MULTI_LEG: Decimal(5)}
    assert first(spec(order_qty=Decimal(100000)), large_order_qty=large) == "alpaca"
    assert first(replace(share, order_qty=Decimal(1000)), large_order_qty=large) == "ib"
    assert first(replace(spread, order_qty=Decimal(5)), large_order_qty=large) == "ib"
    assert first(replace(spread, order_qty=Decimal(4)), large_order_qty=large) == "alpaca"


def test_an_order_by_amount_is_never_large() -> None:
    dollars = replace(share, order_qty=Decimal(0), notional=Money(Decimal(10**9), "USD"))
    assert first(dollars, large_order_qty={EQUITY: Decimal(1)}) == "alpaca"


# -- rules --


def test_the_first_rule_that_fits_counts() -> None:
    options = RoutingRule("ib", frozenset({OPTION}))
    all_else = RoutingRule("third")
    assert first(spec(), options, all_else) == "ib"
    assert first(share, options, all_else) == "third"
    assert first(spec(), all_else, options) == "third"


def test_all_that_a_rule_says_must_fit() -> None:
    rule = RoutingRule(
        "ib",
        frozenset({OPTION, EQUITY}),
        frozenset({OrderType.LIMIT}),
        frozenset({TimeInForce.GTC}),
        Decimal(50),
    )
    fits = spec(time_in_force=TimeInForce.GTC, order_qty=Decimal(50))
    assert first(fits, rule) == "ib"
    for other in (
        replace(fits, order_qty=Decimal(49)),
        replace(fits, time_in_force=TimeInForce.DAY),
        replace(fits, order_type=OrderType.MARKET, limit_price=None),
        replace(spread, time_in_force=TimeInForce.GTC, order_qty=Decimal(50)),
    ):
        assert first(other, rule) == "alpaca"


def test_an_order_may_say_better_than_size_and_rules() -> None:
    rule, large = RoutingRule("third"), {OPTION: Decimal(1)}
    assert first(spec(), rule, large_order_qty=large) == "ib"  # size goes before rules
    assert first(spec(venue_preference="alpaca"), rule, large_order_qty=large) == "alpaca"
    assert first(spec(venue_preference="nowhere"), rule) == "third"


def test_a_rule_never_overrides_a_pin_nor_moves_an_exit() -> None:
    policy = AccountPolicy(preference=Preference((RoutingRule("second"),)))
    assert [v.name for v in planned(share, policy=policy).candidates] == ["second", "alpaca"]
    pinned = planned(replace(share, venue_pin="alpaca"), policy=policy)
    assert [v.name for v in pinned.candidates] == ["alpaca"]
    closing = spec(client_order_id="x", side=Side.BUY, position_intent=PositionIntent.BUY_TO_CLOSE)
    exits = planned(closing, short(), policy=policy)
    assert [v.name for v in exits.candidates] == ["alpaca"]
    assert exits.preferred == ""


# -- cost, and what nothing decides --


def test_cost_decides_where_nothing_else_does() -> None:
    costs = {"alpaca": Decimal("0.65"), "ib": Decimal("1.00"), "third": Decimal("0.10")}
    names = [v.name for v in by_preference(spec(), VIEWS, Preference(), costs)]
    assert names == ["third", "alpaca", "ib"]
    asked = by_preference(spec(venue_preference="ib"), VIEWS, Preference(), costs)
    assert [v.name for v in asked] == ["ib", "third", "alpaca"]
    unknown = by_preference(spec(), VIEWS, Preference(), {"third": Decimal(9)})
    assert [v.name for v in unknown] == ["third", "alpaca", "ib"]


_rules = st.builds(
    RoutingRule,
    st.sampled_from(["alpaca", "ib", "third", "elsewhere"]),
    st.frozensets(st.sampled_from(AssetClass)),
    st.frozensets(st.sampled_from(OrderType)),
    st.frozensets(st.sampled_from(TimeInForce)),
    st.decimals(0, 100, places=0),
)
_preferences = st.builds(
    Preference,
    st.lists(_rules, max_size=4).map(tuple),
    st.dictionaries(st.sampled_from(AssetClass), st.decimals(1, 100, places=0)),
    st.sampled_from(["", "alpaca", "elsewhere"]),
)
_orders = st.sampled_from([spec(), share, spread]).flatmap(
    lambda one: st.builds(
        lambda qty, named: replace(one, order_qty=qty, venue_preference=named),
        st.decimals(1, 200, places=0),
        st.sampled_from(["", "ib", "elsewhere"]),
    )
)
_costs = st.dictionaries(st.sampled_from(["alpaca", "ib"]), st.decimals(0, 9, places=2))


@given(_orders, _preferences, _costs)
def test_a_preference_moves_venues_and_neither_adds_nor_takes_one(
    order: OrderSpec, preference: Preference, costs: dict[str, Decimal]
) -> None:
    ordered = by_preference(order, VIEWS, preference, costs)
    assert sorted(v.name for v in ordered) == sorted(v.name for v in VIEWS)
    if order.venue_preference == "ib":
        assert ordered[0].name == "ib"
    if not costs:  # one is moved to the front, the others stay as the account has them
        rest = [v for v in ordered if v is not ordered[0]]
        assert rest == [v for v in VIEWS if v is not ordered[0]]
