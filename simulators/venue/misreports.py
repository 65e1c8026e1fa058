"""Fills as a venue tells them wrongly: what is booked stays as it is, only the word is false."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from simulators.venue.instruments import Catalog, Instrument
from simulators.venue.orders import Side

_FAR = Decimal("1.5")
_CENT = Decimal("0.01")


class Wrong(Enum):
    """What of a fill is told wrongly."""

    SYMBOL = "symbol"
    SIDE = "side"
    QTY = "qty"
    PRICE = "price"


@dataclass(frozen=True, slots=True)
class ToldFill:
    """What is told of a fill; `cum_qty` is its order's after it."""

    instrument: Instrument
    side: Side
    qty: Decimal
    px: Decimal
    cum_qty: Decimal


def misreported(fill: ToldFill, wrong: Wrong, catalog: Catalog) -> ToldFill:
    """The fill with another instrument, the other side, more than its order has filled, or a price
    far beyond what anybody would have asked for."""
    match wrong:
        case Wrong.SYMBOL:
            other = next(one for one in catalog if one.symbol != fill.instrument.symbol)
            return replace(fill, instrument=other)
        case Wrong.SIDE:
            return replace(fill, side=Side.SELL if fill.side is Side.BUY else Side.BUY)
        case Wrong.QTY:
            return replace(fill, qty=fill.cum_qty + fill.qty)
        case Wrong.PRICE:
            px = fill.px * _FAR if fill.side is Side.BUY else fill.px / _FAR
            return replace(fill, px=px.quantize(_CENT))
