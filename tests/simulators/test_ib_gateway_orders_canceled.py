"""Cancels: of what filled in part, of combinations, of everybody's at once, over a lost link."""

from decimal import Decimal
from typing import Any

from simulators.venue.orders import Side
from tests.simulators.gateways import EXECUTION, ORDER_STATUS, PUT, Client, gateway
from tests.simulators.ib_orders import Legs, Trader

SPREAD: Legs = [("SPY241115P00390000", 1, "BUY"), (PUT, 1, "SELL")]


async def trader(simulated: Any, client_id: int = 1) -> Trader:
    return Trader(await Client(simulated).start(client_id))


async def test_what_has_filled_in_part_is_canceled_with_what_it_has() -> None:
    async with gateway(cash=Decimal(200_000)) as simulated:
        t = await trader(simulated)
        order = t.place("SELL", "3", "LMT", lmt="20", ref="part")
        await t.at_market(order)
        simulated.control.fill("part", Decimal(2), Decimal(20))
        await t.client.until(lambda: t.client.of(EXECUTION))
        t.cancel(order)
        await t.status(order, "Cancelled")
        assert t.last(ORDER_STATUS, order)[3:6] == ["2", "1", "20"]
        await t.client.failed(order, 202)
        (completed,) = [m for m in await t.client.answers("102", 99, 0) if m[0] == "101"]
        assert completed[23] == t.last(ORDER_STATUS, order)[6]


async def test_a_combination_is_canceled_as_one() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("BUY", "1", "LMT", lmt="-9", legs=SPREAD)
        await t.status(order, "Submitted")
        t.cancel(order)
        await t.status(order, "Cancelled")
        assert t.client.errors() == [(order, 202)]
        known = simulated.control.ledger()["orders"]
        assert {o["status"] for o in known} == {"canceled"}


async def test_the_global_cancel_ends_brackets_combinations_and_orders_by_hand() -> None:
    async with gateway() as simulated:
        t, other = await trader(simulated), await trader(simulated, 2)
        zero = await trader(simulated, 0)
        simulated.control.place_by_hand(PUT, Side.SELL, Decimal(1), Decimal(30))
        entry = t.place("BUY", "10", "LMT", symbol="AAPL", lmt="200", transmit=0)
        child = t.place("SELL", "10", "STP", symbol="AAPL", aux="190", parentId=entry)
        spread = t.place("BUY", "1", "LMT", lmt="-9", legs=SPREAD)
        await t.status(spread, "Submitted")
        other.client.send(58, 1)
        for order in (entry, child, spread):
            await t.status(order, "Cancelled")
        await zero.status(0, "Cancelled")
        assert await t.client.answers("53", 16, 1) == [["53", "1"]]


async def test_a_cancel_waits_for_the_link_and_then_ends_the_order() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("SELL", "1", "LMT", lmt="20")
        await t.at_market(order)
        simulated.control.do("connectivity", code=1100)
        t.cancel(order)
        await t.client.answers("49", 49, 1)
        assert t.client.statuses(order)[-1] == "Submitted"
        simulated.control.do("connectivity", code=1102)
        await t.status(order, "Cancelled")
