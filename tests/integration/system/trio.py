"""A simulated Alpaca, its adapter and the router as real processes: what these tests stand on."""

from __future__ import annotations

import asyncio
import json
import operator
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self

from tandem_client import (
    Alert,
    OperationsClient,
    Order,
    OrderSpec,
    OrderStatus,
    OrderType,
    Side,
    TandemClient,
    TimeInForce,
    VenueStatus,
    parse_symbol,
)

from stack import programs
from stack.children import Program
from stack.programs import (
    ALPACA,
    BROKERS,
    Broker,
    Ports,
    Venue,
    VenuePorts,
    simulated_venue,
    state_of,
)
from tests.integration.system.parts import WAIT_S, Part, eventually, scrubbed
from tests.integration.system.venue import Fill, VenueControl
from tests.ports import free_port

ACCOUNT: Final = programs.ACCOUNT_ID
VENUE: Final = ALPACA.venue
TOTAL_TIMEOUT_S: Final = 1.5

# Waits of production, made short; what is not here has its default.
_SIMULATOR: Final = {"TANDEM_SIM_ALPACA_RATE_LIMIT": "100000", "TANDEM_SIM_ALPACA_CASH": "10000000"}
_ADAPTER: Final = {
    "TANDEM_ALPACA_REST__TOTAL_TIMEOUT_S": str(TOTAL_TIMEOUT_S),
    "TANDEM_ALPACA_REST__READ_TIMEOUT_S": str(TOTAL_TIMEOUT_S),
    "TANDEM_ALPACA_REST__READ_DEADLINE_S": "2",
    "TANDEM_ALPACA_REST__PROBE_TIMEOUT_S": "0.5",
    "TANDEM_ALPACA_REST__PROBE_INTERVAL_S": "0.5",
    "TANDEM_ALPACA_SYNC__BACKOFF_MIN_S": "0.05",
    "TANDEM_ALPACA_SYNC__BACKOFF_MAX_S": "0.2",
    "TANDEM_ALPACA_SYNC__SILENCE_S": "1",
    "TANDEM_ALPACA_SYNC__LATE_EVENT_S": "0.2",
    "TANDEM_ALPACA_SYNC__OVERLAP_S": "5",
    "TANDEM_ALPACA_PACING__LIMIT": "100000",
    "TANDEM_ALPACA_DATA_PACING__LIMIT": "100000",
    "TANDEM_ALPACA_DRAIN_S": "0",
}
_ROUTER: Final = {
    "TANDEM_ROUTER_RECONNECT_MAX_S": "0.4",
    "TANDEM_ROUTER_REVIEW_S": "0.5",
    "TANDEM_ROUTER_HEARTBEAT_S": "1",
    "TANDEM_ROUTER_SILENCE_MAX_S": "3",
}
_ACCOUNTS: Final = "TANDEM_ROUTER_ACCOUNTS"


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs on ports of their own, with their state in `folder`; brokers by preference."""

    ports: Ports
    folder: Path
    brokers: tuple[Broker, ...] = (ALPACA,)

    @classmethod
    def in_folder(cls, folder: Path, *brokers: Broker) -> Programs:
        """Programs that nobody else's ports or state get in the way of; with Alpaca alone unless
        other brokers are named."""
        for path in (*(state_of(b, folder) for b in BROKERS), folder / "router", folder / "logs"):
            path.mkdir(parents=True, exist_ok=True)
        ports = Ports(free_port(), free_port(), _free_ports(), _free_ports())
        return cls(ports, folder, brokers or (ALPACA,))

    def venue(self, broker: Broker = ALPACA) -> Venue:
        """The simulated account at a broker."""
        return simulated_venue(broker, self.ports.of(broker).simulator)

    def simulator(self, broker: Broker = ALPACA, *, seed: int = 1) -> Program:
        """The venue; its seed makes its ids."""
        inherited = {**scrubbed(), **_SIMULATOR}
        return programs.simulator(broker, inherited, self.ports, seed=seed, skip_closed=False)

    def adapter(self, broker: Broker = ALPACA, /, **changed: str) -> Program:
        """The adapter; `changed` are variables that go before those of the stack."""
        inherited = {**scrubbed(), **_ADAPTER}
        program = programs.adapter(self.venue(broker), inherited, self.ports, self.folder)
        return _with(program, changed)

    def router(self, failback_after_s: float = 0.0, /, **changed: str) -> Program:
        """The router; `changed` as above. A venue that was down is preferred again at once unless
        told otherwise."""
        behind = [(self.venue(b), f"127.0.0.1:{self.ports.of(b).adapter}") for b in self.brokers]
        inherited = {**scrubbed(), **_ROUTER}
        program = programs.router(inherited, self.ports, self.folder, behind)
        (account,) = json.loads(program.environment[_ACCOUNTS])
        account["failover"] = {"failback_after_s": failback_after_s}
        return _with(program, {_ACCOUNTS: json.dumps([account]), **changed})


def _free_ports() -> VenuePorts:
    return VenuePorts(adapter=free_port(), simulator=free_port(), control=free_port())


def _with(program: Program, changed: Mapping[str, str]) -> Program:
    """The program with other variables; an empty value takes one away."""
    merged = {**program.environment, **changed}
    kept = {name: value for name, value in merged.items() if value}
    return Program(program.name, program.module, program.arguments, kept)


class Trio:
    """The three of them, and clients of each. Made by `running`."""

    brokers: tuple[Broker, ...] = (ALPACA,)

    def __init__(self, made: Programs, router: Program) -> None:
        logs = made.folder / "logs"
        self.programs = made
        self.simulator = Part(made.simulator(), logs, says_ready)
        self.adapter = Part(made.adapter(), logs, says_ready)
        self.router = Part(router, logs, is_router_up)
        self.venue = VenueControl(f"127.0.0.1:{made.ports.alpaca.control}")
        self.address = f"127.0.0.1:{made.ports.router}"
        self.operations_address = f"127.0.0.1:{made.ports.operations}"
        self.adapter_address = f"127.0.0.1:{made.ports.alpaca.adapter}"
        self.client = TandemClient(self.address, deadline_s=20.0)
        self.operations = OperationsClient(self.operations_address)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, **router: str) -> AsyncIterator[Self]:
        """Start all of them and wait until orders can be sent; end all, whatever happens.

        `router` are variables of the router that go before those of the stack.
        """
        made = Programs.in_folder(folder, *cls.brokers)
        trio = cls(made, made.router(**router))
        async with AsyncExitStack() as owned:
            for part in (*trio.simulators, *trio.adapters, trio.router):
                owned.push_async_callback(part.end)
            owned.push_async_callback(trio.client.close)
            owned.push_async_callback(trio.operations.close)
            for simulator in trio.simulators:
                simulator.begin()
            for simulator in trio.simulators:
                await simulator.up()
            for adapter in trio.adapters:
                adapter.begin()
            await trio.router.start()
            await trio.open_for_entries()
            yield trio

    @property
    def simulators(self) -> list[Part]:
        """The venues."""
        return [self.simulator]

    @property
    def adapters(self) -> list[Part]:
        """Their adapters."""
        return [self.adapter]

    async def status(self) -> VenueStatus:
        """The one venue as the router tells of it."""
        (venue,) = (await self.client.status()).venues
        return venue

    async def open_for_entries(self) -> VenueStatus:
        """Wait until the router sends entries to the venue."""
        return await eventually(self.status, lambda venue: venue.ready)

    async def closed_for_entries(self) -> VenueStatus:
        """Wait until it has noticed that it can't."""
        return await eventually(self.status, lambda venue: not venue.ready)

    async def order(self, client_order_id: str) -> Order:
        """The order as the router has it; it must be known there."""
        found = (await self.client.order(client_order_id)).order
        assert found is not None, f"{client_order_id} is not known"
        return found

    async def becomes(self, client_order_id: str, *statuses: OrderStatus) -> Order:
        """Wait until the order has one of these statuses."""
        return await eventually(
            lambda: self.order(client_order_id), lambda order: order.status in statuses
        )

    async def settles(self, client_order_id: str) -> Order:
        """Wait until the order is filled by the venue's own word, too: no news of it follow."""
        return await eventually(
            lambda: self.order(client_order_id),
            lambda order: order.status is OrderStatus.FILLED and order.raw_status == "filled",
        )

    async def first_alert(self, token: str, kind: str = "") -> Alert:
        """The first alert after `token`, of that kind if one is given; waits for it."""
        async with asyncio.timeout(WAIT_S), aclosing(self.client.watch(token)) as events:
            async for event in events:
                if isinstance(event.what, Alert) and kind in ("", event.what.kind):
                    return event.what
        raise AssertionError("a watch does not end")

    async def books_agree(self) -> None:
        """Wait until what the router has booked is what the venue's ledger says, fill by fill."""
        await eventually(self._differences, operator.not_)

    async def _differences(self) -> list[str]:
        booked = [
            Fill(e.placement_id, _symbol(e), e.side.name, e.last_qty, e.last_px, e.cum_qty)
            for e in (await self.client.executions().all()).items
            if not e.placement_id.startswith("external~")  # adopted: somebody else's at the venue
        ]
        filled = await self.filled()
        differences = [f"not booked: {fill}" for fill in filled if fill not in booked]
        differences += [f"not at the venue: {fill}" for fill in booked if fill not in filled]
        if len(booked) != len(set(booked)):
            differences.append(f"booked twice: {booked}")
        return differences

    async def filled(self) -> list[Fill]:
        """Every fill that the venue has booked."""
        return await self.venue.fills()

    async def held(self) -> dict[str, Decimal]:
        """What the router's books hold, by symbol."""
        positions = (await self.client.positions().all()).items
        return {_symbol(position): position.qty for position in positions}


