"""Market data: bars, listed options, quotes with greeks, trading days, streamed quotes.

Each answer names the venue that it is from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tandem_client.accounts import Quote
from tandem_client.instruments import Instrument, Option


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Prices over one period that begins at `start_time`; `feed` is as the venue names it."""

    start_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trade_count: int | None
    vwap: Decimal | None
    venue: str
    feed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOption:
    """A listed option with what the venue says of it."""

    option: Option
    tradable: bool
    open_interest: Decimal | None
    close_price: Decimal | None
    venue_contract_id: str
    venue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """Sensitivities of an option's price, floating point; None where the venue did not say.

    `theta` is per day, `vega` and `rho` per point; an `implied_volatility` of 0.2 is 20%.
    """

    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    rho: float | None
    implied_volatility: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSnapshot:
    """Quote, greeks and last trade of an option."""

    quote: Quote
    greeks: Greeks | None
    last_price: Decimal | None
    last_qty: Decimal | None
    last_trade_time: datetime | None


@dataclass(frozen=True, slots=True)
class OptionSnapshots:
    """Answer to a request for snapshots; `missing` are options for which the venue had none."""

    snapshots: tuple[OptionSnapshot, ...]
    missing: tuple[Instrument, ...]
    venue: str


@dataclass(frozen=True, slots=True)
class MarketDay:
    """A trading day and its regular hours, in UTC."""

    day: date
    open_time: datetime
    close_time: datetime


@dataclass(frozen=True, slots=True)
class MarketCalendar:
    """Trading days, oldest first."""

    days: tuple[MarketDay, ...]
    venue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketClock:
    """The venue's clock; `trading_date` is the day at its exchange."""

    venue_time: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime
    trading_date: date
    venue: str


@dataclass(frozen=True, slots=True)
class StreamedQuote:
    """One quote of a stream; `after_gap`: the feed was interrupted before it."""

    quote: Quote
    after_gap: bool
