"""What is listed and when it trades: option contracts and trading days, read to the very end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.reads import Reader, reading
from services.alpaca_adapter.translate_market import read_days, read_listed_option
from services.alpaca_adapter.venue_watch import VenueWatch
from services.common.adapter.port import ContractQuery
from services.common.domain.amounts import format_decimal
from services.common.domain.errors import InvalidRequest, ReadFailed
from services.common.domain.market import ListedOption, MarketDay

CONTRACTS_PATH: Final = "/options/contracts"
CALENDAR_PATH: Final = "/calendar"
CONTRACTS_PAGE: Final = 10_000
CONTRACTS_MAX: Final = 50_000
# Farther than any listing goes; without a bound Alpaca lists to the next weekend only.
_FAR: Final = timedelta(days=3660)


class MarketListings:
    """Each method gives all of it, or raises ReadFailed."""

    def __init__(self, reader: Reader, watch: VenueWatch) -> None:
        self._reader = reader
        self._watch = watch

    async def option_contracts(self, query: ContractQuery) -> list[ListedOption]:
        """See `VenueGateway.option_contracts`. InvalidRequest for more than can be held."""
        until = self._reader.list_until()
        today = wire_fields.trading_date(self._watch.now())
        found: dict[str, ListedOption] = {}
        for status in _statuses(query, today):
            for option in await self._all(_params(query, today) | {"status": status}, until):
                found[option.contract.key] = option
        return sorted(found.values(), key=_by_terms)

    async def days(self, start: date, end: date) -> list[MarketDay]:
        """See `VenueGateway.market_calendar`."""
        params = {"start": start.isoformat(), "end": end.isoformat()}
        content = await self._reader.read(CALENDAR_PATH, params)
        with reading(CALENDAR_PATH):
            return [day for day in read_days(content) if start <= day.day <= end]

    async def _all(self, params: Mapping[str, str], until: float) -> list[ListedOption]:
        found: list[ListedOption] = []
        asked, token = dict(params), ""
        while True:
            content = await self._reader.read(CONTRACTS_PATH, asked, until=until)
            with reading(CONTRACTS_PATH):
                page = wire_fields.record(content, "the answer")
                found.extend(map(read_listed_option, _contracts(page)))
            last, token = token, wire_fields.text(page, "next_page_token")
            if not token:
                return found
            if token == last:
                raise ReadFailed(f"{CONTRACTS_PATH}: Alpaca gives the same page again")
            if len(found) >= CONTRACTS_MAX:
                raise InvalidRequest("expiry_to", f"more than {CONTRACTS_MAX} contracts at once")
            asked = {**params, "page_token": token}


def _contracts(page: wire_fields.Record) -> list[Any]:
    contracts = page.get("option_contracts")
    if not isinstance(contracts, list):
        raise wire_fields.Unreadable("option_contracts is not a list")
    return contracts


def _params(query: ContractQuery, today: date | None) -> dict[str, str]:
    first = query.expiry_from or date(2000, 1, 1)
    last = query.expiry_to or max(first, today or first) + _FAR
    params = {
        "underlying_symbols": query.underlying,
        "expiration_date_gte": first.isoformat(),
        "expiration_date_lte": last.isoformat(),
        "limit": str(CONTRACTS_PAGE),
        "show_deliverables": "true",
    }
    if query.strike_from is not None:
        params["strike_price_gte"] = format_decimal(query.strike_from)
    if query.strike_to is not None:
        params["strike_price_lte"] = format_decimal(query.strike_to)
    if query.right is not None:
        params["type"] = query.right.name.lower()
    return params


def _statuses(query: ContractQuery, today: date | None) -> list[str]:
    """Alpaca lists what can still trade, or what can't, never both at once."""
    if today is not None and query.expiry_from is not None and query.expiry_from >= today:
        return ["active"]
    return ["inactive", "active"]


def _by_terms(option: ListedOption) -> tuple[object, ...]:
    contract = option.contract
    return (contract.expiry, contract.strike, contract.right.value, contract.root)
