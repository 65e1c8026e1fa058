"""The Gateway's nightly restart: when it is expected, and what is then no alarm.

The Gateway must be restarted once a day, at a time of day that is set in it, and takes minutes to
come back. Nobody should be woken by that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from structlog.stdlib import BoundLogger

_EARLY: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class RestartTerms:
    """When the Gateway restarts (None: not known), how long that may take, how often to try.

    Seconds; `backoff_max_s` is the longest wait between two tries while it restarts.
    """

    at: time | None
    zone: ZoneInfo
    window_s: float
    backoff_max_s: float


class Restart:
    """Says whether the Gateway may be restarting now. `now` is IB's time as far as known."""

    def __init__(self, terms: RestartTerms, now: Callable[[], datetime]) -> None:
        self._terms = terms
        self._now = now

    @property
    def is_expected(self) -> bool:
        """Whether it may be restarting now: from a minute before its time on."""
        at = self._terms.at
        if at is None:
            return False
        now = self._now()
        today = now.astimezone(self._terms.zone).date()
        for day in (today, today - timedelta(days=1), today + timedelta(days=1)):
            begins = datetime.combine(day, at, self._terms.zone) - _EARLY
            if 0 <= (now - begins).total_seconds() < self._terms.window_s:
                return True
        return False

    def backoff_max_s(self, usual_s: float) -> float:
        """The longest wait between two tries to connect."""
        return min(usual_s, self._terms.backoff_max_s) if self.is_expected else usual_s

    def log(self, log: BoundLogger, event: str, **values: object) -> None:
        """Log what went wrong with the connection: a warning unless it is expected."""
        (log.info if self.is_expected else log.warning)(event, **values)
