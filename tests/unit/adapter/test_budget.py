"""The request budget: our share holds in every window, whatever is asked and whatever we hear."""

from __future__ import annotations

from bisect import bisect_left
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.adapter.budget import Budget, BudgetTerms, Priority

TERMS = BudgetTerms(limit=20, window_s=10.0, share=0.9, cancel_reserve=3)
OURS = floor(TERMS.limit * TERMS.share)


def spent_at_once(budget: Budget, priority: Priority, now: float) -> int:
    count = 0
    while budget.delay_s(priority, now) == 0 and count < 1000:
        budget.spend(now)
        count += 1
    return count


def test_only_cancels_may_use_the_reserve() -> None:
    budget = Budget(TERMS)
    assert spent_at_once(budget, Priority.SUBMIT, 0.0) == OURS - 3
    assert budget.delay_s(Priority.PROBE, 0.0) == 10.0
    assert spent_at_once(budget, Priority.CANCEL, 0.0) == 3
    assert budget.delay_s(Priority.CANCEL, 0.0) == 10.0


def test_a_request_leaves_the_window_after_its_length() -> None:
    budget = Budget(TERMS)
    spent_at_once(budget, Priority.SUBMIT, 0.0)
    assert budget.delay_s(Priority.SUBMIT, 9.5) == 0.5
    assert spent_at_once(budget, Priority.SUBMIT, 10.0) == OURS - 3


def test_what_others_have_spent_counts_until_the_reset() -> None:
    budget = Budget(TERMS)
    budget.observe(limit=20, remaining=6, reset_in_s=4.0, now=1.0)
    # of 6 left: 2 are the margin that is never ours, 3 are for cancels
    assert spent_at_once(budget, Priority.SUBMIT, 1.0) == 1
    assert budget.delay_s(Priority.SUBMIT, 2.0) == 3.0
    assert spent_at_once(budget, Priority.CANCEL, 2.0) == 3
    assert budget.delay_s(Priority.SUBMIT, 5.0) == 0.0


def test_an_older_answer_does_not_give_back_what_is_spent() -> None:
    budget = Budget(TERMS)
    budget.observe(limit=20, remaining=6, reset_in_s=4.0, now=1.0)
    budget.observe(limit=20, remaining=15, reset_in_s=4.0, now=1.1)
    assert spent_at_once(budget, Priority.SUBMIT, 1.1) == 1


def test_a_new_window_of_the_venue_replaces_the_old_word() -> None:
    budget = Budget(TERMS)
    budget.observe(limit=20, remaining=0, reset_in_s=1.0, now=0.0)
    budget.observe(limit=20, remaining=20, reset_in_s=10.0, now=1.0)
    assert budget.delay_s(Priority.SUBMIT, 1.0) == 0.0


def test_a_lower_limit_is_believed_and_a_higher_one_is_not() -> None:
    lower, higher = Budget(TERMS), Budget(TERMS)
    lower.observe(limit=10, remaining=10, reset_in_s=10.0, now=0.0)
    higher.observe(limit=1000, remaining=1000, reset_in_s=10.0, now=0.0)
    assert spent_at_once(lower, Priority.CANCEL, 0.0) == 9
    assert spent_at_once(higher, Priority.CANCEL, 0.0) == OURS


@pytest.mark.parametrize("priority", [Priority.SUBMIT, Priority.READ, Priority.PROBE])
def test_too_many_requests_stops_all_but_cancels_until_the_reset(priority: Priority) -> None:
    budget = Budget(TERMS)
    budget.throttled(reset_in_s=7.0, now=1.0)
    assert budget.delay_s(priority, 1.0) == 7.0
    assert budget.delay_s(priority, 8.0) == 0.0


def test_too_many_requests_without_a_reset_stops_for_a_window() -> None:
    budget = Budget(TERMS)
    budget.throttled(reset_in_s=None, now=0.0)
    assert budget.delay_s(Priority.SUBMIT, 0.0) == 10.0


def test_cancels_go_on_one_by_one_after_too_many_requests() -> None:
    budget = Budget(TERMS)
    budget.throttled(reset_in_s=8.0, now=0.0)
    apart_s = 10.0 / 12
    assert budget.delay_s(Priority.CANCEL, 0.0) == apart_s
    assert budget.delay_s(Priority.CANCEL, apart_s) == 0.0
    budget.spend(apart_s)
    assert budget.delay_s(Priority.CANCEL, apart_s) == pytest.approx(apart_s)
    budget.throttled(reset_in_s=8.0, now=2.0)  # that one was refused as well
    assert budget.delay_s(Priority.CANCEL, 2.0) == pytest.approx(apart_s)
    assert budget.delay_s(Priority.CANCEL, 10.0) == 0.0


