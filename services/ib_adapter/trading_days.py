"""The market's clock and calendar: the trading hours of one share, as IB lists them.

IB lists the hours of a contract for some days ahead (about a week, more if the Gateway is set to
expose the whole schedule), and the schedule of days gone by on request. What neither tells is
refused: that no session is known is not that there is none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.common.domain.errors import InvalidRequest, ReadFailed, Reason, Refused
from services.common.domain.instruments import Equity
from services.common.domain.market import MarketClock, MarketDay
from services.ib_adapter import figures
from services.ib_adapter.asked_once import AskedOnce
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.data_requests import HistoryAsk
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.history_pacing import HistoryPacing
from services.ib_adapter.many import whole_within
from services.ib_adapter.market_link import MarketLink
from services.ib_adapter.pending import RequestRefused

# A Gateway may name zones in its own way.
_ZONES: Final = {"EST": "America/New_York", "EST5EDT": "America/New_York"}
# No market is closed for longer: so far back a session must be found, else the list is cut.
_CLOSED_MAX: Final = timedelta(days=10)
_SCHEDULE_DAYS_MAX: Final = 365
_DAY: Final = timedelta(days=1)
_PARTS_KEPT_MAX: Final = 50

Hours = list[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class HoursListed:
    """Sessions in order, and the days that were listed, those without a session among them."""

    sessions: Hours
    days: frozenset[date]


class TradingDays:
    """Reads over the session's connection."""

    def __init__(
        self,
        link: MarketLink,
        cache: ContractCache,
        pacing: HistoryPacing,
        *,
        symbol: str,
        answer_s: float,
        all_s: float,
    ) -> None:
        self._link = link
        self._cache = cache
        self._pacing = pacing
        self._share = Equity(symbol)
        self._answer_s = answer_s
        self._all_s = all_s
        self._asked: AskedOnce[dict[date, MarketDay]] = AskedOnce()
        self._known: OrderedDict[tuple[date, date], dict[date, MarketDay]] = OrderedDict()

    async def market_clock(self) -> MarketClock:
        """See `VenueGateway.market_clock`: IB's own time, and the hours of a share."""
        await self._link.round_trip()
        listed = await self._listed()
        return clock_at(self._link.require_now(), listed.sessions)

    async def days(self, start: date, end: date) -> list[MarketDay]:
        """See `VenueGateway.market_calendar`.

        Raises InvalidRequest UNSUPPORTED_BY_VENUE, naming the field, for days beyond what IB tells.
        """
        async with whole_within(self._all_s, "the calendar"):
            await self._link.round_trip()
            listed = await self._listed()
            first, last = min(listed.days), max(listed.days)
            if end > last:
                why = f"IB lists trading hours to {last} and not beyond"
                raise InvalidRequest("end_date", why, reason=Reason.UNSUPPORTED_BY_VENUE)
            for day in _each_day(max(start, first), end):
                if day not in listed.days:
                    raise ReadFailed(f"IB lists no hours of {day}, and of the days around it")
            found = _days_of(listed.sessions)
            if start < first:
                past = await self._past(start, min(end, first - _DAY))
                found = {**past, **found}
        return [found[day] for day in sorted(found) if start <= day <= end]

    async def _listed(self) -> HoursListed:
        try:
            details = await self._cache.details(self._share, is_data=True)
        except Refused as error:
            raise ReadFailed(f"the market's hours are not known: {error.message}") from error
        try:
            return listed_hours(details.liquidHours, details.timeZoneId)
        except Unreadable as error:
            raise ReadFailed(f"the market's hours can't be read: {error}") from error

    async def _past(self, start: date, end: date) -> dict[date, MarketDay]:
        """Days gone by. They are asked for from further back, to see that the list is not cut."""
        found: dict[date, MarketDay] = {}
        until = end
        while until >= start:
            begin = max(start, until - timedelta(days=_SCHEDULE_DAYS_MAX - _CLOSED_MAX.days - 1))
            part = await self._known_part(begin, until)
            found.update((day, hours) for day, hours in part.items() if begin <= day <= until)
            until = begin - _DAY
        return found

    async def _known_part(self, start: date, end: date) -> dict[date, MarketDay]:
        """What was read before: days gone by don't change."""
        key = (start, end)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        found = await self._asked.run(key, lambda: self._part(start, end))
        if not found or min(found) > start:
            why = f"IB's schedule does not reach back to {start}"
            raise InvalidRequest("start_date", why, reason=Reason.UNSUPPORTED_BY_VENUE)
        self._known[key] = found
        while len(self._known) > _PARTS_KEPT_MAX:
            self._known.popitem(last=False)
        return found

    async def _part(self, start: date, end: date) -> dict[date, MarketDay]:
        contract = await self._cache.contract(self._share, is_data=True)
        after = datetime.combine(end + _DAY, time(), figures.NEW_YORK).astimezone(UTC)
        length = (end - start) + _CLOSED_MAX + _DAY
        ask = HistoryAsk(
            contract,
            end=figures.wire_utc(after),
            duration=f"{length.days} D",
            bar_size="1 day",
            what="SCHEDULE",
            regular_hours=True,
        )
        try:
            async with self._pacing.slot(ask):
                zone, sessions = await self._link.requests().schedule(ask, self._answer_s)
        except RequestRefused as error:
            if error.reason is not Reason.READ_FAILED:
                raise
            why = f"this Gateway tells no days gone by: {error.message}"
            raise InvalidRequest("start_date", why, reason=Reason.UNSUPPORTED_BY_VENUE) from error
        try:
            return _days_of(_past_sessions(sessions, zone))
        except Unreadable as error:
            raise ReadFailed(f"IB's schedule can't be read: {error}") from error


