"""Assignment, exercise and expiry at the Gateway: executions without an order, and positions."""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any

import ib_insync
import pytest
from ib_insync import Option

from simulators.control.control import BadRequest
from simulators.ib_gateway.contracts import con_id_of
from simulators.ib_gateway.simulated import SimulatedIbGateway
from simulators.venue.lifecycle import NotExercisable
from simulators.venue.trading_calendar import NEW_YORK
from tests.simulators.gateways import (
    ACCOUNT,
    COMMISSION,
    EXECUTION,
    OPEN_ORDER,
    ORDER_STATUS,
    PUT,
    Client,
    gateway,
    gateway_on_port,
)

CALL = "SPY241115C00390000"
POSITION = "61"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def hold(simulated: SimulatedIbGateway, symbol: str, qty: str, px: str = "8.5") -> None:
    """Puts a position into the account without a trade."""
    simulated.control.do("position", symbol=symbol, qty=qty, px=px)


def legs(client: Client, request_id: str = "-1") -> list[tuple[str, ...]]:
    """Executions: local symbol, side, quantity, price."""
    found = [m for m in client.of(EXECUTION) if m[1] == request_id]
    return [(m[12], m[18], m[19], m[20]) for m in found]


def held(simulated: SimulatedIbGateway) -> dict[str, str]:
    positions = simulated.control.ledger()["accounts"][ACCOUNT]["positions"]
    return {p["symbol"]: p["qty"] for p in positions}


def exercise(order_id: int, symbol: str, action: int, qty: int, **more: Any) -> tuple[Any, ...]:
    """An exerciseOptions message as ib_insync writes it."""
    exchange, account = more.get("exchange", "CBOE"), more.get("account", "")
    contract = (con_id_of(symbol), "", "", "", "0.0", "", "", exchange, "", "", "")
    return (21, 2, order_id, *contract, action, qty, account, more.get("override", 0))


PUT_LEGS = [("SPY   241115P00400000", "BOT", "2", "0"), ("SPY", "BOT", "200", "400")]


async def test_an_assignment_is_two_executions_without_an_order_and_two_positions() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, PUT, "-2")
        client.send(61, 1)
        await client.until(lambda: client.of("62"))
        before = len(client.of(POSITION))
        told = simulated.control.do("assign", symbol=PUT)
        assert [event["kind"] for event in told] == ["assigned", "option_trade"]
        assert told[0]["group_id"] == told[1]["group_id"]
        assert legs(client) == PUT_LEGS
        for execution in client.of(EXECUTION):
            assert (execution[2], execution[21], execution[22]) == ("0", "0", "0")
            assert execution[26] == ""
        assert [(m[12], m[14]) for m in client.of(POSITION)[before:]] == [
            ("SPY   241115P00400000", "0"),
            ("SPY", "200"),
        ]
        assert [m[3] for m in client.of(COMMISSION)] == ["0", "0"]
        assert not client.of(OPEN_ORDER, ORDER_STATUS)
        assert held(simulated) == {"SPY": "200"}


async def test_the_second_part_of_such_an_execution_is_its_number_in_the_ledger() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, PUT, "-2")
        told = simulated.control.do("assign", symbol=PUT, qty="1")
        numbers = [int(m[14].split(".")[1], 16) for m in client.of(EXECUTION)]
        assert numbers == [event["event_no"] for event in told]
        assert len({m[14] for m in client.of(EXECUTION)}) == 2
        assert all(m[14].endswith(".01") for m in client.of(EXECUTION))


async def test_other_clients_find_them_in_the_list_of_executions() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(5)
        hold(simulated, PUT, "-2")
        client.send(6, 2, 1, "")
        await client.until(lambda: client.of("54"))
        before = len(client.of("7"))
        simulated.control.do("assign", symbol=PUT)
        assert not client.of(EXECUTION)
        await client.answers("55", 7, 3, 90, *[""] * 7)
        assert legs(client, "90") == PUT_LEGS
        portfolio = [(m[11], m[13]) for m in client.of("7")[before:]]
        assert ("SPY   241115P00400000", "0") in portfolio
        assert ("SPY", "200") in portfolio
        assert [m for m in await client.answers("102", 99, 0) if m[0] == "101"] == []


async def test_an_assigned_call_takes_the_shares_away() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, "SPY", "100", "395")
        hold(simulated, CALL, "-1")
        simulated.control.do("assign", symbol=CALL)
        assert legs(client) == [
            ("SPY   241115C00390000", "BOT", "1", "0"),
            ("SPY", "SLD", "100", "390"),
        ]
        assert held(simulated) == {}


async def test_by_the_clock_what_is_in_the_money_is_assigned_and_the_rest_expires() -> None:
    async with gateway(cash=Decimal(1_000_000)) as simulated:
        hold(simulated, PUT, "-1")
        hold(simulated, "SPY241115P00350000", "-1", "0.2")
        simulated.control.set_quote("SPY", Decimal("389.98"), Decimal("390.02"))
        simulated.control.set_clock(at("2024-11-15T15:59:00"))
        simulated.control.set_quote("SPY", Decimal("389.98"), Decimal("390.02"))
        simulated.control.set_clock(at("2024-11-15T16:30:00"))
        client = await Client(simulated).start(0)
        await client.answers("55", 7, 3, 90, *[""] * 7)
        assert sorted(legs(client, "90")) == [
            ("SPY", "BOT", "100", "400"),
            ("SPY   241115P00350000", "BOT", "1", "0"),
            ("SPY   241115P00400000", "BOT", "1", "0"),
        ]
        assert held(simulated) == {"SPY": "100"}
        simulated.control.set_clock(at("2024-11-16T00:00:00"))
        assert [m[0] for m in await client.answers("55", 7, 3, 91, *[""] * 7)] == ["55"]


