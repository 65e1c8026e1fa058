"""Latest quotes and the market's hours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.common.domain.errors import ReadFailed, Reason, Refused
from services.common.domain.instruments import Equity, Instrument
from services.common.domain.market import MarketClock, Quote
from services.ib_adapter import figures
from services.ib_adapter.codes import Kind
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.pending import RequestRefused
from services.ib_adapter.session import Session
from services.ib_adapter.ticks import Ticks
from services.ib_adapter.translate_market import has_prices, read_quote

# IB's market data lines: so many quotes are asked for at once.
_AT_ONCE: Final = 20
# A Gateway may name zones in its own way.
_ZONES: Final = {"EST": "America/New_York", "EST5EDT": "America/New_York"}


class MarketData:
    """Reads over the session's connection; each method answers in full or raises ReadFailed."""

    def __init__(
        self,
        session: Session,
        cache: ContractCache,
        venue: str,
        *,
        clock_symbol: str,
        quote_wait_s: float,
    ) -> None:
        self._session = session
        self._cache = cache
        self._venue = venue
        self._clock_symbol = clock_symbol
        self._quote_wait_s = quote_wait_s
        self._hours_read: date | None = None

    # -- quotes ------------------------------------------------------------------------------

    async def quotes(self, instruments: Sequence[Instrument]) -> list[Quote]:
        """See `VenueGateway.quotes`.

        Raises ReadFailed NOT_PERMITTED if the account may not see one of them.
        """
        free = asyncio.Semaphore(_AT_ONCE)

        async def one(instrument: Instrument) -> Quote | ReadFailed | None:
            async with free:
                try:
                    return await self._quote(instrument)
                except ReadFailed as error:
                    return error

        try:
            async with asyncio.TaskGroup() as tasks:
                asked = [tasks.create_task(one(instrument)) for instrument in instruments]
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        answers = [task.result() for task in asked]
        for answer in answers:
            if isinstance(answer, ReadFailed):
                raise answer
        return [answer for answer in answers if isinstance(answer, Quote)]

    async def _quote(self, instrument: Instrument) -> Quote | None:
        try:
            contract = await self._cache.contract(instrument)
            requests = self._session.requests()
            ticks, is_whole = await requests.snapshot(contract, _is_whole, self._quote_wait_s)
        except Refused as error:
            if error.reason is Reason.INSTRUMENT_NOT_FOUND:
                return None
            raise
        except RequestRefused as error:
            if error.said.kind is Kind.REJECTED:
                return None
            raise
        if not is_whole and not ticks.are_both_sides_told:
            raise ReadFailed(f"IB told no whole quote of {instrument.key} in time")
        quote = read_quote(ticks, instrument, self._venue, self._session.venue_clock.now())
        return quote if has_prices(quote) else None

    # -- the clock ---------------------------------------------------------------------------

    async def market_clock(self) -> MarketClock:
        """See `VenueGateway.market_clock`: IB's own time, and the hours of a share."""
        await self._session.round_trip()
        now = self._session.venue_clock.now()
        assert now is not None  # the round trip has set it
        today = now.astimezone(figures.NEW_YORK).date()
        try:
            details = await self._cache.details(
                Equity(self._clock_symbol), fresh=self._hours_read != today
            )
        except Refused as error:
            raise ReadFailed(f"the market's hours are not known: {error.message}") from error
        self._hours_read = today
        try:
            hours = read_hours(details.liquidHours, details.timeZoneId)
        except Unreadable as error:
            raise ReadFailed(f"the market's hours can't be read: {error}") from error
        return clock_at(now, hours)


def read_hours(text: str, zone_name: str) -> list[tuple[datetime, datetime]]:
    """IB's `20241104:0930-20241104:1600;20241109:CLOSED`, in order. Raises Unreadable."""
    name = zone_name.split(" ")[0]
    try:
        zone = ZoneInfo(_ZONES.get(name, name))
        return sorted(
            (_hour(begin, zone), _hour(end, zone))
            for part in text.split(";")
            if part and "CLOSED" not in part
            for begin, end in [part.split("-")]
        )
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise Unreadable(f"{text[:60]!r} in {zone_name!r}: {error}") from error


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


def _hour(text: str, zone: ZoneInfo) -> datetime:
    # A time without a day is of old Gateways; it can't be placed.
    return datetime.strptime(text, "%Y%m%d:%H%M").replace(tzinfo=zone)


def _is_whole(ticks: Ticks) -> bool:
    return ticks.is_quote_whole
