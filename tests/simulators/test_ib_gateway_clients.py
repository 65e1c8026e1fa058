"""Several clients at one Gateway: who connects how, who hears of what, who may cancel it."""

import struct
from decimal import Decimal
from typing import Any

import pytest

from simulators.ib_gateway.simulated import SimulatedIbGateway
from simulators.venue.orders import Side
from tests.simulators.gateways import (
    EXECUTION,
    OPEN_ORDER,
    ORDER_STATUS,
    PUT,
    Client,
    MemoryLink,
    gateway,
)
from tests.simulators.in_virtual_time import virtually
from tests.simulators.test_ib_gateway_link import notices

BOUND = "100"


def connected(simulated: SimulatedIbGateway, *chunks: bytes) -> MemoryLink:
    """A connection over which these bytes have come, one chunk at a time."""
    link = MemoryLink()
    session = simulated.frontend.connect(link)
    for chunk in chunks:
        session.receive(chunk)
    return link


def by_hand(simulated: SimulatedIbGateway, ref: str, limit: str | None = "20") -> str:
    price = None if limit is None else Decimal(limit)
    order = simulated.control.place_by_hand(PUT, Side.SELL, Decimal(1), price, client_order_id=ref)
    return order.venue_order_id


async def refs_of(client: Client, *request: Any) -> list[tuple[str, str]]:
    """The orderRefs and order ids of a list of open orders."""
    answer = await client.answers("53", *request)
    return [(m[23], m[1]) for m in answer if m[0] == OPEN_ORDER]


HELLO = b"API\0" + struct.pack(">I", 9) + b"v157..176"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 16])
async def test_the_greeting_may_come_in_any_pieces(size: int) -> None:
    async with gateway() as simulated:
        chunks = [HELLO[n : n + size] for n in range(0, len(HELLO), size)]
        link = connected(simulated, *chunks)
        assert link.data[4:].split(b"\0")[0] == b"176"


@pytest.mark.parametrize("hello", [b"63\0", b"6", b"\0\0\0\x09v157..176", b"APX"])
async def test_the_greeting_from_before_version_100_is_refused_at_once(hello: bytes) -> None:
    async with gateway() as simulated:
        link = connected(simulated, hello)
        assert (link.data, link.ended) == (b"", "reset")


async def test_the_answer_to_the_greeting_is_one_frame_and_nothing_follows_before_the_start() -> (
    None
):
    async with gateway() as simulated:
        client = Client(simulated)
        simulated.control.do("connectivity", code=1100)
        simulated.control.do("connectivity", code=1102)
        simulated.control.do("connectivity", code=2103)
        by_hand(simulated, "sold", None)
        await client.until(lambda: simulated.control.ledger()["executions"])
        (only,) = client.messages
        assert only == ["176", "20241104 10:00:00 EST"]
        assert client.link.data[:4] == struct.pack(">I", len(client.link.data) - 4)


@pytest.mark.parametrize("fields", [(71, 1, 4), (71, 2, 4, ""), (71, 2, 4, "+PACEAPI")])
async def test_each_form_of_the_start_is_understood(fields: tuple[Any, ...]) -> None:
    async with gateway() as simulated:
        client = Client(simulated)
        client.send(*fields)
        await client.until(lambda: client.of("9"))
        assert list(simulated.gateway.clients) == [4]


async def test_a_client_id_below_0_is_refused() -> None:
    async with gateway() as simulated:
        client = Client(simulated)
        client.send(71, 2, -4, "")
        await client.until(lambda: client.link.ended)
        assert [m[3] for m in client.of("4")] == ["321"]
        assert simulated.gateway.clients == {}


async def test_a_client_that_left_before_it_was_greeted_does_not_keep_its_id() -> None:
    async with gateway() as simulated:
        gone = Client(simulated)
        gone.send(71, 2, 5, "")
        gone.session.lost()
        again = await Client(simulated).start(5)
        assert again.of("15")


async def test_what_a_client_sent_before_it_left_is_still_worked() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(5)
        client.place("20", "last words")
        client.session.lost()
        await client.until(lambda: simulated.control.ledger()["orders"])
        assert simulated.control.ledger()["orders"][0]["client_order_id"] == "last words"


async def test_the_33rd_client_is_refused() -> None:
    async with gateway() as simulated:
        for client_id in range(32):
            await Client(simulated).start(client_id)
        last = await Client(simulated).start(32)
        assert (last.link.ended, last.of("15")) == ("close", [])
        simulated.control.do("disconnect", client_id=31)
        assert (await Client(simulated).start(32)).of("15")


