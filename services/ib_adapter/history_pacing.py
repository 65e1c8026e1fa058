"""Keeps within what IB allows of requests for history, before anything is written.

IB counts beyond its limit of messages: bars of 30 seconds or less at most 60 requests in 10
minutes, the same request not again within 15 seconds, fewer than 6 of one contract, exchange and
kind of data within 2 seconds, and 50 without an answer. Who breaks this is refused (162), and
thrown out if he goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from services.common.domain.errors import ReadFailed, Reason
from services.common.runtime.clock import Clock
from services.ib_adapter.asking import bounded_s
from services.ib_adapter.data_requests import HistoryAsk

_SMALL_SIZES: Final = frozenset({"1 secs", "5 secs", "10 secs", "15 secs", "30 secs"})


@dataclass(frozen=True, slots=True)
class HistoryTerms:
    """The limits, a little wider than IB's since messages take their time, and the longest wait
    for them. Seconds, and numbers of requests."""

    wait_max_s: float
    small_max: int = 60
    small_window_s: float = 602.0
    identical_s: float = 15.5
    contract_max: int = 5
    contract_window_s: float = 2.5
    open_max: int = 50


class HistoryPacing:
    """One account's requests for history. Used on the event loop's thread only."""

    def __init__(self, clock: Clock, terms: HistoryTerms) -> None:
        self._clock = clock
        self._terms = terms
        self._small: deque[float] = deque()
        self._identical: dict[Hashable, float] = {}
        self._contracts: dict[Hashable, deque[float]] = {}
        self._open = asyncio.Semaphore(terms.open_max)

    @asynccontextmanager
    async def slot(self, ask: HistoryAsk) -> AsyncIterator[None]:
        """Let the request be sent, and count as open until the block ends.

        Waits as long as the terms and the caller's deadline allow. Raises ReadFailed RATE_LIMITED,
        with `retry_after_s`, once it is known that this is not enough; nothing is counted then.
        """
        ends_at = self._clock.monotonic() + bounded_s(self._terms.wait_max_s)
        await self._take_open(ends_at)
        try:
            await self._take(ask, ends_at)
            yield
        finally:
            self._open.release()

    def require(self, ask: HistoryAsk) -> None:
        """Raise as `slot` does, if the limits alone leave the caller no time for the request."""
        delay_s = self._delay_s(ask)
        if delay_s > bounded_s(self._terms.wait_max_s):
            raise _too_early(delay_s)

    async def _take_open(self, ends_at: float) -> None:
        try:
            async with asyncio.timeout(ends_at - self._clock.monotonic()):
                await self._open.acquire()
        except TimeoutError as error:
            text = f"{self._terms.open_max} requests for history are without an answer"
            raise _too_many(text, self._terms.contract_window_s) from error

    async def _take(self, ask: HistoryAsk, ends_at: float) -> None:
        while (delay_s := self._delay_s(ask)) > 0:
            if delay_s > ends_at - self._clock.monotonic():
                raise _too_early(delay_s)
            await self._clock.sleep(delay_s)
        now = self._clock.monotonic()
        self._identical[identity(ask)] = now
        self._contracts.setdefault(_kind(ask), deque()).append(now)
        if ask.bar_size in _SMALL_SIZES:
            self._small.append(now)

    def _delay_s(self, ask: HistoryAsk) -> float:
        now, terms = self._clock.monotonic(), self._terms
        self._forget(now)
        until = [now]
        if identity(ask) in self._identical:
            until.append(self._identical[identity(ask)] + terms.identical_s)
        of_contract = self._contracts.get(_kind(ask), ())
        if len(of_contract) >= terms.contract_max:
            until.append(of_contract[-terms.contract_max] + terms.contract_window_s)
        if ask.bar_size in _SMALL_SIZES and len(self._small) >= terms.small_max:
            until.append(self._small[-terms.small_max] + terms.small_window_s)
        return max(until) - now

    def _forget(self, now: float) -> None:
        """Drop what no limit looks at any more."""
        terms = self._terms
        while self._small and self._small[0] <= now - terms.small_window_s:
            self._small.popleft()
        self._identical = {
            key: at for key, at in self._identical.items() if at > now - terms.identical_s
        }
        for kind, times in list(self._contracts.items()):
            while times and times[0] <= now - terms.contract_window_s:
                times.popleft()
            if not times:
                del self._contracts[kind]


def identity(ask: HistoryAsk) -> Hashable:
    """What makes two requests the same in IB's eyes."""
    size = (ask.end, ask.duration, ask.bar_size, ask.what, ask.regular_hours)
    return (ask.contract.conId, ask.contract.exchange, *size)


def _kind(ask: HistoryAsk) -> Hashable:
    return (ask.contract.conId, ask.contract.exchange, ask.what)


def _too_early(delay_s: float) -> ReadFailed:
    return _too_many("IB allows no other request for this history yet", delay_s)


def _too_many(why: str, retry_after_s: float) -> ReadFailed:
    return ReadFailed(why, reason=Reason.RATE_LIMITED, retry_after_s=retry_after_s)
