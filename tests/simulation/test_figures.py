"""The report's figures: what is counted how, and what must not count as safe."""

from __future__ import annotations

from collections import Counter

from tests.simulation.catalogue import pairs
from tests.simulation.checkers.doubts import Doubts
from tests.simulation.checkers.finding import Kind
from tests.simulation.checkers.late import LateAcceptance, check_late
from tests.simulation.checkers.unsent import Entry, find_unsent
from tests.simulation.outcome import Outcome
from tests.simulation.report import Report

_LATE = LateAcceptance("ib", "a~v0~1.0", written_s=10.0, appeared_s=100.0)


def test_a_doubt_counts_only_while_its_venue_answers() -> None:
    doubts, key = Doubts(), ("ib", "a~v0~1.0")
    doubts.look(0.0, {key}, ["ib"])
    doubts.look(5.0, {key}, ["ib"])
    doubts.look(6.0, {key}, [])
    doubts.look(50.0, None, [])
    doubts.look(60.0, {key}, ["ib"])
    doubts.look(63.0, set(), ["ib"])
    assert doubts.ended == [3.0]
    assert doubts.open == []
    assert doubts.answered("ib", 1.0, 5.0)
    assert not doubts.answered("ib", 1.0, 61.0)


def test_an_entry_that_stays_unsent_though_it_could_go_on_is_counted() -> None:
    at_first, at_second = ("ib", "a~v0~1.0"), ("alpaca", "a~v1~2.0")
    stayed = Entry("a", 0.0, (at_first,))
    went_on = Entry("b", 0.0, (("ib", "b~v0~1.0"), at_second))
    was_sent = Entry("c", 0.0, (("ib", "c~v0~1.0"),))
    barred = Entry("d", 0.0, (("ib", "d~v0~1.0"),), is_barred=True)
    shut = Entry("e", 0.0, (("ib", "e~v0~1.0"),))
    written = {at_second, ("ib", "c~v0~1.0")}
    entries = [stayed, went_on, was_sent, barred, shut]
    found = find_unsent(entries, written, [True, True, True, True, False])
    assert (found.entries, found.stayed) == (["a", "b"], ["a"])


def test_what_was_taken_late_must_be_known_and_told_within_a_minute() -> None:
    def kinds(
        alerts: list[tuple[float, str]], *, known: bool = True, answered: bool = True
    ) -> list[Kind]:
        found = check_late([_LATE], alerts, lambda *_: known, lambda *_: answered)
        return [finding.kind for finding in found]

    assert kinds([(12.0, "a")]) == []
    assert kinds([(159.0, "a")]) == []
    assert kinds([(170.0, "a")]) == [Kind.UNFINISHED]
    assert kinds([(170.0, "a")], answered=False) == []
    assert kinds([(12.0, "b")], known=False) == [Kind.LOSS, Kind.UNFINISHED]


def test_pairs_that_were_met_too_seldom_are_named() -> None:
    report, (first, second, *_) = Report(), pairs()
    hits = Counter({first: 60, second: 59, ("market.move", "nowhere"): 1})
    report.add(Outcome(1, hits=hits))
    report.schedules = 20_000
    rare = report.rarely_hit()
    assert " × ".join(first) not in rare
    assert rare[" × ".join(second)] == 59
    shown = report.as_json()
    assert shown["hits"][" × ".join(first)] == 60
    assert shown["hits_elsewhere"] == {"market.move × nowhere": 1}
