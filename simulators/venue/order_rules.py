"""The rules about kinds of orders: types, times in force, fractions, exits. Pure: raises a Refusal.

Rules: Alpaca's documents on orders, on extended hours, on fractional trading and on options. What
they don't say in so many words is what its users were told by its errors.
"""

from datetime import datetime, time, timedelta
from decimal import Decimal

from simulators.venue import refusals
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Equity, Instrument, OptionContract
from simulators.venue.orders import (
    Exits,
    NewOrder,
    Order,
    OrderClass,
    OrderType,
    PositionIntent,
    Side,
    TimeInForce,
)
from simulators.venue.quotes import Quote

_CENT = Decimal("0.01")
_DOLLAR = Decimal(1)
_COMPLEX = (OrderClass.BRACKET, OrderClass.OCO, OrderClass.OTO)
_RESTING = (TimeInForce.DAY, TimeInForce.GTC)
_PLAIN = (OrderType.MARKET, OrderType.LIMIT)
_EVENING = time(19, 0)
_LAST_ENTRY = {TimeInForce.OPG: time(9, 28), TimeInForce.CLS: time(15, 50)}
_CLOSING_ONLY = timedelta(minutes=30)


def check_kind(asked: NewOrder, instrument: Instrument, at: datetime) -> None:
    """Whether there are such orders for such an instrument at that time."""
    if isinstance(instrument, OptionContract):
        _check_option(asked)
    else:
        _check_share(asked, instrument, at)
    if asked.order_class in _COMPLEX:
        _check_complex(asked)


def _check_option(asked: NewOrder) -> None:
    if asked.order_class in _COMPLEX:
        raise refusals.BadOrder("complex orders not supported for options trading")
    if asked.notional is not None:
        raise refusals.BadOrder("notional orders are not supported for options trading")
    if asked.extended_hours:
        raise refusals.BadOrder("extended hours is not supported for options trading")
    if asked.order_type is OrderType.TRAILING_STOP:
        raise refusals.BadOrder("invalid order type for options trading")
    if asked.time_in_force not in _RESTING:
        raise refusals.BadOrder("order_time_in_force provided not supported for options trading")


def _check_share(asked: NewOrder, equity: Equity, at: datetime) -> None:
    force = asked.time_in_force
    is_day_limit = asked.order_type is OrderType.LIMIT and force is TimeInForce.DAY
    if asked.extended_hours and (asked.order_class in _COMPLEX or not is_day_limit):
        raise refusals.BadOrder("extended hours order must be DAY limit orders")
    if force in _LAST_ENTRY:
        _check_auction(asked, at)
    if force in (TimeInForce.IOC, TimeInForce.FOK) and asked.order_type not in _PLAIN:
        raise refusals.BadOrder(f"{force.value} orders must be market or limit orders")
    if asked.notional is not None or asked.order_qty % 1:
        _check_fraction(asked)


def _check_auction(asked: NewOrder, at: datetime) -> None:
    force = asked.time_in_force
    if asked.order_type not in _PLAIN:
        raise refusals.BadOrder(f"{force.value} orders must be market or limit orders")
    local = at.astimezone(calendar.NEW_YORK)
    if calendar.session_on(local.date()) is None:
        return
    if _LAST_ENTRY[force] <= local.time() < _EVENING:
        last = _LAST_ENTRY[force].strftime("%H:%M")
        raise refusals.BadOrder(
            f"{force.value} orders are not accepted between {last} and 19:00 New York time"
        )


def _check_fraction(asked: NewOrder) -> None:
    if asked.order_type is OrderType.TRAILING_STOP:
        raise refusals.BadOrder("fractional orders must not be trailing stop orders")
    if asked.time_in_force is not TimeInForce.DAY:
        raise refusals.BadTimeInForce("fractional orders must be DAY orders")
    if asked.order_class in _COMPLEX:
        raise refusals.BadOrder("fractional orders must be simple orders")


def _check_complex(asked: NewOrder) -> None:
    name = asked.order_class.value
    if asked.time_in_force not in _RESTING:
        raise refusals.BadOrder(f"{name} orders must be DAY or GTC orders")


def check_opening(asked: NewOrder, instrument: Instrument, intent: PositionIntent) -> None:
    """What depends on whether the order opens a position or closes one."""
    if asked.order_class in (OrderClass.BRACKET, OrderClass.OTO) and intent.closes:
        raise refusals.BadOrder(f"{asked.order_class.value} orders must be entry orders")
    if asked.order_class is OrderClass.OCO and not intent.closes:
        raise refusals.BadOrder("oco orders must be exit orders")
    if intent.closes:
        return
    if isinstance(instrument, OptionContract):
        if instrument.adjusted:
            raise refusals.NotTradable(instrument.symbol, is_option=True)
    elif intent is PositionIntent.SELL_TO_OPEN:
        if asked.notional is not None or asked.order_qty % 1:
            raise refusals.BadOrder("fractional orders cannot be sold short")
        if not instrument.shortable:
            raise refusals.BadOrder(f'asset "{instrument.symbol}" cannot be sold short')


