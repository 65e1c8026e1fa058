"""`python -m tests.simulation.soak`: trade for so many hours of open market, and compare.

Exit code 0 if nothing was found wrong, 1 if something was. What is found in hour 17 is found again
by the same seed, up to which `--hours` may be shortened.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.simulation.soak.run import Plan, Result, soak

_HOUR_S = 3600.0


def main() -> int:
    """Parse the arguments and act."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="hours of open market")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="one soak for each")
    parser.add_argument("--log", action="store_true", help="show the product's log")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    if not 0 < args.hours <= 1000:
        parser.error("--hours must be above 0 and at most 1000")
    results = []
    for seed in args.seeds:
        print(f"seed {seed}, {args.hours:g} hours of open market", flush=True)
        plan = Plan(seed, args.hours * _HOUR_S)
        results.append(soak(plan, verbose=args.log, tell=lambda text: print(text, flush=True)))
        _show(results[-1])
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps([_as_json(r) for r in results], indent=2) + "\n", "utf-8")
    return 1 if any(result.findings for result in results) else 0


def _show(result: Result) -> None:
    for name, value in result.counts.items():
        if isinstance(value, dict):
            told = ", ".join(f"{key} {count}" for key, count in value.items())
            print(f"{name:<16} {told}")
        else:
            print(f"{name:<16} {value}")
    print(f"{'digest':<16} {result.digest}")
    print(f"{'seconds':<16} {result.seconds:.1f}")
    plan = result.plan
    for finding in result.findings:
        print(f"  {finding}")
    if result.findings:
        hours = plan.trading_s / _HOUR_S
        print(f"  again: make soak SEED={plan.seed} HOURS={hours:g}")
    else:
        print("the adapter's view is the simulator's ledger")


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "seed": result.plan.seed,
        "hours": result.plan.trading_s / _HOUR_S,
        "findings": [str(finding) for finding in result.findings],
        "digest": result.digest,
        "seconds": round(result.seconds, 3),
        **result.counts,
    }


if __name__ == "__main__":
    sys.exit(main())
