"""The figures of a range of schedules, as data and as lines for a person."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.simulation.adapter_process import SETTLING_S
from tests.simulation.catalogue import pairs
from tests.simulation.checkers.finding import Kind
from tests.simulation.outcome import Outcome

HITS_MIN: Final = 30
"""How often a fault must have struck at a boundary, in `HITS_OF` schedules."""
HITS_OF: Final = 10_000
RESOLVED_MAX_S: Final = SETTLING_S + 30.0
"""In how many seconds a doubt is to end once its venue answers."""
_TABLES: Final = ("hits", "hits_elsewhere", "faults", "boundaries_passed", "awaits", "venues")


@dataclass(slots=True)
class Report:
    """Sums over outcomes. `failed` are the seeds with findings."""

    schedules: int = 0
    seeds: list[int] = field(default_factory=list)
    orders: int = 0
    executions: int = 0
    failed_over: int = 0
    duplicates: int = 0
    losses: int = 0
    exposure_breaches: int = 0
    late_breaches: int = 0
    never_sent: int = 0
    never_sent_failed_over: int = 0
    virtual_s: float = 0.0
    seconds: float = 0.0
    resolved_s: list[float] = field(default_factory=list)
    in_doubt_at_end: Counter[str] = field(default_factory=Counter)
    venues: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    awaits: Counter[tuple[str, int]] = field(default_factory=Counter)
    findings: Counter[Kind] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one schedule."""
        self.schedules += 1
        self.seeds.append(outcome.seed)
        self.orders += outcome.orders
        self.executions += outcome.executions
        self.failed_over += outcome.failovers
        self.duplicates += outcome.duplicates
        self.losses += outcome.losses
        self.exposure_breaches += outcome.exposure_breaches
        self.late_breaches += outcome.late_breaches
        self.never_sent += outcome.never_sent
        self.never_sent_failed_over += outcome.never_sent_failed_over
        self.virtual_s += outcome.virtual_s
        self.resolved_s += outcome.resolved_s
        self.in_doubt_at_end.update(outcome.in_doubt)
        self.venues["+".join(outcome.venues)] += 1
        self.faults.update(outcome.faults)
        self.hits.update(outcome.hits)
        self.operations.update(outcome.operations)
        self.awaits.update(outcome.awaits)
        self.findings.update(finding.kind for finding in outcome.findings)
        if outcome.findings:
            self.failed.append(outcome.seed)

    def as_json(self) -> dict[str, Any]:
        """Plain values, named as the reports of the simulation are."""
        return {
            "schedules": self.schedules,
            "orders": self.orders,
            "faults": dict(sorted(self.faults.items())),
            "duplicates": self.duplicates,
            "losses": self.losses,
            "exposure_breaches": self.exposure_breaches,
            "late_breaches": self.late_breaches,
            "in_doubt_at_end": self.in_doubt_at_end.total(),
            "failed_over": self.failed_over,
            "resolved_s_p99": _percentile(self.resolved_s, 0.99),
            "hits": _by_name({pair: self.hits[pair] for pair in pairs()}),
            "seconds": round(self.seconds, 3),
            "first_seed": min(self.seeds, default=None),
            "last_seed": max(self.seeds, default=None),
            "executions": self.executions,
            "doubts": len(self.resolved_s) + self.in_doubt_at_end.total(),
            "doubts_ended_in_time": sum(s <= RESOLVED_MAX_S for s in self.resolved_s),
            "never_sent": self.never_sent,
            "never_sent_failed_over": self.never_sent_failed_over,
            "findings": {
                kind.value: count
                for kind, count in sorted(self.findings.items(), key=lambda item: item[0].value)
            },
            "failed_seeds": sorted(self.failed),
            "hits_elsewhere": _by_name(self._hits_elsewhere()),
            "boundaries_passed": _by_name(self.operations),
            "awaits": {f"{w} × {number}": n for (w, number), n in sorted(self.awaits.items())},
            "venues": dict(sorted(self.venues.items())),
            "virtual_s": round(self.virtual_s, 3),
        }

    def _hits_elsewhere(self) -> dict[tuple[str, str], int]:
        """What was met where it is not aimed at: by what came at any time, or much later."""
        known = set(pairs())
        return {pair: count for pair, count in self.hits.items() if pair not in known}

    def rarely_hit(self) -> dict[str, int]:
        """Faults at boundaries at which they have struck too seldom for so many schedules."""
        least = HITS_MIN * self.schedules / HITS_OF
        return {" × ".join(pair): self.hits[pair] for pair in pairs() if self.hits[pair] < least}

    def lines(self) -> list[str]:
        """The same for a terminal: the figures first, then what was hit how often."""
        figures = self.as_json()
        parts = [figures.pop(name) for name in _TABLES]
        shown = [_table(figures), *map(_table, parts[2:])]  # of the hits those that are too few
        rare = self.rarely_hit()
        if rare:
            shown.append(f"{len(rare)} rarely hit (under {HITS_MIN} in {HITS_OF} schedules):")
            shown[-1] += "\n" + _table(rare)
        return ["\n\n".join(shown)]


def _by_name(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    return {" × ".join(pair): count for pair, count in sorted(counts.items())}


def _table(values: Mapping[str, Any]) -> str:
    width = max(map(len, values), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in values.items())


def _percentile(values: list[float], part: float) -> float | None:
    """The smallest of the values below or at which that part of them is; None without any."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(math.ceil(part * len(ordered)) - 1, 0)]
