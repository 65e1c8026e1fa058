"""The unmodified ib_async at a simulated Gateway: orders of all kinds, lists; says what differs.

`python story.py <port>`, in an environment that has ib_async. Exit code 1 if anything is not as it
should be.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from typing import Any

# Not an import statement: the project's own environment, where types are checked, has no ib_async.
ib_async: Any = importlib.import_module("ib_async")

_DEADLINE_S = 10
_NOTICES = frozenset({2104, 2106, 2158, 202})


class Story:
    """Compares what ib_async shows with what it should, and keeps the differences."""

    def __init__(self, port: int) -> None:
        self.compared = 0
        self.differences: list[str] = []
        self._port = port
        self._ib = ib_async.IB()
        self._ib.errorEvent += self._heard

    def _heard(self, req_id: int, code: int, text: str, *_: Any) -> None:
        if code not in _NOTICES:
            self.differences.append(f"error {code} for {req_id}: {text}")

    def expect(self, what: str, found: Any, wanted: Any) -> None:
        """Keeps a difference."""
        self.compared += 1
        if found != wanted:
            self.differences.append(f"{what}: {found!r}, and not {wanted!r}")

    async def act(self) -> None:
        """Acts it from connecting to leaving."""
        await self._ib.connectAsync(
            "127.0.0.1", self._port, clientId=11, timeout=30, raiseSyncErrors=True
        )
        self.expect("accounts", self._ib.managedAccounts(), ["DU1000001"])
        self.expect("server version", self._ib.client.serverVersion(), 178)
        contract = ib_async.Option("SPY", "20241115", 400, "P", "SMART")
        await self._ib.qualifyContractsAsync(contract)
        self.expect("local symbol", contract.localSymbol, "SPY   241115P00400000")
        await self._fill(contract)
        await self._cancel(contract)
        await self._list()
        await self._preview(contract)
        await self._modify(contract)
        await self._bracket()
        await self._spread(contract)
        self._ib.disconnect()

    async def _fill(self, contract: Any) -> None:
        order = ib_async.LimitOrder("SELL", 1, 8.5, orderRef="fills", tif="DAY")
        trade = self._ib.placeOrder(contract, order)
        await _until(lambda: trade.fills and trade.fills[0].commissionReport.execId)
        await _until(trade.isDone)
        self.expect("status", trade.orderStatus.status, "Filled")
        self.expect("price", trade.fills[0].execution.price, 8.5)
        self.expect("orderRef", trade.fills[0].execution.orderRef, "fills")
        self.expect("commission", trade.fills[0].commissionReport.commission, 1.0)
        await _until(self._ib.positions)
        positions = [(p.contract.localSymbol, p.position) for p in self._ib.positions()]
        self.expect("positions", positions, [(contract.localSymbol, -1.0)])

    async def _cancel(self, contract: Any) -> None:
        order = ib_async.LimitOrder("SELL", 1, 20, orderRef="rests", tif="GTC")
        trade = self._ib.placeOrder(contract, order)
        await _until(lambda: trade.orderStatus.status == "Submitted")
        opened = await self._ib.reqAllOpenOrdersAsync()
        self.expect("open orders", [t.order.orderRef for t in opened], ["rests"])
        self.expect("open status", [t.orderStatus.status for t in opened], ["Submitted"])
        self._ib.cancelOrder(trade.order)
        await _until(trade.isDone)
        self.expect("status of the canceled", trade.orderStatus.status, "Cancelled")

    async def _list(self) -> None:
        self.expect("open orders", await self._ib.reqAllOpenOrdersAsync(), [])
        completed = await self._ib.reqCompletedOrdersAsync(apiOnly=False)
        self.expect(
            "completed orders",
            [(t.order.orderRef, t.orderStatus.status) for t in completed],
            [("fills", "Filled"), ("rests", "Cancelled")],
        )
        executions = await self._ib.reqExecutionsAsync()
        self.expect("executions", [f.execution.orderRef for f in executions], ["fills"])
        self.expect("revision", executions[0].execution.execId[-3:], ".01")

    async def _preview(self, contract: Any) -> None:
        order = ib_async.LimitOrder("SELL", 1, 8.5, tif="DAY")
        state = await self._ib.whatIfOrderAsync(contract, order)
        self.expect("margin change", float(state.initMarginChange), 40000.0)
        self.expect("open orders", await self._ib.reqAllOpenOrdersAsync(), [])

    async def _modify(self, contract: Any) -> None:
        order = ib_async.Order(
            action="BUY", totalQuantity=1, orderType="TRAIL LIMIT", auxPrice=0.5, tif="GTC",
            lmtPriceOffset=0.1, trailStopPrice=11, orderRef="trails",
        )  # fmt: skip
        trade = self._ib.placeOrder(contract, order)
        await _until(lambda: trade.orderStatus.status == "PreSubmitted")
        perm_id = trade.order.permId
        order.totalQuantity = 2
        self._ib.placeOrder(contract, order)
        await _until(lambda: trade.orderStatus.remaining == 2)
        self.expect("permId", trade.orderStatus.permId, perm_id)
        self._ib.cancelOrder(trade.order)
        await _until(trade.isDone)

    async def _bracket(self) -> None:
        share = ib_async.Stock("AAPL", "SMART", "USD")
        await self._ib.qualifyContractsAsync(share)
        trades = [
            self._ib.placeOrder(share, order)
            for order in self._ib.bracketOrder("BUY", 10, 230, 240, 200, tif="DAY")
        ]
        await _until(lambda: trades[1].orderStatus.status == "Submitted")
        statuses = [trade.orderStatus.status for trade in trades]
        self.expect("bracket", statuses, ["Filled", "Submitted", "PreSubmitted"])
        self._ib.cancelOrder(trades[1].order)
        await _until(lambda: trades[1].isDone() and trades[2].isDone())

    async def _spread(self, sold: Any) -> None:
        bought = ib_async.Option("SPY", "20241115", 390, "P", "SMART")
        await self._ib.qualifyContractsAsync(bought)
        legs = [
            ib_async.ComboLeg(conId=leg.conId, ratio=1, action=action, exchange="SMART")
            for leg, action in ((bought, "BUY"), (sold, "SELL"))
        ]
        bag = ib_async.Contract(
            symbol="SPY", secType="BAG", currency="USD", exchange="SMART", comboLegs=legs
        )
        order = ib_async.LimitOrder("BUY", 1, -3.4, orderRef="spread", tif="DAY")
        trade = self._ib.placeOrder(bag, order)
        await _until(lambda: len(trade.fills) == 3 and trade.isDone())
        kinds = [fill.contract.secType for fill in trade.fills]
        self.expect("executions of the spread", kinds, ["BAG", "OPT", "OPT"])
        self.expect("net price", trade.orderStatus.avgFillPrice, -3.45)


async def _until(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(_DEADLINE_S):
        while not check():  # noqa: ASYNC110  (ib_async's events come by callback)
            await asyncio.sleep(0.01)


def main() -> int:
    """Acts the story and tells what differs."""
    story = Story(int(sys.argv[1]))
    asyncio.run(story.act())
    for difference in story.differences:
        sys.stderr.write(f"ib_async: {difference}\n")
    sys.stdout.write(
        f"ib_async {ib_async.__version__}: {story.compared} comparisons, "
        f"{len(story.differences)} differences\n"
    )
    return 1 if story.differences else 0


if __name__ == "__main__":
    sys.exit(main())
