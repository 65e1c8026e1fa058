"""The end of a process in good order: drain, close what was opened, in a bounded time.

The first request to stop begins it: health says NOT_SERVING, streams are ended, callers get
`drain_s` to go elsewhere, then everything that was opened is closed in reverse order. Nothing in
it can hang the process: each closer has a limit, all of it has one, and a thread of its own ends
the process if even the event loop stands still.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from services.common.runtime.clock import Clock
from services.common.runtime.tasks import TaskOwner

Closer = Callable[[], Awaitable[object]]

_log = structlog.stdlib.get_logger(__name__)

# The watchdog's patience beyond the overall limit: what asyncio itself needs to wind up.
_WATCHDOG_MARGIN_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ShutdownLimits:
    """`drain_s`: NOT_SERVING before anything closes. `closer_s`: for one closer that doesn't say
    otherwise. `overall_s`: for all of it; a pod's grace period must be longer."""

    drain_s: float = 5.0
    closer_s: float = 5.0
    overall_s: float = 25.0


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    closer: Closer
    timeout_s: float | None


class Lifecycle:
    """What a process opened and how it is asked to stop. One per process.

    Used on the event loop's thread only. `request_stop` may be called at any time, also from
    callbacks.
    """

    def __init__(self, service: str, clock: Clock, limits: ShutdownLimits | None = None) -> None:
        self.service = service
        self.clock = clock
        self.limits = limits or ShutdownLimits()
        self.exit_code = 0
        self._stop = asyncio.Event()
        self._drain = True
        self._on_drain: list[_Step] = []
        self._on_close: list[_Step] = []

    @property
    def stopping(self) -> bool:
        """Whether a stop was requested."""
        return self._stop.is_set()

    async def wait_stopping(self) -> None:
        """Wait until a stop is requested."""
        await self._stop.wait()

    def on_drain(self, name: str, hook: Closer) -> None:
        """Call `hook` when draining begins (health off, streams ended), in the order given."""
        self._on_drain.append(_Step(name, hook, None))

    def on_close(self, name: str, closer: Closer, timeout_s: float | None = None) -> None:
        """Call `closer` at the end, after all that are registered later; register on opening."""
        self._on_close.append(_Step(name, closer, timeout_s))

    def own_tasks(self, name: str, *, finish_s: float = 0.0) -> TaskOwner:
        """Make an owner of tasks that is closed in its turn; a critical one's end stops us.

        At the end its tasks may finish for `finish_s` before they are canceled.
        """
        owner = TaskOwner(name, self._critical_ended)

        async def close() -> None:
            # Less than the step's own limit, so that the owner can still name who holds on.
            await owner.close(finish_s=finish_s, cancel_s=self.limits.closer_s * 0.8)

        self.on_close(f"{name} tasks", close, finish_s + self.limits.closer_s)
        return owner

    def request_stop(self, reason: str, *, exit_code: int = 0, drain: bool = True) -> None:
        """Begin to stop; later requests only raise the exit code. Returns at once.

        `drain=False` skips the wait: for a process that can't serve any more.
        """
        self.exit_code = max(self.exit_code, exit_code)
        if self._stop.is_set():
            return
        _log.info("stopping", reason=reason, exit_code=exit_code)
        self._drain = drain
        self._stop.set()

    async def shut_down(self, *, drain: bool = True) -> int:
        """Drain (if it ever served), close everything, give the exit code.

        Each step's failure is logged, makes the code at least 1, and doesn't stop the others.
        """
        ends_at = self.clock.monotonic() + self.limits.overall_s
        for step in self._on_drain:
            await self._run(step, ends_at)
        if drain and self._drain and self._stop.is_set():
            await self.clock.sleep(min(self.limits.drain_s, self.limits.overall_s))
        while self._on_close:
            await self._run(self._on_close.pop(), ends_at)
        _log.info("stopped", exit_code=self.exit_code)
        return self.exit_code

    async def _run(self, step: _Step, ends_at: float) -> None:
        allowed_s = self.limits.closer_s if step.timeout_s is None else step.timeout_s
        limit_s = min(allowed_s, ends_at - self.clock.monotonic())
        if limit_s <= 0:
            self._failed("close_skipped", step.name)
            return
        task = asyncio.ensure_future(_awaited(step.closer))
        await asyncio.wait({task}, timeout=limit_s)
        if not task.done():
            task.cancel()
            self._failed("close_timed_out", step.name, limit_s=round(limit_s, 3))
        elif not task.cancelled() and (error := task.exception()) is not None:
            self._failed("close_failed", step.name, exc_info=error)

    def _failed(self, event: str, step: str, **fields: object) -> None:
        self.exit_code = max(self.exit_code, 1)
        _log.error(event, step=step, **fields)

    def _critical_ended(self, name: str, error: BaseException | None) -> None:
        cause = "returned" if error is None else type(error).__qualname__
        _log.error("critical_task_ended", task=name, cause=cause)
        self.request_stop(f"critical task {name} ended: {cause}", exit_code=1, drain=False)


async def _awaited(closer: Closer) -> None:
    await closer()


def exit_at_once(service: str, code: int, why: str) -> None:
    """End the process without any clean-up. What had to be durable is so already."""
    print(f"{service}: {why}", file=sys.stderr, flush=True)  # noqa: T201 - logs may be stuck
    os._exit(code)


def start_watchdog(service: str, limits: ShutdownLimits) -> None:
    """End the process, from a thread of its own, if it outlives its shutdown's limit.

    It can't be called off: only for a process that has nothing to do any more but end.
    """
    seconds = limits.overall_s + _WATCHDOG_MARGIN_S
    why = f"shutdown took longer than {seconds:g} s"
    timer = threading.Timer(seconds, exit_at_once, (service, 1, why))
    timer.daemon = True
    timer.start()
