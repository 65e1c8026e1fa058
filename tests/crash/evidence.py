"""What the router's API and the simulators' controls say, as plain values for the oracle."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any, Final

from tandem_client import ExecType, Execution, Order, TandemClient

from tests.crash.schedule import VENUES
from tests.crash.stand import Stand
from tests.oracle.finding import Verdict
from tests.oracle.judgement import judge

_UNSURE_S: Final = 0.002
"""How much the reading of a clock may be off besides the time that the answer took."""


async def read_books(client: TandemClient) -> dict[str, Any]:
    """The router's books; see `tests.oracle.judgement`. Raises TandemError."""
    orders = await client.orders().all()
    executions = await client.executions().all()
    return {
        "orders": [_order(order) for order in orders.items],
        "executions": [_execution(e) for e in executions.items if e.exec_type in _IN_FORCE],
    }


_IN_FORCE: Final = frozenset({ExecType.TRADE})


def _order(order: Order) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "status": order.status.name,
        "cum_qty": str(order.cum_qty),
        "cancel_requested": order.cancel_requested,
        "placements": [
            {"placement_id": p.placement_id, "venue": p.venue, "status": p.status.name}
            for p in order.placements
        ],
    }


def _execution(execution: Execution) -> dict[str, Any]:
    return {
        "venue": execution.venue,
        "placement_id": execution.placement_id,
        "symbol": execution.instrument.symbol,
        "side": execution.side.name,
        "last_qty": str(execution.last_qty),
        "last_px": str(execution.last_px),
    }


async def read_ledgers(
    stand: Stand, *, with_entries: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ledgers, and the venues' clocks; see `tests.oracle.judgement`."""
    ledgers, clocks = {}, {}
    for role, control in stand.controls.items():
        began = time.time()
        ledger = await control.call("GET", f"/ledger?entries={with_entries:d}")
        took_s = time.time() - began
        now_s = datetime.fromisoformat(ledger["now"]).timestamp()
        venue = VENUES[role]
        ledgers[venue] = ledger
        clocks[venue] = {
            "ahead_s": now_s - began - took_s / 2,
            "unsure_s": took_s / 2 + _UNSURE_S,
        }
    return ledgers, clocks


async def judge_stand(
    stand: Stand, wanted: list[dict[str, Any]], within: str, *, with_entries: bool = True
) -> Verdict:
    """The oracle's verdict as things stand now; with entries on all that was before, too. Books
    first: what comes after is in neither. Raises TandemError."""
    books = await read_books(stand.reader)
    ledgers, clocks = await read_ledgers(stand, with_entries=with_entries)
    return await asyncio.to_thread(judge, ledgers, wanted, books, clocks=clocks, within=within)
