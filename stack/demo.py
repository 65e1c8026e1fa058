"""The demo: one short put sold and bought back, from the client to the venue and back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from tandem_client import (
    Execution,
    Order,
    OrderSpec,
    OrderStatus,
    OrderType,
    PositionIntent,
    Side,
    TandemClient,
    TimeInForce,
    parse_symbol,
)
from tandem_client.command import tables, words

from stack import environment
from stack.children import StackFailed
from stack.ledger import VenueLedger, read_ledger
from stack.programs import ANY_PORTS, simulated_venue
from stack.running import Stack

SYMBOL: Final = "SPY241115P00400000"
SEED: Final = 1
_FILL_WAIT_S: Final = 30.0
_PREFIX: Final = "tandem-demo-"


async def demo(console: Console, environ: Mapping[str, str], own: list[Stack]) -> int:
    """Run the whole story on ports and in a folder of its own; the exit code.

    The stack is put into `own`, so that a second signal can kill it.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        told = partial(console.print, soft_wrap=True)
        async with Stack(Path(folder), lambda line: told(f"  {line}")) as stack:
            own.append(stack)
            console.print("Starting a simulated market, its adapter and the router:")
            router, control = await _start(stack, environ)
            async with TandemClient(router) as client:
                return await _story(console, client, control)


async def _start(stack: Stack, environ: Mapping[str, str]) -> tuple[str, str]:
    inherited = environment.for_simulation(environ)
    address, control = await stack.start_simulator(
        inherited, ANY_PORTS, seed=SEED, skip_closed=False
    )
    venue = simulated_venue(int(address.rpartition(":")[2]))
    adapter = await stack.start_adapter(inherited, ANY_PORTS, venue)
    router, _ = await stack.start_router(inherited, ANY_PORTS, venue, adapter)
    await stack.trading_possible(router)
    return router, control


async def _story(console: Console, client: TandemClient, control: str) -> int:
    put = parse_symbol(SYMBOL)
    console.print()
    console.print(tables.account(await client.account()))
    quotes = await client.quotes([parse_symbol("SPY"), put])
    console.print(tables.quotes(quotes.quotes, title="market"))
    console.print(f"Sell 1 {SYMBOL} at 8.50, and wait for the fill:")
    await _trade(console, client, "demo-1-sell", Side.SELL, Decimal("8.50"))
    console.print(tables.positions((await client.positions().all()).items))
    console.print("Buy it back at 9.00:")
    await _trade(console, client, "demo-2-buy", Side.BUY, Decimal("9.00"))
    console.print()
    executions = (await client.executions().all()).items[::-1]
    console.print(tables.executions(executions, title="executions, as Tandem booked them"))
    held = (await client.positions().all()).items
    return compare(console, executions, len(held), await read_ledger(control))


async def _trade(
    console: Console, client: TandemClient, name: str, side: Side, limit: Decimal
) -> None:
    selling = side is Side.SELL
    spec = OrderSpec(
        client_order_id=name,
        instrument=parse_symbol(SYMBOL),
        side=side,
        position_intent=(PositionIntent.SELL_TO_OPEN if selling else PositionIntent.BUY_TO_CLOSE),
        order_qty=Decimal(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        limit_price=limit,
    )
    order: Order = await client.submit_and_wait(spec, _FILL_WAIT_S)
    console.print(f"  {words.order_line(order)}")
    if order.status is not OrderStatus.FILLED:
        raise StackFailed(f"{name} was expected to fill and is {words.order_line(order)}")


def profit(executions: Iterable[Execution]) -> Decimal:
    """What the executions brought in less what they cost, before fees; exact."""
    total = Decimal(0)
    for execution in executions:
        value = execution.last_qty * execution.last_px * (execution.multiplier or Decimal(1))
        total += value if execution.side is Side.SELL else -value
    return total


def compare(
    console: Console, executions: tuple[Execution, ...], held: int, venue: VenueLedger
) -> int:
    """Print our books beside the venue's; 0 if they agree, else StackFailed.

    Fills are compared in order, oldest first; `held` is how many positions we have.
    """
    ours = profit(executions)
    our_fills = [(e.side.name.lower(), e.last_qty, e.last_px) for e in executions]
    rows = [
        ("round trip before fees", words.price(ours), words.price(venue.realised_pnl)),
        ("fills", words.figure(Decimal(len(our_fills))), words.figure(Decimal(len(venue.fills)))),
        ("open positions", str(held), str(venue.open_positions)),
        ("fees", words.NOTHING, words.price(venue.fees)),
    ]
    columns = ["", ">Tandem's books", ">the venue's ledger"]
    console.print(tables.table(columns, rows, title="profit and loss, USD"))
    agree = (ours, our_fills, held) == (
        venue.realised_pnl,
        list(venue.fills),
        venue.open_positions,
    )
    if not agree:
        raise StackFailed("Tandem's books and the venue's ledger do not agree")
    console.print("Both agree.", style="green")
    return 0
