"""What is asked of the Gateway about orders and time on one connection; whole, or ReadFailed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from services.common.adapter.pacer import Priority
from services.common.domain.errors import ReadFailed
from services.common.runtime.broker_calls import broker_span
from services.ib_adapter.asking import BROKER, RequestTerms, bounded_s
from services.ib_adapter.data_requests import DataRequests
from services.ib_adapter.library import Contract, ExecutionFilter, Order, OrderState
from services.ib_adapter.pending import Named
from services.ib_adapter.words import ExecutionWord, OrderWord

__all__ = ["BROKER", "RequestTerms", "Requests"]


class Requests(DataRequests):
    """Reads over one connection. Used on the event loop's thread only."""

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

    async def what_if(
        self, contract: Contract, order: Order, number: Callable[[], Awaitable[int]]
    ) -> OrderState:
        """What an order would do to the account. RequestRefused if IB would not take it.

        `number` is asked last, as IB takes no number below one that was written before.
        """
        await self._take(Priority.READ, self._terms.pace_s)
        within_s = bounded_s(self._terms.answer_s)
        with broker_span(BROKER, "whatIf", clock=self._clock):
            order_id = await number()
            try:
                rows = await self._answer(
                    order_id, lambda: self._wire.what_if(order_id, contract, order), within_s
                )
            except TimeoutError as error:
                text = f"the Gateway did not answer a preview within {within_s:g} s"
                raise ReadFailed(text) from error
        state: OrderState = rows[0]
        return state

    async def executions(self) -> list[ExecutionWord]:
        """Executions since the Gateway's midnight, of every client."""
        words: list[ExecutionWord] = await self._numbered(
            "reqExecutions",
            lambda number: self._wire.client.reqExecutions(number, ExecutionFilter()),
        )
        return words
