"""One life of one process inside a shared event loop, and its sudden end.

An incarnation is a context: what is started in it, and all that this starts in turn, belongs to
it. `freeze` is a kill -9: from then on no step of it runs, not even a `finally`; what it had handed
to the network is on its way, what it had not synced is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

CURRENT: ContextVar[Incarnation | None] = ContextVar("tandem_simulation_incarnation", default=None)


class Incarnation:
    """The `number`th life of the process on `node`."""

    def __init__(self, node: str, number: int = 1) -> None:
        self.node = node
        self.number = number
        self.frozen = False
        self.steps = 0
        self._freeze_at: tuple[int, Callable[[], None]] | None = None
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

    def may_step(self) -> bool:
        """Count a step that is about to be made; False if it must not be."""
        if self.frozen:
            return False
        self.steps += 1
        if self._freeze_at is not None and self.steps >= self._freeze_at[0]:
            _, then = self._freeze_at
            self._freeze_at = None
            self.freeze()
            then()
        return not self.frozen

    def freeze_in(self, steps: int, then: Callable[[], None]) -> None:
        """Freeze right before the `steps`th step from now: between two awaits, wherever it is."""
        self._freeze_at = (self.steps + max(steps, 1), then)

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


def current_node() -> str:
    """The node of whoever runs now; "" outside of all incarnations."""
    incarnation = CURRENT.get()
    return "" if incarnation is None else incarnation.node
