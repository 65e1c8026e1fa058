"""The demo: a round trip at the first broker, and an order that finds the second one."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from tandem_client import (
    Alert,
    Order,
    OrderSpec,
    OrderStatus,
    OrderType,
    PositionIntent,
    Reason,
    Side,
    TandemClient,
    TandemError,
    TimeInForce,
    new_traceparent,
    parse_symbol,
)
from tandem_client.command import outcomes, tables, words

from stack import environment
from stack.children import StackFailed
from stack.comparison import Comparison
from stack.ledger import read_ledger
from stack.programs import ALPACA, ANY_PORTS, IB, Broker
from stack.running import Stack
from stack.trace_tree import render
from stack.traces import TraceCollector, TracedSpan

SEED: Final = 1
_PUT: Final = "SPY241115P00400000"
_OTHER_PUT: Final = "QQQ241115P00350000"
_WAIT_S: Final = 30.0
_AGREE_S: Final = 5.0
_POLL_S: Final = 0.1
_PREFIX: Final = "tandem-demo-"
_EXPORT_DELAY_S: Final = "0.2"
_FROM, _TO = "router", "ib-adapter"
"""Services that begin and end the trace of an order that goes to Interactive Brokers."""


async def demo(console: Console, environ: Mapping[str, str], own: list[Stack]) -> int:
    """Run the whole story on ports and in a folder of its own; the exit code.

    The stack is put into `own`, so that a second signal can kill it.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        told = partial(console.print, soft_wrap=True)
        async with (
            TraceCollector() as collector,
            Stack(Path(folder), lambda line: told(f"  {line}")) as stack,
        ):
            own.append(stack)
            console.print("Starting two simulated brokers, an adapter for each, and the router:")
            inherited = {**environment.for_simulation(environ), **_exporting_to(collector)}
            simulators = await stack.start_simulators(
                inherited, ANY_PORTS, seed=SEED, skip_closed=False
            )
            venues = [simulator.venue for simulator in simulators]
            addresses = await stack.start_services(venues, inherited, ANY_PORTS, wait_for_all=True)
            controls = {s.broker.venue: s.control for s in simulators}
            trace = new_traceparent()
            async with (
                TandemClient(addresses.router) as client,
                TandemClient(addresses.router, traceparent=lambda: trace) as traced,
            ):
                story = _Story(console, client, traced, stack, controls)
                await story.round_trip()
                await story.failover()
            trace_id = trace.split("-")[1]
            spans = await collector.wait_for(trace_id, _is_whole, _WAIT_S)
            console.print()
            console.print(render(spans, "the trace of demo-4-failover"), soft_wrap=True)
    return 0


def _exporting_to(collector: TraceCollector) -> dict[str, str]:
    return {"TANDEM_OTLP_ENDPOINT": collector.endpoint, "TANDEM_OTLP_DELAY_S": _EXPORT_DELAY_S}


def _is_whole(spans: Sequence[TracedSpan]) -> bool:
    """Whether the trace has come from its one end to the other."""
    ends = {(span.kind, _FROM in span.service, _TO in span.service) for span in spans}
    return {("SERVER", True, False), ("CLIENT", False, True)} <= ends


