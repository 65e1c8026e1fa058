"""Bars as clients ask for them: of any size and kind, of instruments and of combinations."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from simulators.ib_gateway.bar_terms import BarSize
from simulators.ib_gateway.day_figures import historical_volatility
from simulators.ib_gateway.generic_ticks import at_the_money
from simulators.ib_gateway.second_bars import second_bars
from simulators.ib_gateway.subscriptions import Quoted
from simulators.venue import trading_calendar as calendar
from simulators.venue.bars import Bar, Frame, Unit
from simulators.venue.instruments import Equity, Instrument
from simulators.venue.market import Market
from simulators.venue.quotes import Quote

_DAY = Frame(Unit.DAY)
_DAYS_FOR_VOLATILITY = timedelta(days=60)
_SMALL_KEPT = timedelta(days=183)
_LONGEST_PERIOD = timedelta(days=31)
_NONE = -1


@dataclass(frozen=True, slots=True)
class Row:
    """One bar in dollars; volume, average and count are -1 where nothing is traded."""

    at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int = _NONE
    average: float = _NONE
    count: int = _NONE


@dataclass(frozen=True, slots=True)
class Span:
    """From when (included) until when (excluded)."""

    first: datetime
    end: datetime


class BarSeries:
    """Makes rows from the market's tape. Only minutes that are over are in them."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._venue = market.venue

    def rows(self, quoted: Quoted, size: BarSize, kind: str, span: Span) -> list[Row]:
        """The bars of a span, ascending; none where nothing is known."""
        single = quoted.single
        if kind in _VOLATILITY:
            is_daily = single is not None and isinstance(single, Equity) and size.unit is Unit.DAY
            return list(self._volatility(single, kind, span)) if single and is_daily else []
        legs = [
            {row.at: row for row in self._of(instrument, size, kind, span)}
            for instrument, _ in quoted.legs
        ]
        if single is not None:
            return list(legs[0].values())
        common = sorted(set(legs[0]).intersection(*legs[1:]))
        weights = [float(weight) for _, weight in quoted.legs]
        return [_sum([leg[at] for leg in legs], weights) for at in common]

    def _of(self, instrument: Instrument, size: BarSize, kind: str, span: Span) -> Iterator[Row]:
        quote = self._venue.quotes.find(instrument.symbol)
        half = float(quote.ask - quote.bid) / 2 if quote is not None else 0.0
        for bar in self._bars(instrument.symbol, size, span):
            yield _KINDS[kind](_row(bar), half)

    def _bars(self, symbol: str, size: BarSize, span: Span) -> Iterator[Bar]:
        now, last = self._venue.now, span.end - timedelta(microseconds=1)
        if size.is_small:
            yield from self._small(symbol, size, Span(span.first, span.end))
            return
        first = span.first - (timedelta(seconds=size.seconds) or _LONGEST_PERIOD)
        for bar in self._market.bars.between(symbol, size.frame, first, last, now):
            at = self._shown(bar.at, size)
            if span.first <= at < span.end:
                yield replace(bar, at=at)

    def _shown(self, at: datetime, size: BarSize) -> datetime:
        """The time of a bar: a session's first begins with it, a week's is its last day's."""
        if size.unit is Unit.MINUTE:
            session = calendar.session_on(calendar.trading_date(at))
            return max(at, session.opens) if session is not None else at
        if size.unit is Unit.DAY:
            return at
        first = calendar.trading_date(at)
        today = calendar.trading_date(self._venue.now)
        length = 7 if size.unit is Unit.WEEK else 31
        days = (first + timedelta(days=n) for n in range(length))
        month = [d for d in days if size.unit is Unit.WEEK or d.month == first.month]
        held = [d for d in month if d <= today and calendar.session_on(d) is not None]
        return datetime.combine(held[-1] if held else first, _MIDNIGHT, calendar.NEW_YORK)

    def _small(self, symbol: str, size: BarSize, span: Span) -> Iterator[Bar]:
        """Bars of seconds; those of half a year ago and before are no longer there."""
        first = max(span.first, self._venue.now - _SMALL_KEPT)
        name = f"{self._venue.randomness.seed}/{symbol}"
        day, last = calendar.trading_date(first), calendar.trading_date(span.end)
        while day <= last:
            minutes = [
                minute
                for minute in self._market.tape.minutes(symbol, day)
                if first.timestamp() - 60 < minute.minute * 60 < span.end.timestamp()
            ]
            bars = second_bars(name, minutes, size.seconds)
            yield from (bar for bar in bars if first <= bar.at < span.end)
            day += timedelta(days=1)

    def _volatility(self, share: Instrument, kind: str, span: Span) -> Iterator[Row]:
        """By day: what the last 30 returns say, or what the model expects at the money."""
        first, now = span.first - _DAYS_FOR_VOLATILITY, self._venue.now
        bars = list(self._market.bars.between(share.symbol, _DAY, first, span.end, now))
        for n, bar in enumerate(bars):
            value = historical_volatility([b.close for b in bars[: n + 1]])
            if kind == "OPTION_IMPLIED_VOLATILITY":
                mid = Decimal(bar.close) / 100
                value = at_the_money(share, Quote(share.symbol, mid, mid, bar.at))
            if value is not None and span.first <= bar.at < span.end:
                told = round(value, 8)
                yield Row(bar.at, told, told, told, told)

    def head(self, instrument: Instrument) -> datetime | None:
        """The beginning of its first bar; None if there is none."""
        far, now = datetime.min.replace(tzinfo=calendar.NEW_YORK), self._venue.now
        oldest = datetime.combine(self._market.tape.oldest_day, _MIDNIGHT, calendar.NEW_YORK)
        bars = self._market.bars.between(instrument.symbol, _DAY, max(far, oldest), now, now)
        bar = next(bars, None)
        session = calendar.session_on(calendar.trading_date(bar.at)) if bar is not None else None
        return session.opens if session is not None else None


