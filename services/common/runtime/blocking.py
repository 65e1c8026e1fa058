"""Blocking SDK calls in a bounded pool of threads, without a queue.

A queue behind a pool would hold orders that nobody checks again before they go out. Here a call
either has a thread now (or within `slot_wait_s`), or it fails with PoolBusyError and was never
started. A thread can't be stopped: a call whose caller has given up keeps its slot until it
returns, is counted as late, and its outcome goes to `on_late`.
"""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog

from services.common.runtime.errors import PoolBusyError, PoolTimeoutError

T = TypeVar("T")

_log = structlog.stdlib.get_logger(__name__)


class RunBlocking(Protocol):
    """Runs a blocking function off the event loop, and gives its result or its exception.

    `BlockingPool.run` is one; a virtual-time run injects one of its own.
    """

    async def __call__(
        self, fn: Callable[..., T], /, *args: Any, timeout_s: float
    ) -> T: ...  # pragma: no cover


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """What a call came to after its caller had given up. Exactly one of both is meaningful."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    result: Any
    error: BaseException | None


OnLate = Callable[[LateOutcome], None]


@dataclass(eq=False, slots=True)
class _Job:
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    context: contextvars.Context
    done: "asyncio.Future[tuple[Any, BaseException | None]]"
    late: bool = False


class BlockingPool:
    """At most `slots` blocking calls at once, each in a daemon thread of its own.

    Daemon threads: a venue that never answers must not keep the process from ending. Belongs to
    one event loop; only the functions themselves run elsewhere, with the caller's context
    variables.
    """

    def __init__(
        self,
        slots: int,
        *,
        slot_wait_s: float,
        name: str,
        on_late: OnLate | None = None,
    ) -> None:
        if slots < 1:
            raise ValueError("a pool needs at least one slot")
        self._slots = slots
        self._slot_wait_s = slot_wait_s
        self._name = name
        self._on_late = on_late
        self._free = asyncio.Semaphore(slots)
        self._running: set[_Job] = set()
        # Never holds more than there are idle threads: a job is put only by the owner of a slot.
        self._handoff: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = 0
        self._closed = False

    @property
    def busy_count(self) -> int:
        """Slots in use now, late ones included."""
        return len(self._running)

    @property
    def late_count(self) -> int:
        """Slots whose caller has given up and whose thread still runs."""
        return sum(job.late for job in self._running)

    async def run(self, fn: Callable[..., T], /, *args: Any, timeout_s: float) -> T:
        """Run `fn(*args)` in a thread; give its result or raise its exception.

        Raises PoolBusyError if no slot is free within `slot_wait_s` (fn was never started), and
        PoolTimeoutError if fn hasn't returned within `timeout_s` of its start (it may still take
        effect). Canceled while waiting for a slot, fn never starts; canceled later, it runs on.
        """
        await self._take_slot()
        job = self._start(fn, args)
        try:
            await asyncio.wait({job.done}, timeout=timeout_s)
        except asyncio.CancelledError:
            self._give_up(job)
            raise
        if not job.done.done():
            self._give_up(job)
            raise PoolTimeoutError(f"{self._name}: no return within {timeout_s} s")
        result, error = job.done.result()
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    async def close(self, timeout_s: float) -> int:
        """Take no more calls, wait for the running ones; return how many still run."""
        self._closed = True
        pending = {job.done for job in self._running}
        if pending:
            await asyncio.wait(pending, timeout=timeout_s)
        for _ in range(self._threads):
            self._handoff.put(None)
        if self._running:
            _log.warning("pool_closed_with_calls_running", pool=self._name, calls=self.busy_count)
        return self.busy_count

    async def _take_slot(self) -> None:
        if self._closed:
            raise PoolBusyError(f"{self._name}: the pool is closed")
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(self._slot_wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise PoolBusyError(f"{self._name}: all {self._slots} slots are in use") from None

    def _start(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> _Job:
        loop = asyncio.get_running_loop()
        job = _Job(fn, args, contextvars.copy_context(), loop.create_future())
        if self._threads <= len(self._running):
            try:
                self._start_thread(loop)
            except RuntimeError as error:
                self._free.release()
                raise PoolBusyError(f"{self._name}: the system gives no thread") from error
        self._running.add(job)
        self._handoff.put(job)
        return job

    def _start_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        name = f"{self._name}-{self._threads + 1}"
        threading.Thread(target=self._work, args=(loop,), name=name, daemon=True).start()
        self._threads += 1

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (job := self._handoff.get()) is not None:
            outcome: tuple[Any, BaseException | None]
            try:
                outcome = (job.context.run(job.fn, *job.args), None)
            except BaseException as error:  # noqa: BLE001 - all of it is the caller's
                outcome = (None, error)
            try:
                loop.call_soon_threadsafe(self._finish, job, outcome)
            except RuntimeError:
                # The loop is closed: the process ends, and nobody is left to be told.
                return

    def _finish(self, job: _Job, outcome: tuple[Any, BaseException | None]) -> None:
        self._running.discard(job)
        self._free.release()
        job.done.set_result(outcome)
        if job.late:
            self._report_late(job)

    def _give_up(self, job: _Job) -> None:
        job.late = True
        if job.done.done():
            # It returned in the very moment in which its caller was canceled.
            self._report_late(job)

    def _report_late(self, job: _Job) -> None:
        result, error = job.done.result()
        _log.warning(
            "blocking_call_returned_late",
            pool=self._name,
            fn=getattr(job.fn, "__qualname__", repr(job.fn)),
            error_class=None if error is None else type(error).__qualname__,
        )
        if self._on_late is None:
            return
        try:
            self._on_late(LateOutcome(job.fn, job.args, result, error))
        except Exception:  # noqa: BLE001 - logged; the pool must go on
            _log.exception("on_late_failed", pool=self._name)
