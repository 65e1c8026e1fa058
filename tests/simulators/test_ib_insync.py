"""The unmodified ib_insync with the simulated Gateway: connect, qualify, trade, cancel, list."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import ib_insync
import pytest
from ib_insync import Contract, LimitOrder, MarketOrder, Option, Stock

from simulators.ib_gateway.contracts import con_id_of
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.simulators.gateways import (
    ACCOUNT,
    PUT,
    gateway_on_port,
    place_order,
    running_gateway,
)

new_ib: Any = ib_insync.IB


def put() -> Any:
    return Option("SPY", "20241115", 400, "P", "SMART")


async def eventually(check: Callable[[], Any]) -> Any:
    async with asyncio.timeout(30):
        while not (answer := check()):
            await asyncio.sleep(0.005)
    return answer


async def charged(trade: Any) -> None:
    """Waits until the commission of its first fill has come."""
    await eventually(lambda: trade.fills and trade.fills[0].commissionReport.execId)


class Connected:
    """ib_insync's `IB` on a simulated Gateway, with the errors that it heard."""

    def __init__(self, simulated: SimulatedIbGateway, port: int) -> None:
        self.simulated = simulated
        self.port = port
        self.errors: list[tuple[int, int]] = []
        self.ib: Any = None

    async def connect(self, client_id: int = 1, timeout_s: float = 30) -> Any:
        ib = new_ib()
        ib.RaiseRequestErrors = True
        ib.errorEvent += lambda req_id, code, *_: self.errors.append((req_id, code))
        await ib.connectAsync("127.0.0.1", self.port, clientId=client_id, timeout=timeout_s)
        return ib

    def share(self) -> Any:
        """A share, as ib_insync writes it."""
        return Stock("AAPL", "SMART", "USD")

    def ledger(self) -> Any:
        return self.simulated.control.ledger()


@asynccontextmanager
async def connected(**settings: Any) -> AsyncIterator[Connected]:
    async with gateway_on_port(**settings) as (simulated, port):
        both = Connected(simulated, port)
        both.ib = await both.connect()
        try:
            yield both
        finally:
            both.ib.disconnect()


async def test_the_start_synchronises_everything_without_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connected() as both:
        assert both.ib.managedAccounts() == [ACCOUNT]
        values = {v.tag: v.value for v in both.ib.accountValues() if v.currency in ("", "USD")}
        assert values["NetLiquidation"] == "100000.00"
        assert values["CashBalance"] == "100000.00"
        assert (await both.ib.reqCurrentTimeAsync()).isoformat() == "2024-11-04T15:00:00+00:00"
        assert [code for _, code in both.errors] == [2104, 2106, 2158]
    assert [r.message for r in caplog.records if r.levelname in ("ERROR", "CRITICAL")] == []


async def test_contracts_are_qualified_and_keep_their_con_ids() -> None:
    async with connected() as both:
        option, share = put(), Stock("AAPL", "SMART", "USD")
        assert await both.ib.qualifyContractsAsync(option, share) == [option, share]
        assert option.conId == con_id_of(PUT) == 195173966
        assert option.localSymbol == "SPY   241115P00400000"
        assert (option.tradingClass, option.multiplier) == ("SPY", "100")
        assert (share.primaryExchange, share.conId) == ("NASDAQ", con_id_of("AAPL"))
        (details,) = await both.ib.reqContractDetailsAsync(Contract(conId=option.conId))
        assert details.underConId == con_id_of("SPY")
        assert details.realExpirationDate == "20241115"
        assert details.liquidHours.startswith("20241104:0930-20241104:1600;20241105:0930")
        chain = await both.ib.reqContractDetailsAsync(Option("SPY", "202411", 400, "", "SMART"))
        expiries = {d.contract.lastTradeDateOrContractMonth for d in chain}
        assert {"20241108", "20241115", "20241122", "20241129"} == expiries
        assert {d.contract.right for d in chain} == {"C", "P"}
        parameters = await both.ib.reqSecDefOptParamsAsync("SPY", "", "STK", con_id_of("SPY"))
        assert {"SMART", "CBOE", "AMEX"} < {p.exchange for p in parameters}
        assert {390.0, 395.0, 400.0, 410.0} < set(parameters[0].strikes)
        assert {"20241115", "20241220"} < set(parameters[0].expirations)


async def test_unknown_and_ambiguous_contracts_are_errors_200() -> None:
    async with connected() as both:
        for contract in (
            Stock("NOSUCH", "SMART", "USD"),
            Option("SPY", "20241115", 7, "P", "SMART"),
        ):
            with pytest.raises(Exception, match="No security definition"):
                await both.ib.reqContractDetailsAsync(contract)
        both.ib.placeOrder(Option("SPY", "20241115", 400, "", "SMART"), LimitOrder("SELL", 1, 8.5))
        await eventually(lambda: 200 in [code for _, code in both.errors[-1:]])
        assert both.ledger()["orders"] == []


