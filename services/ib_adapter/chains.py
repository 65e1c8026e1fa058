"""Listed options of an underlying: every contract that fits, by IB's own list of each expiry.

IB names the expiries of each trading class in one answer, with all strikes that any of them has.
Which strikes an expiry really has only its contracts tell, so each expiry is asked for by itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeVar

import structlog

from services.common.adapter.port import ContractQuery
from services.common.domain.errors import InvalidRequest, ReadFailed, Reason, Refused
from services.common.domain.instruments import Equity, OptionRight
from services.common.domain.market import ListedOption
from services.ib_adapter import contracts
from services.ib_adapter.asked_once import AskedOnce
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.library import Contract, ContractDetails
from services.ib_adapter.many import ask_each, whole_within
from services.ib_adapter.market_link import MarketLink
from services.ib_adapter.pending import RequestRefused
from services.ib_adapter.translate_market import read_listed_option

_log = structlog.stdlib.get_logger(__name__)

CONTRACTS_MAX: Final = 50_000
INDEX: Final = "IND"
_AT_ONCE: Final = 5
_INDEX_DAYS: Final = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class _Underlying:
    """As IB names it."""

    symbol: str
    sec_type: str
    con_id: int
    currency: str


@dataclass(frozen=True, slots=True)
class _Expiry:
    """The contracts of a class that expire on one day, of one right or both."""

    underlying: _Underlying
    trading_class: str
    day: date
    right: OptionRight | None


class Chains:
    """Reads over the session's connection. What was read is kept for the day, up to a bound."""

    def __init__(
        self, link: MarketLink, cache: ContractCache, *, all_s: float, len_max: int
    ) -> None:
        self._link = link
        self._cache = cache
        self._all_s = all_s
        self._len_max = len_max
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._asked: AskedOnce[tuple[ListedOption, ...]] = AskedOnce()
        self._known: OrderedDict[_Expiry, tuple[date, tuple[ListedOption, ...]]] = OrderedDict()
        self._expiries: dict[_Underlying, tuple[date, dict[str, list[date]]]] = {}
        self._underlyings: dict[str, tuple[date, _Underlying]] = {}

    async def option_contracts(self, query: ContractQuery) -> list[ListedOption]:
        """See `VenueGateway.option_contracts`. Raises InvalidRequest: UNSUPPORTED_BY_VENUE for days
        gone by, which IB does not list, and for more than can be held."""
        async with whole_within(self._all_s, f"options on {query.underlying}"):
            if self._link.today() is None:
                await self._link.round_trip()
            today = self._link.today()
            if today is None:
                raise ReadFailed("IB's day is not known yet")
            if query.expiry_from is not None and query.expiry_from < today:
                why = f"IB lists no options that expired before today, {today}"
                raise InvalidRequest("expiry_from", why, reason=Reason.UNSUPPORTED_BY_VENUE)
            underlying = await self._underlying(query.underlying, today)
            listed = await self._listed(underlying, today)
            expiries = (
                _Expiry(underlying, trading_class, day, query.right)
                for trading_class, days in listed.items()
                for day in days
            )
            wanted = [expiry for expiry in expiries if _may_fit(expiry, query)]
            parts = await ask_each(wanted, lambda one: self._contracts(one, today), self._free)
        found = {o.contract.key: o for part in parts for o in part if _fits(o, query)}
        if len(found) > CONTRACTS_MAX:
            raise InvalidRequest("expiry_to", f"more than {CONTRACTS_MAX} contracts at once")
        return sorted(found.values(), key=_by_terms)

    # -- what is listed ----------------------------------------------------------------------

    async def _underlying(self, symbol: str, today: date) -> _Underlying:
        """A share, else an index. Raises Refused INSTRUMENT_NOT_FOUND."""
        known = self._underlyings.get(symbol)
        if known is not None and known[0] == today:
            return known[1]
        try:
            details = await self._cache.details(Equity(symbol), is_data=True)
        except Refused as error:
            if error.reason is not Reason.INSTRUMENT_NOT_FOUND:
                raise
            details = await self._index(symbol)
        found = details.contract
        assert found is not None  # none is given without
        underlying = _Underlying(found.symbol, found.secType, found.conId, found.currency)
        self._underlyings = _of_today(self._underlyings, today)
        self._underlyings[symbol] = (today, underlying)
        return underlying

    async def _index(self, symbol: str) -> ContractDetails:
        asked = Contract(secType=INDEX, symbol=symbol, currency="USD")
        try:
            found = await self._link.requests().contract_details(asked, is_data=True)
        except RequestRefused as error:
            if error.reason is not Reason.INSTRUMENT_NOT_FOUND:
                raise
            self._link.require_up()
            found = []
        by_id = {d.contract.conId: d for d in found if d.contract is not None}
        if len(by_id) != 1:
            many = "no" if not by_id else f"{len(by_id)}"
            raise Refused(
                Reason.INSTRUMENT_NOT_FOUND, f"IB has {many} shares or indices named {symbol}"
            )
        return next(iter(by_id.values()))

    async def _listed(self, underlying: _Underlying, today: date) -> dict[str, list[date]]:
        """The expiries by trading class."""
        known = self._expiries.get(underlying)
        if known is not None and known[0] == today:
            return known[1]
        rows = await self._link.requests().option_parameters(
            underlying.symbol, underlying.sec_type, underlying.con_id
        )
        self._link.require_up()
        try:
            listed = _expiries_of(rows)
        except ValueError as error:
            raise ReadFailed(f"IB's list of expiries can't be read: {error}") from error
        self._expiries = _of_today(self._expiries, today)
        self._expiries[underlying] = (today, listed)
        return listed

    async def _contracts(self, wanted: _Expiry, today: date) -> tuple[ListedOption, ...]:
        known = self._known.get(wanted)
        if known is not None and known[0] == today:
            self._known.move_to_end(wanted)
            return known[1]
        return await self._asked.run((wanted, today), lambda: self._ask(wanted, today))

    async def _ask(self, wanted: _Expiry, today: date) -> tuple[ListedOption, ...]:
        try:
            rows = await self._link.requests().contract_details(_contract_of(wanted), is_data=True)
        except RequestRefused as error:
            if error.reason is not Reason.INSTRUMENT_NOT_FOUND:
                raise
            # What expires today is not listed any more once it has; later ones must be there.
            if wanted.day > today:
                text = f"IB lists {wanted.trading_class} of {wanted.day}, and no contract of it"
                raise ReadFailed(text) from error
            rows = []
        self._link.require_up()
        found = tuple(option for option in map(_read, rows) if option is not None)
        self._known[wanted] = (today, found)
        while sum(len(part) for _, part in self._known.values()) > self._len_max:
            self._known.popitem(last=False)
        return found


