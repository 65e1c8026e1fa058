"""`python -m tests.simulation`: replay one seed, or act a range of them.

Exit code 0 if nothing was found wrong, 1 if something was, 2 for arguments that make no sense.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tests.simulation.report import Report
from tests.simulation.run import Outcome, run_seed
from tests.simulation.schedule import make_schedule


def main() -> int:
    """Parse the arguments and act."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="replay one schedule and tell its story")
    which.add_argument("--seeds", help="A:B, act the schedules A to B-1")
    parser.add_argument("--log", action="store_true", help="with --seed: show the product's log")
    parser.add_argument("--json", type=Path, help="with --seeds: write the figures to this file")
    args = parser.parse_args()
    if args.seed is not None:
        return _replay(args.seed, log=args.log)
    try:
        first, end = (int(part) for part in args.seeds.split(":"))
    except ValueError:
        parser.error("--seeds must be A:B")
    return _range(first, end, args.json)


def _replay(seed: int, *, log: bool) -> int:
    schedule = make_schedule(seed)
    for order in schedule.orders:
        print(order)
    for fault in schedule.faults:
        print(fault)
    outcome = run_seed(seed, verbose=log)
    print("\n".join(["", *outcome.story, ""]))
    _show(outcome)
    print(f"digest {outcome.digest}")
    return 1 if outcome.findings else 0


def _range(first: int, end: int, path: Path | None) -> int:
    report, began = Report(), time.perf_counter()
    for seed in range(first, end):
        outcome = run_seed(seed)
        report.add(outcome)
        if outcome.findings:
            _show(outcome)
    report.seconds = time.perf_counter() - began
    print("\n".join(report.lines()))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report.as_json(), indent=2) + "\n", "utf-8")
    return 1 if report.failed else 0


def _show(outcome: Outcome) -> None:
    print(f"seed {outcome.seed}: {len(outcome.findings)} findings")
    for finding in outcome.findings:
        print(f"  {finding}")
    if outcome.findings:
        print(f"  replay: python -m tests.simulation --seed {outcome.seed}")


if __name__ == "__main__":
    sys.exit(main())
