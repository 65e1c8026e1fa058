"""Schedules in several processes: each acts what it is given, and only its outcomes come back.

A schedule's digest hangs on nothing but its seed, so it does not matter who acts it, after what,
or beside what. Processes are replaced now and then: what libraries keep for ever must not add up
over thousands of schedules.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Final

from tests.simulation.outcome import Outcome
from tests.simulation.run import run_seed

_SEEDS_A_TASK: Final = 10
_TASKS_A_PROCESS: Final = 30
_WAITING_A_PROCESS: Final = 2


def core_count() -> int:
    """How many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def act(seeds: range, workers: int) -> Iterator[Outcome]:
    """The outcomes of all seeds, each once, in the order in which they come.

    Closing the iterator (or an interrupt) ends the processes at once; what they were at is lost.
    """
    if workers <= 1 or len(seeds) <= _SEEDS_A_TASK:
        yield from map(run_seed, seeds)
        return
    # Spawned, not forked: a process of its own with nothing of this one's in it.
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        _ignore_interrupts,
        max_tasks_per_child=_TASKS_A_PROCESS,
    )
    try:
        yield from _acted(pool, seeds, workers * _WAITING_A_PROCESS)
    finally:
        _end(pool)


def _acted(pool: ProcessPoolExecutor, seeds: range, waiting_max: int) -> Iterator[Outcome]:
    """Keep a few tasks waiting for each process, and no more: they can be stopped soon."""
    parts = iter(seeds[i : i + _SEEDS_A_TASK] for i in range(0, len(seeds), _SEEDS_A_TASK))
    waiting: set[Future[list[Outcome]]] = set()
    while True:
        while len(waiting) < waiting_max and (part := next(parts, None)) is not None:
            waiting.add(pool.submit(_act_part, part))
        if not waiting:
            return
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            yield from future.result()


def _act_part(seeds: Sequence[int]) -> list[Outcome]:
    return [run_seed(seed) for seed in seeds]


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole group; who started the others ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()
