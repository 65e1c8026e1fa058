"""A short soak: the adapter's view ends equal to the ledger, and a sabotaged adapter's does not."""

from __future__ import annotations

from datetime import datetime

import pytest

from simulators.venue.trading_calendar import NEW_YORK
from tests.simulation.checkers.finding import Kind
from tests.simulation.soak.run import Plan, Result, soak
from tests.simulation.soak.sabotages import ALL

# A Friday on which contracts expire, before its close.
_LAST_MINUTES = datetime(2024, 11, 15, 15, 48, tzinfo=NEW_YORK)
_NAMED = (
    "stream disconnect",
    "429",
    "5xx before a send",
    "504 after acceptance",
    "lost event",
    "duplicate event",
)
# The first ones showed every sabotage when this was written; the others are tried after them.
_SEEDS = (13, 4, 1, 2, 5, 6)
_SHOWS_AS = {
    "missed_fills_dropped": Kind.LOSS,
    "fills_booked_by_id_alone": Kind.DUPLICATE,
    "lost_events_forgotten": Kind.WRONG,
    "unreadable_events_dropped": Kind.WRONG,
    "doubt_taken_for_not_sent": Kind.WRONG,
    "refusals_believed": Kind.WRONG,
    "fees_forgotten": Kind.WRONG,
    "cash_rounded": Kind.WRONG,
    "positions_cut_off": Kind.WRONG,
    "lists_cut_short": Kind.LOSS,
}


def _short(seed: int, trading_s: float = 240.0) -> Result:
    return soak(Plan(seed, trading_s, 3.0, fault_gap_s=(1.5, 5.0), opening=_LAST_MINUTES))


@pytest.fixture(scope="module")
def ended() -> Result:
    return soak(Plan(1, 1300.0, opening=_LAST_MINUTES))


def test_a_soak_ends_with_the_adapters_view_equal_to_the_ledger(ended: Result) -> None:
    assert not ended.findings, "\n".join([f"seed {ended.plan.seed}", *map(str, ended.findings)])


def test_a_soak_has_every_fault_that_it_names_and_goes_over_a_night(ended: Result) -> None:
    counts = ended.counts
    assert all(counts["faults"].get(name, 0) > 0 for name in _NAMED), counts["faults"]
    assert counts["executions"] > 50
    assert counts["account_events"].keys() & {"assigned", "exercised", "expired"}
    assert {"filled", "canceled", "expired", "rejected"} <= counts["order_statuses"].keys()
    assert datetime.fromisoformat(counts["market_time"]) > _LAST_MINUTES.replace(day=18)


def test_the_same_seed_gives_the_same_soak() -> None:
    first, second = _short(2, 90.0), _short(2, 90.0)
    assert first.digest == second.digest
    assert first.digest != _short(3, 90.0).digest


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ALL))
def test_a_soak_shows_a_sabotage(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ALL[name](monkeypatch)
    found = (finding.kind for seed in _SEEDS for finding in _short(seed).findings)
    assert _SHOWS_AS[name] in found, f"{name} passes the seeds {_SEEDS} unseen"


@pytest.mark.slow
def test_without_sabotage_the_same_soak_is_clean() -> None:
    assert not _short(_SEEDS[0]).findings