def zone_of(name: str) -> ZoneInfo:
    """The zone that a Gateway names: `US/Eastern`, or `EST (Eastern Standard Time)`. Raises
    Unreadable."""
    first = name.split(" ")[0]
    try:
        return ZoneInfo(_ZONES.get(first, first))
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise Unreadable(f"time zone {name[:60]!r}") from error


def listed_hours(text: str, zone_name: str) -> HoursListed:
    """IB's `20241104:0930-20241104:1600;20241109:CLOSED`, in order. Raises Unreadable, also if no
    day is in it."""
    zone = zone_of(zone_name)
    sessions: Hours = []
    days: set[date] = set()
    for part in filter(None, text.split(";")):
        begin, _, end = part.partition("-")
        if begin.endswith(":CLOSED"):
            days.add(_moment(begin.replace("CLOSED", "0000"), zone).date())
            continue
        sessions.append((_moment(begin, zone), _moment(end, zone)))
        days.add(sessions[-1][0].date())
    if not days:
        raise Unreadable("no hours are told")
    return HoursListed(sorted(sessions), frozenset(days))


def clock_at(now: datetime, hours: Iterable[tuple[datetime, datetime]]) -> MarketClock:
    """The market's clock at a moment. Raises ReadFailed if no later opening is among the hours."""
    ahead = [(begin, end) for begin, end in hours if end > now]
    opens = [begin for begin, _ in ahead if begin > now]
    if not opens:
        raise ReadFailed("IB gave no opening after now")
    return MarketClock(
        venue_time=now,
        is_open=ahead[0][0] <= now,
        next_open=opens[0].astimezone(UTC),
        next_close=ahead[0][1].astimezone(UTC),
        trading_date=now.astimezone(figures.NEW_YORK).date(),
    )


def _each_day(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _days_of(sessions: Hours) -> dict[date, MarketDay]:
    """One day each; of several sessions the first opens it and the last closes it."""
    found: dict[date, MarketDay] = {}
    for begin, end in sorted(sessions):
        opens, closes = begin.astimezone(UTC), end.astimezone(UTC)
        known = found.get(begin.date())
        found[begin.date()] = MarketDay(begin.date(), known.open_time if known else opens, closes)
    return found


def _past_sessions(sessions: Sequence[Any], zone_name: str) -> Hours:
    """Sessions of `20241101-09:30:00` to `20241101-16:00:00`."""
    zone = zone_of(zone_name)
    return [(_second(s.startDateTime, zone), _second(s.endDateTime, zone)) for s in sessions]


def _moment(text: str, zone: ZoneInfo) -> datetime:
    # A time without a day is of old Gateways; it can't be placed.
    return _read(text, "%Y%m%d:%H%M", zone)


def _second(text: str, zone: ZoneInfo) -> datetime:
    return _read(text, "%Y%m%d-%H:%M:%S", zone)


def _read(text: str, form: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.strptime(text, form).replace(tzinfo=zone)
    except ValueError as error:
        raise Unreadable(f"a session's time is {text[:40]!r}") from error
