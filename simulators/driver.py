"""Lets market time pass for a venue: sleeps on asyncio until something is due, then runs it."""

import asyncio

from simulators.venue.venue import Venue

_LONGEST_SLEEP_S = 60.0


class Driver:
    """Advances a venue in step with its clock; `wake` after whatever may have made things due.

    One event loop, no threads. Works the same on a virtual-time loop, if the venue's clock runs on
    that loop's time.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Looks again at what is due next."""
        self._changed.set()

    async def run(self) -> None:
        """Runs until canceled; cancellation leaves the venue between two steps, never inside."""
        while True:
            self._changed.clear()
            self._venue.advance()
            try:
                async with asyncio.timeout(self._sleep_s()):
                    await self._changed.wait()
            except TimeoutError:
                pass  # something is due

    def _sleep_s(self) -> float:
        due = self._venue.next_due
        if due is None:
            return _LONGEST_SLEEP_S
        # The clock counts microseconds, so a shorter sleep could end just before the due time.
        return min(_LONGEST_SLEEP_S, self._venue.clock.seconds_until(due) + 1e-6)
