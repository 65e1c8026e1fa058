"""Flags that the commands of all simulators read alike: amounts and times."""

from datetime import datetime, time
from decimal import Decimal, InvalidOperation

import click

from simulators.venue.trading_calendar import NEW_YORK


def dollars(context: click.Context, option: click.Parameter, value: str) -> Decimal:
    """Dollars, 0 to 1e12; click.BadParameter otherwise."""
    try:
        cash = Decimal(value)
    except InvalidOperation as error:
        raise click.BadParameter(f"{value!r} is not an amount") from error
    if not cash.is_finite() or not 0 <= cash <= Decimal("1e12"):
        raise click.BadParameter(f"{value!r} is not between 0 and 1e12")
    return cash


def start_time(context: click.Context, option: click.Parameter, value: str) -> datetime:
    """A time, in New York unless it has a zone; click.BadParameter otherwise."""
    try:
        start = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a time like 2024-11-04T10:00:00") from error
    return start if start.tzinfo is not None else start.replace(tzinfo=NEW_YORK)


def time_of_day(context: click.Context, option: click.Parameter, value: str) -> time | None:
    """A time such as 23:45, None for ""; click.BadParameter otherwise."""
    if not value:
        return None
    try:
        found = time.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a time like 23:45") from error
    if found.tzinfo is not None:
        raise click.BadParameter(f"{value!r} has a zone")
    return found
