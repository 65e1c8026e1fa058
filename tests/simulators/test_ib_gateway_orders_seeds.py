"""Orders of every kind on a virtual-time loop: a seed gives the same bytes."""

import asyncio
from decimal import Decimal

from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.simulators.gateways import PUT, Client
from tests.simulators.ib_orders import Legs, Trader
from tests.simulators.test_ib_gateway_virtual_time import LIVELY, in_virtual_time

SPREAD: Legs = [("SPY241115P00390000", 1, "BUY"), (PUT, 1, "SELL")]


async def eventful(simulated: SimulatedIbGateway) -> bytes:
    """Brackets, groups, trailing stops, combinations and changes, while the market moves."""
    client = Client(simulated)
    client.send(71, 2, 1, "")
    t = Trader(client)
    for n in range(4):
        entry = t.place("BUY", "20", "MKT", symbol="AAPL", transmit=0)
        child = {"symbol": "AAPL", "parentId": entry, "tif": "GTC"}
        t.place("SELL", "20", "LMT", lmt="222.1", transmit=0, **child)
        t.place("SELL", "20", "TRAIL", trailingPercent="0.01", **child)
        t.place("BUY", "3", "LMT", lmt="-3.3", legs=SPREAD, tif="GTC")
        rests = t.place("BUY", "5", "LMT", lmt="8", oca=f"group {n % 3}", ocaType=1 + n % 3)
        await asyncio.sleep(1.7)
        t.place("BUY", "7", "LMT", rests, lmt="8.9", oca=f"group {n % 3}", ocaType=1 + n % 3)
        await asyncio.sleep(8)
    simulated.control.set_quote("AAPL", Decimal(215), Decimal("215.1"))
    client.send(58, 1)
    await asyncio.sleep(10)
    client.send(99, 0)
    client.send(7, 3, 1000, *[""] * 7)
    await asyncio.sleep(1)
    return bytes(client.link.data)


def test_the_same_seed_gives_the_same_bytes_for_orders_of_every_kind() -> None:
    first = in_virtual_time(eventful, 3, LIVELY)
    assert len(first) > 15_000
    assert in_virtual_time(eventful, 3, LIVELY) == first
    assert in_virtual_time(eventful, 4, LIVELY) != first
