"""Somebody who reads while everything goes wrong: what a list says may be late, never short."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from services.common.contract.convert import instrument_from_wire, timestamp_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import Reason, TandemError
from simulators.venue.venue import Venue
from tests.simulation.adapter_process import ACCOUNT_ID
from tests.simulation.soak.client import Client

_MEAN_S: Final = 20.0
_WRONG_MAX: Final = 20
_RECENT_MAX: Final = 200
_LOOKS_BACK: Final = timedelta(minutes=20)


class Reader:
    """Reads one thing after the other until canceled; a failed read proves nothing.

    What was so at the venue from before a read began until after it ended must be in its answer;
    `wrong` collects what was not, `reads` counts the answers.
    """

    def __init__(
        self, client: Client, venue: Venue, rng: random.Random, now: Callable[[], float]
    ) -> None:
        self._client = client
        self._venue = venue
        self._rng = rng
        self._now = now
        self._account = next(iter(venue.accounts.values()))
        self.reads: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def run(self) -> None:
        """Until canceled."""
        reads: dict[str, Callable[[], Awaitable[None]]] = {
            "open orders": self._open_orders,
            "executions": self._executions,
            "positions": self._positions,
            "account": self._cash,
        }
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / _MEAN_S))
            name = self._rng.choice(list(reads))
            try:
                await reads[name]()
            except TandemError as error:
                self.reads[f"{name}: failed"] += 1
                if error.reason is Reason.INTERNAL:
                    self._found(f"{name}: INTERNAL: {error.message}")
            else:
                self.reads[name] += 1

    async def _open_orders(self) -> None:
        before = self._open()
        request = pb.ListOrdersRequest(account_id=ACCOUNT_ID, filter=pb.ORDER_FILTER_OPEN)
        listed = await self._list(self._client.broker.ListOrders, request, "orders")
        missing = (before & self._open()) - {order.venue_order_id for order in listed}
        if missing:
            self._found(f"open orders left out of a list: {sorted(missing)}")

    async def _executions(self) -> None:
        since = self._venue.now - _LOOKS_BACK
        recent = [e for e in self._venue.ledger.executions[-_RECENT_MAX:] if e.at > since]
        before = {(e.order.venue_order_id, e.cum_qty) for e in recent}
        request = pb.ListExecutionsRequest(account_id=ACCOUNT_ID, after=timestamp_to_wire(since))
        listed = await self._list(self._client.broker.ListExecutions, request, "executions")
        told = {(e.venue_order_id, Decimal(e.cum_qty.value)) for e in listed}
        if before - told:
            self._found(f"executions left out of a list: {sorted(before - told)}")

    async def _positions(self) -> None:
        before = self._held()
        request = pb.ListPositionsRequest(account_id=ACCOUNT_ID)
        listed = await self._list(self._client.broker.ListPositions, request, "positions")
        told = {instrument_from_wire(p.instrument, "").key: Decimal(p.qty.value) for p in listed}
        for symbol, qty in self._same(before):
            if told.get(symbol) != qty:
                self._found(f"position {symbol} is {qty}, and was told {told.get(symbol)}")

    async def _cash(self) -> None:
        before = self._account.cash
        request = pb.GetAccountRequest(account_id=ACCOUNT_ID)
        reply = await self._client.read(self._client.broker.GetAccount, request)
        told = Decimal(reply.balances[0].cash.amount.value)
        if before == self._account.cash != told:
            self._found(f"cash is {before}, and was told {told}")

    async def _list(self, method: Any, request: Any, name: str) -> list[Any]:
        return await self._client.pages(method, request, name)

    def _open(self) -> set[str]:
        return {order.venue_order_id for order in self._venue.desk.open_orders()}

    def _held(self) -> dict[str, Decimal]:
        return {symbol: p.qty for symbol, p in self._account.positions.items()}

    def _same(self, before: dict[str, Decimal]) -> list[tuple[str, Decimal]]:
        """The positions that are what they were."""
        return [(symbol, qty) for symbol, qty in self._held().items() if before.get(symbol) == qty]

    def _found(self, text: str) -> None:
        if len(self.wrong) < _WRONG_MAX:
            self.wrong.append(f"{text} (read at {self._now():.3f} s)")