@asynccontextmanager
async def left_well(trio: Trio) -> AsyncIterator[None]:
    """It is open for entries before a test; without faults, and with books that agree, after it."""
    await trio.open_for_entries()
    yield
    await trio.venue.clear_faults()
    await trio.open_for_entries()
    await trio.books_agree()


def _symbol(record: Any) -> str:
    return str(record.instrument.symbol)


def says_ready(line: Mapping[str, Any]) -> bool:
    """Whether a line of the simulator's or the adapter's log says that it can be used."""
    return line.get("event") == "ready"


def is_router_up(line: Mapping[str, Any]) -> bool:
    """Whether a line of the router's log says that it can be used."""
    return line.get("setting") == "TANDEM_ROUTER_OPERATIONS_LISTEN"


def shares(
    client_order_id: str, side: Side, price: str, *, qty: str = "1", symbol: str = "SPY"
) -> OrderSpec:
    """A limit order of shares."""
    return OrderSpec(
        client_order_id=client_order_id,
        instrument=parse_symbol(symbol),
        side=side,
        order_qty=Decimal(qty),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        limit_price=Decimal(price),
    )


def fills_now(client_order_id: str, qty: str = "1") -> OrderSpec:
    """An entry that the market fills at once: SPY is offered at 400.02."""
    return shares(client_order_id, Side.BUY, "401", qty=qty)


def rests(client_order_id: str, qty: str = "1") -> OrderSpec:
    """An entry that works until somebody fills it."""
    return shares(client_order_id, Side.BUY, "300", qty=qty)


def exit_now(client_order_id: str, qty: str = "1") -> OrderSpec:
    """An order that sells shares that are held, at once: SPY is bid at 399.98."""
    return shares(client_order_id, Side.SELL, "399", qty=qty)
