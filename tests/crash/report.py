"""The figures of a range of schedules, as the project's reports name them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.crash.matrix import PAIRS
from tests.crash.run import Outcome
from tests.crash.schedule import PAIRS_EACH, make_schedule

_SUMS: Final = (
    *("schedules", "orders", "duplicates", "losses", "exposure_breaches", "late_breaches"),
    *("in_doubt_at_end", "failed_over", "other_findings", "doubts"),
)


@dataclass(slots=True)
class Report:
    """Sums over the schedules `first` to `end` - 1 that were acted with the journal in `store`."""

    store: str
    first: int
    end: int
    sums: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    resolved_s: list[float] = field(default_factory=list)
    failed_seeds: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count the next schedule."""
        assert outcome.seed == self.end, "schedules are counted in their order"
        self.end += 1
        figures = outcome.verdict.as_json()
        self.sums["schedules"] += 1
        for name in _SUMS:
            self.sums[name] += figures.get(name, 0)
        counted = sum(figures[name] for name in ("duplicates", "losses", "exposure_breaches"))
        self.sums["other_findings"] += max(len(outcome.findings) - counted, 0)
        self.sums["failed_over"] += outcome.failed_over
        self.sums["doubts"] += len(outcome.resolved_s) + len(outcome.verdict.in_doubt)
        self.missed.update(strike.pair.name for strike in outcome.missed)
        self.resolved_s += (round(seconds, 3) for seconds in outcome.resolved_s)
        self.faults.update(strike.pair.kind for strike in outcome.hit)
        self.hits.update(strike.pair.name for strike in outcome.hit)
        if outcome.findings:
            self.failed_seeds.append(outcome.seed)

    def as_json(self) -> dict[str, Any]:
        """Plain values; a later run can go on from them."""
        hits = {pair.name: self.hits[pair.name] for pair in PAIRS}
        return {
            **{name: self.sums[name] for name in _SUMS},
            "faults": dict(sorted(self.faults.items())),
            "resolved_s_p99": _p99(self.resolved_s),
            "hits": hits,
            "hits_min": min(hits.values()),
            "missed": dict(sorted(self.missed.items())),
            "failed_seeds": self.failed_seeds,
            "seeds": f"{self.first}:{self.end}",
            "store": self.store,
            "resolved_s": sorted(self.resolved_s),
            "seconds": round(self.seconds, 1),
        }

    @classmethod
    def going_on(cls, store: str, first: int, path: Path) -> Report:
        """The report beside `path` of the schedules before `first`, else an empty one."""
        try:
            known = json.loads(of_store(path, store).read_text("utf-8"))
            began, ended = (int(part) for part in known["seeds"].split(":"))
        except (OSError, ValueError, KeyError):
            return cls(store, first, first)
        if (known["store"], ended) != (store, first) or not began < first:
            return cls(store, first, first)
        return cls(
            store,
            began,
            first,
            Counter({name: known[name] for name in _SUMS}),
            Counter(known["faults"]),
            Counter(known["hits"]),
            Counter(known["missed"]),
            known["resolved_s"],
            known["failed_seeds"],
            known["seconds"],
        )

    def write(self, path: Path) -> None:
        """Write it, in one step; and beside it as that of its store, which a run with another one
        does not overwrite."""
        path.parent.mkdir(parents=True, exist_ok=True)
        for where in (path, of_store(path, self.store)):
            aside = where.with_suffix(".new")
            aside.write_text(json.dumps(self.as_json(), indent=2) + "\n", "utf-8")
            aside.replace(where)

    def lines(self) -> list[str]:
        """The same for a terminal."""
        figures = self.as_json()
        del figures["resolved_s"], figures["hits"]
        missed = {f"missed: {name}": count for name, count in figures.pop("missed").items()}
        shown = {**figures, **figures.pop("faults"), **missed}
        width = max(map(len, shown))
        return [f"{name:<{width}}  {value}" for name, value in shown.items()]


def of_store(path: Path, store: str) -> Path:
    """Where the report of a store lies, beside the latest of any."""
    return path.with_name(f"{path.stem}-{store}{path.suffix}")


def _p99(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * 99 // 100) - 1, 0)] if ordered else 0.0


def planned_hits(first: int, end: int) -> Counter[str]:
    """How often the schedules are to hit each pair."""
    planned: Counter[str] = Counter()
    for seed in range(first, end):
        planned.update(strike.pair.name for strike in make_schedule(seed).strikes)
    assert planned.total() == (end - first) * PAIRS_EACH
    return planned
