"""A real gateway on a real socket before a simulated Gateway: what these tests stand on."""

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

import apsw
import pytest

from services.common.adapter.budget import BudgetTerms
from services.common.adapter.pacer import Pacer
from services.common.adapter.port import SessionChanged, VenueEvent
from services.common.domain.errors import TandemError
from services.common.domain.executions import Execution, Side
from services.common.domain.instruments import Equity, Instrument
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderChange, OrderType, PositionIntent, TimeInForce
from services.common.domain.reports import Lookup, LookupResult, OrderReport, VenueStatus
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from services.ib_adapter.assembly import Surroundings, build_gateway
from services.ib_adapter.gateway import IbGateway
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.settings import IbSettings
from simulators.ib_gateway.simulated import SimulatedIbGateway

PUT = parse_occ("SPY241115P00400000")
SPY = Equity("SPY")
WAIT_S = 30.0
A = "a~sim~1.0"
A1, A2 = "a~sim~1.1", "a~sim~1.2"

T = TypeVar("T")

# What an adapter waits for by itself, made short; what is not here has its default.
FAST: dict[str, Any] = {
    "connection": {
        "connect_timeout_s": 10.0,
        "answer_timeout_s": 10.0,
        "heartbeat_s": 0.2,
        "round_trip_s": 10.0,
        "backoff_min_s": 0.05,
        "backoff_max_s": 0.2,
    },
    "orders": {
        "ack_timeout_s": 10.0,
        "commission_wait_s": 0.5,
        "execution_wait_s": 0.8,
        "silence_s": 30.0,
    },
    "data": {"quote_wait_s": 10.0},
    "settling_s": 0.5,
    "pacing": {"limit": 100_000},  # as that of their pacer
}


# For tests in which an answer never comes.
HASTY: dict[str, Any] = {
    "connection": {"connect_timeout_s": 1.0, "answer_timeout_s": 1.0, "round_trip_s": 0.5},
    "orders": {"ack_timeout_s": 0.6},
}


def settings_for(port: int, **changed: Any) -> IbSettings:
    """Settings of an adapter of the Gateway at `port`."""
    values: dict[str, Any] = {
        "account_id": "main",
        "account_tag": "sim",
        "fence_store_path": Path("unused"),
        "send_log_path": Path("unused"),
        "port": port,
        **FAST,
    }
    for name, value in changed.items():
        values[name] = values[name] | value if isinstance(value, dict) else value
    return IbSettings(**values)


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

    def told(self, client_id: str) -> list[str]:
        """Statuses of an order and its executions, in the order in which they were told."""
        return [
            "execution" if isinstance(event, Execution) else event.status.value
            for event in self.events
            if isinstance(event, OrderReport | Execution) and event.client_id == client_id
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

    gateway: IbGateway
    sink: Recorder
    send_log: SendLog
    running: asyncio.Task[None] | None = None
    checks: list[float] = field(default_factory=list)

    def check(self) -> None:
        """A last check that lets pass and notes when it was asked."""
        self.checks.append(time.monotonic())

    async def in_sync(self) -> str:
        """Wait for a session."""
        return await eventually(lambda: self.gateway.session_id, running=self.running)


@asynccontextmanager
async def rig(
    settings: IbSettings, log: Path, *, in_sync: bool = True, vfs: str | None = None
) -> AsyncIterator[Rig]:
    """Build the gateway on the send log at `log`; with `in_sync`, run it to its first session."""
    clock, sink = SystemClock(), Recorder()
    pool = BlockingPool(1, slot_wait_s=5.0, name="send-log")
    ids = itertools.count(1)
    send_log = SendLog.open(log, clock, pool.run, vfs=vfs)
    around = Surroundings(
        clock=clock,
        sink=sink,
        pacer=Pacer(clock, BudgetTerms(100_000, 1.0)),
        send_log=send_log,
        random=Random(1),
        new_session_id=lambda: f"session-{next(ids)}",
        current_epoch=lambda: 3,
    )
    built = Rig(build_gateway(settings, around), sink, send_log)
    if in_sync:
        built.running = asyncio.create_task(built.gateway.run())
    try:
        if in_sync:
            await built.in_sync()
        yield built
    finally:
        if built.running is not None:
            built.running.cancel()
            await asyncio.gather(built.running, return_exceptions=True)
        await built.gateway.close()
        send_log.close()
        assert await pool.close(timeout_s=5.0) == 0, "a worker did not come back"


async def aged(log: Path) -> None:
    """Let the log at this place be some days old; it is made if it is not there."""
    pool = BlockingPool(1, slot_wait_s=5.0, name="send-log")
    SendLog.open(log, SystemClock(), pool.run).close()
    await pool.close(timeout_s=5.0)
    connection = apsw.Connection(str(log))
    connection.execute("UPDATE store SET created = '2026-01-05T15:00:00+00:00'")
    connection.close()


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


def price(text: str) -> OrderChange:
    """A change of the limit price."""
    return OrderChange(limit_price=Decimal(text))


def resting(client_order_id: str = A) -> OrderSpec:
    """An order that is far from the market."""
    return limit(client_order_id, Side.BUY, "0.05")


def crossing(client_order_id: str = A, qty: str = "1") -> OrderSpec:
    """An order that fills at once, at 8.50."""
    return limit(client_order_id, Side.SELL, "8.00", qty=qty)


def fault(simulated: SimulatedIbGateway, kind: str, /, **given: Any) -> None:
    """Let the next such request, event or connect go wrong."""
    matched = ("method", "event", "client_order_id_prefix")
    match = {name: given.pop(name) for name in matched if name in given}
    place = given.pop("place", "event" if "event" in match else "request")
    spec = {
        "place": place,
        "match": match,
        "times": given.pop("times", 1),
        "action": {"kind": kind, **given},
    }
    simulated.control.add_fault(spec)


def say(simulated: SimulatedIbGateway, ref_id: int, code: int, text: str = "said") -> None:
    """Let the Gateway say a code, to its only client."""
    [client] = simulated.gateway.clients.values()
    client.error(code, text, ref_id)


def placed(simulated: SimulatedIbGateway) -> list[str]:
    """Which orders reached the Gateway, as often as they did."""
    return [e.client_order_id for e in simulated.control.requests() if e.method == "placeOrder"]


def orders_there(simulated: SimulatedIbGateway) -> list[dict[str, Any]]:
    """The orders in the simulator's books."""
    return list(simulated.control.ledger()["orders"])


async def refused_submit(built: Rig) -> TandemError:
    with pytest.raises(TandemError) as error:
        await built.gateway.submit(resting("refused~sim~1.0"), built.check)
    return error.value


async def found(built: Rig, client_id: str, lookup: Lookup) -> LookupResult:
    """Ask until the look-up comes to that."""
    async with asyncio.timeout(10):
        while (result := await built.gateway.find_order(client_id=client_id)).lookup is not lookup:
            await asyncio.sleep(0.02)
    return result
