"""What the soak's trader asks for: a table of kinds of orders, each made from seed and market.

A new kind is a function and a line in `MIX`. Figures are plausible, not always right: an order
that Alpaca refuses is a case as well.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from services.common.domain.amounts import Money
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.occ import parse_occ
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    OrderLeg,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
)

Terms = dict[str, Any]
"""An order's terms as `OrderSpec` takes them, all but its client_order_id."""

SHARES: Final = ("SPY", "QQQ", "AAPL")
OPTIONS: Final = (
    "SPY241115P00395000",
    "SPY241115P00400000",
    "SPY241115C00400000",
    "SPY241220P00390000",
    "QQQ241115P00350000",
    "QQQ241122C00350000",
    "AAPL241115P00220000",
    "AAPL241115C00225000",
    "SPY241122P00395000",
    "SPY241122C00405000",
    "QQQ241129P00345000",
)
_SPREADS: Final = (
    ("SPY241220P00380000", "SPY241220P00375000"),
    ("SPY241122C00415000", "SPY241122C00420000"),
    ("QQQ241129P00335000", "QQQ241129P00330000"),
)
_CENT: Final = Decimal("0.01")
_HELD_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Desk:
    """What the trader sees: `quote` gives bid and ask of a symbol, `held` what is held of it.

    `open_sides` are those of the open orders for it: BUY, SELL.
    """

    rng: random.Random
    quote: Callable[[str], tuple[Decimal, Decimal] | None]
    held: Callable[[str], Decimal]
    open_sides: Callable[[str], set[str]]

    def side(self, symbol: str) -> Side:
        """Mostly that of the open orders, which else would be a wash trade; else by what is held.

        It tends towards a small long position.
        """
        held, sides = self.held(symbol), self.open_sides(symbol)
        if len(sides) == 1 and self.rng.random() < 0.85:
            return Side[min(sides)]
        if held > _HELD_MAX:
            return Side.SELL
        if held < 20:
            return Side.BUY if self.rng.random() < 0.85 else Side.SELL
        return self.rng.choice((Side.BUY, Side.SELL))

    def near(self, symbol: str, cents: int) -> Decimal:
        """A price so many cents above (below) the middle of the market, at least one cent."""
        quote = self.quote(symbol)
        middle = (quote[0] + quote[1]) / 2 if quote is not None else Decimal(100)
        price = (middle + cents * _CENT).quantize(_CENT, ROUND_HALF_UP)
        return max(price, _CENT)


def _share(desk: Desk, **terms: Any) -> Terms:
    symbol = desk.rng.choice(SHARES)
    return {
        "instrument": Equity(symbol),
        "side": desk.side(symbol),
        "order_qty": Decimal(desk.rng.randint(1, 20)),
        "order_type": OrderType.MARKET,
        "time_in_force": TimeInForce.DAY,
        **terms,
    }


def _limited(desk: Desk, terms: Terms, cents: tuple[int, int]) -> Terms:
    """With a limit so many cents on the side that trades (negative: that waits)."""
    cents_away = desk.rng.randint(*cents) * terms["side"].sign
    symbol = terms["instrument"].symbol
    return {
        **terms,
        "order_type": OrderType.LIMIT,
        "limit_price": desk.near(symbol, cents_away),
    }


def _stop(desk: Desk, **terms: Any) -> Terms:
    made = _share(desk, order_type=OrderType.STOP, **terms)
    sign, symbol = made["side"].sign, made["instrument"].symbol
    away = desk.rng.randint(10, 120)
    made["stop_price"] = desk.near(symbol, sign * away)
    if made["order_type"] is OrderType.STOP and desk.rng.random() < 0.5:
        made["order_type"] = OrderType.STOP_LIMIT
        made["limit_price"] = desk.near(symbol, sign * (away + 30))
    return made


def _trailing(desk: Desk) -> Terms:
    trail: Terms = (
        {"trail_amount": Decimal(desk.rng.randint(2, 20)) / 10}
        if desk.rng.random() < 0.5
        else {"trail_percent": Decimal(desk.rng.randint(1, 10)) / 10}
    )
    force = desk.rng.choice((TimeInForce.DAY, TimeInForce.GTC))
    return _share(desk, order_type=OrderType.TRAILING_STOP, time_in_force=force, **trail)


def _immediate(desk: Desk) -> Terms:
    force = desk.rng.choice((TimeInForce.IOC, TimeInForce.FOK))
    return _limited(desk, _share(desk, time_in_force=force), (-20, 20))


def _auction(desk: Desk) -> Terms:
    return _share(desk, time_in_force=desk.rng.choice((TimeInForce.OPG, TimeInForce.CLS)))


def _extended(desk: Desk) -> Terms:
    return _limited(desk, _share(desk, extended_hours=True), (-30, 10))


def _fraction(desk: Desk) -> Terms:
    terms = _share(desk, order_qty=Decimal(desk.rng.randint(1, 5000)) / 1000)
    return terms if desk.rng.random() < 0.5 else _limited(desk, terms, (-20, 20))


