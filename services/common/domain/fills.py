"""What the executions of an order add up to: a quantity, or units of a multi-leg order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from services.common.domain.amounts import average_price, mul, price_of, total
from services.common.domain.executions import Execution
from services.common.domain.order_terms import OptionCombo, OrderLeg, Tradable


def filled_qty(tradable: Tradable, executions: Iterable[Execution]) -> Decimal:
    """The quantity that is filled; of a multi-leg order the units of which every leg is."""
    if not isinstance(tradable, OptionCombo):
        return total(e.last_qty for e in executions)
    return min(_units(tradable, tuple(executions), lambda qty, ratio: qty // ratio))


def begun_qty(tradable: Tradable, executions: Iterable[Execution]) -> Decimal:
    """As `filled_qty`; of a multi-leg order the units of which at least one leg is filled."""
    if not isinstance(tradable, OptionCombo):
        return total(e.last_qty for e in executions)
    return max(_units(tradable, tuple(executions), lambda qty, ratio: -(-qty // ratio)))


def average_px(tradable: Tradable, executions: Sequence[Execution]) -> Decimal | None:
    """The average price; of a multi-leg order the net price of a unit, None between two legs."""
    if not isinstance(tradable, OptionCombo):
        return average_price((e.last_qty, e.last_px) for e in executions) if executions else None
    units = filled_qty(tradable, executions)
    if not units or units != begun_qty(tradable, executions):
        return None
    paid = total(mul(mul(e.last_qty, e.last_px), Decimal(e.side.sign)) for e in executions)
    return price_of(paid, units)


def leg_of(combo: OptionCombo, execution: Execution) -> OrderLeg | None:
    """The leg that was filled; None if the order has no such leg."""
    legs = (leg for leg in combo.legs if leg.contract.key == execution.instrument.key)
    return next((leg for leg in legs if leg.side is execution.side), None)


def _units(
    combo: OptionCombo,
    executions: Sequence[Execution],
    of: Callable[[Decimal, Decimal], Decimal],
) -> list[Decimal]:
    return [
        of(total(e.last_qty for e in executions if leg_of(combo, e) is leg), Decimal(leg.ratio_qty))
        for leg in combo.legs
    ]
