"""Orders that get lost or late around a disconnect, and what the client and the venue then hold."""

import asyncio
from decimal import Decimal
from typing import Any

import ib_insync
import pytest
from ib_insync import LimitOrder, Option

from simulators.control.control import BadRequest
from simulators.control.faults import BadFault
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.simulators.gateways import (
    EXECUTION,
    OPEN_ORDER,
    ORDER_STATUS,
    Client,
    gateway,
    gateway_on_port,
)
from tests.simulators.in_virtual_time import virtually
from tests.simulators.test_ib_gateway_faults import add, outcomes, placed
from tests.simulators.test_ib_gateway_link import notices

RICH: Any = {"cash": Decimal(100_000_000)}


async def test_of_60_orders_written_20_arrive_and_nobody_says_so() -> None:
    """ib_insync: all stay PendingSubmit, nothing is raised; afterwards 20 are found."""
    async with gateway_on_port(**RICH) as (simulated, port):
        make: Any = ib_insync.IB
        ib = make()
        await ib.connectAsync("127.0.0.1", port, clientId=7, timeout=30)
        ib.client.MaxRequests = 0
        told = simulated.control.do("cut_after", orders=20, client_id=7)
        assert told == {"connections": 1}
        contract = Option("SPY", "20241115", 400, "P", "SMART")
        trades = [
            ib.placeOrder(contract, LimitOrder("SELL", 1, 20, orderRef=f"order-{n}"))
            for n in range(60)
        ]
        async with asyncio.timeout(30):
            while ib.isConnected():
                await asyncio.sleep(0.01)
        assert {trade.orderStatus.status for trade in trades} == {"PendingSubmit"}
        assert placed(simulated) == [f"order-{n}" for n in range(20)]
        again = make()
        await again.connectAsync("127.0.0.1", port, clientId=7, timeout=30)
        found = await again.reqAllOpenOrdersAsync()
        assert sorted(trade.order.orderRef for trade in found) == sorted(placed(simulated))
        assert again.client.getReqId() >= 21
        again.disconnect()


@pytest.mark.parametrize(("replies", "told"), [(True, ["one", "two"]), (False, [])])
async def test_a_connection_is_cut_behind_the_nth_order(replies: bool, told: list[str]) -> None:
    async with gateway(**RICH) as simulated:
        client, other = await Client(simulated).start(1), await Client(simulated).start(2)
        simulated.control.do("cut_after", orders=2, client_id=1, replies=replies, ends="reset")
        other.place("20", "of another")
        for ref in ("one", "two", "three"):
            client.place("20", ref)
        await client.until(lambda: client.link.ended)
        assert client.link.ended == "reset"
        await other.status(1, "Submitted")
        assert [m[23] for m in client.of(OPEN_ORDER)] == told
        assert sorted(placed(simulated)) == ["of another", "one", "two"]
        assert (await Client(simulated).start(1)).of("15")


async def test_a_cut_behind_no_order_loses_the_next_one() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        assert simulated.control.do("cut_after", orders=0, replies=True) == {"connections": 1}
        assert await client.answers("49", 49, 1)
        client.place("8.5", "lost")
        await client.until(lambda: client.link.ended)
        assert placed(simulated) == []
        assert outcomes(simulated) == [("lost", "lost", False)]


@virtually(**RICH)
async def test_what_is_sent_in_the_last_seconds_before_a_cut_is_lost(
    simulated: SimulatedIbGateway,
) -> None:
    client = await Client(simulated).start()
    await client.status(client.place("20", "before"), "Submitted")
    simulated.control.do("stall_and_cut", seconds=0.2)
    client.place("20", "lost")
    client.send(4, 1, 1, "")
    await client.status(2, "PendingSubmit")
    assert notices(client) == [2104, 2106, 2158]
    late = await Client(simulated).start(2)
    assert notices(late) == [2104, 2106, 2158]
    await client.until(lambda: client.link.ended and late.link.ended)
    again = await Client(simulated).start()
    assert again.of("9") == [["9", "1", "2"]], "the id of what was lost is issued again"
    opened = await again.answers("53", 16, 1)
    assert [(m[23], m[86]) for m in opened if m[0] == OPEN_ORDER] == [("before", "Submitted")]
    assert placed(simulated) == ["before"]
    await again.status(again.place("20", "after", order_id=2), "Submitted")


