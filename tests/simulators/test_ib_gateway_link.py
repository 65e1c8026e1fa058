"""The Gateway's link to IB, its restarts and its doors."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from simulators.control.control import BadRequest
from simulators.venue.refusals import NoSuchOrder
from tests.simulators.gateways import (
    COMMISSION,
    EXECUTION,
    OPEN_ORDER,
    Client,
    gateway,
    gateway_on_port,
)


def notices(client: Client) -> list[int]:
    return [int(m[3]) for m in client.of("4") if m[2] == "-1"]


@pytest.mark.parametrize(("lost", "back"), [(1100, 1101), (1100, 1102), (2110, 2104), (2110, 1102)])
async def test_orders_are_held_while_the_link_is_lost_and_placed_afterwards(
    lost: int, back: int
) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        told = simulated.control.do("connectivity", code=lost, orders="hold")
        assert told == {"is_up": False, "held": 0}
        client.place("8.5", "held")
        await client.status(1, "PendingSubmit")
        assert simulated.control.ledger()["orders"] == []
        (entry,) = [e for e in simulated.control.requests() if e.method == "placeOrder"]
        assert (entry.outcome, entry.reached_venue) == ("held", False)
        simulated.control.do("connectivity", code=back)
        await client.status(1, "Filled")
        assert (entry.outcome, entry.reached_venue) == ("ok", True)
        assert notices(client)[-2:] == [lost, back]


async def test_orders_can_be_lost_while_the_link_is() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        simulated.control.do("connectivity", code=1100, orders="drop")
        client.place("8.5", "lost")
        await client.until(lambda: simulated.control.requests()[-1].outcome == "dropped")
        simulated.control.do("connectivity", code=1102)
        await client.status(client.place("8.5", "next"), "Filled")
        assert client.statuses(1) == []
        assert [o["client_order_id"] for o in simulated.control.ledger()["orders"]] == ["next"]


async def test_lists_stand_still_while_the_link_is_lost_and_news_come_afterwards() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "rests"), "Submitted")
        simulated.control.do("connectivity", code=1100)
        simulated.control.fill("rests")
        opened = await client.answers("53", 16, 1)
        assert [m[86] for m in opened if m[0] == OPEN_ORDER] == ["Submitted"]
        assert [m[0] for m in await client.answers("55", 7, 3, 5, *[""] * 7)] == ["55"]
        assert [m[0] for m in await client.answers("62", 61, 1)] == ["62"]
        simulated.control.do("connectivity", code=1102)
        assert client.of(EXECUTION)
        assert client.of(COMMISSION)
        positions = await client.answers("62", 61, 1)
        assert [m[14] for m in positions if m[0] == "61"][-1] == "-1"


async def test_a_cancel_is_held_like_an_order() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "rests"), "Submitted")
        simulated.control.do("connectivity", code=1100)
        client.send(4, 1, 1, "")
        await client.until(lambda: simulated.gateway.uplink.held_count)
        assert client.statuses(1)[-1] == "Submitted"
        simulated.control.do("connectivity", code=1102)
        await client.status(1, "Cancelled")


async def test_who_connects_while_the_link_is_lost_is_told_so() -> None:
    async with gateway() as simulated:
        simulated.control.do("connectivity", code=2110)
        client = await Client(simulated).start()
        await client.until(lambda: notices(client))
        assert notices(client) == [2110]
        simulated.control.do("connectivity", code=2103)
        simulated.control.do("connectivity", code=2158)
        assert notices(client) == [2110, 2103, 2158]
        assert simulated.gateway.uplink.is_up


async def test_after_1101_market_data_has_to_be_asked_for_again() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        request = [1, 11, 60, 0, "SPY", "STK", "", "0", "", "", "SMART", "", "USD", "", "", 0]
        client.send(*request, "", 0, 0, "")
        await client.until(lambda: client.of("58"))
        simulated.control.do("connectivity", code=1100)
        simulated.control.do("connectivity", code=1101)
        before = len(client.of("1"))
        simulated.control.set_quote("SPY", Decimal(400), Decimal(401))
        assert len(client.of("1")) == before


async def test_a_restart_ends_all_loses_what_was_held_and_issues_ids_again() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "rests"), "Submitted")
        simulated.control.do("connectivity", code=1100)
        client.place("20", "held")
        await client.status(2, "PendingSubmit")
        told = simulated.control.do("restart", refuse_s=0.5, silent_s=1.5, roll_back_ids=2)
        assert told == {"disconnected": 1, "lost": 1}
        assert client.link.ended == "reset"
        assert Client(simulated).link.ended == "reset"
        await asyncio.sleep(0.55)
        silent = Client(simulated)
        assert (silent.link.data, silent.link.ended) == (b"", "")
        await asyncio.sleep(1.55)
        simulated.control.do("connectivity", code=1102)
        again = await Client(simulated).start()
        assert again.of("9") == [["9", "1", "1"]]
        await again.status(again.place("8.5", "same id", order_id=1), "Filled")
        opened = await again.answers("53", 16, 1)
        assert [m[23] for m in opened if m[0] == OPEN_ORDER] == ["rests"]


async def test_ids_can_be_rolled_back_while_clients_are_connected() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(3)
        await client.status(client.place("8.5", order_id=40), "Filled")
        assert simulated.control.do("roll_back_ids", by=5) == {"3": 36}
        assert await client.answers("9", 8, 1, 1) == [["9", "1", "36"]]


async def until_port(port: int, *, is_open: bool) -> None:
    """Connects until it works, or until it is refused."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
            except ConnectionError:
                if not is_open:
                    return
            else:
                if is_open:
                    return
            await asyncio.sleep(0.01)


