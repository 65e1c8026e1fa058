"""The boundaries of an order's path are passed in order, each once, and told at once."""

from __future__ import annotations

from tests.simulation.progress import BOUNDARIES, Passing, Progress


def _followed() -> tuple[Progress, list[Passing], list[float]]:
    now, passed = [0.0], list[Passing]()
    progress = Progress(lambda: now[0])
    progress.on_pass = passed.append
    return progress, passed, now


def test_an_entry_passes_all_eight_boundaries_once() -> None:
    progress, passed, _ = _followed()
    for _ in range(2):
        progress.requested("a", "entry")
        progress.journaled("a")
        progress.leaves_router("a", "a~v0~1.0", "ib")
        progress.leaves_adapter("a")
        progress.venue_event("a", is_fill=False)
        progress.recorded("a", is_fill=False)
        progress.venue_event("a", is_fill=True)
        progress.recorded("a", is_fill=True)
    assert tuple(passing.boundary for passing in passed) == BOUNDARIES
    assert {passing.operation for passing in passed} == {"entry"}
    assert [passing.venue for passing in passed] == ["", "", *["ib"] * 6]


def test_an_answer_is_recorded_only_of_what_has_left() -> None:
    progress, passed, _ = _followed()
    progress.requested("a", "entry")
    progress.recorded("a", is_fill=False)
    assert [passing.boundary for passing in passed] == ["before journal"]


def test_a_second_venue_begins_with_the_send() -> None:
    progress, passed, _ = _followed()
    progress.requested("a", "entry")
    progress.leaves_router("a", "a~v0~1.0", "ib")
    progress.leaves_adapter("a")
    progress.leaves_router("a", "a~v1~2.0", "alpaca")
    progress.leaves_router("a", "a~v1~2.0", "alpaca")
    progress.leaves_adapter("a")
    shown = [(passing.boundary, passing.venue) for passing in passed[1:]]
    assert shown == [
        ("before send", "ib"),
        ("after send", "ib"),
        ("before send", "alpaca"),
        ("after send", "alpaca"),
    ]


def test_what_was_passed_long_ago_or_at_another_venue_is_no_boundary_now() -> None:
    progress, _, now = _followed()
    progress.requested("a", "entry")
    progress.leaves_router("a", "a~v0~1.0", "ib")
    at_ib, at_alpaca = progress.latest("ib"), progress.latest("alpaca")
    assert at_ib is not None
    assert at_ib.boundary == "before send"
    assert at_alpaca is not None
    assert at_alpaca.boundary == "before journal"
    now[0] = 60.0
    assert progress.latest("ib") is None
