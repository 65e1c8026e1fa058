"""The failure policy of DESIGN section 4, outcome by outcome: who may be asked after whom."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.domain.errors import Cause, Reason, Refused
from services.common.domain.order_status import OrderStatus
from services.router.risk.gate import Role
from services.router.routing.policy import (
    NEVER,
    REJECTIONS,
    VENUES_OWN_REASONS,
    AccountPolicy,
    FailoverPolicy,
    may_try_next,
)
from services.router.routing.preference import Preference, RoutingRule
from services.router.routing.venue import VenueView
from tests.unit.domain.orders import instrument, spec
from tests.unit.router.test_cover import facts
from tests.unit.router.test_plan import plan, view

DEFAULT = FailoverPolicy()
RICH = "10000000"
SETTLED = frozenset({OrderStatus.UNPLACED, OrderStatus.REJECTED})
reasons = st.sampled_from(Reason)
policies = st.builds(
    FailoverPolicy,
    is_allowed=st.booleans(),
    on_rejections=st.frozensets(reasons),
    not_on=st.frozensets(reasons),
    attempts_max=st.integers(1, 5),
)


def after(
    status: OrderStatus,
    reason: Reason = Reason.RATE_LIMITED,
    policy: FailoverPolicy = DEFAULT,
    role: Role = Role.ENTRY,
    **named: object,
) -> bool:
    return may_try_next(policy, role, status, Cause(reason, "why"), **named)  # type: ignore[arg-type]


# -- what came back --


@pytest.mark.parametrize("reason", [r for r in Reason if r not in NEVER])
def test_an_order_that_was_provably_not_sent_may_be_tried_elsewhere(reason: Reason) -> None:
    assert after(OrderStatus.UNPLACED, reason)


def test_a_fenced_order_may_be_tried_elsewhere_whatever_its_cause_says() -> None:
    assert after(OrderStatus.UNPLACED, Reason.PLACEMENT_FENCED)
    assert may_try_next(DEFAULT, Role.ENTRY, OrderStatus.UNPLACED, None)


@pytest.mark.parametrize("reason", [r for r in Reason if r in REJECTIONS])
def test_only_a_rejection_for_the_venues_own_sake_may_be_tried_elsewhere(reason: Reason) -> None:
    assert after(OrderStatus.REJECTED, reason) is (reason in VENUES_OWN_REASONS)


@pytest.mark.parametrize("status", [s for s in OrderStatus if s not in SETTLED])
def test_what_is_in_doubt_works_or_has_ended_otherwise_goes_nowhere(status: OrderStatus) -> None:
    everything = replace(DEFAULT, on_rejections=frozenset(Reason))
    assert not after(status, Reason.ACCOUNT_BLOCKED, everything)


def test_a_rejection_after_the_acceptance_goes_nowhere() -> None:
    assert not after(OrderStatus.REJECTED, Reason.ACCOUNT_BLOCKED, was_accepted=True)


def test_a_router_that_was_overtaken_tries_nobody() -> None:
    assert not after(OrderStatus.UNPLACED, Reason.STALE_EPOCH)
    assert not after(OrderStatus.UNPLACED, Reason.NOT_LEADER)


# -- what the account says --


def test_a_policy_may_list_more_rejections_and_fewer_outcomes() -> None:
    poorer = replace(DEFAULT, on_rejections=frozenset({Reason.INSUFFICIENT_BUYING_POWER}))
    assert after(OrderStatus.REJECTED, Reason.INSUFFICIENT_BUYING_POWER, poorer)
    assert not after(OrderStatus.REJECTED, Reason.ACCOUNT_BLOCKED, poorer)
    stays = replace(DEFAULT, not_on=frozenset({Reason.RATE_LIMITED}))
    assert not after(OrderStatus.UNPLACED, Reason.RATE_LIMITED, stays)
    assert after(OrderStatus.UNPLACED, Reason.VENUE_UNAVAILABLE, stays)


def test_attempts_are_counted_with_the_first() -> None:
    two = replace(DEFAULT, attempts_max=2)
    assert after(OrderStatus.UNPLACED, policy=two, attempts=1)
    assert not after(OrderStatus.UNPLACED, policy=two, attempts=2)


@given(policies, st.sampled_from(OrderStatus), reasons, st.booleans())
def test_no_policy_moves_an_exit_a_pinned_order_or_one_that_may_be_somewhere(
    policy: FailoverPolicy, status: OrderStatus, reason: Reason, was_accepted: bool
) -> None:
    assert not after(status, reason, policy, Role.EXIT, was_accepted=was_accepted)
    assert not after(status, reason, policy, is_pinned=True, was_accepted=was_accepted)
    if status not in SETTLED or reason in NEVER or not policy.is_allowed:
        assert not after(status, reason, policy, was_accepted=was_accepted)


# -- where an entry may go at all --

WELL, BACK = view("alpaca"), replace(view("alpaca"), is_recovering=True)
SECOND = view("second")
NO_FAILOVER = AccountPolicy(FailoverPolicy(is_allowed=False))
share = replace(spec(), instrument=instrument("SPY"), position_intent=None)


def test_a_venue_that_was_down_waits_while_another_can_take_the_entry() -> None:
    waits = plan(share, None, (BACK, SECOND))
    assert [one.name for one in waits.candidates] == ["second", "alpaca"]
    assert waits.preferred == "alpaca"


def test_a_venue_that_was_down_is_used_at_once_if_no_other_can_take_the_entry() -> None:
    other_down = plan(share, None, (BACK, view("second", takes_entries=False)))
    assert [one.name for one in other_down.candidates] == ["alpaca"]
    poor = {"alpaca": facts(RICH), "second": facts("0")}
    no_cover = plan(spec(), None, (BACK, SECOND), facts=poor)
    assert [one.name for one in no_cover.candidates] == ["alpaca"]
    both = plan(share, None, (BACK, replace(SECOND, is_recovering=True)))
    assert [one.name for one in both.candidates] == ["alpaca", "second"]


def test_an_order_that_names_its_venue_is_not_made_to_wait() -> None:
    for named in (replace(share, venue_preference="alpaca"), replace(share, venue_pin="alpaca")):
        assert plan(named, None, (BACK, SECOND)).candidates[0].name == "alpaca"


def test_without_failover_an_entry_waits_for_the_venue_that_it_tries_first() -> None:
    down = plan(share, None, (view("alpaca", takes_entries=False), SECOND), policy=NO_FAILOVER)
    assert down.candidates == ()
    assert [cause.venue for cause in down.passed_over] == ["alpaca", "second"]
    assert "alpaca goes first" in down.passed_over[1].message
    well = plan(share, None, (BACK, SECOND), policy=NO_FAILOVER)
    assert [one.name for one in well.candidates] == ["alpaca"]


def test_without_failover_an_entry_still_goes_to_the_one_venue_that_has_its_cover() -> None:
    poor = {"alpaca": facts("0"), "second": facts(RICH)}
    planned = plan(spec(), None, (WELL, SECOND), facts=poor, policy=NO_FAILOVER)
    assert [one.name for one in planned.candidates] == ["second"]


# -- no policy gets around the plan --

_rules = st.builds(RoutingRule, st.sampled_from(["alpaca", "second", "elsewhere"]))
_account = st.builds(
    AccountPolicy,
    policies,
    st.builds(Preference, st.lists(_rules, max_size=3).map(tuple)),
)
_views = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=2, max_size=2
).map(
    lambda drawn: [
        replace(view(name, ready=ready or takes, takes_entries=takes), is_recovering=back)
        for name, (ready, takes, back) in zip(("alpaca", "second"), drawn, strict=True)
    ]
)
_cash = st.sampled_from(["0", RICH])


@given(_account, _views, _cash, _cash, st.sampled_from(["", "alpaca", "second"]))
def test_no_policy_brings_an_entry_to_a_venue_that_is_down_or_lacks_its_cover(
    policy: AccountPolicy, views: list[VenueView], first: str, second: str, preference: str
) -> None:
    cash = {"alpaca": facts(first), "second": facts(second)}
    order = spec(venue_preference=preference)
    able = {v.name for v in views if v.takes_entries and cash[v.name] == facts(RICH)}
    try:
        planned = plan(order, None, views, facts=cash, policy=policy)
    except Refused:
        assert not able or not policy.failover.is_allowed
        return
    names = [one.name for one in planned.candidates]
    passed = [cause.venue for cause in planned.passed_over]
    assert sorted(names + passed) == ["alpaca", "second"]
    if policy.failover.is_allowed:  # none is left out for the sake of a preference or a wait
        assert set(names) == able
    else:
        assert set(names) <= able
