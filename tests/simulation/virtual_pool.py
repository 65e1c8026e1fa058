"""Blocking calls in virtual time: what a thread would do, done in a greenlet of the loop.

A call runs in one piece, but where it would wait for the network it goes through `wait_for`
(tests/simulators/in_loop.py), and the loop goes on meanwhile. It starts and ends a moment after it
is asked to, so a crash can fall before it, after it, or into its waits. Bounds, time-outs and late
outcomes are those of the real pool (services/common/runtime/blocking.py).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

import greenlet

from services.common.runtime.blocking import LateOutcome, OnLate
from services.common.runtime.errors import PoolBusyError, PoolTimeoutError

T = TypeVar("T")

_START_S = (0.00005, 0.002)


class VirtualPool:
    """At most `slots` calls at once; `run` is the `RunBlocking` of adapter and router.

    `delay_s` tells how long what is called takes besides, now.
    """

    def __init__(
        self,
        slots: int,
        *,
        slot_wait_s: float,
        rng: random.Random,
        on_late: OnLate | None = None,
        delay_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._delay_s = delay_s
        self._free = asyncio.Semaphore(slots)
        self._slots = slots
        self._slot_wait_s = slot_wait_s
        self._rng = rng
        self._on_late = on_late

    async def run(self, fn: Callable[..., T], /, *args: Any, timeout_s: float) -> T:
        """As `BlockingPool.run`."""
        await self._take_slot()
        thread = asyncio.get_running_loop().create_task(self._thread(fn, args))
        try:
            await asyncio.wait({thread}, timeout=timeout_s)
        except asyncio.CancelledError:
            self._give_up(thread, fn, args)
            raise
        if not thread.done():
            self._give_up(thread, fn, args)
            raise PoolTimeoutError(f"no return within {timeout_s} s")
        result, error = thread.result()
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    async def _take_slot(self) -> None:
        try:
            async with asyncio.timeout(self._slot_wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise PoolBusyError(f"all {self._slots} slots are in use") from None

    async def _thread(
        self, fn: Callable[..., Any], args: tuple[Any, ...]
    ) -> tuple[Any, BaseException | None]:
        await asyncio.sleep(self._rng.uniform(*_START_S) + self._delay_s())
        outcome: tuple[Any, BaseException | None]
        try:
            outcome = await _in_greenlet(fn, args), None
        except BaseException as error:  # noqa: BLE001 - all of it is the caller's
            outcome = None, error
        await asyncio.sleep(self._rng.uniform(*_START_S))
        self._free.release()
        return outcome

    def _give_up(
        self, thread: asyncio.Task[Any], fn: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        def late(ended: asyncio.Task[Any]) -> None:
            result, error = ended.result()
            if self._on_late is not None:
                self._on_late(LateOutcome(fn, args, result, error))

        thread.add_done_callback(late)


async def _in_greenlet(fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    runner = greenlet.greenlet(lambda: fn(*args))
    runner.gr_context = copy_context()
    outcome = runner.switch()
    while not runner.dead:
        try:
            value = await outcome
        except BaseException as error:  # noqa: BLE001 - goes on inside the function
            outcome = runner.throw(error)
        else:
            outcome = runner.switch(value)
    return outcome
