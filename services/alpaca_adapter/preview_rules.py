"""What an order would cost and bind, and what Alpaca would object to: pure, and estimates only.

Alpaca has no preview. The rules here are its published ones in their simplest form; it may ask for
more, or for less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from services.common.domain.amounts import add, mul, sub, total
from services.common.domain.executions import Side
from services.common.domain.instruments import (
    Equity,
    Instrument,
    OptionContract,
    OptionRight,
    multiplier_of,
)
from services.common.domain.market import Quote
from services.common.domain.occ import guess_underlying
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    OrderLeg,
    OrderType,
    TimeInForce,
)
from services.common.domain.reports import Balance

ZERO: Final = Decimal(0)
_OPTION_TIMES: Final = frozenset({TimeInForce.DAY, TimeInForce.GTC})

Quotes = Mapping[str, Quote]
"""Quotes by the key of their instrument."""


def instruments_of(spec: OrderSpec) -> tuple[Instrument, ...]:
    """What has to be quoted to price the order."""
    if isinstance(spec.instrument, OptionCombo):
        return tuple(leg.contract for leg in spec.instrument.legs)
    return (spec.instrument,)


def unit_price(spec: OrderSpec, quotes: Quotes) -> Decimal | None:
    """The price of one unit by the order's own terms, else by the quotes; None without either."""
    if spec.limit_price is not None:
        return spec.limit_price
    if spec.stop_price is not None:
        return spec.stop_price
    if not isinstance(spec.instrument, OptionCombo):
        return _quoted(spec.instrument, spec.side, quotes)
    net = ZERO
    for leg in spec.instrument.legs:
        price = _quoted(leg.contract, leg.side, quotes)
        if price is None:
            return None
        net = add(net, mul(Decimal(leg.side.sign * leg.ratio_qty), price))
    return net


def cash_effect(spec: OrderSpec, price: Decimal | None) -> Decimal | None:
    """Change of cash if all of it fills at `price`; negative is paid, None if not known."""
    if spec.notional is not None:
        return mul(Decimal(-spec.side.sign), spec.notional.amount)
    if price is None:
        return None
    units = mul(spec.order_qty, multiplier_of(instruments_of(spec)[0]))
    return mul(Decimal(-spec.side.sign), mul(units, price))


def collateral(spec: OrderSpec) -> Decimal | None:
    """What short options bind: the strike behind a put, the worst end of a spread, else 0.

    None if it has no bound. A call is covered by shares, which is another matter.
    """
    if isinstance(spec.instrument, OptionCombo):
        return _worst(spec.instrument.legs, spec.order_qty)
    contract, intent = spec.instrument, spec.position_intent
    if not isinstance(contract, OptionContract) or intent is None or not intent.opens:
        return ZERO
    if spec.side is Side.BUY or contract.right is OptionRight.CALL:
        return ZERO
    return mul(mul(contract.strike, contract.multiplier), spec.order_qty)


def bound(spec: OrderSpec, cash: Decimal | None) -> Decimal | None:
    """How much buying power the order takes: what it pays, and what it binds beside that."""
    held = collateral(spec)
    if cash is None or held is None:
        return None
    if isinstance(spec.instrument, OptionCombo):
        # What a spread pays is lost at worst on top of its worst end, and a credit softens that.
        return max(sub(held, cash), -cash, ZERO)
    return add(max(-cash, ZERO), held)


def objections(
    spec: OrderSpec, balance: Balance, held: Mapping[str, Decimal], *, is_open: bool
) -> list[str]:
    """What Alpaca would refuse the order for, as far as that can be told beforehand."""
    found = []
    if balance.trading_blocked or balance.account_blocked or balance.suspended_by_user:
        found.append("the account must not trade now")
    needed = _level(spec)
    if balance.options_level is not None and balance.options_level < needed:
        found.append(f"options level {needed} is needed, the account has {balance.options_level}")
    options = not isinstance(spec.instrument, Equity)
    if not is_open and options and spec.order_type is OrderType.MARKET:
        found.append("the market is closed, and takes no market orders for options")
    elif not is_open:
        found.append("the market is closed: the order waits for its opening")
    if options and spec.time_in_force not in _OPTION_TIMES:
        found.append("options are taken for the day or till canceled only")
    return found + _too_little_held(spec, held)


def _too_little_held(spec: OrderSpec, held: Mapping[str, Decimal]) -> list[str]:
    contract, intent = spec.instrument, spec.position_intent
    if isinstance(contract, OptionCombo) or intent is None:
        return []
    if not intent.opens:
        have = mul(held.get(contract.key, ZERO), Decimal(-spec.side.sign))
        return (
            [] if have >= spec.order_qty else [f"{max(have, ZERO)} are held, not enough to close"]
        )
    if not isinstance(contract, OptionContract) or spec.side is Side.BUY:
        return []
    underlying = contract.underlying or guess_underlying(contract.root)
    if contract.right is OptionRight.CALL and underlying is not None:
        shares = mul(contract.multiplier, spec.order_qty)
        have = held.get(Equity(underlying).key, ZERO)
        if have < shares:
            return [f"a call that is sold needs {shares} shares behind it, {have} are held"]
    return []


def _level(spec: OrderSpec) -> int:
    """Alpaca's options level that the order needs; 0 for shares and for closing."""
    if spec.order_class is OrderClass.MULTI_LEG:
        return 3
    intent = spec.position_intent
    if isinstance(spec.instrument, Equity) or intent is None or not intent.opens:
        return 0
    return 2 if spec.side is Side.BUY else 1


def _quoted(instrument: Instrument, side: Side, quotes: Quotes) -> Decimal | None:
    quote = quotes.get(instrument.key)
    if quote is None:
        return None
    return quote.ask_price if side is Side.BUY else quote.bid_price


def _worst(legs: Iterable[OrderLeg], units: Decimal) -> Decimal | None:
    """The largest loss at expiry, prices paid left out; None if there is no largest.

    Piecewise linear, so the worst is at a strike, at zero, or far above all strikes.
    """
    opening = [leg for leg in legs if leg.position_intent.opens]
    calls = [leg for leg in opening if leg.contract.right is OptionRight.CALL]
    if sum(leg.side.sign * leg.ratio_qty for leg in calls) < 0:
        return None
    ends = [ZERO, *(leg.contract.strike for leg in opening)]
    worst = min(total(_value(leg, end) for leg in opening) for end in ends)
    return mul(max(-worst, ZERO), units)


def _value(leg: OrderLeg, price: Decimal) -> Decimal:
    contract = leg.contract
    if contract.right is OptionRight.CALL:
        inner = max(sub(price, contract.strike), ZERO)
    else:
        inner = max(sub(contract.strike, price), ZERO)
    return mul(Decimal(leg.side.sign * leg.ratio_qty), mul(inner, contract.multiplier))
