"""Multi-leg orders: what their legs trade at together, and whether each short leg is covered. Pure.

A net price is what one unit costs: positive if it is paid, negative if it is received.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from simulators.venue.orders import Order, Side
from simulators.venue.quotes import QuoteBook

Prices = Mapping[str, Decimal]
"""The price of each leg by its venue order id."""


def prices_now(legs: Sequence[Order], quotes: QuoteBook) -> dict[str, Decimal] | None:
    """What each leg trades at now; None if one of them doesn't."""
    prices = {}
    for leg in legs:
        quote = quotes.find(leg.symbol)
        if quote is None:
            return None
        px = quote.ask if leg.side is Side.BUY else quote.bid
        if px <= 0:
            return None
        prices[leg.venue_order_id] = px
    return prices


def ratio_of(leg: Order) -> Decimal:
    """How many contracts of the leg go into one unit."""
    return leg.links.ratio_qty or Decimal(1)


def net_price(legs: Sequence[Order], prices: Prices) -> Decimal:
    """What one unit costs at those prices."""
    return sum(
        (leg.side.sign * ratio_of(leg) * prices[leg.venue_order_id] for leg in legs), Decimal(0)
    )


def prices_for(net: Decimal, legs: Sequence[Order], prices: Prices) -> dict[str, Decimal] | None:
    """The same prices with one of them moved so that a unit costs `net`; None if none can be."""
    missing = net - net_price(legs, prices)
    for leg in legs:
        moved = prices[leg.venue_order_id] + leg.side.sign * missing / ratio_of(leg)
        changed = {**prices, leg.venue_order_id: moved}
        if moved > 0 and net_price(legs, changed) == net:
            return changed
    return None
