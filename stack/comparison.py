"""Tandem's books beside the venue's own ledger: the demo's proof."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from rich.console import RenderableType
from tandem_client import Execution, Side
from tandem_client.command import tables, words

from stack.ledger import VenueLedger


def profit(executions: Iterable[Execution]) -> Decimal:
    """What the executions brought in less what they cost, before fees; exact."""
    total = Decimal(0)
    for execution in executions:
        value = execution.last_qty * execution.last_px * (execution.multiplier or Decimal(1))
        total += value if execution.side is Side.SELL else -value
    return total


@dataclass(frozen=True, slots=True)
class Comparison:
    """Our books at one venue and its own ledger.

    `executions` are ours, oldest first; `held` is how many positions we have there.
    """

    executions: tuple[Execution, ...]
    held: int
    ledger: VenueLedger

    @property
    def agrees(self) -> bool:
        """Fill by fill, in positions and fees; in profit once all is closed, not before."""
        ours = [(e.side.name.lower(), e.last_qty, e.last_px) for e in self.executions]
        return (
            ours == list(self.ledger.fills)
            and self.held == self.ledger.open_positions
            and self._fees == self.ledger.fees
            and (self.held > 0 or profit(self.executions) == self.ledger.realised_pnl)
        )

    @property
    def _fees(self) -> Decimal:
        fees = (fee.amount.amount for execution in self.executions for fee in execution.fees)
        return sum(fees, Decimal(0))

    def table(self) -> RenderableType:
        """Both, side by side."""
        ledger = self.ledger
        rows = [
            ("fills", str(len(self.executions)), str(len(ledger.fills))),
            ("open positions", str(self.held), str(ledger.open_positions)),
            ("fees", words.price(self._fees), words.price(ledger.fees)),
        ]
        if not self.held:
            made = words.price(profit(self.executions)), words.price(ledger.realised_pnl)
            rows.insert(0, ("round trip before fees", *made))
        columns = ["", ">Tandem's books", ">the venue's ledger"]
        return tables.table(columns, rows, title="books compared, USD")
