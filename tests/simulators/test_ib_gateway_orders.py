"""Orders over the bare protocol: what is told of them, in which order, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest

from simulators.venue.orders import Side
from tests.simulators.gateways import (
    COMMISSION,
    ERROR,
    EXECUTION,
    OPEN_ORDER,
    ORDER_STATUS,
    PUT,
    Client,
    Message,
    gateway,
)

TOLD = (ORDER_STATUS, ERROR, OPEN_ORDER, EXECUTION, COMMISSION)


def story(messages: list[Message]) -> list[str]:
    """What was told of orders, in short words."""
    words = {ORDER_STATUS: 2, OPEN_ORDER: 86, ERROR: 3}
    names = {ORDER_STATUS: "status", OPEN_ORDER: "open", ERROR: "error"}
    told = []
    for message in messages:
        if message[0] in (EXECUTION, COMMISSION):
            told.append("execution" if message[0] == EXECUTION else "commission")
        elif message[0] in names and message[2:3] != ["-1"]:
            told.append(f"{names[message[0]]} {message[words[message[0]]]}")
    return told


@pytest.mark.parametrize(
    ("fill_events", "fill"),
    [
        ("exec_first", ["execution", "open Filled", "status Filled", "commission"]),
        ("status_first", ["open Filled", "status Filled", "execution", "commission"]),
    ],
)
async def test_an_order_is_told_step_by_step(fill_events: str, fill: list[str]) -> None:
    async with gateway(fill_events=fill_events) as simulated:
        client = await Client(simulated).start()
        client.place("8.5", "sell~a~1.0")
        await client.until(lambda: client.of(COMMISSION))
        assert story(client.messages) == [
            *("open PreSubmitted", "status PreSubmitted"),
            *("open Submitted", "status Submitted"),
            *fill,
        ]
        (execution,) = client.of(EXECUTION)
        perm_id = client.of(ORDER_STATUS)[0][6]
        assert execution[1:3] == ["-1", "1"]
        assert execution[14].endswith(".01")
        assert execution[17:23] == ["CBOE", "SLD", "1", "8.5", perm_id, "1"]
        assert execution[24:27] == ["1", "8.5", "sell~a~1.0"]
        (commission,) = client.of(COMMISSION)
        assert commission[2:4] == [execution[14], "1"]
        assert {message[6] for message in client.of(ORDER_STATUS)} == {perm_id}


@pytest.mark.parametrize(
    ("version", "counts"),
    [
        (157, {"5": 120, "11": 31, "101": 92, "10": 39, "4": 5}),
        (163, {"5": 123, "11": 31, "101": 92, "10": 40, "4": 5}),
        (176, {"5": 128, "11": 31, "101": 97, "10": 40, "4": 6}),
        (177, {"5": 127, "11": 31, "101": 96, "10": 40, "4": 6}),
        (178, {"5": 127, "11": 32, "101": 96, "10": 40, "4": 6}),
    ],
)
async def test_messages_are_as_long_as_their_version_has_them(
    version: int, counts: dict[str, int]
) -> None:
    async with gateway() as simulated:
        client = await Client(simulated, version).start()
        client.place("8.5", "ref")
        await client.status(1, "Filled")
        await client.answers("102", 99, 0)
        await client.answers("52", 9, 8, 1, 0, "SPY", "STK", "", "", "", "", *[""] * 9)
        lengths = {message[0]: len(message) for message in client.messages if message[0] in counts}
        assert lengths == counts
        fixed = {"3": 12, "59": 8}
        lengths = {message[0]: len(message) for message in client.messages if message[0] in fixed}
        assert lengths == fixed


async def test_an_order_ref_may_be_used_again_and_goes_through_everything() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        for _ in range(2):
            await client.status(client.place("20", "same"), "Submitted")
        opened = await client.answers("53", 16, 1)
        assert [m[23] for m in opened if m[0] == OPEN_ORDER] == ["same", "same"]
        perm_ids = [m[25] for m in opened if m[0] == OPEN_ORDER]
        assert len(set(perm_ids)) == 2
        for order_id in (1, 2):
            client.send(4, 1, order_id, "")
            await client.status(order_id, "Cancelled")
        completed = await client.answers("102", 99, 0)
        assert [(m[22], m[23]) for m in completed[:2]] == [("same", p) for p in perm_ids]


async def test_an_id_that_is_not_above_the_highest_is_a_duplicate() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("8.5", order_id=10), "Filled")
        await client.status(client.place("20", order_id=11), "Submitted")
        for order_id, code in ((9, 103), (10, 104), (11, 105)):
            client.place("20", order_id=order_id, action="BUY")
            await client.failed(order_id, code)
        assert len(simulated.control.ledger()["orders"]) == 2
        assert client.statuses(11) == ["PreSubmitted", "Submitted"]
        assert await client.answers("9", 8, 1, 1) == [["9", "1", "12"]]


async def test_order_ids_of_two_clients_have_nothing_to_do_with_each_other() -> None:
    async with gateway() as simulated:
        first, second = await Client(simulated).start(1), await Client(simulated).start(2)
        first.place("20", "first")
        second.place("21", "second")
        await first.status(1, "Submitted")
        await second.status(1, "Submitted")
        opened = await first.answers("53", 5, 1)
        assert [(m[23], m[24]) for m in opened if m[0] == OPEN_ORDER] == [("first", "1")]
        opened = await first.answers("53", 16, 1)
        assert [(m[23], m[24]) for m in opened if m[0] == OPEN_ORDER] == [
            ("first", "1"),
            ("second", "2"),
        ]
        second.send(4, 1, 7, "")
        await second.until(lambda: (7, 10147) in second.errors())
        first.send(58, 1)
        await first.status(1, "Cancelled")
        await second.status(1, "Cancelled")


async def test_the_master_client_hears_of_all_orders() -> None:
    async with gateway(master_client_id=9) as simulated:
        master, other = await Client(simulated).start(9), await Client(simulated).start(1)
        other.place("8.5", "other")
        await master.status(1, "Filled")
        assert [message[26] for message in master.of(EXECUTION)] == ["other"]


async def test_a_cancel_ends_with_202_and_what_has_ended_is_not_canceled_again() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20"), "Submitted")
        client.send(4, 1, 1, "")
        await client.until(lambda: (1, 202) in client.errors())
        assert client.statuses(1) == ["PreSubmitted", "Submitted", "PendingCancel", "Cancelled"]
        assert story(client.messages)[-2:] == ["status Cancelled", "error 202"]
        await client.status(client.place("8.5"), "Filled")
        for order_id, code in ((1, 10148), (2, 161), (3, 10147)):
            client.send(4, 1, order_id, "")
            await client.failed(order_id, code)


async def test_an_order_can_fill_between_the_cancel_and_its_end() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "late"), "Submitted")
        client.send(4, 1, 1, "")
        await client.status(1, "PendingCancel")
        simulated.control.fill("late")
        await client.status(1, "Filled")
        assert client.errors() == []


@pytest.mark.parametrize(
    ("order", "code", "text"),
    [
        ({"qty": "3"}, 201, "MUST EXCEED THE INITIAL MARGIN [120000 USD]"),
        ({"symbol": "SPY241115C00400000"}, 201, "uncovered"),
        ({"symbol": "SPY241115P00001000"}, 200, "No security definition"),
        ({"price": "8.505"}, 110, "minimum price variation"),
        ({"price": "0"}, 321, "Limit price must be positive"),
        ({"price": ""}, 321, "valid limit price"),
        ({"qty": "0.5"}, 10243, "Fractional-sized"),
        ({"qty": "0"}, 321, "size"),
        ({"qty": ""}, 321, "size"),
        ({"type": "MIT"}, 201, "the simulator does not have this yet: MIT"),
        ({"type": "NONSENSE"}, 387, "Unsupported order type"),
        ({"tif": "AUC"}, 201, "the simulator does not have this yet: AUC"),
        ({"tif": "NEVER"}, 321, "Invalid time in force"),
        ({"action": "HOLD"}, 321, "Invalid action"),
        ({"account": "DU7"}, 321, "Invalid account code 'DU7'"),
        ({"exchange": ""}, 321, "Missing order exchange"),
    ],
)
async def test_what_can_not_be_an_order_is_refused_and_never_placed(
    order: dict[str, Any], code: int, text: str
) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        client.place(**order)
        (error,) = await client.until(lambda: [m for m in client.of(ERROR) if m[2] == "1"])
        assert (error[3], text in error[4]) == (str(code), True), error
        assert simulated.control.ledger()["orders"] == []
        assert await client.answers("53", 16, 1) == [["53", "1"]]
        is_ibs_word = code == 201 and "simulator" not in text
        assert client.statuses(1) == (["Inactive"] if is_ibs_word else [])


async def test_a_market_order_and_a_good_till_canceled_one_are_worked() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("", type="MKT"), "Filled")
        await client.status(client.place("20", tif="GTC"), "Submitted")
        (opened,) = [m for m in client.of(OPEN_ORDER) if m[1] == "2"][-1:]
        assert (opened[15], opened[16], opened[18]) == ("LMT", "20", "GTC")
        (opened,) = [m for m in client.of(OPEN_ORDER) if m[1] == "1"][-1:]
        assert (opened[13], opened[15], opened[18]) == ("SELL", "MKT", "DAY")


async def test_what_alpaca_refuses_and_ib_does_not_is_worked() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20"), "Submitted")
        await client.status(client.place("8.6", action="BUY"), "Submitted")
        shares = client.place("230", qty="10", symbol="AAPL", action="BUY")
        await client.status(shares, "Filled")
        crossing = client.place("200", qty="30", symbol="AAPL")
        await client.status(crossing, "Filled")
        books = simulated.control.ledger()["accounts"]["DU1000001"]
        assert [(p["symbol"], p["qty"]) for p in books["positions"]] == [("AAPL", "-20")]


async def test_a_day_order_waits_for_the_opening_and_ends_at_the_close() -> None:
    async with gateway() as simulated:
        simulated.control.set_clock(simulated.venue.now.replace(hour=23))
        client = await Client(simulated).start()
        client.place("8.5")
        client.place("20")
        market = client.place("", type="MKT", symbol="AAPL", action="BUY")
        await client.status(market, "PreSubmitted")
        assert {m[2] for m in client.of(ORDER_STATUS)} == {"PreSubmitted"}
        simulated.control.advance_clock(16 * 3600)
        await client.status(1, "Filled")
        await client.status(market, "Filled")
        await client.status(2, "Submitted")
        simulated.control.advance_clock(8 * 3600)
        await client.until(lambda: (2, 202) in client.errors())
        assert client.statuses(2)[-1] == "Cancelled"


async def test_executions_and_completed_orders_are_those_since_midnight() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("8.5", "old"), "Filled")
        simulated.control.advance_clock(86400)
        await client.status(client.place("8.5", "new"), "Filled")
        told = await client.answers("55", 7, 3, 50, *[""] * 7)
        assert [m[26] for m in told if m[0] == EXECUTION] == ["new"]
        assert [m[1] for m in told if m[0] == EXECUTION] == ["50"]
        assert [m[0] for m in told] == [EXECUTION, COMMISSION, "55"]
        completed = await client.answers("102", 99, 0)
        assert [m[22] for m in completed[:-1]] == ["new"]
        simulated.control.do("forget_day")
        assert [m[0] for m in await client.answers("55", 7, 3, 51, *[""] * 7)] == ["55"]
        assert [m[0] for m in await client.answers("102", 99, 0)] == ["102"]


async def test_executions_can_be_filtered() -> None:
    async with gateway() as simulated:
        client, other = await Client(simulated).start(1), await Client(simulated).start(2)
        await client.status(client.place("8.5", "put"), "Filled")
        await other.status(other.place("230", "share", symbol="AAPL", action="BUY"), "Filled")

        async def refs(*wanted: Any) -> list[str]:
            told = await client.answers("55", 7, 3, 50, *wanted)
            return [m[26] for m in told if m[0] == EXECUTION]

        assert await refs("", "", "", "", "", "", "") == ["put", "share"]
        assert await refs(2, "", "", "", "", "", "") == ["share"]
        assert await refs(0, "", "", "SPY", "", "", "") == ["put"]
        assert await refs(0, "", "", "", "STK", "", "BUY") == ["share"]
        assert await refs(0, "", "20241104 11:00:00", "", "", "", "") == []
        assert await refs(0, "", "20241104-09:00:00", "", "", "CBOE", "SLD") == ["put"]


async def test_the_least_fee_comes_with_the_first_fill_and_the_books_pay_it() -> None:
    async with gateway(cash=Decimal(200_000)) as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "parts", qty="3"), "Submitted")
        for _ in range(3):
            simulated.control.fill("parts", Decimal(1), Decimal(20))
        await client.until(lambda: len(client.of(COMMISSION)) == 3)
        assert [m[3] for m in client.of(COMMISSION)] == ["1", "0.3", "0.65"]
        opened = {m[5] for m in client.of(COMMISSION)}
        assert opened == {"1.7976931348623157E308"}
        simulated.control.set_quote(PUT, Decimal(9), Decimal(10))
        await client.status(client.place("10", action="BUY"), "Filled")
        profit = client.of(COMMISSION)[-1][5]
        assert profit == "998.35"  # 10 × 100, less 1.00 now and 0.65 of 1.95 then
        books = simulated.control.ledger()["accounts"]["DU1000001"]
        assert (books["fees"], books["cash"]) == ("2.95", "204997.05")


async def test_an_order_by_hand_is_listed_without_an_id_and_told_to_client_0() -> None:
    async with gateway() as simulated:
        client, zero = await Client(simulated).start(1), await Client(simulated).start(0)
        simulated.control.place_by_hand(PUT, Side.SELL, Decimal(1), Decimal(20))
        opened = await client.answers("53", 16, 1)
        assert [(m[1], m[23], m[24]) for m in opened if m[0] == OPEN_ORDER] == [("0", "", "0")]
        await zero.status(0, "PreSubmitted")
        assert not client.of(ORDER_STATUS)[1:]
