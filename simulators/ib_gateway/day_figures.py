"""Open, high, low and volume of the day, and figures of many days, from what was traded."""

import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from simulators.ib_gateway.ticks import DayFigures, View, trade_px
from simulators.venue import trading_calendar as calendar
from simulators.venue.bars import Bar, Frame, Unit
from simulators.venue.instruments import Equity, Instrument, OptionContract
from simulators.venue.market import Market
from simulators.venue.model_quotes import years_left
from simulators.venue.tape import Minute

_CENT = Decimal("0.01")
_DAY = Frame(Unit.DAY)
_KEPT_MAX = 4096
_YEARS_KEPT_MAX = 64
_YEAR = timedelta(days=365)
_VOLATILITY_DAYS = 30
_TRADING_DAYS = 252


class DayBook:
    """Figures of any instrument at any time that is past, kept for as long as they hold."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._kept: dict[tuple[str, date, int], DayFigures | None] = {}
        self._years: dict[tuple[str, date, int], list[Bar]] = {}

    def of(self, instrument: Instrument, view: View) -> DayFigures | None:
        """The session that is on at the view's time, or the last one; None before its first minute.

        An option's extremes are what it was worth at those of its underlying.
        """
        day, minute = _session_day(view.now), int(view.now.timestamp()) // 60
        key = (instrument.symbol, day, minute)
        if key not in self._kept:
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            share = isinstance(instrument, Equity)
            make = self._of_share if share else self._of_option
            self._kept[key] = make(instrument, day, view)
        return self._kept[key]

    def _of_share(self, instrument: Instrument, day: date, view: View) -> DayFigures | None:
        minutes = self._minutes(instrument.symbol, day, view.now)
        if not minutes:
            return None
        return DayFigures(
            open=_dollars(minutes[0].open),
            high=_dollars(max(m.high for m in minutes)),
            low=_dollars(min(m.low for m in minutes)),
            volume=sum(m.volume for m in minutes),
        )

    def _of_option(self, instrument: Instrument, day: date, view: View) -> DayFigures | None:
        assert isinstance(instrument, OptionContract)
        underlying = self._market.catalog.find(instrument.underlying)
        spot, quote = view.quotes.find(instrument.underlying), view.quotes.find(instrument.symbol)
        if underlying is None or spot is None or quote is None:
            return None
        share = self.of(underlying, view)
        if share is None:
            return None
        last, years = trade_px(quote), years_left(instrument, view.now)
        value = self._market.model.value

        def at(px: Decimal) -> Decimal:
            moved = value(instrument, float(px), years) - value(instrument, float(spot.mid), years)
            return max(_CENT, last + Decimal(moved).quantize(_CENT))

        opened, one, other = at(share.open), at(share.high), at(share.low)
        volume = self._market.tape.volume(instrument.symbol, day, view.now)
        return DayFigures(opened, max(opened, one, other), min(opened, one, other), volume)

    def vwap(self, symbol: str, view: View) -> float | None:
        """The average price of the session by volume, in dollars."""
        minutes = self._minutes(symbol, _session_day(view.now), view.now)
        volume = sum(m.volume for m in minutes)
        value = sum(m.volume * (m.high + m.low + m.close) / 3 for m in minutes)
        return value / volume / 100 if volume else None

    def _minutes(self, symbol: str, day: date, now: datetime) -> list[Minute]:
        until = int(now.timestamp()) // 60
        return [m for m in self._market.tape.minutes(symbol, day) if m.minute < until]

    def year(self, symbol: str) -> list[Bar]:
        """The daily bars of the year before today, ascending."""
        now = self._market.venue.now
        today = calendar.trading_date(now)
        key = (symbol, today, self._market.tape.revision)
        if key not in self._years:
            if len(self._years) >= _YEARS_KEPT_MAX:
                self._years.clear()
            before = datetime.combine(today, datetime.min.time(), calendar.NEW_YORK)
            bars = self._market.bars.between(
                symbol, _DAY, before - _YEAR, before - timedelta(seconds=1), now
            )
            self._years[key] = list(bars)
        return self._years[key]

    def volatility(self, symbol: str) -> float | None:
        """The historical volatility of the last 30 sessions, for a year."""
        return historical_volatility([bar.close for bar in self.year(symbol)])


def historical_volatility(closes: list[int]) -> float | None:
    """From daily closes: of the last 30 returns, for a year; None if there are too few."""
    recent = closes[-_VOLATILITY_DAYS - 1 :]
    returns = [math.log(later / earlier) for earlier, later in pairwise(recent)]
    if len(returns) < 2:
        return None
    mean = sum(returns) / len(returns)
    variance = sum((r - mean) ** 2 for r in returns) / (len(returns) - 1)
    return math.sqrt(variance * _TRADING_DAYS)


def _session_day(at: datetime) -> date:
    session = calendar.current_or_next_session(at)
    if session.opens <= at:
        return session.day
    return calendar.trading_date(calendar.last_close(at))


def _dollars(cents: int) -> Decimal:
    return Decimal(cents) / 100
