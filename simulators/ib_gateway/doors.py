"""Whether the Gateway lets clients in: open, not listening, or accepting and never answering."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Closure:
    """Until when (seconds of the base clock) nobody is let in, and how that looks."""

    until_s: float
    is_silent: bool


class Doors:
    """A plan of closures, one after the other; who listens asks and waits for changes."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.changed = asyncio.Event()
        self._now_s = now_s
        self._closures: list[Closure] = []

    def close(self, refuse_s: float, silent_s: float) -> None:
        """From now on refuse for so long, then accept and stay silent for so long; inf is ever."""
        now_s = self._now_s()
        refused = Closure(now_s + refuse_s, is_silent=False)
        silent = Closure(refused.until_s + silent_s, is_silent=True)
        self._closures = [closure for closure in (refused, silent) if closure.until_s > now_s]
        self.changed.set()

    def open(self) -> None:
        """Lets clients in from now on."""
        self._closures = []
        self.changed.set()

    @property
    def closure(self) -> Closure | None:
        """The closure that is on now."""
        now_s = self._now_s()
        return next((c for c in self._closures if c.until_s > now_s), None)

    @property
    def refuses_for_s(self) -> float:
        """For how many seconds connections are refused yet; 0 if they are accepted."""
        closure = self.closure
        if closure is None or closure.is_silent:
            return 0.0
        return closure.until_s - self._now_s()

    async def wait(self, longest_s: float) -> None:
        """Waits until something changed, at most so long; inf is for ever."""
        try:
            async with asyncio.timeout(None if math.isinf(longest_s) else longest_s):
                await self.changed.wait()
        except TimeoutError:
            pass  # the time is up: who asked looks again
        self.changed.clear()
