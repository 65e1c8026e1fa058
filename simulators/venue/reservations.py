"""What an account's positions and open orders hold back. Pure: reads, changes nothing.

A short put holds strike × multiplier in cash, a short call holds the shares; an open order holds
what it would need if it filled now, so that two orders can't be secured by the same money. Orders
of which only one can fill (two exits, an order and what replaces it) hold what the larger needs.
From options level 3 on a short contract with a long one as its cover holds the distance between
their strikes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulators.venue.accounts import Account, Position
from simulators.venue.instruments import Equity, OptionContract, Right
from simulators.venue.orders import NewOrder, Order, OrderStatus, PositionIntent, Side
from simulators.venue.quotes import QuoteBook
from simulators.venue.spreads import Cover, Holding, cover_of, largest_loss

_OPENS_SHORT = PositionIntent.SELL_TO_OPEN
_SPREADS_FROM_LEVEL = 3
_NO_CHANGES: Mapping[str, Decimal] = {}
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
    """The price to reckon with: limit or stop, for a market order the side it would trade at."""
    return asked_price(order.asked, quotes)


def asked_price(asked: NewOrder, quotes: QuoteBook) -> Decimal:
    """The same for an order that isn't taken yet."""
    for price in (asked.limit_price, asked.stop_price):
        if price is not None:
            return price
    quote = quotes.find(asked.symbol)
    if quote is None:
        return ZERO
    return quote.ask if asked.side is Side.BUY else quote.bid


def combo_price(asked: NewOrder, quotes: QuoteBook) -> Decimal:
    """What one unit of a multi-leg order costs for each share: its limit, or as quoted."""
    if asked.limit_price is not None:
        return asked.limit_price
    net = ZERO
    for leg in asked.legs:
        quote, side = quotes.find(leg.symbol), leg.position_intent.side
        if quote is not None:
            px = quote.ask if side is Side.BUY else quote.bid
            net += side.sign * leg.ratio_qty * px
    return net


def combo_need(asked: NewOrder, quotes: QuoteBook) -> Decimal:
    """The cash that one unit of a multi-leg order needs: what it costs and can lose beyond that."""
    contracts = [leg.contract for leg in asked.legs if leg.contract is not None]
    opened: list[Holding] = [
        (leg.contract, leg.position_intent.side.sign * leg.ratio_qty)
        for leg in asked.legs
        if leg.contract is not None and not leg.position_intent.closes
    ]
    lost = largest_loss(opened) if opened else ZERO
    multiplier = contracts[0].multiplier if contracts else ZERO
    return max(ZERO, lost + combo_price(asked, quotes) * multiplier)


def sum_by_claim(orders: Iterable[Order], amount: Callable[[Order], Decimal]) -> Decimal:
    """The amounts of all orders; of those with the same claim only the largest counts."""
    largest: dict[str, Decimal] = {}
    for order in orders:
        if order.status is not OrderStatus.HELD:
            largest[order.claim] = max(largest.get(order.claim, ZERO), amount(order))
    return sum(largest.values(), ZERO)


def cash_held_by(order: Order, quotes: QuoteBook) -> Decimal:
    """The cash that an open option order holds back (orders for shares use buying power)."""
    instrument = order.instrument
    if order.is_combo:
        return order.leaves_qty * combo_need(order.asked, quotes)
    if not isinstance(instrument, OptionContract) or order.is_combo_leg:
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
    collateral = collateral_of(account)
    open_orders = list(orders)
    held = sum_by_claim(open_orders, lambda order: cash_held_by(order, quotes))
    share_orders = sum_by_claim(open_orders, lambda order: _order_value(order, quotes))
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


def cover_in(account: Account, changes: Mapping[str, Decimal] = _NO_CHANGES) -> Cover:
    """How the account's short contracts are covered by its long ones.

    Args:
        changes: What is added to positions first, by symbol; to those that there are.
    """
    holdings = [
        (p.instrument, p.qty + changes.get(symbol, ZERO))
        for symbol, p in account.positions.items()
        if isinstance(p.instrument, OptionContract)
    ]
    return cover_of(holdings, pairs=account.options_level >= _SPREADS_FROM_LEVEL)


def collateral_of(account: Account, changes: Mapping[str, Decimal] = _NO_CHANGES) -> Decimal:
    """The cash that secures the account's short contracts; `changes` as in `cover_in`."""
    cover = cover_in(account, changes)
    puts = (
        put_collateral(contract, -short)
        for contract, short in cover.uncovered
        if contract.right is Right.PUT
    )
    return cover.at_risk + sum(puts, ZERO)


def held_of_position(account: Account, symbol: str, orders: Iterable[Order]) -> Decimal:
    """How much of a holding (a positive number) closing orders and covered calls hold back."""

    def held_by(order: Order) -> Decimal:
        closing = order.leaves_qty if order.symbol == symbol and _closes(order) else ZERO
        return closing + _cover(order.instrument, symbol) * _sold_to_open(order)

    held = sum_by_claim(orders, held_by)
    if account.position_qty(symbol) > 0:
        for contract, short in cover_in(account).uncovered:
            held += _cover(contract, symbol) * -short
    return held


def _closes(order: Order) -> bool:
    return order.position_intent.closes and not order.is_combo


def _sold_to_open(order: Order) -> Decimal:
    opens = order.position_intent is _OPENS_SHORT and not order.is_combo_leg and not order.is_combo
    return order.leaves_qty if opens else ZERO


def _cover(instrument: object, symbol: str) -> Decimal:
    """How many shares of `symbol` one short contract of `instrument` needs as cover."""
    is_call = isinstance(instrument, OptionContract) and instrument.right is Right.CALL
    if is_call and isinstance(instrument, OptionContract) and instrument.underlying == symbol:
        return instrument.multiplier
    return ZERO
