"""The sessions of the New York exchanges: weekends, holidays, early closes, extended hours."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

NEW_YORK = ZoneInfo("America/New_York")
_OPEN = time(9, 30)
_CLOSE = time(16, 0)
_EARLY_CLOSE = time(13, 0)
_MINUTE = timedelta(minutes=1)
_EXTENDED_OPEN = time(4, 0)
_EXTENDED_CLOSE = time(20, 0)
_EARLY_EXTENDED_CLOSE = time(17, 0)


@dataclass(frozen=True, slots=True)
class Session:
    """One regular session; `opens` and `closes` are aware UTC."""

    day: date
    opens: datetime
    closes: datetime

    def covers(self, at: datetime) -> bool:
        """Whether trading goes on at that instant; the close itself is no longer in it."""
        return self.opens <= at < self.closes


@lru_cache(maxsize=64)
def _special_days(year: int) -> tuple[frozenset[date], frozenset[date]]:
    closed = frozenset(holidays.financial_holidays("NYSE", years=year))
    half = frozenset(holidays.financial_holidays("NYSE", years=year, categories=("half_day",)))
    return closed, half - closed


@lru_cache(maxsize=2048)
def session_on(day: date) -> Session | None:
    """The session of that day, None if the exchange is closed all day."""
    closed, half = _special_days(day.year)
    if day.weekday() >= 5 or day in closed:
        return None
    ends = _EARLY_CLOSE if day in half else _CLOSE
    return Session(
        day=day,
        opens=datetime.combine(day, _OPEN, NEW_YORK).astimezone(UTC),
        closes=datetime.combine(day, ends, NEW_YORK).astimezone(UTC),
    )


def sessions_between(first: date, last: date) -> list[Session]:
    """The sessions of both days and all between them, in order."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [session for day in days if (session := session_on(day)) is not None]


def session_at(at: datetime) -> Session | None:
    """The session that is on at that instant."""
    session = session_on(at.astimezone(NEW_YORK).date())
    return session if session is not None and session.covers(at) else None


def current_or_next_session(at: datetime) -> Session:
    """The session that is on, else the next one."""
    day = at.astimezone(NEW_YORK).date()
    while True:
        session = session_on(day)
        if session is not None and at < session.closes:
            return session
        day += timedelta(days=1)


@lru_cache(maxsize=2048)
def extended_hours_on(day: date) -> Session | None:
    """The hours before, in and after that day's session; None if the exchange is closed."""
    session = session_on(day)
    if session is None:
        return None
    is_early = session.closes.astimezone(NEW_YORK).time() == _EARLY_CLOSE
    ends = _EARLY_EXTENDED_CLOSE if is_early else _EXTENDED_CLOSE
    return Session(
        day=day,
        opens=datetime.combine(day, _EXTENDED_OPEN, NEW_YORK).astimezone(UTC),
        closes=datetime.combine(day, ends, NEW_YORK).astimezone(UTC),
    )


def extended_hours_at(at: datetime) -> Session | None:
    """The extended hours that are on at that instant."""
    hours = extended_hours_on(at.astimezone(NEW_YORK).date())
    return hours if hours is not None and hours.covers(at) else None


def current_or_next_extended_hours(at: datetime) -> Session:
    """The extended hours that are on, else the next ones."""
    day = at.astimezone(NEW_YORK).date()
    while True:
        hours = extended_hours_on(day)
        if hours is not None and at < hours.closes:
            return hours
        day += timedelta(days=1)


def next_extended_open(at: datetime) -> datetime:
    """The next beginning of extended hours strictly after that instant."""
    hours = current_or_next_extended_hours(at)
    while hours.opens <= at:
        hours = current_or_next_extended_hours(hours.closes)
    return hours.opens


def next_extended_close(at: datetime) -> datetime:
    """The next end of extended hours strictly after that instant."""
    return current_or_next_extended_hours(at).closes


def next_open(at: datetime) -> datetime:
    """The next opening strictly after that instant."""
    session = current_or_next_session(at)
    while session.opens <= at:
        session = current_or_next_session(session.closes)
    return session.opens


def next_close(at: datetime) -> datetime:
    """The next close strictly after that instant."""
    return current_or_next_session(at).closes


def last_close(at: datetime) -> datetime:
    """The latest close at or before that instant."""
    day = at.astimezone(NEW_YORK).date()
    while True:
        session = session_on(day)
        if session is not None and session.closes <= at:
            return session.closes
        day -= timedelta(days=1)


def last_trading(expiry: date) -> datetime:
    """When a contract that expires that day stops trading: the day's close, or the one before."""
    session = session_on(expiry)
    if session is not None:
        return session.closes
    return last_close(datetime.combine(expiry, _CLOSE, NEW_YORK))


def trading_date(at: datetime) -> date:
    """The calendar day in New York."""
    return at.astimezone(NEW_YORK).date()


def next_minute(at: datetime) -> datetime:
    """The end of the next minute of regular trading after that instant."""
    session = current_or_next_session(at)
    began = max(at, session.opens)
    return session.opens + ((began - session.opens) // _MINUTE + 1) * _MINUTE
