"""How far the executions that were told reach, for each order.

Of most orders the venue counts the quantity itself, with each execution. Of a multi-leg order it
counts each leg: a unit is reached once every leg of it was told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

V = TypeVar("V")

ORDERS_MAX: Final = 20_000
_ZERO: Final = Decimal(0)

_Legs = dict[int, dict[str, Decimal]]


class Part(NamedTuple):
    """An execution: its contract, the part of its id that corrections share, and quantities."""

    con_id: int
    stem: str
    qty: Decimal
    cum_qty: Decimal


class Reached:
    """Quantities by the venue's order ids. Used on the event loop's thread only.

    Of more than `ORDERS_MAX` orders the one that was told of longest ago is forgotten.
    """

    def __init__(self) -> None:
        self._cum_qty: OrderedDict[str, Decimal] = OrderedDict()
        self._told: OrderedDict[str, _Legs] = OrderedDict()
        self._ratios: OrderedDict[str, Mapping[int, int]] = OrderedDict()
        # Units of multi-leg orders for which no executions are to be had.
        self._settled: OrderedDict[str, Decimal] = OrderedDict()

    def expect_legs(self, venue_order_id: str, ratios: Mapping[int, int]) -> None:
        """It is a multi-leg order, with so many contracts of each leg in a unit; if it shows no
        legs, it is counted as any other."""
        if ratios:
            _keep(self._ratios, venue_order_id, ratios)

    def tell(self, venue_order_id: str, part: Part) -> None:
        """An execution was told; a correction takes the place of what it corrects."""
        told = self._told.get(venue_order_id, {})
        told.setdefault(part.con_id, {})[part.stem] = part.qty
        _keep(self._told, venue_order_id, told)
        self._count(venue_order_id, part.cum_qty)

    def settle(self, venue_order_id: str, cum_qty: Decimal) -> None:
        """Executions up to here are not waited for: the venue lists no more of them."""
        if venue_order_id in self._ratios:
            open_qty = cum_qty - self.qty(venue_order_id)
            settled = self._settled.get(venue_order_id, _ZERO) + max(open_qty, _ZERO)
            _keep(self._settled, venue_order_id, settled)
        self._count(venue_order_id, cum_qty)

    def qty(self, venue_order_id: str, held: Iterable[Part] = ()) -> Decimal:
        """How far it is reached, counting what is `held` back in."""
        ratios = self._ratios.get(venue_order_id)
        if ratios is None:
            counted = self._cum_qty.get(venue_order_id, _ZERO)
            return max([counted, *(part.cum_qty for part in held)])
        legs = {con_id: dict(t) for con_id, t in self._told.get(venue_order_id, {}).items()}
        for part in held:
            legs.setdefault(part.con_id, {})[part.stem] = part.qty
        units = (_sum(legs.get(con_id, {})) // ratio for con_id, ratio in ratios.items())
        return min(units) + self._settled.get(venue_order_id, _ZERO)

    def _count(self, venue_order_id: str, cum_qty: Decimal) -> None:
        reached = max(cum_qty, self._cum_qty.get(venue_order_id, _ZERO))
        _keep(self._cum_qty, venue_order_id, reached)


def _sum(quantities: Mapping[str, Decimal]) -> Decimal:
    return sum(quantities.values(), _ZERO)


def _keep(kept: OrderedDict[str, V], key: str, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > ORDERS_MAX:
        kept.popitem(last=False)
