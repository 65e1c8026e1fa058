"""The first hundred schedules: nothing doubled, nothing lost, every order as the venue has it."""

from __future__ import annotations

import pytest

from tests.simulation.catalogue import ANYWHERE, AT
from tests.simulation.faults.kinds import KINDS
from tests.simulation.run import run_seed
from tests.simulation.schedule import MIXES, make_schedule

SEEDS = 100
_A_TEST = 10
_QUICK_SEEDS = 40


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=pytest.mark.slow if first >= _QUICK_SEEDS else ())
        for first in range(0, SEEDS, _A_TEST)
    ],
)
def test_no_schedule_doubles_loses_or_forgets_an_order(first: int) -> None:
    wrong = []
    for seed in range(first, first + _A_TEST):
        outcome = run_seed(seed)
        wrong += [f"seed {seed}: {finding}" for finding in outcome.findings]
    replay = "replay with python -m tests.simulation --seed N"
    assert not wrong, "\n".join([replay, *wrong])


def test_every_schedule_has_orders_of_each_sort_and_faults() -> None:
    for seed in range(SEEDS):
        schedule = make_schedule(seed)
        assert len(schedule.orders) >= 5
        assert any(order.closes for order in schedule.orders)
        assert any(order.cancel_at_s for order in schedule.orders)
        assert any(order.replace_at_s for order in schedule.orders)
        assert len(schedule.faults) >= 3


def test_the_first_thousand_have_every_kind_of_fault_and_every_mix_of_venues() -> None:
    schedules = [make_schedule(seed) for seed in range(1000)]
    kinds = {fault.kind for schedule in schedules for fault in schedule.faults}
    at_venues = {name for own in AT.values() for name in own}
    assert kinds == {*ANYWHERE, *at_venues} == set(KINDS)
    assert {schedule.venues for schedule in schedules} == set(MIXES)
