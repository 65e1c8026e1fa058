"""Executions that are corrected or busted: what clients are told, and what the books then say."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ib_insync
import pytest
from ib_insync import MarketOrder, Stock

from simulators.control.control import BadRequest
from simulators.ib_gateway.simulated import SimulatedIbGateway
from simulators.venue.corrections import NoSuchExecution
from simulators.venue.refusals import BadPrice, BadQuantity
from tests.simulators.gateways import (
    ACCOUNT,
    COMMISSION,
    EXECUTION,
    ORDER_STATUS,
    Client,
    gateway,
    gateway_on_port,
)


async def bought(client: Client, qty: str = "10", ref: str = "buy") -> str:
    """Buys shares of AAPL and returns the execution's id."""
    order_id = client.place("223", ref, symbol="AAPL", action="BUY", qty=qty)
    await client.status(order_id, "Filled")
    await client.until(lambda: len(client.of(COMMISSION)) == len(client.of(EXECUTION)))
    return next(m[14] for m in client.of(EXECUTION) if m[2] == str(order_id))


def books(simulated: SimulatedIbGateway) -> dict[str, Any]:
    found: dict[str, Any] = simulated.control.ledger()["accounts"][ACCOUNT]
    return found


def revision(exec_id: str, number: str) -> str:
    return exec_id[:-2] + number


async def test_a_corrected_price_comes_as_an_execution_whose_id_has_grown() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        exec_id = await bought(client)
        told = simulated.control.do("correct_execution", exec_id=exec_id, px="221.50")
        assert (told["exec_id"], told["corrects"]) == (revision(exec_id, "02"), exec_id)
        first, second = client.of(EXECUTION)
        assert (first[14], second[14]) == (exec_id, revision(exec_id, "02"))
        assert (first[20], second[20]) == ("222.04", "221.5")
        assert (second[3:14], second[15:20]) == (first[3:14], first[15:20])
        assert [m[2] for m in client.of(COMMISSION)] == [exec_id, revision(exec_id, "02")]
        assert client.of(ORDER_STATUS)[-1][5] == "221.5"
        assert (books(simulated)["cash"], books(simulated)["fees"]) == ("97784", "1")
        (position,) = books(simulated)["positions"]
        assert (position["qty"], position["avg_px"]) == ("10", "221.5")


async def test_the_ledger_has_executions_as_they_are_by_now_and_every_correction() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        exec_id = await bought(client)
        simulated.control.do("correct_execution", exec_id=exec_id, px="221.50")
        again = {"exec_id": revision(exec_id, "02"), "px": "221.60", "qty": "9"}
        simulated.control.do("correct_execution", **again)
        ledger = simulated.control.ledger(with_entries=True)
        (execution,) = ledger["executions"]
        assert execution["exec_id"] == revision(exec_id, "03")
        assert (execution["last_qty"], execution["last_px"]) == ("9", "221.6")
        assert [(c["corrects"], c["exec_id"]) for c in ledger["corrections"]] == [
            (exec_id, revision(exec_id, "02")),
            (revision(exec_id, "02"), revision(exec_id, "03")),
        ]
        kinds = [entry["kind"] for entry in ledger["entries"]]
        assert (kinds.count("execution"), kinds.count("correction")) == (1, 2)
        (order,) = ledger["orders"]
        assert (order["status"], order["cum_qty"], order["avg_px"]) == ("filled", "9", "221.6")


async def test_a_busted_execution_never_was() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        exec_id = await bought(client)
        client.send(61, 1)
        await client.until(lambda: client.of("62"))
        simulated.control.do("bust_execution", exec_id=exec_id)
        busted = client.of(EXECUTION)[-1]
        assert (busted[14], busted[19]) == (revision(exec_id, "02"), "0")
        assert [m[14] for m in client.of("61")] == ["10", "0"]
        account = books(simulated)
        assert (account["cash"], account["fees"], account["positions"]) == ("100000", "0", [])


async def test_a_correction_after_the_position_was_closed_moves_the_realised_profit() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        exec_id = await bought(client)
        sell = client.place("221", "sell", symbol="AAPL", action="SELL", qty="10")
        await client.status(sell, "Filled")
        before = Decimal(books(simulated)["realised_pnl"])
        simulated.control.do("correct_execution", exec_id=exec_id, px="221.04")
        account = books(simulated)
        assert Decimal(account["realised_pnl"]) == before + 10
        assert account["positions"] == []
        assert Decimal(account["cash"]) == 100_000 + before + 10 - 2


async def test_a_correction_waits_for_the_link_and_for_the_account() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        exec_id = await bought(client)
        simulated.control.do("connectivity", code=1100)
        simulated.control.do("correct_execution", exec_id=exec_id, px="221.50")
        assert len(client.of(EXECUTION)) == 1
        simulated.control.do("connectivity", code=1102)
        assert [m[20] for m in client.of(EXECUTION)] == ["222.04", "221.5"]


async def test_corrections_are_listed_behind_what_they_correct() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        exec_id = await bought(client)
        simulated.control.do("correct_execution", exec_id=exec_id, px="221.50")
        listed = await client.answers("55", 7, 3, 90, *[""] * 7)
        assert [m[14] for m in listed if m[0] == EXECUTION] == [exec_id, revision(exec_id, "02")]


async def test_ib_insync_reads_a_correction() -> None:
    async with gateway_on_port() as (simulated, port):
        make: Any = ib_insync.IB
        ib = make()
        await ib.connectAsync("127.0.0.1", port, clientId=1, timeout=30)
        trade = ib.placeOrder(Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 10))
        await until(lambda: trade.fills)
        exec_id = trade.fills[0].execution.execId
        simulated.control.do("correct_execution", exec_id=exec_id, px="221.50")
        await until(lambda: len(ib.fills()) == 2)
        assert sorted(fill.execution.price for fill in ib.fills()) == [221.5, 222.04]
        ib.disconnect()


async def until(check: Callable[[], Any]) -> None:
    """Waits until something is true of a client."""
    async with asyncio.timeout(30):
        while not check():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("change", "raised"),
    [
        ({"exec_id": "nobody.01"}, NoSuchExecution),
        ({"exec_id": "nonsense"}, BadRequest),
        ({"px": "0"}, BadPrice),
        ({"px": "dear"}, BadRequest),
        ({"qty": "11"}, BadQuantity),
        ({"qty": "-1"}, BadQuantity),
    ],
)
async def test_a_correction_that_makes_no_sense_changes_nothing(
    change: dict[str, str], raised: type[Exception]
) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        asked = {"exec_id": await bought(client), **change}
        before = simulated.control.ledger()["accounts"]
        with pytest.raises(raised):
            simulated.control.do("correct_execution", **asked)
        assert simulated.control.ledger()["accounts"] == before
        assert len(client.of(EXECUTION)) == 1
