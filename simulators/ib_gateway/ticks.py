"""What a line of market data shows: each tick with its values, live or delayed. No state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Protocol

from simulators.ib_gateway.subscriptions import Quoted, Told
from simulators.ib_gateway.wire import Field
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Equity, Instrument
from simulators.venue.model_quotes import ModelQuotes
from simulators.venue.quotes import Quote, QuoteBook

PRICE, SIZE, OPTION, GENERIC, STRING = 1, 2, 21, 45, 46
HEADS: Mapping[int, tuple[Field, ...]] = {
    PRICE: (PRICE, 6),
    SIZE: (SIZE, 6),
    OPTION: (OPTION,),
    GENERIC: (GENERIC, 6),
    STRING: (STRING, 6),
}
BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE = range(6)
HIGH, LOW, VOLUME, CLOSE, OPEN, LAST_TIME, HALTED = 6, 7, 8, 9, 14, 45, 49
BID_GREEKS, ASK_GREEKS, LAST_GREEKS, MODEL_GREEKS = 10, 11, 12, 13
_DELAYED = {
    BID: 66,
    ASK: 67,
    LAST: 68,
    BID_SIZE: 69,
    ASK_SIZE: 70,
    LAST_SIZE: 71,
    HIGH: 72,
    LOW: 73,
    VOLUME: 74,
    CLOSE: 75,
    OPEN: 76,
    LAST_TIME: 88,
    HALTED: 90,
    BID_GREEKS: 80,
    ASK_GREEKS: 81,
    LAST_GREEKS: 82,
    MODEL_GREEKS: 83,
}
NO_PRICE = Decimal(-1)
_CENT = Decimal("0.01")
_CAN_EXECUTE = 1
_LOT = {True: 100, False: 1}  # shares and contracts of a trade


class View(Protocol):
    """The market as a line sees it: now, or as it was."""

    @property
    def quotes(self) -> QuoteBook:
        """Its quotes."""

    @property
    def now(self) -> datetime:
        """Its time."""

    @property
    def model(self) -> ModelQuotes:
        """What values its options."""


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day of an instrument until now, prices in dollars."""

    open: Decimal
    high: Decimal
    low: Decimal
    volume: int


def as_told(ticks: Told, *, is_live: bool) -> Told:
    """The same ticks under the numbers that delayed data have; what has none stays."""
    if is_live:
        return ticks
    return {(kind, _DELAYED.get(tick, tick)): values for (kind, tick), values in ticks.items()}


def is_open(instrument: Instrument, at: datetime) -> bool:
    """Whether it is quoted at that time: shares also in extended hours."""
    if isinstance(instrument, Equity):
        return calendar.extended_hours_at(at) is not None
    return calendar.session_at(at) is not None


def trade_px(quote: Quote) -> Decimal:
    """At what price others trade at this quote: the middle, or a half cent below it."""
    return max(_CENT, quote.mid.quantize(_CENT, ROUND_DOWN))


def no_quote() -> Told:
    """What a closed market shows of bid and ask."""
    return {
        (PRICE, BID): (NO_PRICE, 0, 0),
        (PRICE, ASK): (NO_PRICE, 0, 0),
        (SIZE, BID_SIZE): (0,),
        (SIZE, ASK_SIZE): (0,),
    }


def quote_ticks(quote: Quote) -> Told:
    """Bid and ask; a bid of nothing is no price."""
    bid = quote.bid or NO_PRICE
    return {
        (PRICE, BID): (bid, quote.bid_size, _CAN_EXECUTE),
        (PRICE, ASK): (quote.ask, quote.ask_size, _CAN_EXECUTE),
        (SIZE, BID_SIZE): (quote.bid_size,),
        (SIZE, ASK_SIZE): (quote.ask_size,),
    }


def trade_ticks(quote: Quote, instrument: Instrument, at: datetime) -> Told:
    """The last trade and its time."""
    size = _LOT[isinstance(instrument, Equity)]
    return {
        (PRICE, LAST): (trade_px(quote), size, 0),
        (SIZE, LAST_SIZE): (size,),
        (STRING, LAST_TIME): (str(int(at.timestamp())),),
    }


def day_ticks(figures: DayFigures) -> Told:
    """Open, high, low and volume."""
    return {
        (PRICE, HIGH): (figures.high, 0, 0),
        (PRICE, LOW): (figures.low, 0, 0),
        (PRICE, OPEN): (figures.open, 0, 0),
        (SIZE, VOLUME): (figures.volume,),
    }


def close_ticks(close: Decimal | None) -> Told:
    """The previous day's close, if it is known."""
    return {} if close is None else {(PRICE, CLOSE): (close, 0, 0)}


def combo_quote(quoted: Quoted, book: QuoteBook) -> Quote | None:
    """The quote of a combination: what its legs cost and bring; None if one has no quote."""
    bid = ask = Decimal(0)
    sizes: list[Decimal] = []
    newest: Quote | None = None
    for instrument, weight in quoted.legs:
        quote = book.find(instrument.symbol)
        if quote is None:
            return None
        low, high = (quote.bid, quote.ask) if weight > 0 else (quote.ask, quote.bid)
        bid, ask = bid + weight * low, ask + weight * high
        sizes += [quote.bid_size // abs(weight), quote.ask_size // abs(weight)]
        newest = quote if newest is None or quote.at > newest.at else newest
    if newest is None:
        return None
    size = min(sizes)
    return Quote("", bid, ask, newest.at, newest.frozen, size, size)
