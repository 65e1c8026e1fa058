"""The account at the simulated Gateway: figures, positions, profit and loss, and their updates."""

from decimal import Decimal
from typing import Any

import pytest
from ib_insync import LimitOrder

from simulators.ib_gateway.contracts import con_id_of
from simulators.ib_gateway.simulated import SimulatedIbGateway
from simulators.venue.ledger import AccountEventKind
from tests.simulators.gateways import ACCOUNT, PUT, Client, Message, gateway
from tests.simulators.test_ib_insync import charged, connected, eventually, put


async def short_put(client: Client) -> None:
    """Sells one put at 8.50 for 1.00."""
    order_id = client.place()
    await client.status(order_id, "Filled")
    await client.until(lambda: client.of("59"))


def rows(messages: list[Message], number: str) -> dict[tuple[str, str], str]:
    """Figures by name and currency; the fields of 6, 63 and 73 lie apart."""
    at = {"6": 2, "63": 4, "73": 5}[number]
    return {(m[at], m[at + 2]): m[at + 1] for m in messages if m[0] == number}


@pytest.mark.parametrize("version", [176, 177, 178])
async def test_each_message_of_the_account_has_the_fields_of_its_version(version: int) -> None:
    async with gateway() as simulated:
        client = await Client(simulated, version).start()
        await short_put(client)
        counts = {"6": 6, "7": 20, "8": 3, "54": 3, "61": 16, "62": 2, "63": 7, "64": 3}
        counts |= {"71": 18, "72": 3, "73": 8, "74": 3, "94": 5, "95": 7, "15": 3, "9": 3, "49": 3}
        asked: tuple[tuple[str, tuple[Any, ...]], ...] = (
            ("54", (6, 2, 1, ACCOUNT)),
            ("62", (61, 1)),
            ("64", (62, 1, 1, "All", "NetLiquidation,$LEDGER:ALL")),
            ("72", (74, 1, 2, ACCOUNT, "")),
            ("74", (76, 1, 3, ACCOUNT, "", 0)),
            ("94", (92, 4, ACCOUNT, "")),
            ("95", (94, 5, ACCOUNT, "", con_id_of(PUT))),
            ("15", (17, 1)),
            ("9", (8, 1, 1)),
            ("49", (49, 1)),
        )
        seen: set[str] = set()
        for end, request in asked:
            for message in await client.answers(end, *request):
                seen.add(message[0])
                assert len(message) == counts[message[0]], message
        assert seen == set(counts)


async def test_figures_come_with_their_currency_and_those_of_the_ledger_twice() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        told = rows(await client.answers("54", 6, 2, 1, ACCOUNT), "6")
        assert told["AccountReady", ""] == "true"
        assert told["NetLiquidation", "USD"] == "100000.00"
        assert told["CashBalance", "USD"] == told["CashBalance", "BASE"] == "100000.00"
        only = rows(await client.answers("74", 76, 1, 3, ACCOUNT, "", 1), "73")
        assert ("NetLiquidation", "USD") not in only
        assert only["CashBalance", "USD"] == "100000.00"


async def test_a_summary_has_the_tags_that_were_asked_for_and_ends_with_its_cancel() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        tags = "NetLiquidation,Cushion,Nonsense"
        told = rows(await client.answers("64", 62, 1, 1, "All", tags), "63")
        assert set(told) == {("NetLiquidation", "USD"), ("Cushion", "")}
        await client.answers("64", 62, 1, 2, "All", "$LEDGER")
        client.send(62, 1, 3, "All", "Cushion")
        await client.failed(3, 322)
        client.send(62, 1, 4, "Friends", "Cushion")
        await client.failed(4, 321)
        client.send(63, 1, 2)
        await short_put(client)
        before = len(client.messages)
        simulated.control.set_quote(PUT, Decimal("7.90"), Decimal("8.10"))
        simulated.control.advance_clock(200)
        told = rows(client.messages[before:], "63")
        assert told == {
            ("NetLiquidation", "USD"): "100049.00",
            ("Cushion", ""): told["Cushion", ""],
        }


async def test_subscribers_hear_of_a_fill_and_every_three_minutes_of_what_moved() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        for end, request in (("54", (6, 2, 1, "")), ("74", (76, 1, 3, ACCOUNT, "", 0))):
            await client.answers(end, *request)
        before = len(client.messages)
        await short_put(client)
        assert rows(client.messages[before:], "6")["TotalCashValue", "USD"] == "100849.00"
        assert rows(client.messages[before:], "73")["TotalCashValue", "USD"] == "100849.00"
        (holding,) = [m for m in client.messages[before:] if m[0] == "7"]
        assert (holding[13], holding[16]) == ("-1", "849")
        before = len(client.messages)
        simulated.control.advance_clock(400)
        assert rows(client.messages[before:], "6") == {}
        simulated.control.set_quote(PUT, Decimal("7.90"), Decimal("8.10"))
        simulated.control.advance_clock(200)
        told = rows(client.messages[before:], "6")
        assert told["UnrealizedPnL", "USD"] == "49.00"
        assert ("TotalCashValue", "USD") not in told
        client.send(6, 2, 0, "")
        client.send(77, 1, 3)
        await client.answers("49", 49, 1)
        before = len(client.messages)
        simulated.control.set_quote(PUT, Decimal("6.90"), Decimal("7.10"))
        simulated.control.advance_clock(400)
        assert client.messages[before:] == []


