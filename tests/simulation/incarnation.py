"""One life of one process inside a shared event loop, its sudden end, and its sleep.

An incarnation is a context: what is started in it, and all that this starts in turn, belongs to
it. `freeze` is a kill -9: from then on no step of it runs, not even a `finally`; what it had handed
to the network is on its way, what it had not synced is lost. Asleep it is stopped as by SIGSTOP:
what would have run waits, and runs late when it is woken.

What runs for an order is marked by `ON_ORDER_PATH`, which whatever it starts inherits: so a crash
can be put at its n-th await.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

CURRENT: ContextVar[Incarnation | None] = ContextVar("tandem_simulation_incarnation", default=None)
ON_ORDER_PATH: ContextVar[bool] = ContextVar("tandem_simulation_on_order_path", default=False)


class Incarnation:
    """The `number`th life of the process on `node`."""

    def __init__(self, node: str, number: int = 1) -> None:
        self.node = node
        self.number = number
        self.frozen = False
        self.asleep = False
        self.waiting: list[asyncio.Handle] = []
        self.steps = 0
        self._at_step: tuple[int, Callable[[], None]] | None = None
        self._at_await: tuple[int, Callable[[], None]] | None = None
        self._on_freeze: list[Callable[[], None]] = []
        self._context = Context()
        self._context.run(CURRENT.set, self)

    def __repr__(self) -> str:
        return f"{self.node}#{self.number}"

    def context(self) -> Context:
        """A context in which callbacks belong to this incarnation."""
        return self._context.copy()

    def run(self, call: Callable[..., T], *args: Any) -> T:
        """Call something as this incarnation."""
        return self.context().run(call, *args)

    def spawn(self, work: Coroutine[Any, Any, T], name: str = "") -> asyncio.Task[T]:
        """Start a task of this incarnation."""
        loop = asyncio.get_running_loop()
        return loop.create_task(work, name=name or repr(self), context=self.context())

    def may_step(self, handle: asyncio.Handle) -> bool:
        """Count a step that is about to be made; False if it must not be, or not now."""
        if self.frozen:
            return False
        if not self.asleep:
            self.steps += 1
            if self._at_step is not None and self.steps >= self._at_step[0]:
                _, then = self._at_step
                self._at_step = None
                then()
            if self._at_await is not None and _goes_on_with_an_order(handle):
                self._count_await(*self._at_await)
        if self.asleep and not self.frozen:
            self.waiting.append(handle)
        return not (self.frozen or self.asleep)

    def _count_await(self, left: int, then: Callable[[], None]) -> None:
        self._at_await = (left - 1, then) if left > 1 else None
        if left <= 1:
            then()

    def in_steps(self, steps: int, then: Callable[[], None]) -> None:
        """Call right before the `steps`th step from now: between two awaits, wherever it is."""
        self._at_step = (self.steps + max(steps, 1), then)

    def at_await(self, number: int, then: Callable[[], None]) -> None:
        """Call right before it goes on after the `number`th await from now on an order's path."""
        self._at_await = (max(number, 1), then)

    def on_freeze(self, callback: Callable[[], None]) -> None:
        """Call back when it is frozen: what the system does for a process that died."""
        self._on_freeze.append(callback)

    def freeze(self) -> None:
        """End it here and now; once is enough."""
        if self.frozen:
            return
        self.frozen = True
        for callback in self._on_freeze:
            callback()


def _goes_on_with_an_order(handle: asyncio.Handle) -> bool:
    """Whether it is a task on an order's path that goes on, and not a timer or a socket."""
    on_path = handle._context.get(ON_ORDER_PATH)  # type: ignore[attr-defined]
    whose = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]
    return bool(on_path) and isinstance(whose, asyncio.Task)


def current_node() -> str:
    """The node of whoever runs now; "" outside of all incarnations."""
    incarnation = CURRENT.get()
    return "" if incarnation is None else incarnation.node
