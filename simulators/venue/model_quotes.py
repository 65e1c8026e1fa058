"""Quotes of option contracts that nobody quotes: made from their underlying's by a pricing model.

They follow the underlying and the time (to the minute). A contract that was quoted by hand or by a
file keeps the quote that it was given.
"""

import math
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Catalog, OptionContract
from simulators.venue.pricing import Greeks, greeks, implied_vol, option_price
from simulators.venue.quotes import Quote, QuoteBook

_YEAR_S = 365 * 86400.0
_SHORTEST_YEARS = 60 / _YEAR_S
# At the money, near its expiry; what the default quotes of these three imply.
_VOLATILITY = {"SPY": 0.31, "QQQ": 0.235, "AAPL": 0.27}
_OTHER_VOLATILITY = 0.25
_LONG_VOLATILITY = 0.22
_SKEW = 0.8
_FADES_IN_YEARS = 0.15


class Clock(Protocol):
    """Where market time comes from."""

    @property
    def now(self) -> datetime:
        """Market time, aware."""


@dataclass(frozen=True, slots=True)
class Valuation:
    """What a quote says about the option: its implied volatility and its greeks."""

    implied_volatility: float
    greeks: Greeks


class ModelQuotes:
    """Quotes and valuations of the options in a catalog, from the quotes of their underlyings."""

    def __init__(self, catalog: Catalog, book: QuoteBook, clock: Clock) -> None:
        self._catalog = catalog
        self._book = book
        self._clock = clock
        self._made: dict[str, tuple[tuple[Quote, int], Quote]] = {}

    def underlying_of(self, symbol: str) -> str | None:
        """The underlying whose quotes move this symbol's; None if no model quotes it."""
        contract = self._catalog.find(symbol)
        return contract.underlying if isinstance(contract, OptionContract) else None

    def quote(self, symbol: str) -> Quote | None:
        """The quote now; None if there is no such contract, or it is over."""
        contract = self._catalog.find(symbol)
        if not isinstance(contract, OptionContract):
            return None
        underlying, now = self._book.find(contract.underlying), self._clock.now
        if underlying is None or now >= calendar.last_trading(contract.expiry):
            return None
        key = (underlying, int(now.timestamp()) // 60)
        made = self._made.get(symbol)
        if made is None or made[0] != key:
            bid, ask = self._prices(contract, float(underlying.mid), now)
            quote = Quote(symbol, bid, ask, underlying.at, underlying.frozen, *_sizes(symbol))
            made = self._made[symbol] = key, quote
        return made[1]

    def previous_close(self, symbol: str) -> Decimal | None:
        """Its price when the last session closed."""
        contract = self._catalog.find(symbol)
        if not isinstance(contract, OptionContract):
            return None
        price = self._book.previous_close(contract.underlying)
        if price is None:
            return None
        at = calendar.last_close(self._clock.now)
        if at >= calendar.last_trading(contract.expiry):
            return None
        bid, ask = self._prices(contract, float(price), at)
        return (bid + ask) / 2

    def value(self, contract: OptionContract, spot: float, years: float) -> float:
        """What the model makes of it so long before its end, at that price of the underlying."""
        vol = volatility(contract, spot, years)
        return option_price(contract.right, spot, float(contract.strike), years, vol)

    def valuation(self, symbol: str) -> Valuation | None:
        """Volatility and greeks by its quote; None where no bid or no time value is left."""
        contract, quote = self._catalog.find(symbol), self._book.find(symbol)
        if not isinstance(contract, OptionContract) or quote is None or not quote.bid:
            return None
        underlying = self._book.find(contract.underlying)
        if underlying is None:
            return None
        spot, strike = float(underlying.mid), float(contract.strike)
        years = years_left(contract, self._clock.now)
        if self._book.is_model(symbol):
            vol: float | None = volatility(contract, spot, years)
        else:
            vol = implied_vol(contract.right, float(quote.mid), spot, strike, years)
        if vol is None:
            return None
        return Valuation(vol, greeks(contract.right, spot, strike, years, vol))

    def _prices(
        self, contract: OptionContract, spot: float, at: datetime
    ) -> tuple[Decimal, Decimal]:
        cents = self.value(contract, spot, years_left(contract, at)) * 100
        half = max(0.5, cents * 0.01)
        bid = max(0, math.floor(cents - half + 0.5))
        ask = max(bid + 1, math.floor(cents + half + 0.5))
        return Decimal(bid) / 100, Decimal(ask) / 100


def years_left(contract: OptionContract, at: datetime) -> float:
    """Years until it stops trading, by whole minutes; never quite 0."""
    minute = at.replace(second=0, microsecond=0)
    left: timedelta = calendar.last_trading(contract.expiry) - minute
    return max(_SHORTEST_YEARS, left.total_seconds() / _YEAR_S)


def volatility(contract: OptionContract, spot: float, years: float) -> float:
    """A plausible surface: lower strikes dearer, and calmer the longer it lasts."""
    near = _VOLATILITY.get(contract.underlying, _OTHER_VOLATILITY)
    level = _LONG_VOLATILITY + (near - _LONG_VOLATILITY) * math.exp(-years / _FADES_IN_YEARS)
    tilt = 1 - _SKEW * math.log(float(contract.strike) / spot)
    return level * min(1.6, max(0.6, tilt))


def _sizes(symbol: str) -> tuple[Decimal, Decimal]:
    """Sizes that belong to the symbol, so that they are the same in every run."""
    drawn = zlib.crc32(symbol.encode())
    return Decimal(5 + drawn % 90), Decimal(5 + drawn // 97 % 90)
