"""When a venue that was down is preferred again: after it has been well for a set time.

Until then entries try others first, so that a venue which comes and goes doesn't take the routing
along; if no other can take an order, this one is used at once. When its outage ended is in the
books, so a restart of the router neither forgets the wait nor begins it anew.
"""

from __future__ import annotations

from datetime import datetime

from services.common.runtime.clock import Clock
from services.router.books.entries import VenueEntry


class Failback:
    """The wait of one venue. What is left of it at a restart is told by the wall clock, from then
    on the monotonic one counts: a wall clock that jumps while we wait changes nothing."""

    def __init__(self, clock: Clock, after_s: float) -> None:
        self._clock = clock
        self._after_s = after_s
        self._recovered: datetime | None = None
        self._ends_at = 0.0

    def left_s(self, venue: VenueEntry | None) -> float:
        """How long the venue still waits to be preferred; 0 if it does not, or is out now."""
        recovered = venue.recovered if venue is not None else None
        if recovered is None:
            return 0.0
        if recovered != self._recovered:
            well_s = (self._clock.now() - recovered).total_seconds()
            self._recovered = recovered
            self._ends_at = self._clock.monotonic() + self._after_s - max(well_s, 0.0)
        return max(self._ends_at - self._clock.monotonic(), 0.0)
