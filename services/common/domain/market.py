"""Market data as a venue gives it: quotes, bars, option contracts, greeks, clock and calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from services.common.domain.instruments import Instrument, OptionContract


class QuoteQuality(Enum):
    """How far a quote may be trusted."""

    REALTIME = "REALTIME"
    DELAYED = "DELAYED"
    INDICATIVE = "INDICATIVE"
    FROZEN = "FROZEN"


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask; None where there is none. `age_s` is in venue time, None if unknown."""

    venue: str
    instrument: Instrument
    feed: str
    quality: QuoteQuality
    bid_price: Decimal | None
    bid_qty: Decimal | None
    ask_price: Decimal | None
    ask_qty: Decimal | None
    venue_time: datetime | None
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class MarketClock:
    """The venue's clock; `trading_date` is the day at its exchange."""

    venue_time: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime
    trading_date: date


@dataclass(frozen=True, slots=True)
class MarketDay:
    """One trading day, with the times of its regular session in UTC."""

    day: date
    open_time: datetime
    close_time: datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """Prices over one period that begins at `start_time`."""

    start_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trade_count: int | None = None
    vwap: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one instrument, oldest first, and the feed that they are of."""

    feed: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Greeks:
    """Sensitivities of an option's price; None where the venue did not say.

    Per unit of the underlying (`delta`, `gamma`), per day (`theta`), per point of volatility
    (`vega`) and of interest (`rho`); `implied_volatility` is 0.2 for 20%.
    """

    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    rho: float | None = None
    implied_volatility: float | None = None


@dataclass(frozen=True, slots=True)
class OptionSnapshot:
    """Quote, last trade and greeks of an option."""

    quote: Quote
    greeks: Greeks | None = None
    last_price: Decimal | None = None
    last_qty: Decimal | None = None
    last_trade_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedOption:
    """A listed option with what the venue says of it."""

    contract: OptionContract
    tradable: bool
    open_interest: Decimal | None = None
    close_price: Decimal | None = None
    venue_contract_id: str = ""


@dataclass(frozen=True, slots=True)
class StreamedQuote:
    """One quote of a stream; `after_gap`: the feed was interrupted before it."""

    quote: Quote
    after_gap: bool = False
