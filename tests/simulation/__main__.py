"""`python -m tests.simulation`: replay one seed, or act a range of them in several processes.

Exit code 0 if nothing was found wrong, 1 if something was, 2 for arguments that make no sense, 130
if it was interrupted; what was done until then is reported all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Final

from tests.simulation.outcome import Outcome
from tests.simulation.report import Report
from tests.simulation.run import run_seed
from tests.simulation.schedule import make_schedule
from tests.simulation.workers import act, core_count

_TELL_EVERY_S: Final = 30.0
_INTERRUPTED: Final = 130


def main() -> int:
    """Parse the arguments and act."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="replay one schedule and tell its story")
    which.add_argument("--seeds", help="A:B, act the schedules A to B-1; N is 0:N")
    parser.add_argument("--log", action="store_true", help="with --seed: show the product's log")
    parser.add_argument("--json", type=Path, help="with --seeds: write the figures to this file")
    parser.add_argument("--workers", type=int, default=core_count(), help="processes, one a core")
    args = parser.parse_args()
    if args.seed is not None:
        return _replay(args.seed, log=args.log)
    try:
        seeds = _range_of(args.seeds)
    except ValueError:
        parser.error("--seeds must be N or A:B")
    return _act_all(seeds, args.workers, args.json)


def _range_of(text: str) -> range:
    first, _, end = text.rpartition(":")
    return range(int(first or 0), int(end))


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


def _act_all(seeds: range, workers: int, path: Path | None) -> int:
    report, began, stopped = Report(), time.perf_counter(), False
    told = began
    try:
        for outcome in act(seeds, workers):
            report.add(outcome)
            if outcome.findings:
                _show(outcome)
            if time.perf_counter() - told > _TELL_EVERY_S:
                told = time.perf_counter()
                _tell_progress(report, len(seeds), told - began)
    except KeyboardInterrupt:
        stopped = True
    report.seconds = time.perf_counter() - began
    print("\n".join(report.lines()))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report.as_json(), indent=2) + "\n", "utf-8")
    if stopped:
        return _INTERRUPTED
    return 1 if report.failed else 0


def _tell_progress(report: Report, wanted: int, seconds: float) -> None:
    text = f"{report.schedules} of {wanted} schedules, {report.schedules / seconds:.1f} a second"
    print(f"{text}, {len(report.failed)} with findings", file=sys.stderr, flush=True)


def _show(outcome: Outcome) -> None:
    print(f"seed {outcome.seed}: {len(outcome.findings)} findings")
    for finding in outcome.findings:
        print(f"  {finding}")
    if outcome.findings:
        print(f"  replay: python -m tests.simulation --seed {outcome.seed}")


if __name__ == "__main__":
    sys.exit(main())
