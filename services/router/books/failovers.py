"""Failovers counted: since the journal began, and per account on its present day.

A day is New York's, by our own wall clock: it is about us and the broker's hours, not about one
venue's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")


def day_of(moment: datetime) -> date:
    """The day of an aware time."""
    return moment.astimezone(NEW_YORK).date()


@dataclass(slots=True)
class FailoverTally:
    """What the books know of failovers. `days` has the latest day with one of each account, and how
    many it had; a clock that goes back counts on the later day."""

    total: int = 0
    last: datetime | None = None
    days: dict[str, tuple[date, int]] = field(default_factory=dict)

    def count(self, account_id: str, at: datetime) -> None:
        """One more."""
        self.total += 1
        self.last = at
        day, known = day_of(at), self.days.get(account_id)
        if known is None or day > known[0]:
            self.days[account_id] = (day, 1)
        else:
            self.days[account_id] = (known[0], known[1] + 1)

    def today(self, account_id: str, now: datetime) -> int:
        """How many the account had on the day of `now`."""
        day, number = self.days.get(account_id, (None, 0))
        return number if day is not None and day >= day_of(now) else 0
