"""What a night's trader wants: orders that work until morning, an exit among them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.occ import parse_occ
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from simulators.venue.quotes import Quote
from simulators.venue.venue import Venue

SYMBOLS: Final = ("SPY", "QQQ", "AAPL", "SPY241220P00390000", "QQQ241122C00350000")
HELD: Final = "SPY241220P00390000"
_NICKEL: Final = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order's terms as `OrderSpec` takes them, all but its client_order_id."""

    terms: dict[str, Any]


class Wants:
    """Makes orders from what the market is; all chance comes from `rng`."""

    def __init__(self, rng: random.Random, venue: Venue) -> None:
        self._rng = rng
        self._venue = venue

    def entry(self) -> Wanted:
        """A purchase at the market's price, filled at once: what the exit is for."""
        return self._limit(HELD, Side.BUY, Decimal(4), self._quote(HELD).ask + 1)

    def exit(self) -> Wanted:
        """A sale of what is held, above the market."""
        qty = Decimal(self._rng.choice((2, 3, 4)))
        return self._limit(HELD, Side.SELL, qty, self._quote(HELD).ask + self._away())

    def working(self) -> Wanted:
        """An order that the market does not reach for now."""
        symbol = self._rng.choice(SYMBOLS)
        quote, qty = self._quote(symbol), Decimal(self._rng.randint(1, 6))
        return self._limit(symbol, Side.BUY, qty, quote.bid - self._away())

    def any(self) -> Wanted:
        """One that works, or one that fills."""
        if self._rng.random() < 0.6:
            return self.working()
        symbol = self._rng.choice(SYMBOLS)
        qty = Decimal(self._rng.randint(1, 6))
        return self._limit(symbol, Side.BUY, qty, self._quote(symbol).ask + 1)

    def _limit(self, symbol: str, side: Side, qty: Decimal, price: Decimal) -> Wanted:
        is_option = len(symbol) > 6
        opens = PositionIntent.BUY_TO_OPEN if side is Side.BUY else PositionIntent.SELL_TO_CLOSE
        steps = (price / _NICKEL).quantize(Decimal(1), ROUND_DOWN)
        lasting = self._rng.random() < 0.6
        return Wanted(
            {
                "instrument": parse_occ(symbol) if is_option else Equity(symbol),
                "position_intent": opens if is_option else None,
                "side": side,
                "order_qty": qty,
                "order_type": OrderType.LIMIT,
                "limit_price": max(steps * _NICKEL, _NICKEL),
                "time_in_force": TimeInForce.GTC if lasting else TimeInForce.DAY,
            }
        )

    def _away(self) -> Decimal:
        return Decimal(self._rng.randint(1, 6)) / 5

    def _quote(self, symbol: str) -> Quote:
        quote = self._venue.quotes.find(symbol)
        assert quote is not None, f"{symbol} has no quote"
        return quote
