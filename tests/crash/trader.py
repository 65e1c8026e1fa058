"""A client of the router that repeats itself until it knows, under the same ids and terms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, TypeVar

from tandem_client import (
    Effect,
    Order,
    OrderChange,
    OrderSpec,
    Reason,
    Side,
    TandemClient,
    TandemError,
)

from tests.integration.system.trio import shares

BID: Final = "99.98"
ASK: Final = "100.02"
_CROSSES: Final = {Side.BUY: "101", Side.SELL: "99"}
_RESTS: Final = {Side.BUY: "80", Side.SELL: "120"}

_PATIENCE_S: Final = 15.0
_PAUSE_S: Final = 0.1
# The router's word for good: asking again would be answered the same.
_FINAL: Final = frozenset(
    {
        *(Reason.ORDER_ENDED, Reason.ORDER_NOT_FOUND, Reason.CLIENT_ORDER_ID_REUSED),
        *(Reason.INVALID_FIELD, Reason.INTENT_MISMATCH, Reason.POSITION_NOT_FOUND),
    }
)

T = TypeVar("T")


@dataclass(slots=True)
class Wanted:
    """What was asked for under an id, and the last that was told; in the oracle's words."""

    qtys: list[str]
    told: str = "nothing"


@dataclass(slots=True)
class Trader:
    """Acts for one schedule. `note` takes lines for its story."""

    client: TandemClient
    symbol: str
    note: Callable[[str], None]
    wanted: dict[str, Wanted] = field(default_factory=dict)

    def spec(
        self, client_order_id: str, side: Side, qty: int, venue: str, *, rests: bool = False
    ) -> OrderSpec:
        """A limit order that fills at once, or rests far from the market."""
        price = (_RESTS if rests else _CROSSES)[side]
        made = shares(client_order_id, side, price, qty=str(qty), symbol=self.symbol)
        return replace(made, venue_preference=venue)

    async def submit(self, spec: OrderSpec) -> Order | None:
        """Send an order until somebody says what became of it; None if nobody did."""
        wanted = Wanted([str(spec.order_qty)])
        self.wanted[spec.client_order_id] = wanted
        is_open = False  # whether an earlier try may have had an effect

        async def call() -> Order:
            nonlocal is_open
            try:
                order = await self.client.submit(spec)
            except TandemError as error:
                is_open = is_open or error.effect is not Effect.NONE
                wanted.told = "nothing" if is_open else "refused"
                raise
            wanted.told = "taken"
            return order

        return await self._until_told(f"submit {spec.client_order_id}", call)

    async def replace(self, client_order_id: str, qty: int, price: str) -> Order | None:
        """Ask for other terms until it is told what became of that."""
        self.wanted[client_order_id].qtys.append(str(qty))
        change = OrderChange(
            replace_id=f"{client_order_id}-r", order_qty=Decimal(qty), limit_price=Decimal(price)
        )
        what = f"replace {client_order_id}"
        return await self._until_told(what, lambda: self.client.replace(client_order_id, change))

    async def cancel(self, client_order_id: str) -> Order | None:
        """Ask for the end of an order until the wish is taken."""
        what = f"cancel {client_order_id}"
        return await self._until_told(what, lambda: self.client.cancel(client_order_id))

    async def order(self, client_order_id: str) -> Order | None:
        """An order as the router has it, None if it does not, or can't be asked in time."""

        async def call() -> Order | None:
            return (await self.client.order(client_order_id)).order

        return await self._until_told(f"look up {client_order_id}", call, aloud=False)

    async def until(
        self, client_order_id: str, wanted: Callable[[Order], object], within_s: float = 5.0
    ) -> Order | None:
        """Wait until the router shows an order as wanted; None if it does not in time."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + within_s
        while loop.time() < ends_at:
            order = await self.order(client_order_id)
            if order is not None and wanted(order):
                return order
            await asyncio.sleep(_PAUSE_S / 4)
        self.note(f"{client_order_id} did not become as it was wanted")
        return None

    async def _until_told(
        self, what: str, call: Callable[[], Awaitable[T]], *, aloud: bool = True
    ) -> T | None:
        loop = asyncio.get_running_loop()
        ends_at, told = loop.time() + _PATIENCE_S, ""
        while True:
            try:
                answer = await call()
            except TandemError as error:
                again = f"{what}: {error.reason.name} ({error.effect.name}): {error.message}"
                if again != told:
                    self.note(again)
                told = again
                if error.reason in _FINAL or loop.time() > ends_at:
                    return None
            else:
                if aloud:
                    self.note(f"{what}: {_shown(answer)}")
                return answer
            await asyncio.sleep(_PAUSE_S)


def _shown(answer: Any) -> str:
    if not isinstance(answer, Order):
        return str(answer)
    placements = ", ".join(f"{p.placement_id} {p.status.name}" for p in answer.placements)
    return f"{answer.status.name} {answer.cum_qty} filled ({placements})"
