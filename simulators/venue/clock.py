"""The market's clock: runs at the speed of a base clock, starts where it is told, can be moved."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class MarketClock:
    """Market time over an injected base clock.

    Args:
        start: Market time at the moment of creation, aware.
        base_s: Seconds of a monotonic clock (`time.monotonic`, an event loop's `time`).
    """

    def __init__(self, start: datetime, base_s: Callable[[], float]) -> None:
        if start.tzinfo is None:
            raise ValueError("the start of a market clock must be an aware datetime")
        self._base_s = base_s
        self._origin_s = base_s()
        self._at_origin = start.astimezone(UTC)

    @property
    def elapsed_s(self) -> float:
        """Seconds of the base clock since creation; moving the market clock doesn't change it."""
        return self._base_s() - self._origin_s

    def now(self) -> datetime:
        """Market time, aware UTC."""
        return self._at_origin + timedelta(seconds=self.elapsed_s)

    def set(self, at: datetime) -> None:
        """Makes it that time now; the clock runs on from there."""
        if at.tzinfo is None:
            raise ValueError("a market clock is set to an aware datetime")
        self._at_origin = at.astimezone(UTC) - timedelta(seconds=self.elapsed_s)

    def seconds_until(self, at: datetime) -> float:
        """Base-clock seconds until that market time; 0 if it has come."""
        return max(0.0, (at - self.now()).total_seconds())
