"""Alpaca's rate limit: so many requests in each minute, told in the headers of every answer."""

from collections.abc import Callable
from datetime import datetime, timedelta

_WINDOW_S = 60.0


class RateLimit:
    """Counts requests in windows of a minute that begin with the first request after the last one.

    Windows are measured on the elapsed clock, so moving the market clock doesn't change them.
    """

    def __init__(
        self, per_min: int, elapsed_s: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        self.per_min = per_min
        self._elapsed_s = elapsed_s
        self._now = now
        self._window_began_s: float | None = None
        self._used = 0

    def admit(self) -> bool:
        """Counts one request; False if it is over the limit."""
        at_s = self._elapsed_s()
        if self._window_began_s is None or at_s - self._window_began_s >= _WINDOW_S:
            self._window_began_s = at_s
            self._used = 0
        self._used += 1
        return not self.per_min or self._used <= self.per_min

    def headers(self) -> dict[str, str]:
        """X-RateLimit-Limit, -Remaining and -Reset (epoch seconds of market time, rounded up)."""
        if not self.per_min:
            return {}
        at_s = self._elapsed_s()
        began_s = self._window_began_s if self._window_began_s is not None else at_s
        left_s = max(0.0, began_s + _WINDOW_S - at_s)
        reset = (self._now() + timedelta(seconds=left_s)).timestamp()
        return {
            "X-RateLimit-Limit": str(self.per_min),
            "X-RateLimit-Remaining": str(max(0, self.per_min - self._used)),
            "X-RateLimit-Reset": str(int(reset) + 1),
        }
