"""`python -m tests.simulation.nights`: act so many nights, each from its seed.

Exit code 0 if nothing was found wrong, 1 if something was. `--seeds 200:1000` goes on where an
earlier run was stopped at 200; `--seed 17` acts one night again and tells its story.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.simulation.nights.night import Result, night, total

_SUMMED = ("orders", "doubled", "executions", "writes", "in_doubt", "fenced", "gaps", "lives")


def main() -> int:
    """Parse the arguments and act."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.nights", description=__doc__)
    parser.add_argument("--seeds", type=_span, default=range(1000), help="from:to, to excluded")
    parser.add_argument("--seed", type=int, help="one night, with its story")
    parser.add_argument("--log", action="store_true", help="show the product's log (one night)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    args = parser.parse_args()
    if args.seed is not None:
        result = night(args.seed, verbose=args.log)
        _tell(result)
        return 1 if result.findings else 0
    began, results = time.perf_counter(), []
    for result in _act(args.seeds, max(args.jobs, 1)):
        results.append(result)
        for finding in result.findings:
            print(f"seed {result.seed}: {finding}", flush=True)
        if len(results) % 50 == 0:
            wrong = sum(bool(r.findings) for r in results)
            print(f"{len(results)} nights, {wrong} with findings", flush=True)
    report = _report(results, time.perf_counter() - began)
    _show(report)
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    return 1 if report["findings"] else 0


def _span(text: str) -> range:
    first, _, last = text.partition(":")
    seeds = range(int(first), int(last))
    if not seeds:
        raise argparse.ArgumentTypeError("no seeds: from:to, to excluded")
    return seeds


def _act(seeds: range, jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(night, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(night, seeds, chunksize=4)


def _report(results: list[Result], seconds: float) -> dict[str, Any]:
    """The figures of all nights, in the order of their seeds."""
    sums: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for result in results:
        answers.update(result.counts.get("answers", {}))
        for name in _SUMMED:
            sums[name] += result.counts.get(name, 0)
    return {
        "nights": len(results),
        "seeds": [results[0].seed, results[-1].seed + 1],
        "faults": dict(sorted(total(results).items())),
        "faults_a_night_min": min(sum(r.counts.get("faults", {}).values()) for r in results),
        **sums,
        "answers": dict(sorted(answers.items())),
        "ready_after_s_max": max(r.counts.get("ready_after_s", 0.0) for r in results),
        "findings": [{"seed": r.seed, "text": str(f)} for r in results for f in r.findings],
        "forgotten": [{"seed": r.seed, "text": text} for r in results for text in r.gaps],
        "seconds": round(seconds, 1),
    }


def _show(report: dict[str, Any]) -> None:
    for name, value in report.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count}" for key, count in value.items())
        elif isinstance(value, list) and name in ("findings", "forgotten"):
            value = len(value)
        print(f"{name:<20} {value}")


def _tell(result: Result) -> None:
    for line in result.story:
        print(line)
    for name, value in result.counts.items():
        print(f"{name:<16} {value}")
    for gap in result.gaps:
        print(f"  forgotten: {gap}")
    for finding in result.findings:
        print(f"  {finding}")
    print(f"{'digest':<16} {result.digest}")
    print(f"{'seconds':<16} {result.seconds:.2f}")


if __name__ == "__main__":
    sys.exit(main())