def _notional(desk: Desk) -> Terms:
    amount = Decimal(desk.rng.randint(100, 300_000)) / 100
    return _share(desk, order_qty=Decimal(0), notional=Money(amount, "USD"))


def _composed(desk: Desk) -> Terms:
    """A bracket, an oto, or (with a position to protect) an oco."""
    terms = _share(desk)
    symbol = terms["instrument"].symbol
    kind = desk.rng.choice((OrderClass.BRACKET, OrderClass.OTO, OrderClass.OCO))
    force = desk.rng.choice((TimeInForce.DAY, TimeInForce.GTC))
    # Entries add to what is held, an oco takes from it.
    adds = Side.SELL if desk.held(symbol) < 0 else Side.BUY
    terms["side"] = adds.opposite if kind is OrderClass.OCO else adds
    gains, loses = desk.rng.randint(20, 80), desk.rng.randint(20, 80)
    exit_sign = adds.sign
    takes = TakeProfit(desk.near(symbol, exit_sign * gains))
    stops = StopLoss(desk.near(symbol, -exit_sign * loses))
    if kind is OrderClass.OTO:
        exits: Terms = {"take_profit": takes} if desk.rng.random() < 0.5 else {"stop_loss": stops}
    else:
        exits = {"take_profit": takes, "stop_loss": stops}
    if kind is OrderClass.OCO:
        terms |= {"order_type": OrderType.LIMIT, "limit_price": takes.limit_price}
    return {**terms, "order_class": kind, "time_in_force": force, **exits}


def _option(desk: Desk) -> Terms | None:
    symbol = desk.rng.choice(OPTIONS)
    quote, held = desk.quote(symbol), desk.held(symbol)
    if quote is None:
        return None
    if held > 0:
        intent = desk.rng.choice((PositionIntent.SELL_TO_CLOSE, PositionIntent.BUY_TO_OPEN))
    elif held < 0:
        intent = desk.rng.choice((PositionIntent.BUY_TO_CLOSE, PositionIntent.SELL_TO_OPEN))
    else:
        intent = desk.rng.choice((PositionIntent.BUY_TO_OPEN, PositionIntent.SELL_TO_OPEN))
    terms: Terms = {
        "instrument": parse_occ(symbol),
        "side": intent.side,
        "order_qty": Decimal(desk.rng.randint(1, 3)),
        "order_type": OrderType.MARKET,
        "time_in_force": desk.rng.choice((TimeInForce.DAY, TimeInForce.DAY, TimeInForce.GTC)),
        "position_intent": intent,
    }
    if desk.rng.random() < 0.7:
        terms |= {
            "order_type": OrderType.LIMIT,
            "limit_price": _option_price(desk, quote, intent.side),
        }
    return terms


def _option_price(desk: Desk, quote: tuple[Decimal, Decimal], side: Side) -> Decimal:
    base = quote[1] if side is Side.BUY else quote[0]
    price = base - side.sign * desk.rng.randint(-1, 4) * Decimal("0.05")
    return max(price.quantize(Decimal("0.05"), ROUND_HALF_UP), Decimal("0.05"))


def _spread(desk: Desk) -> Terms:
    names = desk.rng.choice(_SPREADS)
    opens = [PositionIntent.BUY_TO_OPEN, PositionIntent.SELL_TO_OPEN]
    closes = [PositionIntent.SELL_TO_CLOSE, PositionIntent.BUY_TO_CLOSE]
    intents = closes if desk.held(names[0]) > 2 and desk.held(names[1]) < -2 else opens
    legs = tuple(
        OrderLeg(parse_occ(name), intent.side, intent, 1)
        for name, intent in zip(names, intents, strict=True)
    )
    return {
        "instrument": OptionCombo(legs),
        "side": Side.BUY,
        "order_qty": Decimal(desk.rng.randint(1, 3)),
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.DAY,
        "limit_price": Decimal(desk.rng.randint(-100, 400)) / 100,
        "order_class": OrderClass.MULTI_LEG,
    }


MIX: Final[Mapping[str, tuple[int, Callable[[Desk], Terms | None]]]] = {
    "market": (10, _share),
    "limit that trades": (10, lambda d: _limited(d, _share(d), (0, 20))),
    "limit that waits": (12, lambda d: _limited(d, _share(d), (-60, -2))),
    "limit gtc": (6, lambda d: _limited(d, _share(d, time_in_force=TimeInForce.GTC), (-90, 5))),
    "stop": (5, _stop),
    "trailing stop": (4, _trailing),
    "ioc and fok": (5, _immediate),
    "auction": (2, _auction),
    "extended hours": (2, _extended),
    "fraction": (4, _fraction),
    "notional": (4, _notional),
    "bracket, oto, oco": (8, _composed),
    "option": (18, _option),
    "spread": (5, _spread),
}
"""Kinds of orders: how often, and how one is made (None: not now)."""


def some_order(desk: Desk) -> tuple[str, Terms] | None:
    """One order by the mix, with the name of its kind."""
    names = list(MIX)
    name = desk.rng.choices(names, [MIX[name][0] for name in names])[0]
    terms = MIX[name][1](desk)
    return None if terms is None else (name, terms)