@virtually(messages_per_s=5)
async def test_a_client_that_asked_to_be_paced_waits_and_is_never_refused(
    simulated: SimulatedIbGateway,
) -> None:
    offer = b"v157..176 +PACEAPI"
    client = Client(simulated)
    client.link = MemoryLink()
    client.session = simulated.frontend.connect(client.link)
    client.session.receive(b"API\0" + struct.pack(">I", len(offer)) + offer)
    await client.start()
    for _ in range(9):
        client.send(49, 1)
    await client.until(lambda: len(client.of("49")) == 9)
    times = [e.arrived_s for e in simulated.control.requests() if e.method == "reqCurrentTime"]
    assert times[-1] - times[0] >= 0.9
    assert not client.errors()


async def test_the_limits_of_the_pace_can_be_set() -> None:
    async with gateway() as simulated:
        told = simulated.control.do("pacing", messages_per_s=3, excesses_max=1)
        assert told == {"messages_per_s": 3, "excesses_max": 1}
        client = await Client(simulated).start()
        for _ in range(5):
            client.send(49, 1)
        await client.until(lambda: client.link.ended)
        assert (len(client.of("49")), [m[3] for m in client.of("4")].count("100")) == (2, 1)


async def test_a_client_hears_of_its_own_orders_and_the_master_of_all() -> None:
    async with gateway(master_client_id=9) as simulated:
        one, two = await Client(simulated).start(1), await Client(simulated).start(2)
        master = await Client(simulated).start(9)
        one.place("8.5", "one")
        two.place("20", "two")
        await master.until(lambda: master.of(EXECUTION) and "Submitted" in master.statuses(1))
        await one.until(lambda: one.of(EXECUTION))
        await two.status(1, "Submitted")
        assert {m[23] for m in one.of(OPEN_ORDER)} == {"one"}
        assert {m[23] for m in two.of(OPEN_ORDER)} == {"two"}
        assert {m[23] for m in master.of(OPEN_ORDER)} == {"one", "two"}
        assert {(m[9]) for m in master.of(ORDER_STATUS)} == {"1", "2"}
        assert not two.of(EXECUTION)


async def test_only_the_client_that_placed_an_order_can_cancel_it() -> None:
    async with gateway(master_client_id=9) as simulated:
        owner, other = await Client(simulated).start(1), await Client(simulated).start(2)
        master, zero = await Client(simulated).start(9), await Client(simulated).start(0)
        await owner.status(owner.place("20", "mine", order_id=7), "Submitted")
        for client in (other, master, zero):
            client.send(4, 1, 7, "")
            await client.failed(7, 10147)
        assert await refs_of(other, 16, 1) == [("mine", "7")]
        owner.send(4, 1, 7, "")
        await owner.status(7, "Cancelled")


async def test_an_order_can_be_canceled_after_its_client_connects_again() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(3)
        await client.status(client.place("20", "rests", order_id=5), "Submitted")
        client.session.lost()
        again = await Client(simulated).start(3)
        assert again.of("9") == [["9", "1", "6"]]
        assert await refs_of(again, 5, 1) == [("rests", "5")]
        again.send(4, 1, 5, "")
        await again.status(5, "Cancelled")


async def test_the_global_cancel_cancels_for_all() -> None:
    async with gateway() as simulated:
        one, two = await Client(simulated).start(1), await Client(simulated).start(2)
        await one.status(one.place("20", "one"), "Submitted")
        by_hand(simulated, "by hand")
        two.send(58, 1)
        await one.status(1, "Cancelled")
        orders = simulated.control.ledger()["orders"]
        await two.until(
            lambda: {o["status"] for o in simulated.control.ledger()["orders"]} == {"canceled"}
        )
        assert len(orders) == 2


async def test_client_0_hears_of_orders_by_hand_and_others_do_not() -> None:
    async with gateway() as simulated:
        zero, one = await Client(simulated).start(0), await Client(simulated).start(1)
        by_hand(simulated, "by hand", None)
        await zero.until(lambda: zero.of(EXECUTION))
        assert [(m[1], m[9]) for m in zero.of(ORDER_STATUS)][-1] == ("0", "0")
        assert await one.answers("49", 49, 1)
        assert not one.of(EXECUTION, ORDER_STATUS, OPEN_ORDER)


