"""The Gateway's life: login waits, restarts by hand and each night, logins at another account."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import ib_insync
import pytest

from simulators.control.control import BadRequest
from simulators.ib_gateway.restarts import next_at
from simulators.ib_gateway.server import GatewayServer
from simulators.ib_gateway.simulated import SimulatedIbGateway
from simulators.venue.orders import Side
from simulators.venue.trading_calendar import NEW_YORK
from tests.simulators.gateways import (
    ACCOUNT,
    EXECUTION,
    OPEN_ORDER,
    Client,
    gateway,
    gateway_on_port,
)
from tests.simulators.in_virtual_time import virtually
from tests.simulators.test_ib_gateway_link import notices
from tests.simulators.test_ib_gateway_virtual_time import in_virtual_time

LIVE = "U7654321"
COMPLETED = "101"


def waiting(simulated: SimulatedIbGateway, client_id: int = 1) -> Client:
    """A client that has sent everything that it sends at its start."""
    client = Client(simulated)
    client.send(71, 2, client_id, "")
    client.send(49, 1)
    return client


async def pause() -> None:
    """Long enough for everything that is going to happen at once."""
    await asyncio.sleep(0.03)


async def test_who_connects_before_the_login_is_greeted_after_it() -> None:
    async with gateway() as simulated:
        before = await Client(simulated).start(1)
        assert simulated.control.do("await_login") == {"disconnected": 1}
        assert before.link.ended == "reset"
        client = waiting(simulated)
        await pause()
        assert client.messages == [["176", "20241104 10:00:00 EST"]]
        assert client.link.ended == ""
        assert simulated.control.do("login") == {"disconnected": 0, "account": ACCOUNT}
        await client.until(lambda: client.of("49"))
        assert [m[0] for m in client.messages[1:]] == ["15", "9", "4", "4", "4", "49"]


@virtually()
async def test_a_login_wait_can_end_by_itself(simulated: SimulatedIbGateway) -> None:
    simulated.control.do("await_login", seconds=0.05)
    client = waiting(simulated)
    await pause()
    assert not client.of("15")
    await client.until(lambda: client.of("49"))


async def test_ib_insync_waits_for_the_login_and_gives_up_before_it() -> None:
    async with gateway_on_port() as (simulated, port):
        simulated.control.do("await_login")
        make: Any = ib_insync.IB
        early, patient = make(), make()
        with pytest.raises(TimeoutError):
            await early.connectAsync("127.0.0.1", port, clientId=1, timeout=0.2)
        connecting = asyncio.ensure_future(
            patient.connectAsync("127.0.0.1", port, clientId=2, timeout=30)
        )
        await asyncio.sleep(0.1)
        assert not connecting.done()
        simulated.control.do("login")
        await connecting
        assert patient.managedAccounts() == [ACCOUNT]
        patient.disconnect()


async def test_two_that_wait_with_one_id_are_not_both_let_in() -> None:
    async with gateway() as simulated:
        simulated.control.do("await_login")
        first, second = waiting(simulated, 4), waiting(simulated, 4)
        await pause()
        simulated.control.do("login")
        await first.until(lambda: first.of("15"))
        await second.until(lambda: second.link.ended)
        assert [m[3] for m in second.of("4")] == ["326"]


async def test_a_client_that_left_while_it_waited_leaves_its_id_free() -> None:
    async with gateway() as simulated:
        simulated.control.do("await_login")
        waiting(simulated, 4).session.lost()
        await pause()
        simulated.control.do("login")
        assert (await Client(simulated).start(4)).of("15")


@virtually()
async def test_a_restart_goes_through_refusal_silence_login_and_a_lost_link(
    simulated: SimulatedIbGateway,
) -> None:
    simulated.control.do(
        "restart", refuse_s=0.1, silent_s=0.1, login_s=0.2, link_s=0.2, restored=1101
    )
    assert Client(simulated).link.ended == "reset"
    await asyncio.sleep(0.11)
    silent = waiting(simulated)
    await asyncio.sleep(0.11)
    client = waiting(simulated)
    await pause()
    assert (silent.link.data, len(client.messages)) == (b"", 1)
    await client.until(lambda: client.of("15"))
    assert notices(client) == [1100]
    assert not simulated.gateway.uplink.is_up
    client.place("8.5", "during")
    await client.until(lambda: 1101 in notices(client))
    await client.status(1, "Filled")
    assert notices(client) == [1100, 1101]


@virtually()
async def test_a_second_restart_takes_the_first_ones_place(simulated: SimulatedIbGateway) -> None:
    simulated.control.do("restart", refuse_s=0, login_s=0.1)
    simulated.control.do("restart", refuse_s=0, login_s=60)
    client = waiting(simulated)
    await asyncio.sleep(0.2)
    assert not client.of("15")
    simulated.control.do("login")
    await client.until(lambda: client.of("15"))


async def test_orders_executions_and_ids_survive_a_restart() -> None:
    async with gateway(cash=Decimal(1_000_000)) as simulated:
        client = await Client(simulated).start(3)
        await client.status(client.place("8.5", "filled", order_id=10), "Filled")
        await client.status(client.place("20", "rests", order_id=11), "Submitted")
        await client.status(client.place("20", "gone", order_id=12), "Submitted")
        client.send(4, 1, 12, "")
        await client.status(12, "Cancelled")
        simulated.control.do("restart", refuse_s=0)
        perm_ids = {o["client_order_id"]: o["venue_order_id"] for o in orders(simulated)}
        again = await Client(simulated).start(3)
        assert again.of("9") == [["9", "1", "13"]]
        opened = await again.answers("53", 5, 1)
        assert [(m[1], m[23], m[25]) for m in opened if m[0] == OPEN_ORDER] == [
            ("11", "rests", perm_ids["rests"])
        ]
        completed = [m for m in await again.answers("102", 99, 0) if m[0] == COMPLETED]
        assert {(ref, perm_ids[ref]) for ref in ("filled", "gone")} == {
            next((ref, m) for m in message if m == perm_ids[ref])
            for message in completed
            for ref in ("filled", "gone")
            if ref in message
        }
        executed = await again.answers("55", 7, 3, 90, *[""] * 7)
        assert [m[26] for m in executed if m[0] == EXECUTION] == ["filled"]
        again.send(4, 1, 11, "")
        await again.status(11, "Cancelled")


def orders(simulated: SimulatedIbGateway) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = simulated.control.ledger()["orders"]
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


async def one_night(simulated: SimulatedIbGateway, restarts_at: datetime) -> None:
    client = await Client(simulated).start(1)
    simulated.control.set_clock(restarts_at - timedelta(minutes=5))
    assert client.link.ended == ""
    simulated.control.set_clock(restarts_at)
    await client.until(lambda: client.link.ended)
    await client.until(lambda: simulated.frontend.doors.closure is None)
    back = waiting(simulated)
    await back.until(lambda: 1102 in notices(back))
    assert notices(back) == [1100, 1102]
    back.session.lost()


@virtually()
async def test_each_night_it_restarts_by_itself(simulated: SimulatedIbGateway) -> None:
    told = simulated.control.do(
        "restart_nightly", at="23:45", refuse_s=0.05, login_s=0.1, restored=1102, link_s=0.1
    )
    assert told == {"at": "23:45"}
    for night in (4, 5):
        await one_night(simulated, at(f"2024-11-0{night}T23:45:00"))
    simulated.control.do("restart_nightly")
    client = await Client(simulated).start(1)
    simulated.control.set_clock(at("2024-11-06T23:50:00"))
    await pause()
    assert client.link.ended == ""


async def nights_of_ib_insync(simulated: SimulatedIbGateway) -> list[tuple[float, list[int]]]:
    """When a client was back after each of two starts of the Gateway, and what it heard then."""
    told: list[tuple[float, list[int]]] = []
    simulated.control.set_clock(at("2024-11-04T23:00"))
    times = {"refuse_s": 60, "login_s": 30, "link_s": 15}
    simulated.control.do("restart_nightly", at="23:45", restored=1102, **times)
    async with GatewayServer(simulated.frontend, "gateway").listening(4002):
        while len(told) < 2:
            make: Any = ib_insync.IB
            ib = make()
            heard: list[int] = []
            ib.errorEvent += lambda req_id, code, text, contract, heard=heard: heard.append(code)
            while not ib.isConnected():
                await asyncio.sleep(5)
                with suppress(OSError, TimeoutError):
                    await ib.connectAsync("gateway", 4002, clientId=1, timeout=3)
            back_s = asyncio.get_running_loop().time()
            await asyncio.sleep(60)
            told.append((back_s, heard))
            while ib.isConnected():
                await asyncio.sleep(60)
    return told


def test_ib_insync_is_back_after_the_night() -> None:
    first, second = in_virtual_time(nights_of_ib_insync)
    assert first[1] == [2104, 2106, 2158]
    assert 45 * 60 + 90 <= second[0] <= 45 * 60 + 180
    assert second[1] == [1100, 1102]


async def test_the_time_of_the_nightly_restart_can_be_a_setting() -> None:
    night = time(23, 45)
    async with gateway(restart_at=night) as simulated:
        client = await Client(simulated).start()
        simulated.control.set_clock(at("2024-11-04T23:45:00"))
        await client.until(lambda: client.link.ended)
        assert not simulated.gateway.login.is_in
        assert simulated.frontend.doors.refuses_for_s > 50


@pytest.mark.parametrize(
    ("after", "next_night"),
    [
        ("2024-11-04T12:00", "2024-11-04T23:45"),
        ("2024-11-04T23:45", "2024-11-05T23:45"),
        ("2024-11-02T23:50", "2024-11-03T23:45"),
        ("2025-03-08T23:50", "2025-03-09T23:45"),
    ],
)
def test_clock_changes_of_the_year_do_not_move_the_nightly_restart(
    after: str, next_night: str
) -> None:
    found = next_at(at(after).astimezone(UTC), time(23, 45))
    assert found == at(next_night)


async def test_a_login_at_a_live_account_shows_that_account_and_nothing_of_the_other() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("8.5", "filled"), "Filled")
        await client.status(client.place("20", "rests"), "Submitted")
        told = simulated.control.do("login", account=LIVE)
        assert told == {"disconnected": 1, "account": LIVE}
        assert client.link.ended == "reset"
        again = await Client(simulated).start()
        assert again.of("15") == [["15", "1", LIVE]]
        assert again.of("9") == [["9", "1", "1"]]
        assert await again.answers("53", 16, 1) == [["53", "1"]]
        assert [m[0] for m in await again.answers("102", 99, 0)] == ["102"]
        assert [m[0] for m in await again.answers("55", 7, 3, 90, *[""] * 7)] == ["55"]
        assert [m[0] for m in await again.answers("62", 61, 1)] == ["62"]
        await again.status(again.place("8.5", "live"), "Filled")
        await again.failed(again.place("8.5", "theirs", account=ACCOUNT), 321)
        books = simulated.control.ledger()["accounts"]
        assert {name: len(a["positions"]) for name, a in books.items()} == {ACCOUNT: 1, LIVE: 1}


async def test_news_of_an_account_wait_until_somebody_logs_in_there_again() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "rests"), "Submitted")
        perm_id = orders(simulated)[0]["venue_order_id"]
        simulated.control.do("login", account="DU2000002")
        simulated.venue.force_fill(perm_id)
        other = await Client(simulated).start()
        assert [m[0] for m in await other.answers("55", 7, 3, 90, *[""] * 7)] == ["55"]
        simulated.control.do("login", account=ACCOUNT)
        back = await Client(simulated).start()
        assert back.of("9") == [["9", "1", "2"]]
        executed = await back.answers("55", 7, 3, 90, *[""] * 7)
        assert [m[26] for m in executed if m[0] == EXECUTION] == ["rests"]


async def test_the_controls_hand_is_that_of_the_account_that_is_logged_in() -> None:
    async with gateway() as simulated:
        simulated.control.do("login", account=LIVE)
        simulated.control.set_account(options_level=0)
        levels = {name: a.options_level for name, a in simulated.venue.accounts.items()}
        assert levels == {ACCOUNT: simulated.settings.options_level, LIVE: 0}
        order = simulated.control.place_by_hand("AAPL", Side.BUY, Decimal(1))
        assert order.account_id == LIVE


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("restart", {"login_s": -1}),
        ("restart", {"restored": 1100}),
        ("restart", {"link_s": 5}),
        ("restart_nightly", {"at": "soon"}),
        ("restart_nightly", {"at": "23:45+01:00"}),
        ("restart_nightly", {"at": "23:45", "refuse_s": -2}),
        ("await_login", {"seconds": -1}),
        ("login", {"account": "two words"}),
        ("pacing", {"messages_per_s": -1}),
        ("pacing", {"excesses_max": 0}),
    ],
)
async def test_a_verb_that_makes_no_sense_changes_nothing(
    verb: str, arguments: dict[str, Any]
) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        with pytest.raises(BadRequest):
            simulated.control.do(verb, **arguments)
        assert await client.answers("49", 49, 1)
