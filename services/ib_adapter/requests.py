"""What is asked of the Gateway on one connection; each answer whole, or ReadFailed.

Requests without a number (open orders, positions, the time …) go one at a time for each kind, and
whoever asks meanwhile shares the next one: an answer that was begun before the question would be
too old. If such an answer does not come in time the connection is dropped, since a late one could
not be told from the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.common.adapter.pacer import Pacer, Priority
from services.common.domain.errors import ReadFailed, Unavailable
from services.common.runtime.broker_calls import broker_span
from services.common.runtime.clock import Clock
from services.common.runtime.deadlines import no_deadline
from services.ib_adapter.library import Contract, ContractDetails, ExecutionFilter
from services.ib_adapter.pending import Named, Pending
from services.ib_adapter.wire import Wire
from services.ib_adapter.words import ExecutionWord, OrderWord

BROKER = "ib"


@dataclass(frozen=True, slots=True)
class RequestTerms:
    """Seconds: the longest wait for an answer, for one about the time, and for the pacer."""

    answer_s: float
    round_trip_s: float
    pace_s: float


class Requests:
    """Reads over one connection. Used on the event loop's thread only."""

    def __init__(
        self, wire: Wire, pending: Pending, pacer: Pacer, clock: Clock, terms: RequestTerms
    ) -> None:
        self._wire = wire
        self._pending = pending
        self._pacer = pacer
        self._clock = clock
        self._terms = terms
        self._serial = {named: _Serial() for named in Named}

    async def current_time(
        self, priority: Priority = Priority.PROBE
    ) -> tuple[datetime, float, float]:
        """IB's time (whole seconds), and when it was asked and answered (monotonic seconds).

        A real round trip: a connection that does not give it in time is dropped.
        """

        async def ask() -> Any:
            await self._take(priority, self._terms.round_trip_s)
            asked = self._clock.monotonic()
            rows = await self._named(
                Named.TIME, self._wire.client.reqCurrentTime, self._terms.round_trip_s
            )
            return rows[0], asked, self._clock.monotonic()

        answer: tuple[datetime, float, float] = await self._serial[Named.TIME].run(ask)
        return answer

    async def next_order_id(self) -> int:
        """The lowest number that the Gateway takes for an order."""
        rows = await self._read(Named.NEXT_ID, lambda: self._wire.client.reqIds(1))
        return int(rows[0])

    async def open_orders(self) -> list[OrderWord]:
        """Open orders of every client."""
        words: list[OrderWord] = await self._read(
            Named.OPEN_ORDERS, self._wire.client.reqAllOpenOrders
        )
        return words

    async def completed_orders(self) -> list[OrderWord]:
        """Orders that ended today, those that were not placed through the API too."""
        words: list[OrderWord] = await self._read(
            Named.COMPLETED_ORDERS, lambda: self._wire.client.reqCompletedOrders(apiOnly=False)
        )
        return words

    async def positions(self, account: str) -> list[tuple[str, Any, float, float]]:
        """(account, contract, quantity, average cost) of an account; the last word on each."""
        rows = await self._read(Named.POSITIONS, self._wire.client.reqPositions)
        latest = {row[1].conId: row for row in rows if row[0] == account}
        return list(latest.values())

    async def account_values(self, account: str) -> list[tuple[str, str, str, str]]:
        """(account, tag, currency, value) of an account, to the end of the download."""
        client = self._wire.client

        async def ask() -> Any:
            await self._take(Priority.READ, self._terms.pace_s)
            try:
                return await self._named(
                    Named.ACCOUNT,
                    lambda: client.reqAccountUpdates(subscribe=True, acctCode=account),
                    self._terms.answer_s,
                )
            finally:
                # Else the Gateway goes on sending them, and the next answer would not be whole.
                if self._wire.is_open:
                    client.reqAccountUpdates(subscribe=False, acctCode=account)

        values: list[tuple[str, str, str, str]] = await self._serial[Named.ACCOUNT].run(ask)
        return values

    async def executions(self) -> list[ExecutionWord]:
        """Executions since the Gateway's midnight, of every client."""
        words: list[ExecutionWord] = await self._numbered(
            "reqExecutions",
            lambda number: self._wire.client.reqExecutions(number, ExecutionFilter()),
        )
        return words

    async def contract_details(self, contract: Contract) -> list[ContractDetails]:
        """All contracts that fit. RequestRefused 200 if there is none."""
        found: list[ContractDetails] = await self._numbered(
            "reqContractDetails",
            lambda number: self._wire.client.reqContractDetails(number, contract),
        )
        return found

    async def snapshot(
        self, contract: Contract, is_enough: Callable[[list[Any]], bool], within_s: float
    ) -> list[Any]:
        """The ticks of a quote: until the snapshot ends, they are enough, or the time is over.

        Raises RequestRefused if the Gateway refuses it.
        """
        await self._take(Priority.READ, self._terms.pace_s)
        with broker_span(BROKER, "reqMktData", clock=self._clock):
            number = self._begin()
            end = self._pending.begin(number)
            self._wire.client.reqMktData(
                number,
                contract,
                genericTickList="",
                snapshot=True,
                regulatorySnapshot=False,
                mktDataOptions=[],
            )
            ends_at = self._clock.monotonic() + within_s
            try:
                while not end.done() and not is_enough(self._pending.rows(number)):
                    left_s = ends_at - self._clock.monotonic()
                    if left_s <= 0 or not await self._pending.changed(number, left_s):
                        break
                if end.done():
                    return list(end.result())
                if self._wire.is_open:
                    self._wire.client.cancelMktData(number)
                return list(self._pending.rows(number))
            finally:
                self._pending.give_up(number)

    def market_data_type(self, number: int) -> None:
        """Say which data to send where the account has no live data."""
        self._wire.client.reqMarketDataType(number)

    # -- inside ------------------------------------------------------------------------------

    async def _read(self, named: Named, send: Callable[[], None]) -> Any:
        async def ask() -> Any:
            await self._take(Priority.READ, self._terms.pace_s)
            return await self._named(named, send, self._terms.answer_s)

        return await self._serial[named].run(ask)

    async def _named(self, named: Named, send: Callable[[], None], within_s: float) -> Any:
        with broker_span(BROKER, named.value, clock=self._clock):
            try:
                return await self._answer(named, send, within_s)
            except TimeoutError as error:
                self._wire.drop(f"no answer about {named.value} within {within_s:g} s")
                text = f"the Gateway did not answer about {named.value} within {within_s:g} s"
                raise ReadFailed(text) from error

    async def _numbered(self, name: str, send: Callable[[int], None]) -> Any:
        await self._take(Priority.READ, self._terms.pace_s)
        within_s = self._terms.answer_s
        with broker_span(BROKER, name, clock=self._clock):
            number = self._begin()
            try:
                return await self._answer(number, lambda: send(number), within_s)
            except TimeoutError as error:
                text = f"the Gateway did not answer {name} within {within_s:g} s"
                raise ReadFailed(text) from error

    async def _answer(self, key: Hashable, send: Callable[[], None], within_s: float) -> Any:
        self._require_open()
        end = self._pending.begin(key)
        try:
            send()
            async with asyncio.timeout(within_s):
                return await end
        finally:
            self._pending.give_up(key)

    def _begin(self) -> int:
        self._require_open()
        return self._wire.next_id()

    def _require_open(self) -> None:
        if not self._wire.is_open:
            raise ReadFailed("there is no connection with the Gateway")

    async def _take(self, priority: Priority, within_s: float) -> None:
        try:
            await self._pacer.take(priority, within_s=within_s)
        except Unavailable as error:
            raise ReadFailed(
                error.message, reason=error.reason, retry_after_s=error.retry_after_s
            ) from error


class _Serial:
    """One call at a time; those that come while one runs share the next."""

    def __init__(self) -> None:
        self._running: asyncio.Task[Any] | None = None
        self._next: asyncio.Task[Any] | None = None

    async def run(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """The result of a call that begins after this one came.

        Canceled, the call goes on: it ends by its own deadline.
        """
        if self._next is None:
            with no_deadline():  # it is shared: the first caller's deadline is not the others'
                self._next = asyncio.create_task(self._after(self._running, call))
        task = self._next
        await asyncio.wait({task})
        if task.cancelled():
            raise ReadFailed("the adapter is shutting down")
        outcome = task.result()
        if isinstance(outcome, ReadFailed):
            raise outcome.with_traceback(None)
        return outcome

    async def _after(
        self, before: asyncio.Task[Any] | None, call: Callable[[], Awaitable[Any]]
    ) -> Any:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        try:
            return await call()
        except ReadFailed as error:
            return error