async def test_client_0_binds_open_orders_by_asking_for_its_open_orders() -> None:
    async with gateway() as simulated:
        perm_id = by_hand(simulated, "by hand")
        one, zero = await Client(simulated).start(1), await Client(simulated).start(0)
        await one.until(lambda: simulated.control.ledger()["orders"][0]["status"] == "new")
        assert await refs_of(one, 5, 1) == []
        assert await refs_of(one, 16, 1) == [("by hand", "0")]
        assert await refs_of(zero, 5, 1) == [("by hand", "-1")]
        assert zero.of(BOUND) == [[BOUND, perm_id, "0", "-1"]]
        assert await refs_of(zero, 5, 1) == [("by hand", "-1")]
        assert len(zero.of(BOUND)) == 1
        zero.send(4, 1, -1, "")
        await zero.status(-1, "Cancelled")


async def test_client_0_binds_orders_to_come_if_it_asked_for_that() -> None:
    async with gateway() as simulated:
        zero, one = await Client(simulated).start(0), await Client(simulated).start(1)
        one.send(15, 1, 1)
        await one.until(lambda: 321 in notices(one))
        by_hand(simulated, "before")
        await zero.status(0, "Submitted")
        zero.send(15, 1, 1)
        assert await zero.answers("49", 49, 1)
        by_hand(simulated, "after")
        await zero.status(-1, "Submitted")
        assert next(m[1] for m in zero.of(OPEN_ORDER) if m[23] == "after") == "-1"
        assert [m[3] for m in zero.of(BOUND)] == ["-1"]


async def test_notices_reach_every_client() -> None:
    async with gateway() as simulated:
        clients = [await Client(simulated).start(n) for n in (1, 2)]
        for code in (2103, 2105, 2157, 2104, 2106, 2158):
            simulated.control.do("connectivity", code=code)
        for client in clients:
            assert notices(client)[-6:] == [2103, 2105, 2157, 2104, 2106, 2158]


async def test_who_connects_while_a_farm_is_broken_is_told_so() -> None:
    async with gateway() as simulated:
        simulated.control.do("connectivity", code=2103)
        simulated.control.do("connectivity", code=2157)
        assert notices(await Client(simulated).start(1)) == [2103, 2106, 2157]
        simulated.control.do("connectivity", code=2104)
        assert notices(await Client(simulated).start(2)) == [2104, 2106, 2157]
        simulated.control.do("connectivity", code=1100)
        simulated.control.do("connectivity", code=1102)
        assert notices(await Client(simulated).start(3)) == [2104, 2106, 2158]


@virtually()
async def test_a_client_id_can_be_held_by_a_connection_that_nobody_has(
    simulated: SimulatedIbGateway,
) -> None:
    assert simulated.control.do("ghost", client_id=4) == {"ghosts": [4]}
    assert [m[3] for m in (await Client(simulated).start(4)).of("4")] == ["326"]
    simulated.control.do("ghost", client_id=4, seconds=0)
    assert (await Client(simulated).start(4)).of("15")
    simulated.control.do("ghost", client_id=5, seconds=0.1)
    refused = await Client(simulated).start(5)
    assert not refused.of("15")
    await refused.until(lambda: not simulated.gateway.ghosts)
    assert (await Client(simulated).start(5)).of("15")
    simulated.control.do("ghost", client_id=6)
    simulated.control.do("restart", refuse_s=0)
    assert (await Client(simulated).start(6)).of("15")


async def test_the_control_knows_whose_order_is_whose() -> None:
    async with gateway(cash=Decimal(1_000_000)) as simulated:
        one, two = await Client(simulated).start(1), await Client(simulated).start(2)
        await one.status(one.place("20", "one", order_id=5), "Submitted")
        await two.status(two.place("21", "two", order_id=5), "Submitted")
        perm_id = by_hand(simulated, "by hand", None)
        found = simulated.control.do("api_orders")
        assert [(o["client_id"], o["order_id"], o["orderRef"]) for o in found] == [
            (1, 5, "one"),
            (2, 5, "two"),
            (0, 0, "by hand"),
        ]
        assert found[-1]["permId"] == perm_id
        assert found[0]["status"] == "Submitted"


async def test_a_port_reset_drops_everybody() -> None:
    async with gateway() as simulated:
        clients = [await Client(simulated).start(n) for n in (1, 2)]
        simulated.control.do("connectivity", code=1300)
        assert [(notices(c)[-1], c.link.ended) for c in clients] == [(1300, "close")] * 2
