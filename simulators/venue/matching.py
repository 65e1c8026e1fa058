"""Whether, at what price and how much of an order trades against a quote. Pure.

Paper rules: at the best bid or ask once the order is marketable, whatever the book's size; one
time in ten only a part of it (Alpaca's document on paper trading).
"""

import random
from decimal import Decimal

from simulators.venue.orders import Order, Side
from simulators.venue.quotes import Quote

_PARTIAL_PROBABILITY = 0.1


def marketable_px(order: Order, quote: Quote | None) -> Decimal | None:
    """The price at which the order trades now, None if it doesn't."""
    if quote is None:
        return None
    if order.side is Side.BUY:
        px, reaches = quote.ask, order.limit_price is None or order.limit_price >= quote.ask
    else:
        px, reaches = quote.bid, order.limit_price is None or order.limit_price <= quote.bid
    return px if reaches and px > 0 else None


def partial_qty(order: Order, stream: random.Random) -> Decimal:
    """How much fills at once: mostly everything, sometimes a random whole part."""
    leaves = order.leaves_qty
    if leaves < 2 or stream.random() >= _PARTIAL_PROBABILITY:
        return leaves
    most = int(leaves) if leaves % 1 else int(leaves) - 1
    return Decimal(stream.randint(1, most))
