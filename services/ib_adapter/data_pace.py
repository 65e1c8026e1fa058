"""Market data asks for less than the whole of IB's messages, and evenly.

What a Gateway reads late it counts late: two bursts that were a second apart when they were written
may be one to it, and cost the connection that orders go over. So requests for data are spread out,
and leave the rest of the limit to orders.
"""

from __future__ import annotations

from typing import Final

from services.common.domain.errors import ReadFailed, Reason
from services.common.runtime.clock import Clock

_BURST: Final = 5


class DataPace:
    """So many messages a second, a few of them at once. Used on the event loop's thread only."""

    def __init__(self, clock: Clock, per_s: float) -> None:
        self._clock = clock
        self._step_s = 1.0 / per_s
        self._next_at = clock.monotonic()

    async def take(self, *, within_s: float) -> None:
        """Return when the caller may send one, in the order in which they came.

        Raises ReadFailed BUDGET_EXHAUSTED at once if that is not within the time. Canceled, the
        turn is lost.
        """
        now = self._clock.monotonic()
        earliest = max(self._next_at, now)
        delay_s = earliest - (_BURST - 1) * self._step_s - now
        if delay_s > within_s:
            raise ReadFailed(
                "too many requests for market data wait",
                reason=Reason.BUDGET_EXHAUSTED,
                retry_after_s=delay_s,
            )
        self._next_at = earliest + self._step_s
        if delay_s > 0:
            await self._clock.sleep(delay_s)
