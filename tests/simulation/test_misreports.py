"""A fill that is told falsely is quarantined and alarmed, none is booked, and the truth is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.router.journal.records import AlertRaised, Quarantined
from tests.simulation.judging import Judging
from tests.simulation.planned import PlannedFault, Schedule
from tests.simulation.run import run_schedule
from tests.simulation.schedule import make_schedule


def _with_lies(venue: str, wrong: str) -> tuple[Schedule, set[str]]:
    """A schedule in which every entry's first fill is told falsely, and nothing else happens."""
    plain = next(s for s in map(make_schedule, range(1000)) if s.venues == (venue,))
    entries = [o for o in plain.orders if not o.closes and not o.cancel_at_s and o.limit]
    lies = tuple(
        PlannedFault(order.at_s, wrong, venue, 1, "before journal", "entry", order.client_order_id)
        for order in entries
    )
    return replace(plain, faults=lies), {order.client_order_id for order in entries}


@pytest.mark.parametrize("venue", ["alpaca", "ib"])
@pytest.mark.parametrize("wrong", ["symbol", "side", "qty", "price"])
def test_a_false_fill_is_quarantined_and_alarmed(
    venue: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[Any] = []
    judge = Judging.judge

    def keep(self: Judging) -> None:
        judge(self)
        records.extend(self._records)

    monkeypatch.setattr(Judging, "judge", keep)
    schedule, lied_about = _with_lies(venue, f"stream.wrong_{wrong}")
    outcome = run_schedule(schedule)
    assert lied_about
    assert outcome.findings == []  # the true fills are booked, and no other
    kept = {
        r.execution.client_id.partition("~")[0]
        for r in records
        if isinstance(r, Quarantined) and r.execution is not None
    }
    told = {
        r.client_order_id for r in records if isinstance(r, AlertRaised) and r.kind == "QUARANTINED"
    }
    assert kept == lied_about
    assert lied_about <= told