@dataclass(frozen=True, slots=True)
class _Story:
    """What is acted, over gRPC like any client.

    `traced` is the client whose calls belong to the trace that is shown; `controls` are the
    simulators', by venue.
    """

    console: Console
    client: TandemClient
    traced: TandemClient
    stack: Stack
    controls: Mapping[str, str]

    async def round_trip(self) -> None:
        """Sell a put at Alpaca, buy it back, and compare the books."""
        say = self.console.print
        say()
        say(tables.account(await self.client.account()))
        symbols = ["SPY", _PUT, _OTHER_PUT]
        quotes = await self.client.quotes([parse_symbol(symbol) for symbol in symbols])
        say(tables.quotes(quotes.quotes, title="market"))
        say(f"Sell 1 {_PUT} at 8.50, and wait for the fill:")
        await self._trade(_sale("demo-1-sell", _PUT, "8.50"))
        say(tables.positions((await self.client.positions().all()).items))
        say("Buy it back at 9.00:")
        await self._trade(_purchase("demo-2-buy", _PUT, "9.00"))
        say()
        await self._compare(ALPACA)

    async def failover(self) -> None:
        """Take Alpaca down while it holds a position: entries go elsewhere, its exit doesn't."""
        say = self.console.print
        say(f"\nSell 1 {_PUT} once more, to hold it at Alpaca, and take Alpaca down:")
        await self._trade(_sale("demo-3-hold", _PUT, "8.50"))
        token = await self.client.watch_token()
        await self.stack.kill_program(ALPACA.simulator)
        say(f"Sell 1 {_OTHER_PUT} at 5.50, secured by cash:")
        order = await self._trade(_sale("demo-4-failover", _OTHER_PUT, "5.50"), self.traced)
        if order.placements[-1].venue != IB.venue:
            raise StackFailed("the order was expected to go to Interactive Brokers")
        alert = await self._alert(token)
        say(f"  {alert.severity.name} {alert.kind}: {alert.message}", soft_wrap=True)
        say(f"Buy {_PUT} back, which Alpaca holds:")
        await self._refused(_purchase("demo-5-buy", _PUT, "9.00"))
        say(tables.status(await self.client.status()))
        say(tables.positions((await self.client.positions().all()).items))
        await self._compare(IB)

    async def _trade(self, spec: OrderSpec, client: TandemClient | None = None) -> Order:
        order = await (client or self.client).submit_and_wait(spec, _WAIT_S)
        self.console.print(f"  {words.order_line(order)}", soft_wrap=True)
        if order.status is not OrderStatus.FILLED:
            raise StackFailed(f"{words.order_line(order)}: it was expected to fill")
        return order

    async def _refused(self, spec: OrderSpec) -> None:
        try:
            order = await self.client.submit(spec)
        except TandemError as error:
            self.console.print(f"  {outcomes.line(error)}", soft_wrap=True)
            if error.reason is not Reason.HOLDER_UNAVAILABLE:
                raise
        else:
            raise StackFailed(f"{words.order_line(order)}: it was expected to be refused")

    async def _alert(self, token: str) -> Alert:
        """The failover's alert, as everybody who watches is told of it."""
        async with asyncio.timeout(_WAIT_S), aclosing(self.client.watch(token)) as events:
            async for event in events:
                if isinstance(event.what, Alert) and event.what.kind == "FAILOVER":
                    return event.what
        raise AssertionError("a watch ends by an error only")

    async def _compare(self, broker: Broker) -> None:
        """Print both books once they agree; a commission may come a moment after its fill."""
        ends_at = asyncio.get_running_loop().time() + _AGREE_S
        while not (compared := await self._compared(broker)).agrees:
            if asyncio.get_running_loop().time() > ends_at:
                self.console.print(compared.table())
                raise StackFailed("Tandem's books and the venue's ledger do not agree")
            await asyncio.sleep(_POLL_S)
        self.console.print(compared.table())
        self.console.print("Both agree.", style="green")

    async def _compared(self, broker: Broker) -> Comparison:
        executions = (await self.client.executions().all()).items[::-1]
        positions = (await self.client.positions().all()).items
        return Comparison(
            tuple(execution for execution in executions if execution.venue == broker.venue),
            sum(1 for position in positions if position.venue == broker.venue),
            await read_ledger(self.controls[broker.venue]),
        )


def _sale(client_order_id: str, symbol: str, limit: str) -> OrderSpec:
    return _order(client_order_id, symbol, limit, Side.SELL, PositionIntent.SELL_TO_OPEN)


def _purchase(client_order_id: str, symbol: str, limit: str) -> OrderSpec:
    return _order(client_order_id, symbol, limit, Side.BUY, PositionIntent.BUY_TO_CLOSE)


def _order(
    client_order_id: str, symbol: str, limit: str, side: Side, intent: PositionIntent
) -> OrderSpec:
    return OrderSpec(
        client_order_id=client_order_id,
        instrument=parse_symbol(symbol),
        side=side,
        position_intent=intent,
        order_qty=Decimal(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        limit_price=Decimal(limit),
    )
