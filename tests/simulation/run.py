"""One schedule from its seed to its findings, in a loop and a world of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

from tests.simulation.acting import Acting
from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.outcome import Outcome
from tests.simulation.planned import Schedule
from tests.simulation.schedule import make_schedule
from tests.simulation.virtual_loop import VirtualLoop


def run_seed(seed: int, *, verbose: bool = False) -> Outcome:
    """Act the schedule of a seed and check it. With `verbose` the product's log is shown."""
    return run_schedule(make_schedule(seed), verbose=verbose)


def run_schedule(schedule: Schedule, *, verbose: bool = False) -> Outcome:
    """Act a schedule and check it."""
    outcome = Outcome(schedule.seed, venues=schedule.venues)
    # alpaca-py and others draw from the module's own generator.
    random.seed(schedule.seed)
    with tempfile.TemporaryDirectory(prefix="tandem-simulation-") as folder, no_collector():
        loop = VirtualLoop()
        asyncio.set_event_loop(loop)  # ib_insync asks the policy for its loop, also inside of one
        acting = Acting(schedule, outcome, Path(folder))
        try:
            with logs(shown=verbose):
                loop.run_until_complete(acting.act())
        except Exception as error:  # noqa: BLE001 - a run that breaks is a finding of its seed
            shown = "".join(traceback.format_exception(error))
            outcome.findings.append(Finding(Kind.BROKEN, shown, loop.time()))
        finally:
            outcome.steps, outcome.virtual_s = loop.steps, loop.time()
            for unhandled in loop.unhandled:
                outcome.findings.append(Finding(Kind.NOISE, f"unhandled: {unhandled}"))
            acting.close()
            with logs(shown=False):
                loop.close()
            asyncio.set_event_loop(None)
    return outcome


@contextlib.contextmanager
def no_collector() -> Iterator[None]:
    """No garbage collection meanwhile.

    Finalisers at the collector's pleasure would make two runs differ.

    What was there before is frozen meanwhile: looking through all of it would take longer than
    the run.
    """
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        with logs(shown=False):
            gc.collect()
        gc.unfreeze()
        gc.enable()


@contextlib.contextmanager
def logs(*, shown: bool) -> Iterator[None]:
    """Show the product's log meanwhile, or nothing of it."""
    before = structlog.get_config()
    if shown:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    else:
        quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
        structlog.configure(wrapper_class=quiet, processors=[_drop])
        logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        structlog.configure(**before)


def _drop(*_: object) -> Any:
    raise structlog.DropEvent
