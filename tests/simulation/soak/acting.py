"""Acts one run on a loop of its own: what breaks it is a finding of its seed."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.run import logs, no_collector
from tests.simulation.virtual_loop import VirtualLoop

FINDINGS_MAX: Final = 20


class Run(Protocol):
    """What is acted."""

    async def act(self) -> None:
        """The whole of it."""

    def close(self) -> None:
        """Give back what is outside of the loop."""


def act_run(
    seed: int,
    make: Callable[[Path], Run],
    findings: list[Finding],
    *,
    name: str,
    verbose: bool,
) -> float:
    """Act it in virtual time; how many seconds that took. `make` is given an empty folder."""
    began = time.perf_counter()
    random.seed(seed)  # alpaca-py and others draw from the module's own generator
    with tempfile.TemporaryDirectory(prefix=f"tandem-{name}-") as folder, no_collector():
        loop = VirtualLoop()
        asyncio.set_event_loop(loop)  # ib_insync asks the policy for its loop, also inside of one
        run = make(Path(folder))
        try:
            with logs(shown=verbose):
                loop.run_until_complete(run.act())
        except Exception as error:  # noqa: BLE001 - a run that breaks is a finding of its seed
            shown = "".join(traceback.format_exception(error))
            findings.append(Finding(Kind.BROKEN, shown, loop.time()))
        finally:
            for unhandled in loop.unhandled[:FINDINGS_MAX]:
                findings.append(Finding(Kind.NOISE, f"unhandled: {unhandled}"))
            run.close()
            with logs(shown=False):
                loop.close()
            asyncio.set_event_loop(None)
    return time.perf_counter() - began