async def test_a_restart_in_the_middle_of_a_stall_ends_it() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        simulated.control.do("stall_and_cut", seconds=60)
        client.place("8.5", "lost")
        await client.status(1, "PendingSubmit")
        assert simulated.control.do("restart", refuse_s=0)["lost"] == 2
        again = await Client(simulated).start()
        await again.status(again.place("8.5", "next", order_id=1), "Filled")
        assert placed(simulated) == ["next"]


async def test_a_cut_that_never_came_does_not_hit_the_next_connection() -> None:
    async with gateway(**RICH) as simulated:
        client = await Client(simulated).start()
        simulated.control.do("cut_after", orders=1, client_id=1)
        client.session.lost()
        again = await Client(simulated).start()
        for n in (1, 2):
            await again.status(again.place("20", f"{n}"), "Submitted")


@virtually()
async def test_lists_can_come_late_by_the_kind_of_their_request(
    simulated: SimulatedIbGateway,
) -> None:
    client = await Client(simulated).start()
    add(simulated, "delay", times=0, match={"method": "reqAll*"}, delay_before_s=0.15)
    began = asyncio.get_running_loop().time()
    assert await client.answers("49", 49, 1)
    quick_s = asyncio.get_running_loop().time() - began
    assert [m[0] for m in await client.answers("53", 16, 1)] == ["53"]
    assert asyncio.get_running_loop().time() - began - quick_s >= 0.15


@virtually()
async def test_news_of_a_stall_are_known_after_it(simulated: SimulatedIbGateway) -> None:
    client = await Client(simulated).start()
    await client.status(client.place("20", "rests"), "Submitted")
    simulated.control.do("stall_and_cut", seconds=0.1)
    simulated.control.fill("rests")
    assert not client.of(EXECUTION)
    await client.until(lambda: client.link.ended)
    again = await Client(simulated).start()
    executed = await again.answers("55", 7, 3, 90, *[""] * 7)
    assert [m[26] for m in executed if m[0] == EXECUTION] == ["rests"]


async def test_a_fault_can_let_some_pass_first() -> None:
    async with gateway(**RICH) as simulated:
        client = await Client(simulated).start()
        add(simulated, "drop_request", ends="hang", after=2)
        for n in range(4):
            client.place("20", f"{n}")
        await client.status(4, "Submitted")
        assert placed(simulated) == ["0", "1", "3"]
        with pytest.raises(BadFault):
            add(simulated, "drop_request", after=-1)


@virtually()
async def test_a_commission_can_come_late(simulated: SimulatedIbGateway) -> None:
    client = await Client(simulated).start()
    add(
        simulated,
        "delay",
        place="event",
        match={"event": "commissionReport"},
        delay_before_s=0.15,
    )
    client.place("8.5", "x")
    await client.status(1, "Filled")
    began = asyncio.get_running_loop().time()
    assert not client.of("59")
    await client.until(lambda: client.of("59"))
    assert asyncio.get_running_loop().time() - began > 0.1


async def test_events_of_every_kind_can_be_lost_doubled_and_held() -> None:
    async with gateway(**RICH) as simulated:
        client = await Client(simulated).start()
        for event in ("orderStatus", "execDetails", "commissionReport"):
            add(simulated, "drop", place="event", times=0, match={"event": event})
        client.place("8.5", "lost")
        await client.until(lambda: simulated.control.ledger()["executions"])
        assert await client.answers("49", 49, 1)
        assert not client.of(ORDER_STATUS, EXECUTION, "59")
        simulated.control.clear_faults()
        for event in ("orderStatus", "execDetails", "commissionReport"):
            add(simulated, "duplicate", place="event", times=0, match={"event": event})
        client.place("8.5", "doubled")
        await client.until(lambda: len(client.of("59")) == 2)
        assert len(client.of(EXECUTION)) == 2
        told = [m for m in client.of(ORDER_STATUS) if m[1] == "2"]
        assert told[::2] == told[1::2]


