"""Routers as processes on one journal, over a fake venue's adapter that runs in the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tandem_client import (
    OrderSpec,
    OrderType,
    Side,
    TandemClient,
    TimeInForce,
    Unreachable,
    parse_symbol,
)

from services.common.contract.pb import operations_service_pb2 as pb
from services.common.contract.pb.operations_service_pb2_grpc import OperationsServiceStub
from services.common.runtime.blocking import BlockingPool
from stack.children import Program
from tests.integration.system.parts import Part, eventually, scrubbed
from tests.ports import free_port
from tests.unit.adapter import served

ACCOUNT: Final = "main"
TAKE_OVER_S: Final = 15.0
"""How long a take-over may last on a slow machine; it is meant to last less than 5."""


def rests(client_order_id: str) -> OrderSpec:
    """An order that the venue takes, and that works from then on."""
    return OrderSpec(
        client_order_id=client_order_id,
        instrument=parse_symbol("SPY"),
        side=Side.BUY,
        order_qty=Decimal(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        limit_price=Decimal(300),
    )


class Router(Part):
    """One router with ports of its own; each start of it is on the same journal."""

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.port, self.operations_port = free_port(), free_port()
        environment = {
            **scrubbed(),
            "TANDEM_ROUTER_LISTEN": self.address,
            "TANDEM_ROUTER_OPERATIONS_LISTEN": f"127.0.0.1:{self.operations_port}",
            "TANDEM_ROUTER_RECONNECT_MAX_S": "0.4",
            "TANDEM_ROUTER_DRAIN_S": "0",
            **settings,
        }
        program = Program(name, "services.router", (), environment)
        super().__init__(program, folder, lambda line: line.get("event") == "listening")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def fleet(self) -> Any:
        """What it says of itself on the operations port."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.operations_port}") as channel:
            return await OperationsServiceStub(channel).GetFleet(
                pb.GetFleetRequest(), timeout=15, wait_for_ready=True
            )

    async def health(self, component: str) -> str:
        """The health of a component, by its name on the wire."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.operations_port}") as channel:
            reply = await health_pb2_grpc.HealthStub(channel).Check(  # type: ignore[no-untyped-call]
                health_pb2.HealthCheckRequest(service=component), timeout=15, wait_for_ready=True
            )
        name: str = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
        return name

    async def serves(self) -> bool:
        """Whether orders can be sent through it now."""
        async with TandemClient(self.address, deadline_s=5.0, connect_timeout_s=0.2) as client:
            try:
                return all(venue.ready for venue in (await client.status()).venues)
            except Unreachable:
                return False

    async def leads(self) -> None:
        """Wait until orders can be sent through it."""
        await eventually(self.serves)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two routers on one journal, the venue behind them, a client of both, and their settings."""

    first: Router
    second: Router
    venue: served.Served
    client: TandemClient
    settings: Mapping[str, str]

    async def lead_by_first(self) -> None:
        """Start both: the first leads, the second has read all that there is."""
        await self.first.start()
        await self.first.leads()
        await self.second.start()
        await eventually(self.is_second_up_to_date)

    async def is_second_up_to_date(self) -> bool:
        """Whether the standby has read as much as the leader has written."""
        standby, leader = await self.second.fleet(), await self.first.fleet()
        return bool(standby.standby and standby.head_hash == leader.head_hash)

    async def taken_over(self) -> float:
        """Wait until the second one can send orders; how long it took, in seconds."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        async with asyncio.timeout(TAKE_OVER_S):
            while not await self.second.serves():
                await asyncio.sleep(0.02)
        return loop.time() - began_s


@asynccontextmanager
async def pair(folder: Path, **journal: str) -> AsyncIterator[Pair]:
    """Two routers, not started yet, on the journal that `journal` names; ended at the end.

    `journal` are settings of both that go before those of all pairs.
    """
    adapter = f"127.0.0.1:{free_port()}"
    venue = {"name": "fake", "address": adapter, "account_tag": "t1"}
    settings = {
        "TANDEM_ROUTER_ACCOUNTS": json.dumps([{"account_id": ACCOUNT, "venues": [venue]}]),
        "TANDEM_ROUTER_STANDBY": "true",
        "TANDEM_ROUTER_LEASE_S": "10",  # no leader is to lose it because the machine is slow
        **journal,
    }
    pool = BlockingPool(1, slot_wait_s=5.0, name="test")
    async with AsyncExitStack() as owned:
        owned.push_async_callback(pool.close, 1.0)
        serving = served.serve(served.settings(folder, listen=adapter), pool)
        at_venue = await owned.enter_async_context(serving)
        at_venue.gateway.begin_session()
        first, second = Router("first", folder, settings), Router("second", folder, settings)
        for router in (first, second):
            owned.push_async_callback(router.end)
        client = TandemClient(f"{first.address},{second.address}", account_id=ACCOUNT)
        owned.push_async_callback(client.close)
        yield Pair(first, second, at_venue, client, settings)
