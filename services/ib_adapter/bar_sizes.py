"""Bars by IB's rules: which lengths there are, how much of them one request may ask for, and when
one has ended.

A request names its end and how long to go back from it. Whether a day in that is a day of the
calendar or one of trading IB leaves open, so the parts that are asked for end at midnights (weeks,
months) at the exchange, and of each answer only the bars are taken that begin in its part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from services.common.adapter.market_requests import DAY_S, MINUTE_S, MONTH_S, WEEK_S
from services.common.domain.errors import InvalidRequest
from services.common.domain.market import Bar

PARTS_MAX: Final = 60
"""Requests that one list of bars may take."""

_HOUR_S: Final = 3600.0
_YEAR_STEP: Final = timedelta(days=336)  # 48 weeks; asked for as a year, so that none is cut
_MONTH_STEP: Final = timedelta(days=28)


class Unit(Enum):
    """What a bar's beginning is aligned to."""

    TIME = "time"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class BarSize:
    """A length that IB has: its name there, its seconds (a month: 30 days), and the longest part
    that IB's rules allow in one request, `step` of which is taken."""

    name: str
    length_s: float
    unit: Unit
    duration: str
    step: timedelta

    @property
    def regular_hours(self) -> bool:
        """Bars of a day and longer are of regular trading, shorter ones of extended hours too."""
        return self.unit is not Unit.TIME


@dataclass(frozen=True, slots=True)
class Part:
    """Bars that begin at or after `start` and before `end`."""

    start: datetime
    end: datetime


def _minutes(count: int, duration: str, step: timedelta) -> BarSize:
    name = "1 min" if count == 1 else f"{count} mins"
    return BarSize(name, count * MINUTE_S, Unit.TIME, duration, step)


def _hours(count: int) -> BarSize:
    name = "1 hour" if count == 1 else f"{count} hours"
    return BarSize(name, count * _HOUR_S, Unit.TIME, "1 M", _MONTH_STEP)


_ONE_DAY: Final = timedelta(days=1)
_ONE_WEEK: Final = timedelta(days=7)
_SIZES: Final = {
    size.length_s: size
    for size in (
        _minutes(1, "1 D", _ONE_DAY),
        _minutes(2, "2 D", timedelta(days=2)),
        *(_minutes(count, "1 W", _ONE_WEEK) for count in (3, 5, 10, 15, 20)),
        _minutes(30, "1 M", _MONTH_STEP),
        *map(_hours, (1, 2, 3, 4, 8)),
        BarSize("1 day", DAY_S, Unit.DAY, "1 Y", _YEAR_STEP),
        BarSize("1 week", WEEK_S, Unit.WEEK, "1 Y", _YEAR_STEP),
        BarSize("1 month", MONTH_S, Unit.MONTH, "1 Y", _YEAR_STEP),
    )
}


def bar_size(length_s: float) -> BarSize:
    """IB's size of that length. InvalidRequest if it has none."""
    size = _SIZES.get(length_s)
    if size is None:
        raise InvalidRequest(
            "bar_length",
            "Interactive Brokers has 1, 2, 3, 5, 10, 15, 20 and 30 minutes, 1, 2, 3, 4 and 8 "
            "hours, 1 day, 7 days and 30 (a month)",
        )
    return size


def parts_of(size: BarSize, start: datetime, end: datetime, zone: ZoneInfo) -> list[Part]:
    """The parts in which bars from `start` to `end` are asked for, oldest first.

    Raises InvalidRequest for more than `PARTS_MAX`.
    """
    first = first_day(size.unit, start.astimezone(zone).date())
    last = end.astimezone(zone)
    is_midnight = last.time() == time()
    until = last.date() if is_midnight else last.date() + _ONE_DAY
    parts: list[Part] = []
    while first < until:
        following = first_day(size.unit, first + size.step)
        parts.append(Part(_midnight(first, zone), _midnight(following, zone)))
        first = following
        if len(parts) > PARTS_MAX:
            why = f"bars of {size.name} take more than {PARTS_MAX} requests: ask for less at once"
            raise InvalidRequest("start_time", why)
    return parts


def first_day(unit: Unit, day: date) -> date:
    """The day with which a bar begins that this day is in; shorter ones begin in it."""
    if unit is Unit.WEEK:
        return day - timedelta(days=day.weekday())
    if unit is Unit.MONTH:
        return day.replace(day=1)
    return day


def aligned(bar_start: datetime, unit: Unit, zone: ZoneInfo) -> datetime:
    """Where a bar begins. A week or month may be told under any of its days."""
    if unit is Unit.TIME:
        return bar_start
    return _midnight(first_day(unit, bar_start.astimezone(zone).date()), zone)


def ended(
    bars: Sequence[Bar], size: BarSize, zone: ZoneInfo, closed_at: datetime | None, now: datetime
) -> list[Bar]:
    """Those of one answer, oldest first, that could not change any more when it was asked for, at
    `now`. `closed_at` is the close of the day's regular session, None if it is not known."""
    if not bars or _end_of(bars[-1], size, zone, closed_at) <= now:
        return list(bars)
    return list(bars[:-1])  # whatever came before the last one has ended


def _end_of(bar: Bar, size: BarSize, zone: ZoneInfo, closed_at: datetime | None) -> datetime:
    day = bar.start_time.astimezone(zone).date()
    if size.unit is Unit.DAY:
        if closed_at is not None and closed_at.astimezone(zone).date() == day:
            return closed_at
        return _midnight(day + _ONE_DAY, zone)
    if size.unit is Unit.WEEK:
        return _midnight(day + _ONE_WEEK, zone)
    if size.unit is Unit.MONTH:
        return _midnight((day.replace(day=1) + timedelta(days=32)).replace(day=1), zone)
    return bar.start_time + timedelta(seconds=size.length_s)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
