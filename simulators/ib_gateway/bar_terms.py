"""Reads what a request for bars asks: their size, how long back, until when, and of what."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulators.ib_gateway.problems import Problem
from simulators.venue import trading_calendar as calendar
from simulators.venue.bars import Frame, Unit

_LEGAL = (
    *("1 secs", "5 secs", "10 secs", "15 secs", "30 secs", "1 min", "2 mins", "3 mins", "5 mins"),
    *("10 mins", "15 mins", "20 mins", "30 mins", "1 hour", "2 hours", "3 hours", "4 hours"),
    *("8 hours", "1 day", "1W", "1M"),
)
_ALIASES = {
    **dict.fromkeys(("1 week", "1 weeks", "1 W"), "1W"),
    **dict.fromkeys(("1 month", "1 months", "1 M"), "1M"),
    **dict.fromkeys(("1 days", "1D"), "1 day"),
    **dict.fromkeys(("1 hours", "60 mins"), "1 hour"),
    "1 sec": "1 secs",
    "1 mins": "1 min",
}
_LONG = {"1 day": Unit.DAY, "1W": Unit.WEEK, "1M": Unit.MONTH}
_UNIT_S = {"sec": 1, "secs": 1, "min": 60, "mins": 60, "hour": 3600, "hours": 3600}
_DURATION = re.compile(r"([0-9]{1,6}) +([SDWMY])")
_END = re.compile(r"(?:(\d{8})[ -]+)?(\d{1,2}:\d\d:\d\d)(?: +(\S+))?")
_SECONDS_MAX, _DAYS_MAX = 86400, 365
_SESSION_S, _BARS_MAX = 6.5 * 3600, 60_000
_LONGEST_S = {1: 2000, 5: 10_800, 10: 14_400, 15: 14_400, 30: 28_800}
SMALL_S = 30
KINDS = ("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "AGGTRADES")
VOLATILITIES = ("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY")
SCHEDULE = "SCHEDULE"


@dataclass(frozen=True, slots=True)
class BarSize:
    """How long a bar is: so many seconds, or (0) a day, a week or a month."""

    name: str
    seconds: int
    unit: Unit

    @property
    def frame(self) -> Frame:
        """Its frame; a bar of seconds is made from those of a minute."""
        return Frame(self.unit, max(1, self.seconds // 60))

    @property
    def is_small(self) -> bool:
        return 0 < self.seconds <= SMALL_S


def _invalid(cause: str) -> Problem:
    return Problem(321, f"Error validating request.-'bK' : cause - {cause}")


def no_bars(text: str) -> Problem:
    """What the servers of historical data answer, whatever it is."""
    return Problem(162, f"Historical Market Data Service error message:{text}")


def read_size(text: str) -> BarSize:
    """The bar's size.

    Raises:
        Problem: There is none such.
    """
    name = _ALIASES.get(text.strip(), text.strip())
    if name not in _LEGAL:
        legal = ", ".join(_LEGAL)
        raise _invalid(f"Historical data bar size setting is invalid. Legal ones are: {legal}")
    if name in _LONG:
        return BarSize(name, 0, _LONG[name])
    count, unit = name.split()
    return BarSize(name, int(count) * _UNIT_S[unit], Unit.MINUTE)


@dataclass(frozen=True, slots=True)
class Duration:
    """How far back: a count of S seconds, D sessions, W weeks, M months or Y years."""

    count: int
    unit: str

    def first(self, end: datetime) -> datetime:
        """The time from which bars are wanted that end then."""
        if self.unit == "S":
            return _trading_seconds_before(end, self.count)
        if self.unit == "D":
            return _midnight(_sessions_before(end, self.count))
        day = calendar.trading_date(end)
        if self.unit == "W":
            return _midnight(datetime.combine(day, _NO_TIME) - timedelta(days=7 * self.count - 1))
        months = self.count * (12 if self.unit == "Y" else 1)
        years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
        before = datetime(years, month + 1, 1) + timedelta(days=day.day)  # noqa: DTZ001
        return _midnight(before)


_NO_TIME = datetime.min.time()


def read_duration(text: str, size: BarSize) -> Duration:
    """How far back bars are wanted.

    Raises:
        Problem: It can't be read, is nothing, or too much for bars of that size.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise _invalid("Duration format is integer{SPACE}unit (S|D|W|M|Y)")
    count, unit = int(match[1]), match[2]
    longer = "Historical data requests for durations longer than"
    if unit == "S" and count > _SECONDS_MAX:
        raise _invalid(f"{longer} {_SECONDS_MAX} seconds must be made in days.")
    days = count * {"S": 0, "D": 1, "W": 7, "M": 30, "Y": 0}[unit]
    if days > _DAYS_MAX:
        raise _invalid(f"{longer} {_DAYS_MAX} days must be made in years.")
    if count > 100 and unit == "Y":
        raise _invalid("Duration is too long")
    longest_s = _LONGEST_S.get(size.seconds)
    if longest_s is not None and (unit != "S" or count > longest_s):
        raise no_bars("Time length exceed max.")
    sessions = days + 365 * count * (unit == "Y")
    if size.seconds and sessions * _SESSION_S > _BARS_MAX * size.seconds:
        raise no_bars("Time length exceed max.")
    return Duration(count, unit)