async def test_an_order_can_fill_after_it_was_canceled() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "late"), "Submitted")
        client.send(4, 1, 1, "")
        await client.failed(1, 202)
        simulated.control.fill("late", even_if_ended=True)
        await client.until(lambda: client.of("59"))
        assert client.of(EXECUTION)[0][26] == "late"


async def held(simulated: SimulatedIbGateway, seconds: float) -> Client:
    """A client whose first order the Gateway sits on."""
    client = await Client(simulated).start()
    add(simulated, "hold_order", delay_before_s=seconds)
    client.place("20", "held")
    return client


@virtually(**RICH)
async def test_the_gateway_can_sit_on_an_order_while_later_ones_go_on(
    simulated: SimulatedIbGateway,
) -> None:
    client = await held(simulated, 0.2)
    await client.status(client.place("20", "next"), "Submitted")
    assert placed(simulated) == ["next"]
    assert outcomes(simulated)[0] == ("held", "held", False)
    await client.status(1, "Submitted")
    assert placed(simulated) == ["next", "held"]
    assert outcomes(simulated)[0] == ("held", "ok", True)


@virtually()
async def test_an_order_that_was_sat_on_is_placed_though_its_client_is_gone(
    simulated: SimulatedIbGateway,
) -> None:
    client = await held(simulated, 0.1)
    await client.until(lambda: outcomes(simulated))
    client.session.lost()
    await client.until(lambda: placed(simulated) == ["held"])


@virtually()
async def test_a_restart_loses_the_orders_that_the_gateway_sits_on(
    simulated: SimulatedIbGateway,
) -> None:
    client = await held(simulated, 0.1)
    await client.until(lambda: outcomes(simulated) and outcomes(simulated)[0][1] == "held")
    assert simulated.control.do("restart", refuse_s=0)["lost"] == 1
    await asyncio.sleep(0.2)
    assert placed(simulated) == []


async def test_a_modify_can_give_two_orders_under_one_id() -> None:
    async with gateway(**RICH) as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "two"), "Submitted")
        assert simulated.control.do("double_modifies") == {"times": 1}
        client.place("21", "two", order_id=1)
        await client.until(lambda: len(placed(simulated)) == 2)
        await client.until(lambda: {o["status"] for o in orders(simulated)} == {"new"})
        opened = await client.answers("53", 5, 1)
        assert [(m[1], m[16]) for m in opened if m[0] == OPEN_ORDER] == [("1", "20"), ("1", "21")]
        perm_ids = {m[25] for m in opened if m[0] == OPEN_ORDER}
        assert perm_ids == {o["venue_order_id"] for o in orders(simulated)}
        assert len(perm_ids) == 2
        client.send(4, 1, 1, "")
        await client.status(1, "Cancelled")
        assert sorted(o["status"] for o in orders(simulated)) == ["canceled", "new"]
        await client.status(client.place("20", "next", order_id=2), "Submitted")
        client.place("22", "next", order_id=2)
        await client.until(lambda: orders(simulated)[-1]["limit_price"] == "22")
        assert len(orders(simulated)) == 3


def orders(simulated: SimulatedIbGateway) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = simulated.control.ledger()["orders"]
    return found


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("cut_after", {}),
        ("cut_after", {"orders": -1}),
        ("cut_after", {"orders": 1, "ends": "softly"}),
        ("stall_and_cut", {"seconds": -1}),
    ],
)
async def test_a_loss_that_makes_no_sense_is_refused(verb: str, arguments: dict[str, Any]) -> None:
    async with gateway() as simulated:
        with pytest.raises(BadRequest):
            simulated.control.do(verb, **arguments)