async def test_positions_are_told_until_they_are_canceled() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.answers("62", 61, 1)
        await client.answers("72", 74, 1, 7, ACCOUNT, "")
        await short_put(client)
        assert [m[-2:] for m in client.of("61")] == [["-1", "849"]]
        assert [(m[2], m[-3:]) for m in client.of("71")] == [("7", ["-1", "849", ""])]
        client.send(64, 1)
        client.send(75, 1, 7)
        again = client.place(price="9", action="BUY")
        await client.status(again, "Filled")
        assert (len(client.of("61")), len(client.of("71"))) == (1, 1)


async def test_profit_and_loss_follow_quotes_and_fills_by_a_second() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        (start,) = await client.answers("94", 92, 1, ACCOUNT, "")
        assert start == ["94", "1", "0", "0", "0"]
        await short_put(client)
        await client.answers("95", 94, 2, ACCOUNT, "", con_id_of(PUT))
        simulated.control.set_quote(PUT, Decimal("7.90"), Decimal("8.10"))
        before = len(client.messages)
        simulated.control.advance_clock(2)
        news = [m for m in client.messages[before:] if m[0] in ("94", "95")]
        assert news == [["94", "1", "49", "49", "0"], ["95", "2", "-1", "49", "49", "0", "-800"]]
        simulated.control.set_quote(PUT, Decimal("7.90"), Decimal("8.10"))
        simulated.control.advance_clock(2)
        assert [m for m in client.messages[before:] if m[0] in ("94", "95")] == news
        bought = client.place(price="8.1", action="BUY")
        await client.status(bought, "Filled")
        simulated.control.advance_clock(2)
        assert client.of("94")[-1] == ["94", "1", "38", "0", "38"]
        assert client.of("95")[-1] == ["95", "2", "0", "38", "0", "38", "0"]
        client.send(93, 1)
        client.send(95, 2)
        await client.answers("49", 49, 1)
        before = len(client.messages)
        simulated.control.set_quote(PUT, Decimal("6.90"), Decimal("7.10"))
        simulated.control.advance_clock(2)
        assert client.messages[before:] == []


async def test_profit_of_the_day_begins_anew_at_midnight_and_deposits_are_none() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await short_put(client)
        simulated.control.set_quote(PUT, Decimal("7.90"), Decimal("8.10"))
        await client.answers("94", 92, 1, ACCOUNT, "")
        await client.answers("95", 94, 2, ACCOUNT, "", con_id_of(PUT))
        assert client.of("94")[-1][2:] == ["49", "49", "0"]
        simulated.control.advance_clock(24 * 3600)
        simulated.control.set_quote(PUT, Decimal("7.40"), Decimal("7.60"))
        simulated.control.advance_clock(2)
        assert client.of("94")[-1][2:] == ["50", "99", "0"]
        assert client.of("95")[-1][2:] == ["-1", "50", "99", "0", "-750"]
        deposit(simulated, Decimal(5000))
        simulated.control.set_quote(PUT, Decimal("7.39"), Decimal("7.59"))
        simulated.control.advance_clock(2)
        assert client.of("94")[-1][2:] == ["51", "100", "0"]


def deposit(simulated: SimulatedIbGateway, amount: Decimal) -> None:
    market = simulated.gateway.market
    account = market.venue.accounts[ACCOUNT]
    market.events.move_cash(account, AccountEventKind.DEPOSIT, amount, market.venue.now)


async def test_nothing_of_the_account_moves_while_the_link_is_down() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await short_put(client)
        await client.answers("54", 6, 2, 1, "")
        await client.answers("94", 92, 1, ACCOUNT, "")
        simulated.control.do("connectivity", code=1100)
        before = len(client.messages)
        simulated.control.set_quote(PUT, Decimal("7.90"), Decimal("8.10"))
        simulated.control.advance_clock(400)
        assert client.messages[before:] == []
        simulated.control.do("connectivity", code=1102)
        simulated.control.advance_clock(200)
        assert client.of("94")[-1][2] == "49"
        assert rows(client.messages[before:], "6")["UnrealizedPnL", "USD"] == "49.00"


async def test_another_account_or_an_unknown_contract_is_an_error() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        client.send(92, 1, "DU7", "")
        await client.failed(1, 321)
        client.send(94, 2, ACCOUNT, "", 7)
        await client.failed(2, 200)
        client.send(74, 1, 3, "DU7", "")
        await client.failed(3, 321)
        await client.answers("94", 92, 4, ACCOUNT, "")
        client.send(92, 4, ACCOUNT, "")
        await client.failed(4, 322)


async def test_ib_insync_reads_all_of_it() -> None:
    async with connected() as both:
        contract = put()
        await both.ib.qualifyContractsAsync(contract)
        pnl = both.ib.reqPnL(ACCOUNT)
        of_put = both.ib.reqPnLSingle(ACCOUNT, "", contract.conId)
        summary = {(v.tag, v.currency): v.value for v in await both.ib.accountSummaryAsync()}
        assert summary["NetLiquidation", "USD"] == "100000.00"
        assert summary["PreviousDayEquityWithLoanValue", "USD"] == "100000.00"
        trade = both.ib.placeOrder(contract, LimitOrder("SELL", 1, 8.5))
        await charged(trade)
        await eventually(lambda: of_put.position == -1 and pnl.dailyPnL == of_put.dailyPnL == -26.0)
        (holding,) = both.ib.portfolio()
        assert (holding.position, holding.marketPrice, holding.unrealizedPNL) == (-1.0, 8.75, -26.0)
