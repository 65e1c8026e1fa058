"""The day that an order was taken for: a new attempt of it is made on the same day only.

Days are New York's, by the venue's clock where that is known: what a client asked for yesterday
may not be what they want at this morning's prices, so nothing of it is sent anew by itself.
"""

from __future__ import annotations

from datetime import datetime

from services.router.books.failovers import day_of
from services.router.routing.link import VenueLink


def is_same_day(link: VenueLink, taken_at: datetime, now: datetime) -> bool:
    """Whether two wall times are on one day at the link's venue."""
    days = {day_of(link.in_venue_time(at) or at) for at in (taken_at, now)}
    return len(days) == 1
