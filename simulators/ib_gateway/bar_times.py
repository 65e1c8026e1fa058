"""When a bar begins, and how its time and its prices are written."""

from datetime import datetime, timedelta

from simulators.venue import trading_calendar as calendar


def bar_start(at: datetime, size_s: int) -> datetime:
    """The beginning of the bar that a time is in; of a day's bar (0) midnight in New York."""
    local = at.astimezone(calendar.NEW_YORK)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if not size_s:
        return midnight
    seconds = (local - midnight) // timedelta(seconds=1)
    start = midnight + timedelta(seconds=seconds - seconds % size_s)
    session = calendar.session_on(local.date())
    return max(start, session.opens) if session is not None and at >= session.opens else start


def bar_time(at: datetime, *, is_long: bool, in_seconds: bool) -> str:
    """A bar's time: a day for bars of days and longer, else seconds or New York's time."""
    if is_long:
        return f"{at.astimezone(calendar.NEW_YORK):%Y%m%d}"
    return str(int(at.timestamp())) if in_seconds else zoned(at)


def zoned(at: datetime) -> str:
    """`20241104 10:00:00 US/Eastern`."""
    return f"{at.astimezone(calendar.NEW_YORK):%Y%m%d %H:%M:%S} US/Eastern"


def dashed(at: datetime) -> str:
    """`20241104-10:00:00`, in New York's time."""
    return f"{at.astimezone(calendar.NEW_YORK):%Y%m%d-%H:%M:%S}"


def number(value: float) -> str:
    """A price without an exponent and without needless zeros."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
