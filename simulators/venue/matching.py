"""Whether, at what price and how much of an order trades against a quote. Pure.

Paper rules: at the best bid or ask once the order is marketable, whatever the book's size; one
time in ten only a part of it (Alpaca's document on paper trading). A stop is reached by the side
of the quote that the order would trade at.
"""

import random
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from simulators.venue import trading_calendar as calendar
from simulators.venue.orders import Order, Side, TimeInForce
from simulators.venue.quotes import Quote

_PARTIAL_PROBABILITY = 0.1
_AUCTION_ONLY = (TimeInForce.OPG, TimeInForce.CLS)


def is_worked(order: Order, at: datetime) -> bool:
    """Whether the order may trade at that instant outside an auction."""
    if order.asked.time_in_force in _AUCTION_ONLY:
        return False
    if order.asked.extended_hours and calendar.extended_hours_at(at) is not None:
        return True
    return calendar.session_at(at) is not None


def followed(order: Order, quote: Quote | None) -> Order:
    """The order after a look at the quote: a trailing stop has moved, a stop may be triggered."""
    if not order.asked.order_type.has_trigger or order.triggered or quote is None:
        return order
    px = _touched(order.side, quote)
    if px <= 0:
        return order
    if order.asked.order_type.trails:
        order = trailed(order, quote)
    stop = order.stop_price
    reached = stop is not None and (px >= stop if order.side is Side.BUY else px <= stop)
    return replace(order, triggered=True) if reached else order


def trailed(order: Order, quote: Quote | None) -> Order:
    """A trailing stop with the best price so far: the highest for a sale, the lowest for a buy."""
    if not order.asked.order_type.trails or quote is None:
        return order
    px = _touched(order.side, quote)
    if px <= 0:
        return order
    if order.hwm is None:
        order = replace(order, hwm=_first_hwm(order, px))
    assert order.hwm is not None
    best = min(order.hwm, px) if order.side is Side.BUY else max(order.hwm, px)
    return replace(order, hwm=best) if best != order.hwm else order


def _first_hwm(order: Order, px: Decimal) -> Decimal:
    """Where a trailing stop begins: at the market, or where its client wants the first stop."""
    asked, sign = order.asked, order.side.sign
    if asked.stop_price is None:
        return px
    if asked.trail_price is not None:
        return asked.stop_price - sign * asked.trail_price
    percent = asked.trail_percent or Decimal(0)
    return asked.stop_price / (1 + sign * percent / 100)


def _touched(side: Side, quote: Quote) -> Decimal:
    return quote.ask if side is Side.BUY else quote.bid


def marketable_px(order: Order, quote: Quote | None) -> Decimal | None:
    """The price at which the order trades now, None if it doesn't."""
    if quote is None or (order.asked.order_type.has_trigger and not order.triggered):
        return None
    px = _touched(order.side, quote)
    limit = order.limit_price if order.limit_price is not None else px
    reaches = limit >= px if order.side is Side.BUY else limit <= px
    return px if reaches and px > 0 else None


def partial_qty(leaves: Decimal, stream: random.Random) -> Decimal:
    """How much fills at once: mostly everything, sometimes a random whole part."""
    if leaves < 2 or stream.random() >= _PARTIAL_PROBABILITY:
        return leaves
    most = int(leaves) if leaves % 1 else int(leaves) - 1
    return Decimal(stream.randint(1, most))