async def test_quotes_of_shares_and_options_come_as_snapshots_and_as_streams() -> None:
    async with connected() as both:
        option, share = put(), Stock("SPY", "SMART", "USD")
        first, second = await both.ib.reqTickersAsync(option, share)
        assert (first.bid, first.ask, first.bidSize, first.marketDataType) == (8.5, 9.0, 10, 1)
        assert (second.bid, second.ask) == (399.98, 400.02)
        ticker = both.ib.reqMktData(share)
        await eventually(lambda: ticker.bid == 399.98)
        both.simulated.control.set_quote("SPY", Decimal(401), Decimal("401.02"))
        await eventually(lambda: (ticker.bid, ticker.ask) == (401.0, 401.02))
        both.ib.cancelMktData(share)


@pytest.mark.parametrize(
    ("have", "wanted", "kind", "code"),
    [
        ("delayed", 1, 0, 10168),
        ("delayed", 3, 3, 10167),
        ("none", 3, 0, 354),
        ("realtime", 3, 1, 0),
    ],
)
async def test_market_data_are_those_that_the_account_has(
    have: str, wanted: int, kind: int, code: int
) -> None:
    async with connected(market_data=have) as both:
        both.ib.reqMarketDataType(wanted)
        ticker = both.ib.reqMktData(put(), snapshot=True)
        if code:
            await eventually(lambda: code in [c for _, c in both.errors])
        if kind:
            await eventually(lambda: ticker.bid == 8.5)
            assert ticker.marketDataType == kind


async def test_while_the_market_is_closed_there_is_no_price_unless_frozen_ones_are_wanted() -> None:
    async with connected() as both:
        both.simulated.control.advance_clock(10 * 3600)
        (closed,) = await both.ib.reqTickersAsync(put())
        assert (closed.bid, closed.ask, closed.marketDataType) == (-1, -1, 1)
        both.ib.reqMarketDataType(2)
        (frozen,) = await both.ib.reqTickersAsync(Stock("SPY", "SMART", "USD"))
        assert (frozen.bid, frozen.marketDataType) == (399.98, 2)


async def test_an_order_fills_with_its_commission_and_is_in_every_list() -> None:
    async with connected() as both:
        option = put()
        await both.ib.qualifyContractsAsync(option)
        order = LimitOrder("SELL", 1, 8.5, orderRef="sell~main~1.0", account=ACCOUNT, tif="DAY")
        trade = both.ib.placeOrder(option, order)
        await charged(trade)
        assert [entry.status for entry in trade.log if not entry.message] == [
            "PendingSubmit",
            "PreSubmitted",
            "Submitted",
            "Filled",
        ]
        assert (trade.orderStatus.avgFillPrice, trade.orderStatus.filled) == (8.5, 1.0)
        fill = trade.fills[0]
        assert fill.commissionReport.commission == 1.0
        assert fill.execution.orderRef == "sell~main~1.0"
        assert fill.execution.execId.endswith(".01")
        assert fill.execution.time.isoformat()[:16] == "2024-11-04T15:00"
        assert fill.execution.permId == trade.orderStatus.permId == order.permId

        await eventually(both.ib.positions)
        (position,) = both.ib.positions()
        assert (position.contract.localSymbol, position.position) == (option.localSymbol, -1.0)
        assert (position.avgCost, position.contract.exchange) == (849.0, "")
        assert await both.ib.reqAllOpenOrdersAsync() == []
        (completed,) = await both.ib.reqCompletedOrdersAsync(apiOnly=False)
        assert completed.order.orderRef == "sell~main~1.0"
        assert (completed.orderStatus.status, completed.order.permId) == ("Filled", order.permId)
        (executed,) = await both.ib.reqExecutionsAsync()
        assert executed.execution.execId == fill.execution.execId
        books = both.ledger()["accounts"][ACCOUNT]
        assert (books["cash"], books["fees"]) == ("100849", "1")
        (known,) = both.ledger()["orders"]
        assert known["client_order_id"] == "sell~main~1.0"
        assert known["venue_order_id"] == str(order.permId)


