"""What a run has found: a table for people, a file for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from tests.conformance.card import Card, Group

_WIDTH: Final = 100


class Outcome(Enum):
    """What came of a card."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One card's result; `reason` is empty if it has passed."""

    card: Card
    outcome: Outcome
    seconds: float
    reason: str = ""
    steps: tuple[str, ...] = ()


def has_failed(results: Iterable[Result]) -> bool:
    """Whether any card has failed."""
    return any(result.outcome is Outcome.FAILED for result in results)


def write_report(path: Path, venue: str, results: Sequence[Result], seconds: float) -> None:
    """Write the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "venue": venue,
        "seconds": round(seconds, 1),
        "counts": {o.value: _count(results, o) for o in Outcome},
        "cards": [
            {
                "id": result.card.card_id,
                "title": result.card.title,
                "result": result.outcome.value,
                "seconds": round(result.seconds, 3),
                "reason": result.reason,
            }
            for result in results
        ],
    }
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    beside.replace(path)


def table(results: Sequence[Result], seconds: float) -> str:
    """All cards by group, then what has failed and what was skipped, with the reasons."""
    lines: list[str] = []
    for group in Group:
        own = [result for result in results if result.card.group is group]
        if own:
            counts = ", ".join(
                f"{_count(own, outcome)} {outcome.value}"
                for outcome in Outcome
                if _count(own, outcome)
            )
            lines += ["", f"{group.value} ({counts})"]
            lines += [_row(result) for result in own]
    counts = ", ".join(f"{_count(results, outcome)} {outcome.value}" for outcome in Outcome)
    return "\n".join([*lines, "", f"{len(results)} cards in {seconds:.0f} s: {counts}"])


def _row(result: Result) -> str:
    mark = {Outcome.PASSED: "ok  ", Outcome.FAILED: "FAIL", Outcome.SKIPPED: "skip"}
    row = f"  {mark[result.outcome]} {result.card.card_id:<8} {result.card.title}"
    if result.outcome is Outcome.PASSED:
        return row
    reason = result.reason if result.outcome is Outcome.FAILED else result.reason[:_WIDTH]
    return row + "".join(f"\n         {line}" for line in reason.splitlines())


def _count(results: Iterable[Result], outcome: Outcome) -> int:
    return sum(result.outcome is outcome for result in results)
