"""Times in orders: good till a date."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulators.ib_gateway.problems import invalid
from simulators.venue.trading_calendar import NEW_YORK

_FORMS = ("%Y%m%d %H:%M:%S", "%Y%m%d-%H:%M:%S", "%Y%m%d")


def good_till(time_in_force: str, text: str) -> datetime | None:
    """When an order of that time in force ends by its client's will, None if it says nothing.

    Written `20241104 15:59:00 US/Eastern`, without a zone New York's, with a `-` in place of the
    blank UTC, or a date alone for its end.

    Raises:
        Problem: It must say so and doesn't, or it can't be read.
    """
    if time_in_force != "GTD":
        return None
    words = text.split()
    zone = _zone(words.pop()) if words and words[-1][:1].isalpha() else None
    for form in _FORMS:
        try:
            at = datetime.strptime(" ".join(words), form)  # noqa: DTZ007  (zoned below)
        except ValueError:
            continue
        if form == _FORMS[2]:
            at = at.replace(hour=23, minute=59, second=59)
        return at.replace(tzinfo=zone or (UTC if "-" in text else NEW_YORK))
    raise invalid(f"Invalid good till date '{text[:40]}'")


def _zone(name: str) -> ZoneInfo:
    known = {"EST": "America/New_York", "EDT": "America/New_York"}
    try:
        return ZoneInfo(known.get(name, name))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise invalid(f"Invalid time zone '{name[:40]}'") from error
