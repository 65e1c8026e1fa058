"""`python -m tests.mutants`: put each bug of `mutants/` into a copy of the code; is it seen?

Exit code 0 if at least 95 of a hundred were, and each of the others says why not; 1 if not; 2 for
arguments that make no sense or a patch that can't be used. First the code without any is acted, so
that nothing is called caught that was wrong before.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from tests.mutants.detect import (
    CRASHED,
    SIMULATED,
    Detected,
    by_crashes,
    by_simulation,
    detect,
)
from tests.mutants.mutant import Mutant, NotAMutant, read_all
from tests.mutants.workspace import DoesNotApply, Workspace

_CAUGHT_MIN: Final = 0.95


def main() -> int:
    """Parse the arguments and look for who sees what."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="those whose names contain this")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--without-crash", action="store_true", help="no crash matrix")
    parser.add_argument("--no-baseline", action="store_true", help="don't act the code as it is")
    args = parser.parse_args()
    try:
        mutants = [mutant for mutant in read_all() if args.only in mutant.name]
    except NotAMutant as error:
        parser.error(str(error))
    if not mutants:
        parser.error(f"no mutant is named like {args.only!r}")
    with tempfile.TemporaryDirectory(prefix="tandem-mutants-") as folder:
        spaces = [Workspace(Path(folder) / str(number)) for number in range(args.workers)]
        if not args.no_baseline:
            wrong = _baseline(spaces[0], with_crash=not args.without_crash)
            if wrong is not None:
                print(f"the code is wrong as it is, by {wrong.by}: {wrong.evidence}")
                return 1
        results = _act(mutants, spaces, with_crash=not args.without_crash)
    return _report(results, args.json)


def _baseline(space: Workspace, *, with_crash: bool) -> Detected | None:
    seeds = f"{SIMULATED[0].split(':')[0]}:{SIMULATED[-1].split(':')[1]}"
    found = by_simulation(space, seeds)
    if found is None and with_crash:
        found = by_crashes(space, CRASHED[0])
    return found


def _act(
    mutants: Sequence[Mutant], spaces: Sequence[Workspace], *, with_crash: bool
) -> list[dict[str, Any]]:
    free: SimpleQueue[Workspace] = SimpleQueue()
    for space in spaces:
        free.put(space)

    def act(mutant: Mutant) -> dict[str, Any]:
        space, began = free.get(), time.monotonic()
        try:
            with space.holding(mutant):
                found = detect(space, mutant, with_crash=with_crash)
        except DoesNotApply as error:
            found = Detected("", f"does not apply: {error}")
        finally:
            free.put(space)
        result = _result(mutant, found, time.monotonic() - began)
        print(f"{result['name']}: {result['by'] or 'NOT CAUGHT'} ({result['seconds']:.0f} s)")
        return result

    with ThreadPoolExecutor(len(spaces)) as pool:
        return list(pool.map(act, mutants))


def _result(mutant: Mutant, found: Detected | None, seconds: float) -> dict[str, Any]:
    return {
        "name": mutant.name,
        "promise": mutant.promise,
        "caught": found is not None and bool(found.by),
        "by": found.by if found is not None else "",
        "evidence": found.evidence if found is not None else mutant.missed,
        "incident": mutant.incident,
        "explained": bool(mutant.missed),
        "seconds": round(seconds, 1),
    }


def _report(results: list[dict[str, Any]], path: Path | None) -> int:
    caught = [result for result in results if result["caught"]]
    acted = [result for result in caught if result["by"] in ("simulate", "crash")]
    print(f"{len(caught)} of {len(results)} caught, {len(acted)} by simulate or crash alone")
    for result in results:
        if not result["caught"]:
            print(f"  not caught: {result['name']}: {result['evidence'] or 'not explained'}")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"mutants": results}, indent=2) + "\n", "utf-8")
    enough = len(caught) >= _CAUGHT_MIN * len(results)
    explained = all(result["caught"] or result["explained"] for result in results)
    return 0 if enough and explained else 1


if __name__ == "__main__":
    sys.exit(main())
