"""Modes in which the Gateway keeps clients from things: read-only, disclaimer, other sessions."""

import asyncio
from decimal import Decimal
from typing import Any

import ib_insync
import pytest
from ib_insync import LimitOrder, Option

from tests.simulators.gateways import ACCOUNT, Client, gateway, gateway_on_port
from tests.simulators.test_ib_gateway_faults import placed

READ_ONLY = "The API interface is currently in Read-Only mode."
SPY: tuple[Any, ...] = (0, "SPY", "STK", "", "0", "", "", "SMART", "", "USD", "", "", 0)


async def test_in_read_only_mode_nothing_can_be_ordered_or_canceled() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "before"), "Submitted")
        simulated.control.set_option("api_mode", "read_only")
        await client.failed(client.place("20", "refused"), 321)
        client.send(4, 1, 1, "")
        await client.failed(1, 321)
        for request in ((5, 1), (58, 1), (99, 0)):
            (answer,) = await client.answers("4", *request)
            assert READ_ONLY in answer[4]
        assert [m[0] for m in await client.answers("53", 16, 1)] == ["5", "3", "53"]
        assert (await client.answers("55", 7, 3, 50, *[""] * 7))[-1][0] == "55"
        assert placed(simulated) == ["before"]
        simulated.control.set_option("api_mode", "read_write")
        client.send(4, 1, 1, "")
        await client.status(1, "Cancelled")


async def test_ib_insync_connects_in_read_only_mode_if_it_knows_of_it() -> None:
    async with gateway_on_port() as (simulated, port):
        simulated.control.set_option("api_mode", "read_only")
        make: Any = ib_insync.IB
        ib = make()
        codes: list[int] = []
        ib.errorEvent += lambda req_id, code, text, contract: codes.append(code)
        await ib.connectAsync("127.0.0.1", port, clientId=1, readonly=True, timeout=30)
        put = Option("SPY", "20241115", 400, "P", "SMART")
        trade = ib.placeOrder(put, LimitOrder("SELL", 1, 8.5))
        async with asyncio.timeout(30):
            while trade.orderStatus.status != "Cancelled":
                await asyncio.sleep(0.01)
        assert codes[-1] == 321
        ib.disconnect()


async def test_before_the_disclaimer_is_accepted_a_paper_account_lets_nobody_in() -> None:
    async with gateway() as simulated:
        simulated.control.set_option("paper_disclaimer", "pending")
        client = await Client(simulated).start()
        assert [m[3] for m in client.of("4")] == ["10141"]
        assert (client.link.ended, client.of("15")) == ("close", [])
        simulated.control.do("login", account="U1")
        assert (await Client(simulated).start()).of("15")
        simulated.control.do("login", account=ACCOUNT)
        simulated.control.set_option("paper_disclaimer", "accepted")
        assert (await Client(simulated).start()).of("15")


async def test_a_competing_session_has_the_market_data() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        simulated.control.set_option("market_data", "competing")
        client.send(1, 11, 60, *SPY, "", 0, 0, "")
        await client.failed(60, 10197)
        simulated.control.set_option("market_data", "realtime")
        client.send(1, 11, 61, *SPY, "", 0, 0, "")
        await client.until(lambda: [m for m in client.of("1") if m[2] == "61"])


async def positions(client: Client) -> list[str]:
    return [m[14] for m in await client.answers("62", 61, 1) if m[0] == "61"]


async def test_positions_can_be_out_of_step_with_executions() -> None:
    async with gateway(cash=Decimal(1_000_000)) as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("8.5", "one"), "Filled")
        assert await positions(client) == ["-1"]
        simulated.control.set_option("account_feed", "frozen")
        await client.status(client.place("8.5", "two"), "Filled")
        assert await positions(client) == ["-1"]
        assert simulated.control.options()["account_feed"] == "frozen"
        before = len(client.of("61"))
        simulated.control.set_option("account_feed", "live")
        assert [m[14] for m in client.of("61")[before:]] == ["-2"]
        assert await positions(client) == ["-2"]


@pytest.mark.parametrize("option", ["api_mode", "paper_disclaimer", "account_feed"])
async def test_modes_are_switches(option: str) -> None:
    async with gateway() as simulated:
        assert simulated.control.options()[option] in ("read_write", "accepted", "live")
