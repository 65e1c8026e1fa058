"""The checks before an order is taken. Pure: raises a Refusal, or returns the position intent.

Rules: Alpaca's documents for options trading (levels, cover, cash security), for crossing zero and
for wash trades. What not every broker has is switched in the venue's settings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from simulators.venue import order_rules, refusals
from simulators.venue import trading_calendar as calendar
from simulators.venue.accounts import Account
from simulators.venue.instruments import Instrument, OptionContract, Right
from simulators.venue.orders import (
    Exits,
    NewOrder,
    Order,
    OrderClass,
    OrderStatus,
    OrderType,
    PositionIntent,
    Side,
)
from simulators.venue.quotes import QuoteBook
from simulators.venue.reservations import (
    asked_price,
    collateral_of,
    cover_in,
    held_of_position,
    means_of,
    put_collateral,
)

ZERO = Decimal(0)
_COMPLEX = (OrderClass.BRACKET, OrderClass.OCO, OrderClass.OTO, OrderClass.MLEG)
_LONGS_FROM_LEVEL = 2
_SPREADS_FROM_LEVEL = 3
_UNCOVERED = "account not eligible to trade uncovered option contracts"


def check_form(
    asked: NewOrder, instrument: Instrument, at: datetime, *, strictly: bool = True
) -> None:
    """The figures of the order itself and whether its instrument trades.

    Args:
        strictly: False leaves out which kinds of orders there are for which instrument.
    """
    is_option = isinstance(instrument, OptionContract)
    if isinstance(instrument, OptionContract) and at >= calendar.last_trading(instrument.expiry):
        raise refusals.ContractExpired(instrument.symbol)
    if not instrument.tradable:
        raise refusals.NotTradable(instrument.symbol, is_option)
    if asked.order_qty <= 0 and asked.notional is None:
        raise refusals.BadQuantity("qty must be > 0")
    if is_option and asked.order_qty % 1 and asked.notional is None:
        raise refusals.BadQuantity("qty must be integer for options trading")
    if strictly:
        order_rules.check_kind(asked, instrument, at)
    exits = asked.exits or Exits()
    for name, price in (
        ("limit_price", asked.limit_price),
        ("stop_price", asked.stop_price),
        ("take_profit.limit_price", exits.take_profit),
        ("stop_loss.stop_price", exits.stop_loss),
        ("stop_loss.limit_price", exits.stop_loss_limit),
    ):
        if price is not None:
            check_price(price, instrument, name)


def check_market_order(asked: NewOrder, instrument: Instrument, at: datetime) -> None:
    """Options take no market order while the market is closed."""
    if not isinstance(instrument, OptionContract) or asked.order_type is not OrderType.MARKET:
        return
    if calendar.session_at(at) is None:
        raise refusals.MarketClosed("options market orders are only allowed during market hours")


def check_price(price: Decimal, instrument: Instrument, name: str = "limit_price") -> None:
    """A price is positive and a whole number of ticks."""
    if price <= 0:
        raise refusals.BadPrice(price, f"{name.replace('_', ' ')} must be > 0")
    if price % instrument.tick(price):
        raise refusals.BadPrice(
            price,
            f"invalid {name} {price}. sub-penny increment does not fulfill minimum "
            "pricing criteria",
        )


def check_account(account: Account) -> None:
    """A blocked account takes no order."""
    for flag in ("account_blocked", "trading_blocked", "trade_suspended"):
        if getattr(account, flag):
            raise refusals.AccountBlocked(flag)


def infer_intent(asked: NewOrder, account: Account) -> PositionIntent:
    """What the order does to the position held now.

    Raises:
        IntentMismatch: The order says something else.
    """
    held = account.position_qty(asked.symbol)
    if asked.side is Side.BUY:
        inferred = PositionIntent.BUY_TO_CLOSE if held < 0 else PositionIntent.BUY_TO_OPEN
    else:
        inferred = PositionIntent.SELL_TO_CLOSE if held > 0 else PositionIntent.SELL_TO_OPEN
    if asked.position_intent not in (None, inferred):
        assert asked.position_intent is not None
        raise refusals.IntentMismatch(inferred.value, asked.position_intent.value)
    return inferred


_OPENS = {
    PositionIntent.SELL_TO_CLOSE: PositionIntent.SELL_TO_OPEN,
    PositionIntent.BUY_TO_CLOSE: PositionIntent.BUY_TO_OPEN,
}


def split_at_zero(
    asked: NewOrder, intent: PositionIntent, account: Account, orders: Sequence[Order]
) -> tuple[PositionIntent, NewOrder]:
    """What an order that may cross zero does, and the part of it for which means are needed.

    One that goes beyond what is held and free counts as opening: what it needs is what it opens.
    Until it has ended, all of its open quantity is secured as opening, which is the safe side.
    """
    if intent not in _OPENS:
        return intent, asked
    held = abs(account.position_qty(asked.symbol))
    free = max(ZERO, held - held_of_position(account, asked.symbol, orders))
    if asked.order_qty <= free:
        return intent, asked
    return _OPENS[intent], replace(asked, order_qty=asked.order_qty - free)


def check_wash_trade(asked: NewOrder, orders: Iterable[Order]) -> None:
    """An order may not be able to trade with an open order of the same account.

    Complex orders are the way out that the refusal names: their exits never work against their
    entry, so they pass, and exits that are still held are in nobody's way.
    """
    if asked.order_class in _COMPLEX:
        return
    for order in orders:
        if order.symbol != asked.symbol or order.side is asked.side or order.is_combo_leg:
            continue
        if order.status is not OrderStatus.HELD and _could_trade(asked, order):
            kind = "limit" if order.asked.order_type is OrderType.LIMIT else "market/stop"
            raise refusals.WashTrade(order.venue_order_id, f"opposite side {kind} order exists")


def _could_trade(asked: NewOrder, order: Order) -> bool:
    if asked.order_type is not OrderType.LIMIT or order.asked.order_type is not OrderType.LIMIT:
        return True
    assert asked.limit_price is not None
    assert order.limit_price is not None
    if asked.side is Side.BUY:
        return asked.limit_price >= order.limit_price
    return asked.limit_price <= order.limit_price


def check_means(
    asked: NewOrder,
    instrument: Instrument,
    intent: PositionIntent,
    account: Account,
    orders: Sequence[Order],
    quotes: QuoteBook,
) -> None:
    """Money, shares and permission for what the order would do if it filled."""
    if intent in (PositionIntent.SELL_TO_CLOSE, PositionIntent.BUY_TO_CLOSE):
        check_holding(asked.symbol, asked.order_qty, account, orders)
        if intent is PositionIntent.BUY_TO_CLOSE:
            _check_buy_back(asked, instrument, account, orders, quotes)
        elif isinstance(instrument, OptionContract):
            _check_cover_stays(asked, account, orders, quotes)
    elif isinstance(instrument, OptionContract):
        _check_option_opening(asked, instrument, intent, account, orders, quotes)
    else:
        _check_share_opening(asked, intent, account, orders, quotes)


def check_holding(
    symbol: str, order_qty: Decimal, account: Account, orders: Sequence[Order]
) -> None:
    """Whether so much of the position is there and not held by other orders."""
    existing = account.position_qty(symbol)
    held = held_of_position(account, symbol, orders)
    available = max(ZERO, abs(existing) - held)
    if order_qty > available:
        raise refusals.InsufficientQuantity(symbol, order_qty, available, existing, held)


def _check_cover_stays(
    asked: NewOrder, account: Account, orders: Sequence[Order], quotes: QuoteBook
) -> None:
    """A long contract that covers a short one is sold only if something else secures that one."""
    if account.options_level < _SPREADS_FROM_LEVEL:
        return
    sold = {asked.symbol: -asked.order_qty}
    more = collateral_of(account, sold) - collateral_of(account)
    available = means_of(account, orders, quotes).options_buying_power
    if more > available:
        raise refusals.InsufficientOptionsBuyingPower(more, available)
    for contract, short in cover_in(account, sold).uncovered:
        if contract.right is Right.CALL:
            shares = account.position_qty(contract.underlying)
            if -short * contract.multiplier > shares:
                raise refusals.NotEligible(_UNCOVERED)


def _check_buy_back(
    asked: NewOrder,
    instrument: Instrument,
    account: Account,
    orders: Sequence[Order],
    quotes: QuoteBook,
) -> None:
    """Buying back frees what secured the short position, so that counts as available."""
    if not isinstance(instrument, OptionContract):
        return
    cost = asked.order_qty * asked_price(asked, quotes) * instrument.multiplier
    available = means_of(account, orders, quotes).options_buying_power
    if instrument.right is Right.PUT:
        available += put_collateral(instrument, asked.order_qty)
    if cost > available:
        raise refusals.InsufficientOptionsBuyingPower(cost, available)


def _check_option_opening(
    asked: NewOrder,
    contract: OptionContract,
    intent: PositionIntent,
    account: Account,
    orders: Sequence[Order],
    quotes: QuoteBook,
) -> None:
    is_long = intent is PositionIntent.BUY_TO_OPEN
    if account.options_level < 1:
        raise refusals.NotEligible("account not authorized to trade options")
    if is_long and account.options_level < _LONGS_FROM_LEVEL:
        raise refusals.NotEligible("account not eligible to trade long option contracts")
    if is_long:
        required = asked.order_qty * asked_price(asked, quotes) * contract.multiplier
    elif contract.right is Right.PUT:
        required = put_collateral(contract, asked.order_qty)
    else:
        _check_cover(asked, contract, account, orders)
        return
    available = means_of(account, orders, quotes).options_buying_power
    if required > available:
        raise refusals.InsufficientOptionsBuyingPower(required, available)


def _check_cover(
    asked: NewOrder, contract: OptionContract, account: Account, orders: Sequence[Order]
) -> None:
    shares = account.position_qty(contract.underlying)
    free = shares - held_of_position(account, contract.underlying, orders)
    if asked.order_qty * contract.multiplier > free:
        raise refusals.NotEligible(_UNCOVERED)


def _check_share_opening(
    asked: NewOrder,
    intent: PositionIntent,
    account: Account,
    orders: Sequence[Order],
    quotes: QuoteBook,
) -> None:
    if intent is PositionIntent.SELL_TO_OPEN and not account.shorting_enabled:
        raise refusals.InsufficientQuantity(asked.symbol, asked.order_qty, ZERO, ZERO, ZERO)
    required = asked.order_qty * asked_price(asked, quotes)
    available = means_of(account, orders, quotes).buying_power
    if required > available:
        raise refusals.InsufficientBuyingPower(required, available)
