"""Activities of all venues, booked once each: what the streams tell, and what a gap has hidden.

They are read again after each (re)connect and at intervals, since brokers tell some of them days
late under older dates (assignments on the next day, fees later still). Entries don't wait for it:
an activity that can't be read hides nothing that planning goes by, which is the venue's own fresh
statement. Positions are not changed by activities yet: what moves one is alarmed instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from services.common.domain.activities import Activity, ActivityType
from services.common.domain.amounts import format_decimal
from services.common.domain.errors import Reason, TandemError
from services.router.books.books import Books
from services.router.journal.journal import Journal
from services.router.journal.records import ActivityBooked, AlertRaised, Record, Severity
from services.router.routing.link import VenueLink

_log = structlog.stdlib.get_logger(__name__)
_NOT_OFFERED = frozenset({Reason.NOT_IMPLEMENTED, Reason.UNSUPPORTED_BY_VENUE})
_ALERTS = {
    ActivityType.ASSIGNMENT: ("OPTION_ASSIGNED", Severity.CRITICAL),
    ActivityType.EXERCISE: ("OPTION_EXERCISED", Severity.WARNING),
    ActivityType.EXPIRATION: ("OPTION_EXPIRED", Severity.WARNING),
}
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ActivitySettings:
    """How far before the last known activity a reading begins, and waits between readings."""

    overlap: timedelta = timedelta(days=7)
    round_s: float = 3600.0
    retry_min_s: float = 1.0
    retry_max_s: float = 60.0


class Activities:
    """Takes and reads activities of all accounts, each venue in a task of its own."""

    def __init__(self, journal: Journal, books: Books, settings: ActivitySettings) -> None:
        self._journal = journal
        self._books = books
        self._settings = settings
        self._wanted: dict[tuple[str, str], asyncio.Event] = {}

    def take(self, activity: Activity) -> None:
        """Book an activity unless its key is known; alarm one that moves an option position."""
        if activity.key in self._books.activity_keys:
            return
        records: list[Record] = [ActivityBooked(activity.account_id, activity)]
        if activity.activity_type in _ALERTS:
            kind, severity = _ALERTS[activity.activity_type]
            told = _told(activity)
            records.append(AlertRaised(kind, severity, told, activity.account_id, activity.venue))
        self._journal.record(*records)

    def want(self, link: VenueLink) -> None:
        """A session with the venue has begun: read what was missed before it."""
        self._event(link).set()

    async def run(self, link: VenueLink) -> None:
        """Read when wanted and at intervals, until it succeeds; ends only by cancellation."""
        wanted, settings = self._event(link), self._settings
        wait_s, retry_s = settings.round_s, settings.retry_min_s
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await wanted.wait()
            wanted.clear()
            if await self._read(link):
                wait_s, retry_s = settings.round_s, settings.retry_min_s
            else:
                wait_s, retry_s = retry_s, min(retry_s * 2, settings.retry_max_s)

    async def _read(self, link: VenueLink) -> bool:
        """Read since the last known one, oldest booked first; False to be tried again soon."""
        if not link.session_id:
            return True  # the next session is told by `want`
        try:
            read = await link.port.activities(after=self._since(link))
        except TandemError as error:
            if error.reason in _NOT_OFFERED:
                return True
            _log.warning("activities_not_read", venue=link.name, error=error.message)
            return False
        if self._journal.is_leading:
            for activity in _oldest_first(read):
                self.take(activity)
        return True

    def _since(self, link: VenueLink) -> datetime | None:
        """Where a reading begins, in venue time; None, which reads all, if that is not known."""
        known = self._books.last_activity_time.get((link.account_id, link.name))
        since = known or link.in_venue_time(self._books.created)
        return None if since is None else since - self._settings.overlap

    def _event(self, link: VenueLink) -> asyncio.Event:
        return self._wanted.setdefault((link.account_id, link.name), asyncio.Event())


def _oldest_first(activities: Sequence[Activity]) -> list[Activity]:
    """By venue time, those without one last; in reverse of the answer where times are equal."""
    found = list(reversed(activities))
    found.sort(key=lambda activity: activity.times.venue_time or _LAST)
    return found


def _told(activity: Activity) -> str:
    """The activity in a line for a person."""
    what = activity.instrument.key if activity.instrument is not None else activity.raw_type
    parts = [f"{activity.activity_id}: {activity.activity_type.value.lower()} of {what}"]
    if activity.qty is not None:
        parts.append(f"quantity {format_decimal(activity.qty)}")
    if activity.times.venue_time is not None:
        parts.append(f"on {activity.times.venue_time.date()}")
    parts.append("not yet in the books' positions")
    return ", ".join(parts)
