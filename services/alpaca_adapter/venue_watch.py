"""What each answer says besides its content: the venue's time and what is left of its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import structlog

from services.alpaca_adapter.errors import RETRY_AFTER_MAX_S
from services.alpaca_adapter.exchange import Answer
from services.alpaca_adapter.rest import Api
from services.common.runtime.clock import Clock, VenueClock

_log = structlog.stdlib.get_logger(__name__)

# A `Date` header is cut to the second.
_DATE_RESOLUTION_S: Final = 1.0
_JUMP_S: Final = 5.0


class LimitKeeper(Protocol):
    """What the watch needs of a pacer."""

    def observe(self, limit: int, remaining: int, reset_in_s: float) -> None:
        """Take the limit, what is left of it and the seconds to its reset from an answer."""

    def throttled(self, reset_in_s: float | None) -> None:
        """The venue refused a request as one too many."""


@dataclass(frozen=True, slots=True)
class RequestsLeft:
    """The trading limit as last told; `reset` is wall time."""

    limit: int
    remaining: int
    reset: datetime


class VenueWatch:
    """Observes answers: keeps the venue's clock, the trading limit, and tells the pacers.

    Used on the event loop's thread only.
    """

    def __init__(self, clock: Clock, pacers: Mapping[Api, LimitKeeper]) -> None:
        self._clock = clock
        self._pacers = pacers
        self.venue_clock = VenueClock(clock)
        self.requests_left: RequestsLeft | None = None

    def __call__(self, api: Api, answer: Answer) -> None:
        """Take one answer; headers that are missing or odd are passed over."""
        date = _date(answer)
        if date is not None:
            self.see_time(date, answer, resolution_s=_DATE_RESOLUTION_S)
        reset_in_s = self._see_limit(api, answer, date)
        if answer.status == 429:
            self._pacers[api].throttled(reset_in_s)

    def see_time(self, venue_time: datetime, answer: Answer, *, resolution_s: float = 0.0) -> None:
        """Take the venue's time as an answer told it."""
        known = self.venue_clock.offset_s is not None
        moved_s = self.venue_clock.observe(
            venue_time, answer.sent_at, answer.received_at, resolution_s=resolution_s
        )
        if known and abs(moved_s) > _JUMP_S:
            _log.warning("venue_clock_jumped", moved_s=round(moved_s, 3))

    def now(self) -> datetime | None:
        """The venue's time; None before its first answer."""
        return self.venue_clock.now()

    def _see_limit(self, api: Api, answer: Answer, date: datetime | None) -> float | None:
        limit = _count(answer, "x-ratelimit-limit")
        remaining = _count(answer, "x-ratelimit-remaining")
        reset = _count(answer, "x-ratelimit-reset")
        if limit is None or remaining is None or reset is None or date is None:
            return None
        # Against the same answer's Date: the venue's clock need not be ours.
        reset_in_s = min(max(reset - date.timestamp(), 0.0), RETRY_AFTER_MAX_S)
        self._pacers[api].observe(limit, remaining, reset_in_s)
        if api is Api.TRADING:
            reset_at = self._clock.now() + timedelta(seconds=reset_in_s)
            self.requests_left = RequestsLeft(limit, remaining, reset_at)
        return reset_in_s


def _date(answer: Answer) -> datetime | None:
    try:
        date = parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def _count(answer: Answer, name: str) -> int | None:
    text = answer.headers.get(name, "")
    return int(text[:12]) if text.isascii() and text.isdigit() else None
