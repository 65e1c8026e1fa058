"""What the executions of an order add up to: a quantity, or units of a multi-leg order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from services.common.domain.amounts import Rounding, average_price, mul, price_of, total
from services.common.domain.executions import Execution
from services.common.domain.order_terms import OptionCombo, OrderLeg, Tradable


def filled_qty(tradable: Tradable, executions: Iterable[Execution]) -> Decimal:
    """The quantity that is filled; of a multi-leg order the units of which every leg is."""
    if not isinstance(tradable, OptionCombo):
        return total(e.last_qty for e in executions)
    return min(_units(tradable, tuple(executions), Rounding.TOWARD_ZERO))


def begun_qty(tradable: Tradable, executions: Iterable[Execution]) -> Decimal:
    """As `filled_qty`; of a multi-leg order the units of which at least one leg is filled."""
    if not isinstance(tradable, OptionCombo):
        return total(e.last_qty for e in executions)
    return max(_units(tradable, tuple(executions), Rounding.AWAY_FROM_ZERO))


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


def filled_of_leg(leg: OrderLeg, executions: Iterable[Execution]) -> Decimal:
    """Contracts that were filled of one leg."""
    ours = (e for e in executions if e.instrument.key == leg.contract.key and e.side is leg.side)
    return total(e.last_qty for e in ours)


def _units(combo: OptionCombo, executions: Sequence[Execution], rule: Rounding) -> list[Decimal]:
    """Per leg: the units of the order that its contracts come to, whole by the rule."""
    one = Decimal(1)
    return [
        price_of(filled_of_leg(leg, executions), Decimal(leg.ratio_qty), one, rule)
        for leg in combo.legs
    ]