_MIDNIGHT = datetime.min.time()
_VOLATILITY = ("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY")


def _row(bar: Bar) -> Row:
    return Row(
        at=bar.at,
        open=bar.open / 100,
        high=bar.high / 100,
        low=bar.low / 100,
        close=bar.close / 100,
        volume=bar.volume,
        average=bar.vwap if bar.volume else bar.close / 100,
        count=bar.trades,
    )


def _moved(row: Row, by: float) -> Row:
    opened, high, low, closed = (
        round(max(0.0, price + by), 4) for price in (row.open, row.high, row.low, row.close)
    )
    return Row(row.at, opened, high, low, closed)


def _bid_ask(row: Row, half: float) -> Row:
    """Average bid, highest ask, lowest bid, average ask."""
    middle = (row.open + row.close) / 2
    prices = (middle - half, row.high + half, row.low - half, middle + half)
    opened, high, low, closed = (round(max(0.0, price), 4) for price in prices)
    return Row(row.at, opened, high, low, closed)


_KINDS: Mapping[str, Callable[[Row, float], Row]] = {
    "TRADES": lambda row, half: row,
    "ADJUSTED_LAST": lambda row, half: row,
    "AGGTRADES": lambda row, half: row,
    "MIDPOINT": lambda row, half: _moved(row, 0.0),
    "BID": lambda row, half: _moved(row, -half),
    "ASK": _moved,
    "BID_ASK": _bid_ask,
}


def _sum(rows: list[Row], weights: list[float]) -> Row:
    """A combination's bar: each leg at its weight, those that are sold at their other extreme."""
    pairs = list(zip(rows, weights, strict=True))
    return Row(
        at=rows[0].at,
        open=round(sum(row.open * w for row, w in pairs), 4),
        high=round(sum((row.high if w > 0 else row.low) * w for row, w in pairs), 4),
        low=round(sum((row.low if w > 0 else row.high) * w for row, w in pairs), 4),
        close=round(sum(row.close * w for row, w in pairs), 4),
    )
