"""How anything is asked of the Gateway on one connection: paced, in a bounded time, once at a time.

Requests without a number (open orders, positions, the time …) go one at a time for each kind, and
whoever asks meanwhile shares the next one: an answer that was begun before the question would be
too old. If such an answer does not come in time the connection is dropped, since a late one could
not be told from the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from services.common.adapter.pacer import Pacer, Priority
from services.common.domain.errors import ReadFailed, Unavailable
from services.common.runtime.broker_calls import broker_span
from services.common.runtime.clock import Clock
from services.common.runtime.deadlines import no_deadline, remaining_s
from services.ib_adapter.data_pace import DataPace
from services.ib_adapter.given_back import GivenBack
from services.ib_adapter.pending import Named, Pending
from services.ib_adapter.wire import Wire

BROKER: Final = "ib"
# What is kept of a caller's time for turning a silence into an answer of ours.
_MARGIN_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class RequestTerms:
    """Seconds: the longest wait for an answer, for one about the time, and for the pacer.
    `data_per_s`: so many messages a second are for market data."""

    answer_s: float
    round_trip_s: float
    pace_s: float
    data_per_s: float = 25.0


class Asking:
    """The means of `Requests`. Used on the event loop's thread only."""

    def __init__(
        self, wire: Wire, pending: Pending, pacer: Pacer, clock: Clock, terms: RequestTerms
    ) -> None:
        self._wire = wire
        self._pending = pending
        self._pacer = pacer
        self._clock = clock
        self._terms = terms
        self._serial = {named: _Serial() for named in Named}
        self._data_pace = DataPace(clock, terms.data_per_s)
        self._given_back = GivenBack(wire, pacer, self._data_pace, clock)

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

    async def _numbered(
        self,
        name: str,
        send: Callable[[int], None],
        *,
        within_s: float | None = None,
        cancel: Callable[[int], None] | None = None,
        is_data: bool = False,
    ) -> Any:
        """The rows of an answer. Nobody waits longer than its caller does; what is given up is
        canceled, if IB has a way to. `is_data`: it is for nobody's order."""
        if is_data:
            await self._take_data()
        else:
            await self._take(Priority.READ, self._terms.pace_s)
        limit_s = bounded_s(self._terms.answer_s if within_s is None else within_s)
        with broker_span(BROKER, name, clock=self._clock):
            number, is_answered = self._begin(), False
            try:
                rows = await self._answer(number, lambda: send(number), limit_s)
                is_answered = True
            except ReadFailed:
                is_answered = True  # with a refusal, or never any more
                raise
            except TimeoutError as error:
                text = f"the Gateway did not answer {name} within {limit_s:g} s"
                raise ReadFailed(text) from error
            finally:
                if cancel is not None and not is_answered:
                    self._given_back.put(partial(cancel, number))
            return rows

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

    async def _take_data(self) -> None:
        await self._data_pace.take(within_s=bounded_s(self._terms.pace_s))
        await self._take(Priority.READ, self._terms.pace_s)

    async def _take(self, priority: Priority, within_s: float) -> None:
        try:
            await self._pacer.take(priority, within_s=bounded_s(within_s))
        except Unavailable as error:
            raise ReadFailed(
                error.message, reason=error.reason, retry_after_s=error.retry_after_s
            ) from error


def bounded_s(limit_s: float) -> float:
    """A wait of so many seconds, and not longer than the caller waits.

    Raises ReadFailed if the caller's deadline leaves nothing.
    """
    left_s = remaining_s()
    if left_s is None:
        return limit_s
    if left_s <= _MARGIN_S:
        raise ReadFailed("the deadline leaves no time to ask the Gateway")
    return min(limit_s, left_s - _MARGIN_S)


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
