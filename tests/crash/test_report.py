"""The report: what it counts, and how a later run goes on with it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.crash.report import Report
from tests.crash.run import Outcome
from tests.crash.schedule import make_schedule
from tests.oracle.finding import Finding, Kind, Verdict

_ASKED_FOR = {
    *("schedules", "orders", "faults", "duplicates", "losses", "exposure_breaches"),
    *("late_breaches", "in_doubt_at_end", "failed_over", "resolved_s_p99", "hits", "seconds"),
}


def outcome(seed: int, *findings: Finding) -> Outcome:
    strikes = list(make_schedule(seed).strikes)
    return Outcome(
        seed,
        verdict=Verdict(7, list(findings), ["s-1"]),
        findings=[str(finding) for finding in findings],
        hit=strikes[:2],
        missed=strikes[2:],
        resolved_s=[1.0, 2.0],
        failed_over=1,
    )


def test_a_report_has_every_figure_that_is_asked_for(tmp_path: Path) -> None:
    report = Report("sqlite", 0, 0)
    report.add(outcome(0, Finding(Kind.LOSS, "a", "…"), Finding(Kind.LOSS, "a", "…")))
    report.write(tmp_path / "crash.json")
    told = json.loads((tmp_path / "crash.json").read_text("utf-8"))
    assert told.keys() >= _ASKED_FOR
    assert (told["schedules"], told["orders"], told["losses"]) == (1, 7, 1)
    assert (told["failed_over"], told["in_doubt_at_end"], told["resolved_s_p99"]) == (1, 1, 2.0)
    assert sum(told["hits"].values()) == sum(told["faults"].values()) == 2
    assert told["failed_seeds"] == [0]


def test_a_later_run_goes_on_where_an_earlier_one_was_stopped(tmp_path: Path) -> None:
    path = tmp_path / "crash.json"
    report = Report("sqlite", 0, 0, seconds=10.0)
    report.add(outcome(0))
    report.write(path)
    more = Report.going_on("sqlite", 1, path)
    more.add(outcome(1))
    told = more.as_json()
    assert (told["seeds"], told["schedules"], told["seconds"]) == ("0:2", 2, 10.0)
    assert sum(told["hits"].values()) == 4
    for store, first in (("postgres", 1), ("sqlite", 2), ("sqlite", 0)):
        assert Report.going_on(store, first, path).as_json()["schedules"] == 0
