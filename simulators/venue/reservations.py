"""What an account's positions and open orders hold back. Pure: reads, changes nothing.

A short put holds strike × multiplier in cash, a short call holds the shares; an open order holds
what it would need if it filled now, so that two orders can't be secured by the same money.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from simulators.venue.accounts import Account, Position
from simulators.venue.instruments import Equity, OptionContract, Right
from simulators.venue.orders import Order, PositionIntent, Side
from simulators.venue.quotes import QuoteBook

_OPENS_SHORT = PositionIntent.SELL_TO_OPEN
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Means:
    """What an account has and what of it is free, in dollars."""

    cash: Decimal
    long_value: Decimal
    short_value: Decimal
    collateral: Decimal
    held_for_orders: Decimal
    initial_margin: Decimal
    buying_power: Decimal
    options_buying_power: Decimal

    @property
    def equity(self) -> Decimal:
        return self.cash + self.long_value + self.short_value


def market_value(position: Position, quotes: QuoteBook) -> Decimal:
    """What the position is worth at the mid price; at cost if there is no quote."""
    quote = quotes.find(position.instrument.symbol)
    if quote is None:
        return Decimal(position.cost.numerator) / Decimal(position.cost.denominator)
    return position.qty * quote.mid * position.instrument.multiplier


def put_collateral(contract: OptionContract, qty: Decimal) -> Decimal:
    """The cash that secures that many short puts."""
    return contract.strike * contract.multiplier * qty


def order_price(order: Order, quotes: QuoteBook) -> Decimal:
    """The price to reckon with: the limit, for a market order the side it would trade at."""
    if order.limit_price is not None:
        return order.limit_price
    quote = quotes.find(order.symbol)
    if quote is None:
        return ZERO
    return quote.ask if order.side is Side.BUY else quote.bid


def cash_held_by(order: Order, quotes: QuoteBook) -> Decimal:
    """The cash that an open option order holds back (orders for shares use buying power)."""
    instrument = order.instrument
    if not isinstance(instrument, OptionContract):
        return ZERO
    if order.side is Side.BUY:
        return order.leaves_qty * order_price(order, quotes) * instrument.multiplier
    if order.position_intent is _OPENS_SHORT and instrument.right is Right.PUT:
        return put_collateral(instrument, order.leaves_qty)
    return ZERO


def _order_value(order: Order, quotes: QuoteBook) -> Decimal:
    """The value of an open order that needs margin for shares: a purchase or a short sale."""
    if not isinstance(order.instrument, Equity):
        return ZERO
    if order.position_intent in (PositionIntent.BUY_TO_OPEN, _OPENS_SHORT):
        return order.leaves_qty * order_price(order, quotes)
    return ZERO


def means_of(account: Account, orders: Iterable[Order], quotes: QuoteBook) -> Means:
    """The account's figures with its open orders taken into account."""
    values = [(p.instrument, p.qty, market_value(p, quotes)) for p in account.positions.values()]
    long_value = sum((value for _, qty, value in values if qty > 0), ZERO)
    short_value = sum((value for _, qty, value in values if qty < 0), ZERO)
    share_value = sum((abs(v) for i, _, v in values if isinstance(i, Equity)), ZERO)
    long_options = sum((v for i, q, v in values if isinstance(i, OptionContract) and q > 0), ZERO)
    collateral = sum((_collateral(i, qty) for i, qty, _ in values), ZERO)
    open_orders = list(orders)
    held = sum((cash_held_by(order, quotes) for order in open_orders), ZERO)
    share_orders = sum((_order_value(order, quotes) for order in open_orders), ZERO)
    margin = share_value / account.multiplier + long_options + collateral
    equity = account.cash + long_value + short_value
    free = equity - margin - held - share_orders / account.multiplier
    return Means(
        cash=account.cash,
        long_value=long_value,
        short_value=short_value,
        collateral=collateral,
        held_for_orders=held + share_orders,
        initial_margin=margin,
        buying_power=max(ZERO, free * account.multiplier),
        options_buying_power=max(ZERO, account.cash - collateral - held - share_orders),
    )


def _collateral(instrument: object, qty: Decimal) -> Decimal:
    if isinstance(instrument, OptionContract) and instrument.right is Right.PUT and qty < 0:
        return put_collateral(instrument, -qty)
    return ZERO


def held_of_position(account: Account, symbol: str, orders: Iterable[Order]) -> Decimal:
    """How much of a holding (a positive number) closing orders and covered calls hold back."""
    held = ZERO
    for order in orders:
        if order.symbol == symbol and _closes(order):
            held += order.leaves_qty
        held += _cover(order.instrument, symbol) * _sold_to_open(order)
    if account.position_qty(symbol) > 0:
        for position in account.positions.values():
            held += _cover(position.instrument, symbol) * max(ZERO, -position.qty)
    return held


def _closes(order: Order) -> bool:
    return order.position_intent in (PositionIntent.SELL_TO_CLOSE, PositionIntent.BUY_TO_CLOSE)


def _sold_to_open(order: Order) -> Decimal:
    return order.leaves_qty if order.position_intent is _OPENS_SHORT else ZERO


def _cover(instrument: object, symbol: str) -> Decimal:
    """How many shares of `symbol` one short contract of `instrument` needs as cover."""
    is_call = isinstance(instrument, OptionContract) and instrument.right is Right.CALL
    if is_call and isinstance(instrument, OptionContract) and instrument.underlying == symbol:
        return instrument.multiplier
    return ZERO
