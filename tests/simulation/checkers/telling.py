"""What a watcher of the event stream was told against what is booked in the end.

A watcher that resumes from its last token is told of every execution once, and the last thing it
was told of an order or a position is how that stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from tests.simulation.checkers.finding import Finding, Kind

K = TypeVar("K")


@dataclass(slots=True)
class Told:
    """Everything that one watcher was told, by all its streams. `ends` says how these ended."""

    executions: list[tuple[str, str]] = field(default_factory=list)
    orders: dict[str, tuple[str, Decimal]] = field(default_factory=dict)
    positions: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    sequences: list[int] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Standing:
    """How executions (venue, exec_id), orders and positions stand in the books."""

    executions: Sequence[tuple[str, str]]
    orders: Mapping[str, tuple[str, Decimal]]
    positions: Mapping[tuple[str, str], Decimal]


def check_told(told: Told, standing: Standing) -> Iterator[Finding]:
    """All that was not told, told twice, or told otherwise."""
    heard, booked = Counter(told.executions), Counter(standing.executions)
    for key, count in (booked - heard).items():
        yield Finding(Kind.LOSS, f"{count} × not told: execution {key}")
    for key, count in (heard - booked).items():
        yield Finding(Kind.DUPLICATE, f"{count} × told too often: execution {key}")
    if told.sequences != sorted(told.sequences):
        yield Finding(Kind.WRONG, "events were told out of order")
    yield from _check_last("order", told.orders, standing.orders)
    yield from _check_last("position", told.positions, standing.positions)
    for end in told.ends:
        if end in ("OUT_OF_RANGE", "INTERNAL", "INVALID_ARGUMENT"):
            yield Finding(Kind.NOISE, f"a watcher's stream ended with {end}")


def _check_last(
    what: str, told: Mapping[K, object], standing: Mapping[K, object]
) -> Iterator[Finding]:
    for key, stands in standing.items():
        if told.get(key) != stands:
            text = f"{what} {key} was told as {told.get(key)}, it is {stands}"
            yield Finding(Kind.WRONG, text)
