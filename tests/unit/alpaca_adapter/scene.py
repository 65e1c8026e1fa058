"""A session keeper in a scene: a stream by hand, real reading, a venue as the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

from services.alpaca_adapter.recovery import Recovery
from services.alpaca_adapter.stream import StreamListener
from services.alpaca_adapter.told import Told
from services.alpaca_adapter.trade_updates import SyncTerms, TradeUpdates
from services.common.adapter.port import SessionChanged, VenueEvent
from services.common.domain.errors import TandemError
from services.common.domain.executions import Execution
from tests.unit.alpaca_adapter.wire import VENUE_ID, Asked, Desk, Reply, order_json

T = TypeVar("T")
DATE = {"Date": "Mon, 04 Nov 2024 15:00:10 GMT"}
LISTENING = json.dumps({"stream": "listening", "data": {"streams": ["trade_updates"]}})


class HandStream:
    """A stream that says what the test says."""

    def __init__(self) -> None:
        self.listener: StreamListener | None = None
        self.dropped = 0
        self.orderly = 0

    def open(self, listener: StreamListener) -> HandStream:
        self.listener = listener
        return self

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def drop(self) -> None:
        self.dropped += 1

    def in_order(self) -> None:
        self.orderly += 1

    def says(self, frame: Any) -> None:
        """One frame, as JSON unless it is text already."""
        assert self.listener is not None
        self.listener.heard(frame if isinstance(frame, str | bytes) else json.dumps(frame))


class Gate:
    """Lets requests to the venue through, or holds those whose path ends so."""

    def __init__(self) -> None:
        self.held: tuple[str, ...] = ()
        self.waiting = 0

    async def run_blocking(self, fn: Callable[..., T], /, *args: Any, timeout_s: float) -> T:
        self.waiting += 1
        while self.held and args[1].path.endswith(self.held):
            await asyncio.sleep(0.001)
        self.waiting -= 1
        return fn(*args)


class Venue:
    """Orders and fills as REST shows them."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.fills: list[dict[str, Any]] = []
        self.later: Callable[[], None] | None = None

    def shows(self, order: dict[str, Any], fills: list[dict[str, Any]]) -> None:
        self.orders[VENUE_ID], self.fills = order, fills

    def answers(self, asked: Asked) -> Reply:
        if asked.path.endswith("/activities/FILL"):
            fills, change = self.fills, self.later
            if change is not None:  # seen by the next read
                self.later = None
                change()
            return Reply(200, fills, headers=DATE)
        if asked.path == "/v2/orders":
            listed = list(self.orders.values())
            if asked.query["status"] == "open":
                listed = [o for o in listed if o["status"] in ("new", "partially_filled")]
            return Reply(200, listed, headers=DATE)
        found = self.orders.get(asked.path.rpartition("/")[2])
        return Reply(200, found or {}, headers=DATE)


class Scene:
    """A session keeper with everything around it."""

    def __init__(self, terms: SyncTerms) -> None:
        self.gate, self.venue, self.stream = Gate(), Venue(), HandStream()
        self.desk = Desk(self.venue.answers, run_blocking=self.gate.run_blocking)
        self.events: list[VenueEvent] = []
        self.admissions = 0
        self.refusal: TandemError | None = None
        self.changes = 0
        told = Told()
        recovery = Recovery(
            self.desk.listings,
            self.desk.translator,
            told,
            self.desk.watch,
            self.desk.clock,
            overlap_s=120.0,
            lookback_s=3600.0,
        )
        numbers = iter(range(1, 100))
        self.updates = TradeUpdates(
            self.stream.open,
            recovery,
            self.desk.translator,
            told,
            self,
            self.desk.clock,
            terms,
            admit=self.admit,
            new_session_id=lambda: f"session-{next(numbers)}",
            on_change=self.changed,
        )

    def publish(self, *events: VenueEvent) -> None:
        self.events.extend(events)

    async def admit(self) -> None:
        self.admissions += 1
        if self.refusal is not None:
            raise self.refusal
        await self.desk.reader.once("/account", within_s=1.0)

    def changed(self) -> None:
        self.changes += 1

    def quantities(self) -> list[Decimal | None]:
        return [e.cum_qty for e in self.events if isinstance(e, Execution)]

    def sessions(self) -> list[str]:
        return [e.session_id for e in self.events if isinstance(e, SessionChanged)]

    async def until(self, check: Callable[[], Any]) -> None:
        async with asyncio.timeout(5.0):
            while not check():
                await asyncio.sleep(0.001)


@asynccontextmanager
async def scene(**terms: Any) -> AsyncIterator[Scene]:
    """A running scene, not connected yet."""
    built = Scene(SyncTerms(**{"silence_s": 1e6, "late_event_s": 0.0, "retry_s": 0.01} | terms))
    running = asyncio.create_task(built.updates.run())
    await built.until(lambda: built.stream.listener)
    try:
        yield built
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def order(filled: str, status: str = "partially_filled", **changed: Any) -> dict[str, Any]:
    return order_json(qty="9", filled_qty=filled, status=status, **changed)


def fill(
    exec_id: str, qty: str, filled: str, status: str = "partially_filled", **changed: Any
) -> dict[str, Any]:
    data = {
        "event": "fill" if status == "filled" else "partial_fill",
        "execution_id": exec_id,
        "price": "399.48",
        "qty": qty,
        "order": order(filled, status, **changed),
        "timestamp": "2024-11-04T15:00:02Z",
    }
    return {"stream": "trade_updates", "data": data}
