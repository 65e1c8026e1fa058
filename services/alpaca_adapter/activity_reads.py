"""Activities, listed to the very end: what changed the account without being a fill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.reads import Reader, reading
from services.alpaca_adapter.translate_activity import ActivityTranslator
from services.common.adapter.budget import Priority
from services.common.adapter.port import ActivityQuery
from services.common.domain.activities import Activity
from services.common.domain.errors import ReadFailed

PATH: Final = "/account/activities"
PAGE: Final = 100
# Most activities have a day and no time, and days are New York's: more is asked for, by more than
# any zone, and what lies outside is left out here. No end is asked for: what is of a day may be
# made days later, and Alpaca's window may go by either.
_MARGIN: Final = timedelta(days=1)


class ActivityReads:
    """Reads what the account's activities are; gives all that fit, or raises ReadFailed."""

    def __init__(self, reader: Reader, translator: ActivityTranslator) -> None:
        self._reader = reader
        self._translator = translator

    async def activities(
        self, query: ActivityQuery, *, priority: Priority = Priority.READ
    ) -> list[Activity]:
        """See `VenueGateway.activities`."""
        params = {
            "category": "non_trade_activity",
            "direction": "desc",
            "page_size": str(PAGE),
        } | _window(query)
        items = await self._pages(params, priority)
        with reading(PATH):
            found = [self._translator.activity(item) for item in items]
        return [a for a in found if a is not None and _fits(a, query)]

    async def _pages(self, params: Mapping[str, str], priority: Priority) -> list[Any]:
        until = self._reader.list_until()
        found: dict[str, Any] = {}
        asked = dict(params)
        while True:
            page = await self._reader.read(PATH, asked, until=until, priority=priority)
            known = len(found)
            with reading(PATH):
                found |= _by_id(page)
            if len(page) < PAGE:
                return list(found.values())
            if len(found) == known:
                raise ReadFailed(f"{PATH}: Alpaca gives the same page again")
            asked = {**params, "page_token": next(reversed(_by_id(page)))}


def _by_id(page: Any) -> dict[str, Any]:
    if not isinstance(page, list):
        raise wire_fields.Unreadable("the activities are not a list")
    records = (wire_fields.record(item, "an activity") for item in page)
    return {wire_fields.required_text(record, "id"): record for record in records}


def _window(query: ActivityQuery) -> dict[str, str]:
    if query.after is None:
        return {}
    return {"after": wire_fields.wire_time(query.after - _MARGIN)}


def _fits(activity: Activity, query: ActivityQuery) -> bool:
    if query.activity_types and activity.activity_type not in query.activity_types:
        return False
    at, day = activity.times.venue_time, activity.times.trading_date
    if at is not None:
        return _is_within(at, at, query)
    if day is None:
        return True  # without a time, which proves nothing
    begins = datetime.combine(day, datetime.min.time(), wire_fields.NEW_YORK)
    return _is_within(begins, begins + timedelta(days=1) - timedelta.resolution, query)


def _is_within(first: datetime, last: datetime, query: ActivityQuery) -> bool:
    """Whether any of the time from `first` to `last` is asked for."""
    return (query.after is None or last >= query.after) and (
        query.before is None or first < query.before
    )
