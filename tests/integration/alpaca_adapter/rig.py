"""A real gateway on real sockets: what the tests of the Alpaca adapter stand on."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from services.alpaca_adapter.assembly import Surroundings, build_gateway
from services.alpaca_adapter.gateway import AlpacaGateway
from services.alpaca_adapter.rest import Mount
from services.alpaca_adapter.settings import AlpacaSettings
from services.common.adapter.budget import BudgetTerms
from services.common.adapter.pacer import Pacer
from services.common.adapter.port import SessionChanged, VenueEvent
from services.common.domain.executions import Execution, Side
from services.common.domain.instruments import Equity, Instrument
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from services.common.domain.reports import OrderReport, VenueStatus
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from simulators.alpaca.settings import (
    SIMULATED_ACCOUNT_NUMBER,
    SIMULATED_KEY,
    SIMULATED_SECRET,
)

PUT = parse_occ("SPY241115P00400000")
SPY = Equity("SPY")
WAIT_S = 30.0

T = TypeVar("T")

# Waits of production, made short; what is not here has its default.
FAST: dict[str, Any] = {
    "rest": {
        "connect_timeout_s": 5.0,
        "read_timeout_s": 2.0,
        "total_timeout_s": 4.0,
        "read_deadline_s": 15.0,
    },
    "sync": {
        "backoff_min_s": 0.05,
        "backoff_max_s": 0.2,
        "silence_s": 30.0,
        "late_event_s": 0.2,
        "overlap_s": 5.0,
    },
    "settling_s": 0.5,
}


def settings_for(url: str, **changed: Any) -> AlpacaSettings:
    """Settings of an adapter of the simulated account at `url`."""
    values: dict[str, Any] = {
        "account_id": "main",
        "account_tag": "sim",
        "fence_store_path": Path("unused"),
        "api_key": SIMULATED_KEY,
        "secret_key": SIMULATED_SECRET,
        "account_number": SIMULATED_ACCOUNT_NUMBER,
        "base_url": url,
        **FAST,
    }
    for name, value in changed.items():
        values[name] = values.get(name, {}) | value if isinstance(value, dict) else value
    return AlpacaSettings(**values)


class Recorder:
    """Keeps what is published, in order."""

    def __init__(self) -> None:
        self.events: list[VenueEvent] = []

    def publish(self, *events: VenueEvent) -> None:
        self.events.extend(events)

    def executions(self) -> list[Execution]:
        return [event for event in self.events if isinstance(event, Execution)]

    def reports(self, client_id: str = "") -> list[OrderReport]:
        return [
            event
            for event in self.events
            if isinstance(event, OrderReport) and client_id in ("", event.client_id)
        ]

    def last_status(self, client_id: str) -> OrderStatus | None:
        """What was told of an order last, None if nothing was."""
        reports = self.reports(client_id)
        return reports[-1].status if reports else None

    def sessions(self) -> list[str]:
        return [event.session_id for event in self.events if isinstance(event, SessionChanged)]

    def statuses(self) -> list[VenueStatus]:
        return [event for event in self.events if isinstance(event, VenueStatus)]


@dataclass
class Rig:
    """A gateway and what it stands on."""

    gateway: AlpacaGateway
    sink: Recorder
    pool: BlockingPool
    running: asyncio.Task[None] | None = None
    checks: list[float] = field(default_factory=list)

    def check(self) -> None:
        """A last check that lets pass and notes when it was asked."""
        self.checks.append(time.monotonic())


@asynccontextmanager
async def rig(
    settings: AlpacaSettings,
    *,
    in_sync: bool = True,
    slots: int = 8,
    mount: Mount | None = None,
    budget: int = 10_000,
) -> AsyncIterator[Rig]:
    """Build the gateway; with `in_sync`, run it and wait for its first session."""
    clock, sink = SystemClock(), Recorder()
    pool = BlockingPool(slots, slot_wait_s=settings.rest.slot_wait_s, name="test")
    ids = itertools.count(1)
    around = Surroundings(
        clock=clock,
        run_blocking=pool.run,
        sink=sink,
        pacer=Pacer(clock, BudgetTerms(budget, 60.0)),
        data_pacer=Pacer(clock, BudgetTerms(budget, 60.0)),
        random=Random(1),
        new_session_id=lambda: f"session-{next(ids)}",
        mount=mount,
    )
    built = Rig(build_gateway(settings, around), sink, pool)
    if in_sync:
        built.running = asyncio.create_task(built.gateway.run())
    try:
        if in_sync:
            await eventually(lambda: built.gateway.session_id, running=built.running)
        yield built
    finally:
        if built.running is not None:
            built.running.cancel()
            await asyncio.gather(built.running, return_exceptions=True)
        await built.gateway.close()
        assert await pool.close(timeout_s=5.0) == 0, "a worker did not come back"


async def eventually(
    check: Callable[[], T], *, within_s: float = WAIT_S, running: asyncio.Task[None] | None = None
) -> T:
    """The first true answer of `check`; fails at the deadline, or if `running` ends first."""
    ends_at = time.monotonic() + within_s
    while not (answer := check()):
        if running is not None and running.done():
            running.result()
        assert time.monotonic() < ends_at, f"still {answer!r} after {within_s} s"
        await asyncio.sleep(0.005)
    return answer


def limit(
    client_order_id: str,
    side: Side,
    price: str,
    *,
    qty: str = "1",
    instrument: Instrument = PUT,
    intent: PositionIntent | None = None,
) -> OrderSpec:
    """A limit order; options open by default."""
    if intent is None and instrument is PUT:
        intent = PositionIntent.SELL_TO_OPEN if side is Side.SELL else PositionIntent.BUY_TO_OPEN
    return OrderSpec(
        client_order_id,
        instrument,
        side,
        Decimal(qty),
        OrderType.LIMIT,
        TimeInForce.DAY,
        limit_price=Decimal(price),
        position_intent=intent,
    )