K = TypeVar("K")
V = TypeVar("V")


def _of_today(known: dict[K, tuple[date, V]], today: date) -> dict[K, tuple[date, V]]:
    """What was read on an earlier day is forgotten."""
    return {key: kept for key, kept in known.items() if kept[0] == today}


def _expiries_of(rows: Iterable[tuple[str, str, tuple[str, ...]]]) -> dict[str, list[date]]:
    """Each exchange has a row for each class; of all of them together nothing is missing."""
    found: dict[str, set[date]] = {}
    for _exchange, trading_class, days in rows:
        found.setdefault(trading_class, set()).update(
            date(int(day[:4]), int(day[4:6]), int(day[6:8])) for day in days
        )
    return {trading_class: sorted(found[trading_class]) for trading_class in sorted(found)}


def _contract_of(wanted: _Expiry) -> Contract:
    return Contract(
        secType=contracts.OPTION,
        symbol=wanted.underlying.symbol,
        lastTradeDateOrContractMonth=f"{wanted.day:%Y%m%d}",
        right="" if wanted.right is None else wanted.right.occ_letter,
        exchange=contracts.SMART,
        currency=wanted.underlying.currency,
        tradingClass=wanted.trading_class,
    )


def _read(details: ContractDetails) -> ListedOption | None:
    """None for one that has no name here, which is logged; nothing that is asked for can be it."""
    try:
        return read_listed_option(details)
    except contracts.Unnameable as error:
        _log.warning("option_left_out", error=str(error))
        return None
    except Unreadable as error:
        raise ReadFailed(f"IB's options can't be read: {error}") from error


def _may_fit(expiry: _Expiry, query: ContractQuery) -> bool:
    """By the last trading day, which for options on an index may be days before the date in the
    symbol, over a weekend or a holiday."""
    earlier = _INDEX_DAYS if expiry.underlying.sec_type == INDEX else timedelta()
    return (query.expiry_from is None or expiry.day >= query.expiry_from - earlier) and (
        query.expiry_to is None or expiry.day <= query.expiry_to
    )


def _fits(option: ListedOption, query: ContractQuery) -> bool:
    contract = option.contract
    return (
        (query.expiry_from is None or contract.expiry >= query.expiry_from)
        and (query.expiry_to is None or contract.expiry <= query.expiry_to)
        and (query.strike_from is None or contract.strike >= query.strike_from)
        and (query.strike_to is None or contract.strike <= query.strike_to)
        and query.right in (None, contract.right)
    )


def _by_terms(option: ListedOption) -> tuple[object, ...]:
    contract = option.contract
    return (contract.expiry, contract.strike, contract.right.value, contract.root)
