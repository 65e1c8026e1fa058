"""The checks before a multi-leg order is taken. Pure: raises a Refusal.

Rules: Alpaca's documents on options of level 3: two to four legs of one underlying, ratios without
a common divisor, every short leg covered inside the order, market or limit.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from math import gcd

from simulators.venue import checks, order_rules, refusals
from simulators.venue import trading_calendar as calendar
from simulators.venue.accounts import Account
from simulators.venue.instruments import Catalog, OptionContract, Right
from simulators.venue.orders import NewLeg, NewOrder, Order, OrderType, PositionIntent, TimeInForce
from simulators.venue.quotes import QuoteBook
from simulators.venue.reservations import (
    collateral_of,
    combo_need,
    held_of_position,
    means_of,
)
from simulators.venue.spreads import cover_of

_LEVEL = 3
_CENT = Decimal("0.01")
_UNCOVERED = "account not eligible to trade uncovered option contracts"


def contract_of(leg: NewLeg, catalog: Catalog) -> OptionContract:
    """The contract of a leg; raises NotListed, or BadOrder for a share."""
    instrument = catalog.get(leg.symbol)
    if not isinstance(instrument, OptionContract):
        raise refusals.BadOrder(
            "equity legs are allowed only with a corresponding amount of call contracts"
        )
    return instrument


def with_intents(asked: NewOrder, account: Account, orders: Sequence[Order]) -> NewOrder:
    """The order with what each leg does: it closes what is held and free, else it opens."""

    def intent_of(leg: NewLeg) -> PositionIntent:
        side, held = leg.position_intent.side, account.position_qty(leg.symbol)
        free = abs(held) - held_of_position(account, leg.symbol, orders)
        closes = held * side.sign < 0 and free >= asked.order_qty * leg.ratio_qty
        return PositionIntent(f"{side.value}_to_{'close' if closes else 'open'}")

    return replace(
        asked, legs=tuple(replace(leg, position_intent=intent_of(leg)) for leg in asked.legs)
    )


def check_form(asked: NewOrder, at: datetime, *, strictly: bool = True) -> None:
    """The figures of the order and of its legs.

    Args:
        strictly: False lets it be immediate, and a market order before the open.
    """
    resting = (TimeInForce.DAY, TimeInForce.GTC)
    immediate = () if strictly else (TimeInForce.IOC, TimeInForce.FOK)
    if asked.time_in_force not in (*resting, *immediate):
        raise refusals.BadOrder("invalid time in force")
    if asked.order_qty <= 0:
        raise refusals.BadQuantity("qty must be > 0")
    if asked.order_qty % 1:
        raise refusals.BadQuantity("qty must be integer for options trading")
    if asked.limit_price is not None and asked.limit_price % _CENT:
        raise refusals.BadPrice(
            asked.limit_price,
            f"invalid limit_price {asked.limit_price}. sub-penny increment does not fulfill "
            "minimum pricing criteria",
        )
    divisor = gcd(*(int(leg.ratio_qty) for leg in asked.legs))
    if divisor != 1:
        raise refusals.BadOrder("the greatest common divisor of the legs' ratio_qty must be 1")
    for leg in asked.legs:
        _check_contract(leg, asked, at, strictly=strictly)


def _check_contract(leg: NewLeg, asked: NewOrder, at: datetime, *, strictly: bool) -> None:
    contract, first = leg.contract, asked.legs[0].contract
    assert contract is not None
    assert first is not None
    if at >= calendar.last_trading(contract.expiry):
        raise refusals.ContractExpired(contract.symbol)
    if not contract.tradable:
        raise refusals.NotTradable(contract.symbol, is_option=True)
    if contract.underlying != first.underlying:
        raise refusals.BadOrder(
            f"underlying asset mismatch: {contract.underlying} != {first.underlying}"
        )
    order_rules.check_opening(asked, contract, leg.position_intent)
    if strictly and asked.order_type is OrderType.MARKET and calendar.session_at(at) is None:
        raise refusals.MarketClosed("options market orders are only allowed during market hours")


def check_positions(
    asked: NewOrder, account: Account, orders: Sequence[Order], *, strictly: bool = True
) -> None:
    """What is closed must be there; what is opened must not close something instead.

    Args:
        strictly: False lets a leg open against a holding that is too small for it.
    """
    for leg in asked.legs:
        held = account.position_qty(leg.symbol)
        intent = leg.position_intent
        against = held < 0 if intent is PositionIntent.BUY_TO_OPEN else held > 0
        if strictly and not intent.closes and against:
            inferred = PositionIntent(f"{intent.side.value}_to_close")
            raise refusals.IntentMismatch(inferred.value, intent.value)
        if intent.closes:
            is_short = intent is PositionIntent.BUY_TO_CLOSE
            if (held < 0) is not is_short or not held:
                inferred = PositionIntent(f"{intent.side.value}_to_open")
                raise refusals.IntentMismatch(inferred.value, intent.value)
            checks.check_holding(leg.symbol, asked.order_qty * leg.ratio_qty, account, orders)


def check_means(
    asked: NewOrder,
    account: Account,
    orders: Sequence[Order],
    quotes: QuoteBook,
    *,
    strictly: bool = True,
) -> None:
    """The options level, cover inside the order, and money for what it can lose.

    Args:
        strictly: False lets shares cover calls, and cash all that puts can lose.
    """
    if account.options_level < _LEVEL:
        raise refusals.NotEligible("account not eligible to trade spreads or uncovered contracts")
    opened = [
        (leg.contract, leg.position_intent.side.sign * leg.ratio_qty)
        for leg in asked.legs
        if leg.contract is not None and not leg.position_intent.closes
    ]
    for contract, short in cover_of(opened).uncovered:
        if strictly or not _is_covered(contract, -short * asked.order_qty, account, orders):
            raise refusals.NotEligible(_UNCOVERED)
    closed = {
        leg.symbol: leg.position_intent.side.sign * leg.ratio_qty * asked.order_qty
        for leg in asked.legs
        if leg.position_intent.closes
    }
    freed = collateral_of(account) - collateral_of(account, closed)
    required = asked.order_qty * combo_need(asked, quotes)
    available = means_of(account, orders, quotes).options_buying_power + freed
    if required > available:
        raise refusals.InsufficientOptionsBuyingPower(required, available)


def _is_covered(
    contract: OptionContract, qty: Decimal, account: Account, orders: Sequence[Order]
) -> bool:
    """Whether shares cover short calls; short puts need money, which is looked at apart."""
    if contract.right is Right.PUT:
        return True
    shares = account.position_qty(contract.underlying)
    free = shares - held_of_position(account, contract.underlying, orders)
    return free >= qty * contract.multiplier
