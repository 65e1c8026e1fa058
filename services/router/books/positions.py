"""A position in one instrument at one venue, as lots opened and closed first in, first out.

Lots keep every figure exact: no average is stored, and realised profit is a sum of products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from services.common.domain.amounts import add, average_price, mul, sub, total
from services.common.domain.executions import Execution
from services.common.domain.instruments import Instrument, multiplier_of

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of one opening execution; `qty` is signed (short negative)."""

    qty: Decimal
    px: Decimal
    exec_id: str


@dataclass(frozen=True, slots=True)
class Position:
    """Holdings of an account in an instrument at a venue.

    `realized_pnl` and `cash_effect` are in the instrument's currency, before fees.
    """

    account_id: str
    venue: str
    instrument: Instrument
    lots: tuple[Lot, ...] = ()
    realized_pnl: Decimal = ZERO
    cash_effect: Decimal = ZERO

    @property
    def qty(self) -> Decimal:
        """Signed quantity: positive long, negative short."""
        return total(lot.qty for lot in self.lots)

    @property
    def avg_entry_price(self) -> Decimal | None:
        """Average price of what is held, None if nothing is."""
        if not self.lots:
            return None
        return average_price((lot.qty.copy_abs(), lot.px) for lot in self.lots)

    def book(self, execution: Execution) -> Position:
        """The position after an execution: it closes the oldest opposite lots, then opens."""
        # Signs are applied by `mul`: Decimal's own minus rounds to the thread's 28 digits.
        sign = Decimal(execution.side.sign)
        left = execution.last_qty
        multiplier = multiplier_of(self.instrument)
        lots, realized = list(self.lots), self.realized_pnl
        while left > 0 and lots and lots[0].qty * sign < 0:
            lot = lots[0]
            closed = min(left, lot.qty.copy_abs())
            moved = mul(closed, sign)
            gain = mul(mul(moved, sub(lot.px, execution.last_px)), multiplier)
            realized = add(realized, gain)
            left = sub(left, closed)
            rest = add(lot.qty, moved)
            lots[:1] = [replace(lot, qty=rest)] if rest else []
        if left > 0:
            lots.append(Lot(mul(left, sign), execution.last_px, execution.exec_id))
        paid = mul(mul(mul(execution.last_qty, sign), execution.last_px), multiplier)
        return replace(
            self,
            lots=tuple(lots),
            realized_pnl=realized,
            cash_effect=sub(self.cash_effect, paid),
        )
