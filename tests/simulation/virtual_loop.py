"""An event loop in virtual time: waiting costs nothing, and who is frozen never runs again.

Time stands still while anything can run, and then jumps to the next timer. Every callback has an
owner, the incarnation in whose context it was made; those of a frozen one are thrown away unrun,
which is what the death of a process looks like from inside: no cancellation, no `finally`.

Two runs that do the same make the same steps in the same order. The cyclic garbage collector would
spoil that (it runs finalisers whenever it likes), so who runs a loop switches it off meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple

from tests.simulation.incarnation import CURRENT, Incarnation

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

if TYPE_CHECKING:
    _Loop = asyncio.BaseEventLoop
else:  # what is not needed here says so when it is called
    _Loop = asyncio.AbstractEventLoop

_STEPS_AT_ONE_TIME_MAX = 50_000
_TICK_S = 1e-9
_CLOSES_MAX = 20


class NothingLeft(RuntimeError):
    """No callback and no timer is left, and what is waited for can't come any more."""


class Livelock(RuntimeError):
    """Callbacks breed callbacks, and time does not go on."""


class Sockets(Protocol):
    """Makes byte streams; see `byte_sockets.py`."""

    async def create_connection(self, factory: Any, host: str, port: int, **_: Any) -> Any: ...

    async def create_server(self, factory: Any, host: str, port: int, **_: Any) -> Any: ...


class VirtualLoop(_Loop):
    """Runs callbacks in order; `after_step` (if set) is called after each of them.

    `unhandled` collects what asyncio reports as unhandled errors. There are no threads, and no
    sockets but those that `sockets` gives.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[tuple[Incarnation | None, asyncio.Handle]] = deque()
        self._timers: list[tuple[float, int, Incarnation | None, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self._tasks: list[asyncio.Task[Any]] = []
        self._stopping = False
        self._running = False
        self._closed = False
        self.sockets: Sockets | None = None
        self.after_step: Callable[[], None] | None = None
        self.unhandled: list[dict[str, Any]] = []
        self.steps = 0

    # -- running -----------------------------------------------------------------------------

    def run_until_complete(self, future: Any) -> Any:
        task = asyncio.ensure_future(future, loop=self)
        task.add_done_callback(lambda _: self.stop())
        self.run_forever()
        if not task.done():
            raise RuntimeError("the loop was stopped before its work was done")
        return task.result()

    def run_forever(self) -> None:
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=self._finish_generator)
        asyncio._set_running_loop(self)
        self._running, self._stopping = True, False
        try:
            while not self._stopping:
                self._run_once()
        finally:
            self._running = False
            asyncio._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)

    def _run_once(self) -> None:
        """Run all that can run at this moment, then let time pass."""
        began = self.steps
        while self._ready and not self._stopping:
            owner, handle = self._ready.popleft()
            self._step(owner, handle)
            if self.steps - began > _STEPS_AT_ONE_TIME_MAX:
                raise Livelock(f"{handle!r} at {self._now:.6f} s")
        if not self._stopping:
            self._pass_time()

    def _step(self, owner: Incarnation | None, handle: asyncio.Handle) -> None:
        if handle.cancelled() or (owner is not None and not owner.may_step(handle)):
            return
        self.steps += 1
        handle._run()
        if self.after_step is not None:
            self.after_step()

    def wake(self, sleeper: Incarnation) -> None:
        """Let an incarnation go on: what it would have done meanwhile it does now, in order."""
        sleeper.asleep = False
        waiting, sleeper.waiting = sleeper.waiting, []
        self._ready.extend((sleeper, handle) for handle in waiting)

    def _pass_time(self) -> None:
        timers = self._timers
        while timers and timers[0][3].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise NothingLeft(f"nothing can happen any more at {self._now:.6f} s")
        # A clock that stood still would trap who waits for a rest that is too small to be added.
        self._now = max(timers[0][0], self._now + _TICK_S)
        while timers and timers[0][0] <= self._now:
            _, _, owner, handle = heapq.heappop(timers)
            self._ready.append((owner, handle))

    def stop(self) -> None:
        self._stopping = True

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Throw away what is left. Coroutines are closed here, after the last step has counted."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()
        for task in self._tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                _close(task.get_coro())
        self._tasks.clear()

    async def shutdown_asyncgens(self) -> None:
        """Nothing to do: generators are finished as they are dropped."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing to do: there are no threads."""

    # -- scheduling --------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        if not self._closed:
            self._ready.append((context.get(CURRENT), handle))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if not self._closed:
            item = (when, next(self._numbers), context.get(CURRENT), handle)
            heapq.heappush(self._timers, item)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Canceled timers are passed over when their time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = asyncio.Task(
            coro, loop=self, name=None if name is None else str(name), context=context
        )
        # Held to the end: a task that nobody holds would be closed, and `finally` would run.
        self._tasks.append(task)
        return task

    def forget_done_tasks(self) -> None:
        """Hold those no longer that are done: a long run has millions. At a time of its own
        choosing, since what goes with them is then finalised.
        """
        self._tasks = [task for task in self._tasks if not task.done()]

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        raise RuntimeError("a thread would not live in virtual time")

    def _finish_generator(self, generator: Any) -> None:
        if not self._closed:
            self.create_task(generator.aclose())

    # -- connections -------------------------------------------------------------------------

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        assert self.sockets is not None, "this loop has no network"
        return await self.sockets.create_connection(*args, **kwargs)

    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        assert self.sockets is not None, "this loop has no network"
        return await self.sockets.create_server(*args, **kwargs)

    # -- errors and debugging ----------------------------------------------------------------

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.unhandled.append(context)

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """There is no debug mode."""


def _close(coroutine: Any) -> None:
    """Close a suspended coroutine, whatever it still tries to do."""
    for _ in range(_CLOSES_MAX):
        with contextlib.suppress(BaseException):
            coroutine.close()
            return
