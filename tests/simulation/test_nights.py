"""A few nights: the adapter's view ends equal to the ledger, and a sabotaged adapter's does not."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.checkers.finding import Kind
from tests.simulation.nights.faults import RESTART
from tests.simulation.nights.night import Result, night
from tests.simulation.nights.sabotages import ALL

_NIGHTS = 10
# What a sabotage shows as, and nights that showed it when this was written.
_SHOWS_AS: dict[str, tuple[Kind, tuple[int, ...]]] = {
    "ready_before_it_has_read": (Kind.INTENT, ()),
    "missed_executions_dropped": (Kind.LOSS, ()),
    "fills_given_to_the_order_before": (Kind.WRONG, ()),
    "ends_forgotten": (Kind.INTENT, ()),
    "absence_not_proven": (Kind.WRONG, ()),
    "reconnects_when_it_likes": (Kind.UNFINISHED, (1,)),
    "shown_terms_believed_for_good": (Kind.WRONG, (4, 92)),
    "ib_send_log_not_synced": (Kind.INTENT, (43,)),
    "ib_sent_again_without_an_answer": (Kind.DUPLICATE, (48, 50, 52)),
    "ib_local_status_believed": (Kind.WRONG, (28,)),
    "ib_failed_read_taken_for_empty": (Kind.NOISE, (48, 69)),
    "ib_execution_ids_ignored": (Kind.DUPLICATE, ()),
    "ib_order_ids_not_kept": (Kind.INTENT, (47,)),
}


@pytest.fixture(scope="module")
def nights() -> list[Result]:
    return [night(seed) for seed in range(_NIGHTS)]


def test_nights_end_with_the_adapters_view_equal_to_the_ledger(nights: list[Result]) -> None:
    found = [f"seed {r.seed}: {finding}" for r in nights for finding in r.findings]
    assert not found, "\n".join(found)


def test_a_night_has_a_restart_and_faults_around_it_while_orders_work(
    nights: list[Result],
) -> None:
    for result in nights:
        faults = result.counts["faults"]
        assert faults[RESTART] >= 1
        assert sum(faults.values()) >= 3
        assert result.counts["orders"] >= 6
    answers: Counter[str] = sum((Counter(r.counts["answers"]) for r in nights), Counter())
    assert answers["replace: taken"] > 0
    assert answers["cancel: taken"] > 0
    assert answers["submit: nothing"] > 0


def test_the_same_seed_gives_the_same_night(nights: list[Result]) -> None:
    assert night(1).digest == nights[1].digest
    assert nights[1].digest != nights[2].digest


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ALL))
def test_nights_show_a_sabotage(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, seeds = _SHOWS_AS[name]
    ALL[name](monkeypatch)
    found = (finding.kind for seed in [*seeds, *range(40)] for finding in night(seed).findings)
    assert kind in found, f"{name} passes {seeds} and forty nights unseen"
