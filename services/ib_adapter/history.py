"""Bars of the past: the whole range, in as many requests as IB's rules need, none unfinished."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.common.adapter.market_requests import BARS_MAX
from services.common.adapter.port import BarQuery
from services.common.domain.errors import InvalidRequest, ReadFailed, Reason
from services.common.domain.market import Bar, Bars
from services.common.runtime.clock import Clock
from services.ib_adapter import figures
from services.ib_adapter.asked_once import AskedOnce
from services.ib_adapter.bar_sizes import BarSize, Part, aligned, bar_size, ended, parts_of
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.data_requests import HistoryAsk
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.history_pacing import HistoryPacing, identity
from services.ib_adapter.library import BarData, Contract, ContractDetails
from services.ib_adapter.many import ask_each, whole_within
from services.ib_adapter.market_link import MarketLink
from services.ib_adapter.pending import RequestRefused
from services.ib_adapter.trading_days import listed_hours, zone_of
from services.ib_adapter.translate_market import FEED, read_bar

TRADES: Final = "TRADES"
_AT_ONCE: Final = 5
# Codes whose text says what they mean.
_BY_TEXT: Final = frozenset({162, 165})
_NO_DATA: Final = ("no data", "no historical data")
_PACING: Final = ("pacing", "too many")
_PERMISSION: Final = ("permission", "not subscribed", "subscription", "entitle")
# What was asked for within this time is not asked again: IB would take it for a breach.
_KEPT_S: Final = 15.5
_KEPT_MAX: Final = 100
_PACING_RETRY_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """Bars as IB gave them, and when it was asked, on both clocks."""

    rows: list[BarData]
    asked_at: datetime
    kept_until: float


@dataclass(frozen=True, slots=True)
class _Subject:
    """What bars are asked for: the contract, its zone, its next close if that is known."""

    contract: Contract
    size: BarSize
    zone: ZoneInfo
    closes: dict[object, datetime]


class History:
    """Reads over the session's connection, within IB's pacing."""

    def __init__(
        self,
        link: MarketLink,
        cache: ContractCache,
        pacing: HistoryPacing,
        clock: Clock,
        *,
        answer_s: float,
        all_s: float,
    ) -> None:
        self._link = link
        self._cache = cache
        self._pacing = pacing
        self._clock = clock
        self._answer_s = answer_s
        self._all_s = all_s
        self._asked: AskedOnce[_Answer] = AskedOnce()
        self._kept: OrderedDict[Hashable, _Answer] = OrderedDict()

    async def bars(self, query: BarQuery) -> Bars:
        """See `VenueGateway.bars`. InvalidRequest for a length that IB lacks, or too many bars.

        Raises ReadFailed RATE_LIMITED, with `retry_after_s`, if IB's pacing leaves no time for it.
        """
        size = bar_size(query.bar_length_s)
        async with whole_within(self._all_s, "bars"):
            now = self._link.require_now()
            end = now if query.end is None else min(query.end, now)
            if end <= query.start:
                return Bars(FEED, ())  # what has not begun has no bars
            details = await self._cache.details(query.instrument, is_data=True)
            subject = self._subject(
                details, await self._cache.contract(query.instrument, is_data=True), size
            )
            parts = parts_of(size, query.start, end, subject.zone)
            free = asyncio.Semaphore(_AT_ONCE)
            found = await ask_each(parts, lambda part: self._part(subject, part), free)
        bars = [bar for part in found for bar in part if query.start <= bar.start_time < end]
        if len(bars) > BARS_MAX:
            why = f"more than {BARS_MAX} bars at once: ask for shorter periods one by one"
            raise InvalidRequest("start_time", why)
        return Bars(FEED, tuple(bars))

    def _subject(self, details: ContractDetails, contract: Contract, size: BarSize) -> _Subject:
        try:
            zone = zone_of(details.timeZoneId)
            sessions = listed_hours(details.liquidHours, details.timeZoneId).sessions
        except Unreadable as error:
            raise ReadFailed(f"IB's trading hours can't be read: {error}") from error
        return _Subject(contract, size, zone, {begin.date(): end for begin, end in sessions})

    async def _part(self, subject: _Subject, part: Part) -> list[Bar]:
        """The ended bars that begin in the part, oldest first."""
        size, now = subject.size, self._link.require_now()
        ask = HistoryAsk(
            subject.contract,
            end=figures.wire_utc(min(part.end, now)),
            duration=size.duration,
            bar_size=size.name,
            what=TRADES,
            regular_hours=size.regular_hours,
        )
        answer = await self._answer(ask)
        try:
            bars = _bars(answer.rows, subject)
        except Unreadable as error:
            raise ReadFailed(f"IB's bars can't be read: {error}") from error
        today = answer.asked_at.astimezone(subject.zone).date()
        closed_at = subject.closes.get(today)
        whole = ended(bars, size, subject.zone, closed_at, answer.asked_at)
        return [bar for bar in whole if part.start <= bar.start_time < part.end]

    async def _answer(self, ask: HistoryAsk) -> _Answer:
        """What IB said a moment ago, or says now; asked for once if several want it."""
        key = identity(ask)
        kept = self._kept.get(key)
        if kept is not None and self._clock.monotonic() < kept.kept_until:
            return kept
        if key not in self._asked:
            self._pacing.require(ask)  # the call itself does not see this caller's deadline
        return await self._asked.run(key, lambda: self._ask(key, ask))

    async def _ask(self, key: Hashable, ask: HistoryAsk) -> _Answer:
        async with self._pacing.slot(ask):
            asked_at = self._link.require_now()
            try:
                rows = await self._link.requests().history(ask, self._answer_s)
            except RequestRefused as error:
                rows = _rows_of(error)
                self._link.require_up()
        now = self._clock.monotonic()
        answer = _Answer(rows, asked_at, now + _KEPT_S)
        self._kept.pop(key, None)
        self._kept[key] = answer  # the oldest is the first
        while len(self._kept) > _KEPT_MAX or next(iter(self._kept.values())).kept_until < now:
            self._kept.popitem(last=False)
        return answer


def _rows_of(error: RequestRefused) -> list[BarData]:
    """None, if that is what IB says; else the error, with the reason that its text gives."""
    if error.said.code not in _BY_TEXT:
        raise error
    text = error.said.text.lower()
    if any(words in text for words in _PACING):
        raise ReadFailed(
            error.message, reason=Reason.RATE_LIMITED, retry_after_s=_PACING_RETRY_S
        ) from error
    if any(words in text for words in _PERMISSION):
        raise ReadFailed(error.message, reason=Reason.NOT_PERMITTED) from error
    if any(words in text for words in _NO_DATA):
        return []
    raise error


def _bars(rows: list[BarData], subject: _Subject) -> list[Bar]:
    """Oldest first; of two under one time the later word."""
    found: dict[datetime, Bar] = {}
    for row in rows:
        bar = read_bar(row, subject.zone)
        start = aligned(bar.start_time, subject.size.unit, subject.zone)
        found[start] = bar if start == bar.start_time else replace(bar, start_time=start)
    return [found[start] for start in sorted(found)]