async def test_a_port_that_refuses_is_not_listened_on() -> None:
    async with gateway_on_port() as (simulated, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        simulated.control.do("restart", refuse_s=0.3)
        writer.close()
        await until_port(port, is_open=False)
        await until_port(port, is_open=True)
        client = await Client(simulated).start()
        assert await client.answers("49", 49, 1)


async def test_doors_that_stay_closed_can_be_opened() -> None:
    async with gateway() as simulated:
        simulated.control.do("doors", silent_s=1e6)
        assert Client(simulated).link.data == b""
        simulated.control.do("doors")
        assert await Client(simulated).start()


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("connectivity", {"code": 7}),
        ("connectivity", {"code": 1100, "orders": "eat"}),
        ("connectivity", {}),
        ("restart", {"refuse_s": -1}),
        ("restart", {"roll_back_ids": -1}),
        ("doors", {"silent_s": 1e12}),
        ("roll_back_ids", {"by": -1}),
        ("blackhole", {"client_id": 9}),
        ("disconnect", {"ends": "softly"}),
        ("forget_day", {"really": True}),
        ("sing", {}),
    ],
)
async def test_a_verb_that_makes_no_sense_says_why(verb: str, arguments: dict[str, Any]) -> None:
    async with gateway() as simulated:
        with pytest.raises(BadRequest):
            simulated.control.do(verb, **arguments)


async def test_an_order_that_nobody_knows_can_not_go_inactive() -> None:
    async with gateway() as simulated:
        with pytest.raises(NoSuchOrder):
            simulated.control.do("inactivate", order="nobody")


async def test_news_of_the_outage_come_before_what_clients_sent_during_it() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "rests"), "Submitted")
        simulated.control.do("connectivity", code=1100)
        simulated.control.fill("rests")
        client.send(4, 1, 1, "")
        await client.until(lambda: simulated.gateway.uplink.held_count)
        simulated.control.do("connectivity", code=1102)
        await client.failed(1, 161)


async def test_a_restart_loses_the_order_that_was_being_read() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        action = {"kind": "delay", "delay_before_s": 0.05}
        simulated.control.add_fault({"match": {"method": "placeOrder"}, "action": action})
        client.place("8.5", "being read")
        client.place("8.5", "waiting")
        await client.until(lambda: simulated.control.requests()[-1].method == "placeOrder")
        simulated.control.do("restart", refuse_s=0)
        await client.until(lambda: simulated.control.requests()[-1].outcome)
        (entry,) = [e for e in simulated.control.requests() if e.method == "placeOrder"]
        assert (entry.outcome, entry.reached_venue) == ("lost", False)
        assert simulated.control.ledger()["orders"] == []
