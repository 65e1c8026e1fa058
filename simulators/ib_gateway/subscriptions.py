"""What one client is sent until it cancels or leaves: by kind, and by the id of the request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from simulators.ib_gateway.wire import Field
from simulators.venue.instruments import Instrument, OptionContract

Told = dict[tuple[int, int], tuple[Field, ...]]
"""What was last sent of each tick, by (message, tick type)."""
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Quoted:
    """What a line shows: one instrument, or a combination of several, each so many times.

    A weight is negative for a leg that the combination sells.
    """

    legs: tuple[tuple[Instrument, Decimal], ...]

    @property
    def single(self) -> Instrument | None:
        """The instrument, None if it is a combination."""
        return self.legs[0][0] if len(self.legs) == 1 and self.legs[0][1] == 1 else None

    @property
    def movers(self) -> frozenset[str]:
        """The symbols whose quotes change what it shows: its own, the underlyings of options."""
        instruments = [instrument for instrument, _ in self.legs]
        underlyings = (i.underlying for i in instruments if isinstance(i, OptionContract))
        return frozenset((*(i.symbol for i in instruments), *underlyings))


@dataclass(slots=True)
class Line:
    """A stream of market data. `told_type` is the market data type that it was last said to be."""

    quoted: Quoted
    movers: frozenset[str]
    generics: frozenset[int]
    is_live: bool
    has_greeks: bool = True
    told_type: int = 0
    told: Told = field(default_factory=dict)


@dataclass(slots=True)
class Growing:
    """A bar that is not over; prices in dollars."""

    at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int = 0
    count: int = 0
    value: float = 0.0

    def trade(self, px: float, volume: int) -> None:
        """Adds a trade."""
        self.high, self.low, self.close = max(self.high, px), min(self.low, px), px
        self.volume += volume
        self.count += 1
        self.value += px * volume


@dataclass(slots=True)
class BarStream:
    """Bars that are kept up to date. offset: what the kind of price is beside the middle, in half
    spreads; size_s: 0 for a day. is_real_time: bars of five seconds, each sent once it is over.
    """

    instrument: Instrument
    size_s: int
    offset: int
    is_traded: bool
    is_real_time: bool = False
    in_seconds: bool = False
    bar: Growing | None = None


@dataclass(frozen=True, slots=True)
class TickStream:
    """Single ticks: 1 and 2 trades, 3 quotes, 4 the middle of them."""

    instrument: Instrument
    kind: int


Values = dict[str, tuple[str, str]]
"""Figures of an account by name, each with its currency."""


@dataclass(slots=True)
class Figures:
    """Figures of the account that are told again when they change. tags: which, None for all."""

    tags: frozenset[str] | None = None
    model: str = ""
    ledger_only: bool = False
    told: Values = field(default_factory=dict)


@dataclass(slots=True)
class Profit:
    """Profit and loss of the account, or of one instrument; `told` is what was last sent."""

    symbol: str = ""
    told: tuple[Field, ...] = ()


class Subscriptions:
    """By kind, then by request id."""

    def __init__(self) -> None:
        self.lines: dict[int, Line] = {}
        self.bars: dict[int, BarStream] = {}
        self.real_time: dict[int, BarStream] = {}
        self.ticks: dict[int, TickStream] = {}
        self.account = Figures()
        self.summaries: dict[int, Figures] = {}
        self.accounts_multi: dict[int, Figures] = {}
        self.positions_multi: dict[int, str] = {}
        self.profits: dict[int, Profit] = {}

    def lose_market_data(self) -> None:
        """After 1101 no quotes and bars come any more until they are asked for again."""
        self.lines.clear()
        self.bars.clear()
        self.real_time.clear()
        self.ticks.clear()


def changed(before: Mapping[_K, _V], now: Mapping[_K, _V]) -> dict[_K, _V]:
    """What of `now` is another than it was before."""
    return {name: value for name, value in now.items() if before.get(name) != value}
