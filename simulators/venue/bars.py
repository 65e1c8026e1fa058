"""Bars of any length from the minutes of the tape."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from itertools import groupby

from simulators.venue import trading_calendar as calendar
from simulators.venue.tape import Minute, Tape

_DAYS_KEPT_MAX = 20_000


class Unit(Enum):
    """What a bar's length is counted in."""

    MINUTE = "minute"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Frame:
    """The length of a bar: so many minutes or months, or one day or week."""

    unit: Unit
    count: int = 1

    def first_day(self, day: date) -> date:
        """The day with which the bar begins that this day is in."""
        if self.unit is Unit.WEEK:
            return day - timedelta(days=day.weekday())
        if self.unit is Unit.MONTH:
            return day.replace(month=(day.month - 1) // self.count * self.count + 1, day=1)
        return day


@dataclass(frozen=True, slots=True)
class Bar:
    """What was traded from `at` on; prices are cents. `value` is the sum of price × volume."""

    at: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int
    value: float

    @property
    def vwap(self) -> float:
        """The average price by volume, in dollars."""
        return round(self.value / self.volume / 100, 6)


class Bars:
    """Bars of the symbols on a tape. The last one of a day, week or month may still grow."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._days: dict[tuple[int, str, date], Bar] = {}

    def between(
        self,
        symbol: str,
        frame: Frame,
        first: datetime,
        last: datetime,
        now: datetime,
        *,
        descending: bool = False,
    ) -> Iterator[Bar]:
        """The bars that begin within both times, in order; made as they are asked for."""
        oldest = max(calendar.trading_date(first), self._tape.oldest_day)
        days = _days(oldest, calendar.trading_date(min(last, now)), descending=descending)
        bars: Iterator[Bar]
        if frame.unit is Unit.MINUTE:
            bars = (bar for day in days for bar in self._of_minutes(symbol, frame, day, descending))
        elif frame.unit is Unit.DAY:
            bars = (bar for day in days if (bar := self._of_day(symbol, day, now)) is not None)
        else:
            last_day = calendar.trading_date(now)
            bars = self._of_periods(symbol, frame, days, last_day, now)
        return (bar for bar in bars if first <= bar.at <= last)

    def _of_minutes(self, symbol: str, frame: Frame, day: date, descending: bool) -> list[Bar]:
        start = _midnight(day)
        origin = int(start.timestamp()) // 60
        minutes = self._tape.minutes(symbol, day)
        grouped = groupby(minutes, key=lambda m: (m.minute - origin) // frame.count)
        bars = [
            _of(start + timedelta(minutes=index * frame.count), group) for index, group in grouped
        ]
        return bars[::-1] if descending else bars

    def _of_day(self, symbol: str, day: date, now: datetime) -> Bar | None:
        key = (self._tape.revision, symbol, day)
        kept = self._days.get(key)
        if kept is not None and calendar.trading_date(now) > day:
            return kept
        minutes = self._tape.minutes(symbol, day)
        if not minutes:
            return None
        bar = _of(_midnight(day), minutes)
        if calendar.trading_date(now) > day and len(self._days) < _DAYS_KEPT_MAX:
            self._days[key] = bar
        return bar

    def _of_periods(
        self, symbol: str, frame: Frame, days: Iterable[date], last_day: date, now: datetime
    ) -> Iterator[Bar]:
        seen: set[date] = set()
        for day in days:
            first = frame.first_day(day)
            if first in seen or first < self._tape.oldest_day:
                continue
            seen.add(first)
            daily = [
                bar
                for inner in _days(first, min(last_day, _end_of(frame, first)), descending=False)
                if (bar := self._of_day(symbol, inner, now)) is not None
            ]
            if daily:
                yield _joined(_midnight(first), daily)


def _of(at: datetime, group: Iterable[Minute]) -> Bar:
    minutes = list(group)
    volume = sum(m.volume for m in minutes)
    return Bar(
        at=at,
        open=minutes[0].open,
        high=max(m.high for m in minutes),
        low=min(m.low for m in minutes),
        close=minutes[-1].close,
        volume=volume,
        trades=sum(1 + m.volume // 60 for m in minutes),
        value=sum(m.volume * (m.high + m.low + m.close) / 3 for m in minutes),
    )


def _joined(at: datetime, bars: list[Bar]) -> Bar:
    return Bar(
        at=at,
        open=bars[0].open,
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=bars[-1].close,
        volume=sum(bar.volume for bar in bars),
        trades=sum(bar.trades for bar in bars),
        value=sum(bar.value for bar in bars),
    )


def _end_of(frame: Frame, first: date) -> date:
    if frame.unit is Unit.WEEK:
        return first + timedelta(days=6)
    years, month = divmod(first.month - 1 + frame.count, 12)
    return date(first.year + years, month + 1, 1) - timedelta(days=1)


def _days(first: date, last: date, *, descending: bool) -> Iterator[date]:
    count = max(0, (last - first).days + 1)
    steps = range(count - 1, -1, -1) if descending else range(count)
    return (first + timedelta(days=n) for n in steps)


def _midnight(day: date) -> datetime:
    midnight = datetime(day.year, day.month, day.day, tzinfo=calendar.NEW_YORK)
    return midnight.astimezone(UTC)
