"""What the Gateway does later: orders that it sits on, news that come late."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Owner(Protocol):
    """Runs what takes time, until the Gateway closes."""

    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs it until then at the latest."""

    def wake(self) -> None:
        """Looks again at what is due next at the venue."""


class Timers:
    """Each act happens once, unless all of them are forgotten before."""

    def __init__(self) -> None:
        self.owner: Owner | None = None
        self._waiting: dict[asyncio.Task[None], None] = {}

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Does it after so many seconds of the base clock."""
        assert self.owner is not None, "the Gateway runs"
        task = self.owner.own(self._act(self.owner, seconds, act))
        self._waiting[task] = None
        task.add_done_callback(lambda done: self._waiting.pop(done, None))

    def forget(self) -> int:
        """Does none of what was to come; returns how much that was."""
        waiting = [task for task in self._waiting if not task.done()]
        for task in waiting:
            task.cancel()
        return len(waiting)

    async def _act(self, owner: Owner, seconds: float, act: Callable[[], None]) -> None:
        await asyncio.sleep(seconds)
        act()
        owner.wake()