async def test_an_option_can_be_made_to_expire() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, PUT, "-2")
        (told,) = simulated.control.do("expire", symbol=PUT)
        assert told["kind"] == "expired"
        assert legs(client) == [("SPY   241115P00400000", "BOT", "2", "0")]
        assert held(simulated) == {}


async def test_news_of_an_assignment_wait_for_the_link() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, PUT, "-2")
        simulated.control.do("connectivity", code=1100)
        simulated.control.do("assign", symbol=PUT)
        assert legs(client) == []
        simulated.control.do("connectivity", code=1102)
        assert legs(client) == PUT_LEGS


async def test_a_client_exercises_and_no_order_comes_of_it() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, CALL, "2")
        client.send(*exercise(1, CALL, 1, 1))
        await client.until(lambda: legs(client))
        assert legs(client) == [
            ("SPY   241115C00390000", "SLD", "1", "0"),
            ("SPY", "BOT", "100", "390"),
        ]
        assert held(simulated) == {"SPY": "100", CALL: "1"}
        assert not client.errors()
        assert await client.answers("9", 8, 1, 1) == [["9", "1", "2"]]


async def test_an_option_left_to_lapse_is_not_exercised_at_its_end() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, CALL, "1")
        client.send(*exercise(1, CALL, 2, 1))
        assert await client.answers("49", 49, 1)
        simulated.control.do("do_not_exercise", symbol=CALL)
        simulated.control.set_clock(at("2024-11-15T16:30:00"))
        assert legs(client)[-1][0:2] == ("SPY   241115C00390000", "SLD")
        assert "SPY" not in held(simulated)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (exercise(1, CALL, 1, 3), 201),
        (exercise(1, CALL, 1, 0), 321),
        (exercise(1, CALL, 7, 1), 321),
        (exercise(1, CALL, 1, 1, exchange="SMART"), 321),
        (exercise(1, CALL, 1, 1, account="U99"), 321),
        (exercise(1, "SPY", 1, 1, exchange="ARCA"), 321),
        (exercise(1, PUT, 1, 1), 201),
        (exercise(1, "SPY241115C00420000", 1, 1), 201),
        ((21, 2, 1, 5), 320),
    ],
)
async def test_an_exercise_that_can_not_be_is_refused(message: tuple[Any, ...], code: int) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, CALL, "2")
        hold(simulated, "SPY241115C00420000", "1")
        before = held(simulated)
        client.send(*message)
        await client.failed(1, code)
        assert held(simulated) == before


async def test_an_option_out_of_the_money_is_exercised_only_if_that_is_overridden() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, "SPY241115C00420000", "1")
        client.send(*exercise(1, "SPY241115C00420000", 1, 1, override=1))
        await client.until(lambda: legs(client))
        assert held(simulated) == {"SPY": "100"}


async def test_an_exercise_is_held_or_lost_like_an_order() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start(0)
        hold(simulated, CALL, "2")
        simulated.control.do("connectivity", code=1100, orders="hold")
        client.send(*exercise(1, CALL, 1, 1))
        await client.until(lambda: simulated.gateway.uplink.held_count)
        assert held(simulated) == {CALL: "2"}
        simulated.control.do("connectivity", code=1102)
        assert held(simulated) == {CALL: "1", "SPY": "100"}
        simulated.control.do("connectivity", code=1100, orders="drop")
        client.send(*exercise(2, CALL, 1, 1))
        await client.until(lambda: simulated.control.requests()[-1].outcome == "dropped")
        simulated.control.do("connectivity", code=1102)
        assert held(simulated) == {CALL: "1", "SPY": "100"}


async def test_ib_insync_exercises_and_reads_what_comes_of_it() -> None:
    async with gateway_on_port() as (simulated, port):
        hold(simulated, CALL, "1")
        make: Any = ib_insync.IB
        ib = make()
        await ib.connectAsync("127.0.0.1", port, clientId=0, timeout=30)
        ib.exerciseOptions(Option("SPY", "20241115", 390, "C", "CBOE"), 1, 1, ACCOUNT, 0)
        async with asyncio.timeout(30):
            while len(ib.fills()) < 2:
                await asyncio.sleep(0.01)
        told = [(f.contract.secType, f.execution.side, f.execution.price) for f in ib.fills()]
        assert told == [("OPT", "SLD", 0.0), ("STK", "BOT", 390.0)]
        assert [f.execution.orderRef for f in ib.fills()] == ["", ""]
        executions = await ib.reqExecutionsAsync()
        assert len(executions) == 2
        ib.disconnect()


@pytest.mark.parametrize(
    ("verb", "arguments", "raised"),
    [
        ("assign", {"symbol": PUT, "qty": "1"}, NotExercisable),
        ("exercise", {"symbol": PUT}, NotExercisable),
        ("expire", {"symbol": PUT}, BadRequest),
        ("assign", {"symbol": PUT, "qty": "many"}, BadRequest),
        ("position", {"symbol": "no such", "qty": "1", "px": "1"}, BadRequest),
        ("position", {"symbol": "SPY", "qty": "0", "px": "1"}, BadRequest),
        ("position", {"symbol": "SPY", "qty": "1", "px": "-1"}, BadRequest),
    ],
)
async def test_an_option_event_that_makes_no_sense_is_refused(
    verb: str, arguments: dict[str, str], raised: type[Exception]
) -> None:
    async with gateway() as simulated:
        with pytest.raises(raised):
            simulated.control.do(verb, **arguments)
        assert simulated.control.ledger()["account_events"] == []