def test_a_cancel_waits_where_the_venue_says_that_nothing_is_left() -> None:
    budget = Budget(TERMS)
    budget.observe(limit=20, remaining=0, reset_in_s=7.0, now=1.0)
    budget.throttled(reset_in_s=7.0, now=1.0)
    assert budget.delay_s(Priority.CANCEL, 3.0) == 5.0


def test_too_many_requests_cuts_the_share_which_then_grows_back() -> None:
    budget = Budget(TERMS)
    budget.throttled(reset_in_s=1.0, now=0.0)
    budget.throttled(reset_in_s=1.0, now=0.5)  # of the same burst
    assert spent_at_once(budget, Priority.CANCEL, 2.0) == floor(20 * 0.9 * 0.75)
    assert spent_at_once(budget, Priority.CANCEL, 200.0) == OURS


@pytest.mark.parametrize(
    "terms",
    [
        {"limit": 5, "window_s": 1.0, "cancel_reserve": 4},
        {"limit": 5, "window_s": 0.0},
        {"limit": 50, "window_s": 1.0, "share": 1.1},
    ],
)
def test_terms_that_leave_no_request_are_refused(terms: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="share"):
        BudgetTerms(**terms)  # type: ignore[arg-type]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0.0, 12.0)),
        st.tuples(st.just("ask"), st.sampled_from(Priority), st.integers(1, 30)),
        st.tuples(st.just("observe"), st.integers(1, 40), st.integers(0, 40), st.floats(0.0, 15.0)),
        st.tuples(st.just("throttled"), st.one_of(st.none(), st.floats(0.0, 5.0))),
    ),
    max_size=60,
)


@given(STEPS)
def test_never_more_than_our_share_in_any_window(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    budget, now = Budget(TERMS), 0.0
    sent: list[float] = []
    urgent: list[bool] = []
    for kind, *values in steps:
        if kind == "wait":
            now += values[0]
        elif kind == "observe":
            budget.observe(values[0], values[1], values[2], now)
        elif kind == "throttled":
            budget.throttled(values[0], now)
        else:
            priority, times = values
            for _ in range(times):
                if budget.delay_s(priority, now) == 0:
                    budget.spend(now)
                    sent.append(now)
                    urgent.append(priority is Priority.CANCEL)
    for start in sent:
        end = bisect_left(sent, start + TERMS.window_s)
        in_window = range(bisect_left(sent, start), end)
        assert len(in_window) <= OURS
        # who isn't urgent finds the reserve untouched by its like
        assert sum(not urgent[n] for n in in_window) <= OURS - TERMS.cancel_reserve


@given(STEPS, st.sampled_from(Priority))
def test_after_the_delay_that_was_told_a_request_may_go(
    steps: list[tuple],  # type: ignore[type-arg]
    priority: Priority,
) -> None:
    budget, now = Budget(TERMS), 0.0
    for kind, *values in steps:
        if kind == "wait":
            now += values[0]
        elif kind == "observe":
            budget.observe(values[0], values[1], values[2], now)
        elif kind == "throttled":
            budget.throttled(values[0], now)
        elif budget.delay_s(values[0], now) == 0:
            budget.spend(now)
    delay_s = budget.delay_s(priority, now)
    assert delay_s <= 2 * TERMS.window_s
    assert budget.delay_s(priority, now + delay_s + 1e-6) == 0


@given(STEPS)
def test_what_is_told_to_be_left_can_be_spent_on_cancels_and_no_more(
    steps: list[tuple],  # type: ignore[type-arg]
) -> None:
    budget, now = Budget(TERMS), 0.0
    for kind, *values in steps:
        if kind == "wait":
            now += values[0]
        elif kind == "observe":
            budget.observe(values[0], values[1], values[2], now)
        elif kind == "throttled":
            budget.throttled(values[0], now)
        elif budget.delay_s(values[0], now) == 0:
            budget.spend(now)
    told, spent = budget.left(now), 0
    while budget.delay_s(Priority.CANCEL, now) <= 0 and spent <= told:
        budget.spend(now)
        spent += 1
    assert spent == told
