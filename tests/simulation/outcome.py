"""What came of a schedule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.checkers.finding import Finding


@dataclass(slots=True)
class Outcome:
    """What came of a schedule. `digest` is the same for the same seed, always.

    `faults` counts those that struck, by kind, `hits` where, as (kind, boundary), `operations` the
    boundaries that were passed, as (operation, boundary), `awaits` those on an order's path at
    which a router or an adapter was stopped, by their numbers. `in_doubt` are the placements that
    nobody can say anything of in the end, by the kind of their venue; `resolved_s` tells of each
    doubt that ended how long its venue had answered until then.
    """

    seed: int
    findings: list[Finding] = field(default_factory=list)
    digest: str = ""
    orders: int = 0
    executions: int = 0
    in_doubt: Counter[str] = field(default_factory=Counter)
    failovers: int = 0
    duplicates: int = 0
    losses: int = 0
    exposure_breaches: int = 0
    late_breaches: int = 0
    never_sent: int = 0
    never_sent_failed_over: int = 0
    resolved_s: list[float] = field(default_factory=list)
    venues: tuple[str, ...] = ()
    faults: Counter[str] = field(default_factory=Counter)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    awaits: Counter[tuple[str, int]] = field(default_factory=Counter)
    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    virtual_s: float = 0.0
    steps: int = 0
    story: list[str] = field(default_factory=list)