def check_last_day(contract: OptionContract, intent: PositionIntent, at: datetime) -> None:
    """In its last half hour of trading a contract is only to be closed."""
    if intent.closes:
        return
    if at >= calendar.last_trading(contract.expiry) - _CLOSING_ONLY:
        raise refusals.BadOrder(
            f'contract "{contract.symbol}" expires soon, unable to open new positions'
        )


def check_prices(asked: NewOrder, quote: Quote | None) -> None:
    """Stops that lie on the wrong side of the market, exits on the wrong side of the entry."""
    if asked.exits is not None and asked.order_class in _COMPLEX:
        _check_exits(asked, asked.exits, quote)
    elif asked.stop_price is not None and quote is not None:
        check_stop(asked.side, asked.stop_price, quote)


def check_stop(side: Side, stop_price: Decimal, quote: Quote) -> None:
    """A stop to sell lies below the market, one to buy above it."""
    px = quote.ask if side is Side.BUY else quote.bid
    figures = {"market_price": px, "stop_price": stop_price}
    if side is Side.SELL and stop_price >= px > 0:
        raise refusals.BadOrder("stop price must be less than current price", figures)
    if side is Side.BUY and stop_price <= px:
        raise refusals.BadOrder("stop price must be greater than current price", figures)


def _check_exits(asked: NewOrder, exits: Exits, quote: Quote | None) -> None:
    is_exit = asked.order_class is OrderClass.OCO
    # The exits of a purchase are sales: sign +1 wants the profit above and the loss below.
    sign = -asked.side.sign if is_exit else asked.side.sign
    profit = exits.take_profit
    if is_exit and profit is None:
        profit = asked.limit_price
    base = asked.limit_price if not is_exit else None
    if base is None and quote is not None:
        base = quote.ask if sign > 0 else quote.bid
    _check_order_of_exits(profit, exits.stop_loss, sign)
    if base is None:
        return
    if profit is not None and not is_exit and sign * profit < sign * base + _CENT:
        _refuse_exit("take_profit.limit_price", base, above=sign > 0)
    if exits.stop_loss is not None and sign * exits.stop_loss > sign * base - _CENT:
        _refuse_exit("stop_loss.stop_price", base, above=sign < 0)


def _check_order_of_exits(profit: Decimal | None, loss: Decimal | None, sign: int) -> None:
    if profit is not None and loss is not None and sign * profit <= sign * loss:
        than = ">" if sign > 0 else "<"
        raise refusals.BadOrder(f"take_profit.limit_price must be {than} stop_loss.stop_price")


def _refuse_exit(name: str, base: Decimal, *, above: bool) -> None:
    wanted = ">= base_price + 0.01" if above else "<= base_price - 0.01"
    raise refusals.BadOrder(f"{name} must be {wanted}", {"base_price": base})


def check_minimum(asked: NewOrder, instrument: Instrument, quote: Quote | None) -> None:
    """An order for part of a share is worth at least a dollar."""
    if isinstance(instrument, OptionContract):
        return
    if asked.notional is None and not asked.order_qty % 1:
        return
    cost = asked.notional
    if cost is None:
        px = asked.limit_price or (quote.ask if quote is not None else None)
        cost = asked.order_qty * px if px is not None else _DOLLAR
    if cost < _DOLLAR:
        raise refusals.BelowMinimum(cost, _DOLLAR)


def exit_orders(parent: Order) -> list[NewOrder]:
    """The orders that an entry lets go, or the second exit of an oco."""
    asked, exits = parent.asked, parent.asked.exits
    if exits is None:
        return []
    is_oco = asked.order_class is OrderClass.OCO
    side = asked.side if is_oco else asked.side.opposite
    found: list[tuple[OrderType, Decimal | None, Decimal | None]] = []
    if exits.take_profit is not None and not is_oco:
        found.append((OrderType.LIMIT, exits.take_profit, None))
    if exits.stop_loss is not None:
        limit = exits.stop_loss_limit
        kind = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
        found.append((kind, limit, exits.stop_loss))
    return [
        NewOrder(
            account_id=asked.account_id,
            symbol=asked.symbol,
            side=side,
            order_qty=asked.order_qty,
            order_type=kind,
            time_in_force=asked.time_in_force,
            limit_price=limit,
            stop_price=stop,
            order_class=asked.order_class,
            by_hand=asked.by_hand,
        )
        for kind, limit, stop in found
    ]
