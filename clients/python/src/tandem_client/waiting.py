"""Submit and wait: send an order once, then follow it on the event stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, Protocol

from tandem_client.enums import OrderLookup
from tandem_client.errors import (
    OutcomeUnknown,
    ReadFailed,
    TandemError,
    TokenExpired,
    Unavailable,
    Unreachable,
    WaitTimeout,
)
from tandem_client.events import Event
from tandem_client.orders import SETTLED, Order, OrderAnswer, OrderSpec
from tandem_client.reasons import Effect
from tandem_client.watching import DEFAULT_WATCH, WatchOptions

_LOOK_UP_PAUSE_S: Final = 0.25


class Trader(Protocol):
    """What is needed of a client."""

    async def submit(self, spec: OrderSpec, *, deadline_s: float | None = None) -> Order:
        """Send an order, once."""

    async def order(self, client_order_id: str, *, deadline_s: float | None = None) -> OrderAnswer:
        """Look an order up."""

    async def watch_token(self, *, deadline_s: float | None = None) -> str:
        """A token to watch from."""

    def watch(
        self, token: str | None = None, options: WatchOptions = DEFAULT_WATCH
    ) -> AsyncGenerator[Event, None]:
        """Every change from a token on."""


async def submit_and_wait(client: Trader, spec: OrderSpec, deadline_s: float) -> Order:
    """See `TandemClient.submit_and_wait`.

    The token is taken before the order is sent, so a fill that comes before the answer is told.
    If the answer to the send is lost, the order is not sent again: it is looked up, and the
    stream says what becomes of it.
    """
    wait = _Wait(client, spec, deadline_s)
    try:
        async with asyncio.timeout(deadline_s):
            return await wait.run()
    except TimeoutError:
        raise wait.overdue() from wait.doubt


class _Wait:
    def __init__(self, client: Trader, spec: OrderSpec, deadline_s: float) -> None:
        self._client = client
        self._spec = spec
        self._deadline_s = deadline_s
        self._order: Order | None = None
        self._sent = False
        self.doubt: OutcomeUnknown | None = None

    async def run(self) -> Order:
        token = await self._client.watch_token()
        self._sent = True
        try:
            self._order = await self._client.submit(self._spec)
        except OutcomeUnknown as error:
            self.doubt = error
            await self._look_up()
        while True:
            if self._order is not None and self._order.status in SETTLED:
                return self._order
            try:
                await self._read_stream(token)
            except TokenExpired:
                token = await self._client.watch_token()
                await self._look_up()

    async def _read_stream(self, token: str) -> None:
        options = WatchOptions(give_up_s=self._deadline_s)
        async with aclosing(self._client.watch(token, options)) as stream:
            async for event in stream:
                self._take(event.what)
                if self._order is not None and self._order.status in SETTLED:
                    return

    async def _look_up(self) -> None:
        """Ask until there is an answer; the deadline of the whole wait ends it."""
        while True:
            try:
                answer = await self._client.order(self._spec.client_order_id)
            except (Unreachable, Unavailable, ReadFailed):
                await asyncio.sleep(_LOOK_UP_PAUSE_S)
                continue
            if answer.lookup is OrderLookup.FOUND:
                self._take(answer.order)
            return

    def _take(self, what: object) -> None:
        """Take news of our order, unless it is older than what is known already."""
        if not isinstance(what, Order) or what.client_order_id != self._spec.client_order_id:
            return
        if self._order is None or what.sequence >= self._order.sequence:
            self._order = what

    def overdue(self) -> TandemError:
        name = self._spec.client_order_id
        if self._order is not None:
            status = self._order.status.name
            return WaitTimeout(
                f"{name} is {status} after {self._deadline_s:g} s and goes on as it is",
                self._order,
            )
        if self._sent:
            return OutcomeUnknown(f"{name}: no word on the order within {self._deadline_s:g} s")
        return ReadFailed(
            f"{name}: not sent, no watch token within {self._deadline_s:g} s", effect=Effect.NONE
        )
