"""The checkers can fail: each sabotage is caught by a schedule among the first hundred."""

from __future__ import annotations

import pytest

from tests.simulation.checkers.finding import Kind
from tests.simulation.outcome import Outcome
from tests.simulation.run import run_seed
from tests.simulation.sabotages import ALL
from tests.simulation.test_schedules import SEEDS

pytestmark = pytest.mark.slow

# The seeds that caught it when this was written: tried first, to save time, the others after them.
_LIKELY = {
    "resend_on_time_out": [14],
    "doubt_taken_for_not_sent": [6],
    "execution_ids_ignored": [0],
    "fsync_dropped": [0],
    "send_before_commit": [0],
    "unknown_read_as_empty": [220],
    "repeats_taken_for_new": [0],
    "orphans_taken_for_not_sent": [8],
    "standing_cancels_forgotten": [0],
    "gate_ignored": [8],
    "late_fills_dropped": [215],
    "ib_send_log_not_synced": [4],
    "ib_sent_again_without_an_answer": [21],
    "ib_local_status_believed": [24],
    "ib_failed_read_taken_for_empty": [289],
    "ib_execution_ids_ignored": [4],
    "ib_order_ids_not_kept": [42],
}
_SHOWS_AS = {
    "resend_on_time_out": {Kind.EXPOSURE},
    "doubt_taken_for_not_sent": {Kind.EXPOSURE, Kind.NOISE},
    "execution_ids_ignored": {Kind.DUPLICATE},
    "fsync_dropped": {Kind.INTENT},
    "send_before_commit": {Kind.INTENT},
    "unknown_read_as_empty": {Kind.WRONG},
    "repeats_taken_for_new": {Kind.NOISE},
    "orphans_taken_for_not_sent": {Kind.NOISE},
    "standing_cancels_forgotten": {Kind.UNFINISHED},
    "gate_ignored": {Kind.GATE},
    "late_fills_dropped": {Kind.LOSS},
    "ib_send_log_not_synced": {Kind.INTENT},
    "ib_sent_again_without_an_answer": {Kind.DUPLICATE, Kind.EXPOSURE},
    "ib_local_status_believed": {Kind.LOSS, Kind.NOISE},
    "ib_failed_read_taken_for_empty": {Kind.WRONG, Kind.NOISE},
    "ib_execution_ids_ignored": {Kind.EXPOSURE},
    "ib_order_ids_not_kept": {Kind.DUPLICATE},
}


def _caught(name: str) -> Outcome | None:
    seeds = dict.fromkeys([*_LIKELY[name], *range(SEEDS)])
    for outcome in map(run_seed, seeds):
        if any(finding.kind in _SHOWS_AS[name] for finding in outcome.findings):
            return outcome
    return None


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_sabotage_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ALL[name](monkeypatch)
    assert _caught(name) is not None, f"{name} passes {SEEDS} schedules unseen"


def test_without_sabotage_the_same_schedules_are_clean() -> None:
    for seed in sorted({seed for seeds in _LIKELY.values() for seed in seeds}):
        assert run_seed(seed).findings == []
