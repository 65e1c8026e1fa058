"""The figures of a range of schedules, as data and as lines for a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.checkers.finding import Kind
from tests.simulation.run import Outcome


@dataclass(slots=True)
class Report:
    """Sums over outcomes. `failed` are the seeds with findings, in order."""

    schedules: int = 0
    orders: int = 0
    executions: int = 0
    failovers: int = 0
    virtual_s: float = 0.0
    seconds: float = 0.0
    in_doubt_at_end: Counter[str] = field(default_factory=Counter)
    venues: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    findings: Counter[Kind] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one schedule."""
        self.schedules += 1
        self.orders += outcome.orders
        self.executions += outcome.executions
        self.failovers += outcome.failovers
        self.in_doubt_at_end.update(outcome.in_doubt)
        self.venues["+".join(outcome.venues)] += 1
        self.virtual_s += outcome.virtual_s
        self.faults.update(outcome.faults)
        self.findings.update(finding.kind for finding in outcome.findings)
        if outcome.findings:
            self.failed.append(outcome.seed)

    def as_json(self) -> dict[str, Any]:
        """Plain values, named as the reports of the simulation are."""
        return {
            "schedules": self.schedules,
            "orders": self.orders,
            "executions": self.executions,
            "failovers": self.failovers,
            "venues": dict(sorted(self.venues.items())),
            "faults": dict(sorted(self.faults.items())),
            "duplicates": self.findings[Kind.DUPLICATE],
            "losses": self.findings[Kind.LOSS],
            "exposure_breaches": self.findings[Kind.EXPOSURE],
            "other_findings": sum(self.findings.values())
            - sum(self.findings[k] for k in (Kind.DUPLICATE, Kind.LOSS, Kind.EXPOSURE)),
            "in_doubt_at_end": dict(sorted(self.in_doubt_at_end.items())),
            "failed_seeds": self.failed,
            "virtual_s": round(self.virtual_s, 3),
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """The same for a terminal."""
        figures = self.as_json()
        venues, faults = figures.pop("venues"), figures.pop("faults")
        width = max(len(name) for name in [*figures, *venues, *faults])
        shown = [
            "\n".join(f"{name:<{width}}  {value}" for name, value in part.items())
            for part in (figures, venues, faults)
        ]
        return ["\n\n".join(shown)]