def read_end(text: str, now: datetime) -> datetime:
    """Until when: now if it is empty; without a zone New York's time, with a `-` UTC.

    Raises:
        Problem: It can't be read.
    """
    text = text.strip()
    if not text:
        return now
    match = _END.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        day, time, zone = match.groups()
        is_utc = day is not None and text[8] == "-"
        if is_utc and zone:
            raise ValueError(text)
        day = day or f"{now.astimezone(calendar.NEW_YORK):%Y%m%d}"
        at = datetime.strptime(f"{day} {time}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007  (zoned below)
        tz = UTC if is_utc else ZoneInfo(zone) if zone else calendar.NEW_YORK
    except (ValueError, ZoneInfoNotFoundError, OSError) as error:
        raise _bad_time() from error
    return min(at.replace(tzinfo=tz).astimezone(UTC), now)


def _bad_time() -> Problem:
    return Problem(
        10314,
        "End Date/Time: The date, time, or time-zone entered is invalid. The correct format is "
        "yyyymmdd hh:mm:ss xx/xxxx where yyyymmdd and xx/xxxx are optional. E.g.: 20031126 "
        "15:59:00 US/Eastern  Note that there is a space between the date and time, and between "
        "the time and time-zone.  If no date is specified, current date is assumed. If no "
        "time-zone is specified, local time-zone is assumed(deprecated).  You can also provide "
        "yyyymmddd-hh:mm:ss time is in UTC. Note that there is a dash between the date and time "
        "in UTC notation.",
    )


def _midnight(day: datetime) -> datetime:
    return day.replace(tzinfo=calendar.NEW_YORK).astimezone(UTC)


def _sessions_before(end: datetime, count: int) -> datetime:
    """The day of the session that is the so manieth back, the one that is on included."""
    day, left = calendar.trading_date(end), count
    while True:
        session = calendar.session_on(day)
        if session is not None and session.opens < end:
            left -= 1
        if not left:
            return datetime.combine(day, _NO_TIME)
        day -= timedelta(days=1)


def _trading_seconds_before(end: datetime, seconds: int) -> datetime:
    """So many seconds of regular trading before that time."""
    day, left = calendar.trading_date(end), timedelta(seconds=seconds)
    while True:
        session = calendar.session_on(day)
        if session is not None and session.opens < end:
            until = min(end, session.closes)
            if until - session.opens >= left:
                return (until - left).replace(microsecond=0)
            left -= until - session.opens
        day -= timedelta(days=1)