async def test_a_resting_order_is_canceled_and_says_so_once() -> None:
    async with connected() as both:
        trade = both.ib.placeOrder(put(), LimitOrder("SELL", 1, 20, orderRef="rests"))
        await eventually(lambda: trade.orderStatus.status == "Submitted")
        both.ib.cancelOrder(trade.order)
        await eventually(lambda: trade.orderStatus.status == "Cancelled")
        await eventually(lambda: both.errors[-1] == (trade.order.orderId, 202))
        statuses = [entry.status for entry in trade.log]
        assert statuses[2:] == ["Submitted", "PendingCancel", "Cancelled"]


async def test_market_orders_buy_and_sell_shares() -> None:
    async with connected() as both:
        share = Stock("AAPL", "SMART", "USD")
        for action in ("BUY", "SELL"):
            trade = both.ib.placeOrder(share, MarketOrder(action, 10))
            await charged(trade)
        buy, sell = both.ib.fills()
        assert (buy.execution.price, sell.execution.price) == (222.04, 222.0)
        assert sell.commissionReport.realizedPNL == pytest.approx(-2.4)
        assert both.ib.positions() == []


async def test_a_rejected_order_is_canceled_locally_by_code_201_and_then_inactive() -> None:
    async with connected() as both:
        trade = both.ib.placeOrder(put(), LimitOrder("SELL", 3, 8.5))
        await eventually(lambda: trade.orderStatus.status == "Inactive")
        told = [(entry.status, entry.errorCode) for entry in trade.log]
        assert told == [("PendingSubmit", 0), ("Cancelled", 201), ("Inactive", 0)]
        assert trade.orderStatus.permId
        assert both.ledger()["orders"] == []


async def test_several_clients_have_orders_of_their_own() -> None:
    async with connected() as both:
        other = await both.connect(2)
        mine = both.ib.placeOrder(put(), LimitOrder("SELL", 1, 20, orderRef="one"))
        theirs = other.placeOrder(put(), LimitOrder("SELL", 1, 21, orderRef="two"))
        await eventually(
            lambda: theirs.orderStatus.status == mine.orderStatus.status == "Submitted"
        )
        assert [t.order.orderRef for t in await both.ib.reqOpenOrdersAsync()] == ["one"]
        all_open = await both.ib.reqAllOpenOrdersAsync()
        assert [(t.order.orderRef, t.order.clientId) for t in all_open] == [("one", 1), ("two", 2)]
        other.disconnect()
        again = await both.connect(2)
        assert [t.order.orderRef for t in again.openTrades()] == ["two"]
        again.disconnect()


async def test_a_client_id_in_use_is_326() -> None:
    async with connected() as both:
        with pytest.raises((ConnectionError, TimeoutError)):
            await both.connect(1, timeout_s=2.0)
        assert (-1, 326) in both.errors


async def test_ib_insync_writes_the_orders_that_the_other_tests_send() -> None:
    async with connected() as both:
        contract = Contract(conId=con_id_of(PUT), exchange="SMART")
        both.ib.placeOrder(contract, LimitOrder("SELL", 1.0, 8.5, orderRef="ref", tif="DAY"))
        (entry,) = await eventually(
            lambda: [e for e in both.simulated.control.requests() if e.method == "placeOrder"]
        )
        expected = [str(field) for field in place_order(int(entry.body[1]), "8.5", "ref")]
        differing = {
            n: (sent, wanted)
            for n, (sent, wanted) in enumerate(zip(entry.body, expected, strict=True))
            if sent != wanted and not sent.replace("0.0", "") == wanted.replace("0.0", "") == ""
        }
        assert differing == {}


def test_the_process_serves_ib_insync_and_its_control() -> None:
    async def trade(port: int) -> tuple[str, float]:
        ib = new_ib()
        await ib.connectAsync("127.0.0.1", port, clientId=5, timeout=30)
        sold = ib.placeOrder(put(), LimitOrder("SELL", 1, 8.5, orderRef="process"))
        await charged(sold)
        ib.disconnect()
        return ib.managedAccounts()[0], sold.fills[0].commissionReport.commission

    with running_gateway("--account", "U7654321", "--fee-min", "2.5") as running:
        assert running.ready["account"] == "U7654321"
        assert asyncio.run(trade(running.ready["port"])) == ("U7654321", 2.5)
        (order,) = running.control("GET", "/ledger")["orders"]
        assert (order["client_order_id"], order["status"]) == ("process", "filled")
        assert "connectivity" in running.control("GET", "/do")
        assert running.control("POST", "/do/connectivity", {"code": 1100})["is_up"] is False
        running.control("POST", "/do/connectivity", {"code": 5}, status=400)
        running.control("POST", "/do/nothing", status=400)
        running.control("POST", "/do/inactivate", {"order": "nobody"}, status=404)
        running.process.terminate()
        assert running.process.wait(timeout=30) == 0
