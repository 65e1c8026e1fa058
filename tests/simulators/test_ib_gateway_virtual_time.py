"""The Gateway on a virtual-time loop: a seed gives the same bytes, and hours cost nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import async_solipsism
import ib_insync
from ib_insync import LimitOrder, Option

from simulators.ib_gateway.server import GatewayServer
from simulators.ib_gateway.settings import IB_VENUE, IbGatewaySettings
from simulators.ib_gateway.simulated import SimulatedIbGateway, build
from simulators.venue.settings import VenueSettings
from tests.simulators.gateways import Client

LIVELY = replace(IB_VENUE, partial_fills=True, price_walk=True)
Story = Callable[[SimulatedIbGateway], Awaitable[Any]]


def in_virtual_time(story: Story, seed: int = 1, venue: VenueSettings = IB_VENUE) -> Any:
    """Acts a story on a loop of its own; returns what it returns."""

    async def act() -> Any:
        settings = IbGatewaySettings(seed=seed, cash=Decimal(10_000_000), venue=venue)
        simulated = build(settings, asyncio.get_running_loop().time)
        async with simulated.frontend.running():
            return await story(simulated)

    loop = async_solipsism.EventLoop()  # type: ignore[no-untyped-call]
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(act())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def eventful(simulated: SimulatedIbGateway) -> tuple[bytes, bytes]:
    """Two clients trade for a while, with faults; returns all that they were told."""
    clients = [Client(simulated), Client(simulated, 178)]
    for number, client in enumerate(clients):
        client.send(71, 2, number, "")
    for kind, place in (("delay", "request"), ("drop", "event"), ("duplicate", "event")):
        action = {"kind": kind, "delay_before_s": 0.3, "delay_after_s": 0.7}
        fault = {"place": place, "times": 0, "probability": 0.1, "action": action}
        simulated.control.add_fault(fault)
    for n in range(40):
        client = clients[n % 2]
        client.place("1", f"order-{n}", qty=str(1 + n % 7), action="SELL" if n % 3 else "BUY")
        client.send(7, 3, 1000 + n, *[""] * 7)
        await asyncio.sleep(0.7)
        client.send(4, 1, 1 + n // 2, "")
    simulated.control.do("connectivity", code=1100)
    await asyncio.sleep(60)
    simulated.control.do("connectivity", code=1102)
    await asyncio.sleep(60)
    return bytes(clients[0].link.data), bytes(clients[1].link.data)


def test_the_same_seed_gives_the_same_bytes() -> None:
    first = in_virtual_time(eventful, 7, LIVELY)
    assert min(map(len, first)) > 20_000
    assert in_virtual_time(eventful, 7, LIVELY) == first
    assert in_virtual_time(eventful, 8, LIVELY) != first


async def round_trip(simulated: SimulatedIbGateway) -> tuple[str, str, float]:
    """ib_insync connects, sells, and is told after an hour that nobody answers, all in memory."""
    loop = asyncio.get_running_loop()
    async with GatewayServer(simulated.frontend, "gateway").listening(4002):
        make_ib: Any = ib_insync.IB
        ib = make_ib()
        await ib.connectAsync("gateway", 4002, clientId=1)
        order = LimitOrder("SELL", 1, 8.0, orderRef="virtual")
        trade = ib.placeOrder(Option("SPY", "20241115", 400, "P", "SMART"), order)
        await asyncio.sleep(3600)
        simulated.control.do("blackhole")
        began_s = loop.time()
        try:
            await asyncio.wait_for(ib.reqCurrentTimeAsync(), 3600)
        except TimeoutError:
            waited_s = loop.time() - began_s
        ib.disconnect()
        return trade.orderStatus.status, trade.fills[0].execution.execId[-3:], waited_s


def test_ib_insync_lives_through_hours_in_a_moment() -> None:
    began_s = time.monotonic()
    assert in_virtual_time(round_trip) == ("Filled", ".01", 3600.0)
    assert time.monotonic() - began_s < 50


async def restarting(simulated: SimulatedIbGateway) -> list[bool]:
    """Whether a connection is taken before, during and after a restart."""
    taken = []
    async with GatewayServer(simulated.frontend, "gateway").listening(4002):
        for wait_s in (0, 1, 300):
            await asyncio.sleep(wait_s)
            try:
                _, writer = await asyncio.open_connection("gateway", 4002)
                writer.close()
                taken.append(True)
            except ConnectionRefusedError:
                taken.append(False)
            if not wait_s:
                simulated.control.do("restart", refuse_s=300)
    return taken


def test_a_restart_unbinds_a_port_in_memory_too() -> None:
    assert in_virtual_time(restarting) == [True, False, True]
