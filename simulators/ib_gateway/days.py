"""How far back the Gateway's lists reach, by the clock of New York."""

from datetime import datetime, time, timedelta

from simulators.venue import trading_calendar as calendar
from simulators.venue.trading_calendar import NEW_YORK


def executions_since(at: datetime) -> datetime:
    """Executions: since midnight."""
    return datetime.combine(at.astimezone(NEW_YORK).date(), time(), NEW_YORK)


def completed_since(at: datetime) -> datetime:
    """Completed orders: since the trading day began, which lasts until the next one does."""
    day = at.astimezone(NEW_YORK).date()
    while calendar.session_on(day) is None:
        day -= timedelta(days=1)
    return datetime.combine(day, time(), NEW_YORK)
