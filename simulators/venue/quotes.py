"""Quotes: the best bid and ask of each instrument, set by hand or moved by a seeded walk."""

import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from simulators.venue.instruments import Catalog, OptionContract, Right

_CENT = Decimal("0.01")
_DELTA = Decimal("0.4")  # one delta for all contracts: a plausible market, not a pricing model


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask (prices per share) with their sizes, and when they were made.

    A market that is open keeps quoting, so the time that clients are shown moves on, unless the
    quote is `frozen`.
    """

    symbol: str
    bid: Decimal
    ask: Decimal
    at: datetime
    frozen: bool = False
    bid_size: Decimal = Decimal(10)
    ask_size: Decimal = Decimal(10)

    @property
    def mid(self) -> Decimal:
        """Half way between bid and ask, exact."""
        return (self.bid + self.ask) / 2


QuoteListener = Callable[[Quote], None]


class Model(Protocol):
    """Makes quotes for symbols that were never given one."""

    def underlying_of(self, symbol: str) -> str | None:
        """The symbol whose quotes move this one's; None if the model has no quote for it."""

    def quote(self, symbol: str) -> Quote | None:
        """Its quote now."""

    def previous_close(self, symbol: str) -> Decimal | None:
        """Its price at the end of the previous session."""


class QuoteBook:
    """The latest quote of each symbol, and its first one as the previous day's close.

    What was never given a quote has one by the `model`, if there is a model.
    """

    def __init__(self) -> None:
        self._latest: dict[str, Quote] = {}
        self._previous_close: dict[str, Decimal] = {}
        self.model: Model | None = None

    def __iter__(self) -> Iterator[Quote]:
        return iter(self._latest.values())

    def put(self, quote: Quote) -> None:
        """Makes it the latest quote of its symbol."""
        self._latest[quote.symbol] = quote
        self._previous_close.setdefault(quote.symbol, quote.mid)

    def find(self, symbol: str) -> Quote | None:
        """The latest quote, if there ever was one."""
        given = self._latest.get(symbol)
        if given is None and self.model is not None:
            return self.model.quote(symbol)
        return given

    def is_model(self, symbol: str) -> bool:
        """Whether its quotes are made by the model."""
        return symbol not in self._latest

    def moves_with(self, symbol: str, changed: Collection[str]) -> bool:
        """Whether its quote is another one now that the quotes of these symbols are."""
        if symbol in changed or symbol in self._latest or self.model is None:
            return symbol in changed
        return self.model.underlying_of(symbol) in changed

    def previous_close(self, symbol: str) -> Decimal | None:
        """The price at the end of the previous session."""
        given = self._previous_close.get(symbol)
        if given is None and self.model is not None:
            return self.model.previous_close(symbol)
        return given

    def close_day(self) -> None:
        """Keeps the current mid prices as the closing prices of the day."""
        self._previous_close.update({quote.symbol: quote.mid for quote in self})


class PriceWalk:
    """Moves quotes by random steps: shares by a few cents, options along with their underlying."""

    def __init__(self, random_stream: random.Random, largest_step: Decimal = Decimal("0.10")):
        self._random = random_stream
        self._largest_cents = int(largest_step / _CENT)

    def step(self, book: QuoteBook, catalog: Catalog, at: datetime) -> list[Quote]:
        """The next quotes of all symbols that have one; none falls below a cent."""
        moves: dict[str, Decimal] = {}
        quotes = sorted(book, key=lambda quote: quote.symbol)
        for quote in quotes:
            if not isinstance(catalog.find(quote.symbol), OptionContract):
                cents = self._random.randint(-self._largest_cents, self._largest_cents)
                moves[quote.symbol] = _CENT * cents
        return [
            self._moved(quote, self._move_of(quote.symbol, catalog, moves), at) for quote in quotes
        ]

    @staticmethod
    def _move_of(symbol: str, catalog: Catalog, moves: dict[str, Decimal]) -> Decimal:
        instrument = catalog.find(symbol)
        if not isinstance(instrument, OptionContract):
            return moves[symbol]
        delta = _DELTA if instrument.right is Right.CALL else -_DELTA
        return (moves.get(instrument.underlying, Decimal(0)) * delta).quantize(_CENT)

    @staticmethod
    def _moved(quote: Quote, move: Decimal, at: datetime) -> Quote:
        move = max(move, _CENT - quote.bid)
        return replace(quote, bid=quote.bid + move, ask=quote.ask + move, at=at)
