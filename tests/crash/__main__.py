"""`python -m tests.crash`: act the crash schedules of a range of seeds, or one with its story.

Exit code 0 if nothing was found wrong, 1 if something was, 2 for arguments that make no sense.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from tests.crash.fleet import Range, act


def main() -> int:
    """Parse the arguments and act."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="act one schedule at a fresh stand, with its story")
    which.add_argument("--seeds", help="N or A:B, act the schedules 0 to N-1, or A to B-1")
    parser.add_argument(
        "--store", choices=("sqlite", "postgres"), default="sqlite", help="the journal's"
    )
    parser.add_argument("--stands", type=int, default=4, help="stands side by side")
    parser.add_argument("--json", type=Path, help="write the figures here, or add to what is there")
    parser.add_argument(
        "--keep", type=Path, default=Path("build/crash"), help="failed stands' logs"
    )
    args = parser.parse_args()
    if args.seed is not None:
        return _act(
            Range(args.seed, args.seed + 1, args.store, 1, None, args.keep, with_story=True)
        )
    first, _, end = str(args.seeds).rpartition(":")
    try:
        asked = Range(int(first or 0), int(end), args.store, args.stands, args.json, args.keep)
    except ValueError:
        parser.error("--seeds must be N or A:B")
    return _act(asked)


def _act(asked: Range) -> int:
    def say(line: str) -> None:
        print(line, flush=True)

    report = asyncio.run(act(asked, say))
    say("\n".join(report.lines()))
    return 1 if report.failed_seeds else 0


if __name__ == "__main__":
    sys.exit(main())
