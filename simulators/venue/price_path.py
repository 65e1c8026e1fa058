"""A market that was: quotes or bars from a CSV file, played as the venue's clock passes them."""

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from simulators.venue.instruments import OptionContract, parse_instrument
from simulators.venue.quotes import Quote
from simulators.venue.trading_calendar import NEW_YORK
from simulators.venue.venue import Venue

_QUOTE_COLUMNS = ("bid", "ask")
_BAR_COLUMNS = ("open", "high", "low", "close")
_CENT = Decimal("0.01")
_LARGEST = Decimal(1_000_000)
_DEFAULT_BAR = timedelta(minutes=1)

Row = dict[str, str | None]


class BadPricePath(ValueError):
    """A price path can't be read; the message names the file, the line, and what is wrong."""


def read_price_path(path: Path) -> list[Quote]:
    """Reads a CSV file with `time`, `symbol` and either `bid`, `ask` or `open`, `high`, `low`,
    `close`; returns quotes, by time.

    A time without a zone is New York's. A bar becomes four quotes, a cent to each side: open, then
    low and high (high first if it fell), then close, at quarters of the time to the symbol's next
    bar, or of a minute.

    Raises:
        BadPricePath: It can't be opened, lacks a column, has a line that makes no sense, or none.
    """
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = csv.DictReader(lines)
            columns = _columns(path, rows.fieldnames or ())
            read = [_read(row, columns, f"{path}:{rows.line_num}") for row in rows]
    except OSError as error:
        raise BadPricePath(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadPricePath(f"{path}: not a CSV file in UTF-8") from error
    if not read:
        raise BadPricePath(f"{path}: there is no line below the header")
    read.sort(key=lambda line: line[0])
    if columns == _BAR_COLUMNS:
        return sorted(_of_bars(read), key=lambda quote: quote.at)
    return [Quote(symbol, prices[0], prices[1], at) for at, symbol, prices in read]


_Line = tuple[datetime, str, tuple[Decimal, ...]]


def _columns(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    for wanted in (_QUOTE_COLUMNS, _BAR_COLUMNS):
        if {"time", "symbol", *wanted} <= set(names):
            return wanted
    raise BadPricePath(
        f"{path}:1: the columns are time, symbol and either bid, ask or open, high, low, close"
    )


def _read(row: Row, columns: tuple[str, ...], where: str) -> _Line:
    instrument = parse_instrument(str(row["symbol"] or "").strip())
    if instrument is None:
        raise BadPricePath(f"{where}: {row['symbol']!r} is neither a ticker nor an OCC symbol")
    try:
        at = datetime.fromisoformat(str(row["time"] or "").strip())
    except ValueError as error:
        raise BadPricePath(f"{where}: {row['time']!r} is not a time") from error
    at = at if at.tzinfo is not None else at.replace(tzinfo=NEW_YORK)
    given = [str(row[name] or "").strip() for name in columns]
    try:
        prices = tuple(Decimal(text) for text in given)
    except InvalidOperation as error:
        raise BadPricePath(f"{where}: {', '.join(given)}: not all are prices") from error
    if not all(price.is_finite() and 0 <= price < _LARGEST for price in prices):
        raise BadPricePath(f"{where}: {', '.join(given)}: not all are prices")
    _check(prices, columns, where)
    return at, instrument.symbol, prices


def _check(prices: tuple[Decimal, ...], columns: tuple[str, ...], where: str) -> None:
    if columns == _QUOTE_COLUMNS:
        bid, ask = prices
        if not bid <= ask or not ask:
            raise BadPricePath(f"{where}: bid {bid} and ask {ask} are no quote")
        return
    opened, high, low, closed = prices
    if not 0 < low <= min(opened, closed) <= max(opened, closed) <= high:
        raise BadPricePath(f"{where}: open, high, low and close don't make a bar")


def _of_bars(bars: list[_Line]) -> Iterator[Quote]:
    times: dict[str, list[datetime]] = {}
    for at, symbol, _ in bars:
        times.setdefault(symbol, []).append(at)
    for at, symbol, (opened, high, low, closed) in bars:
        later = times[symbol]
        index = bisect_right(later, at)
        quarter = (later[index] - at if index < len(later) else _DEFAULT_BAR) / 4
        turns = (high, low) if closed < opened else (low, high)
        for n, price in enumerate((opened, *turns, closed)):
            bid = max(_CENT, price - _CENT)
            yield Quote(symbol, bid, max(price, bid) + _CENT, at + n * quarter)


class PricePath:
    """Gives the venue each quote at its time. Set back, the clock passes them once more."""

    def __init__(self, venue: Venue, quotes: Sequence[Quote]) -> None:
        self._venue = venue
        self._quotes = quotes
        self._times = [quote.at for quote in quotes]
        venue.repeat(self._next, self._play)

    def _next(self, at: datetime) -> datetime | None:
        index = bisect_right(self._times, at)
        return self._times[index] if index < len(self._times) else None

    def _play(self) -> None:
        now = self._venue.now
        first, end = bisect_left(self._times, now), bisect_right(self._times, now)
        latest = {quote.symbol: quote for quote in self._quotes[first:end]}
        self._venue.take_quotes(latest.values())


def quotes_at(quotes: Sequence[Quote], at: datetime) -> list[Quote]:
    """The latest quote of each symbol at that time."""
    return list({quote.symbol: quote for quote in quotes if quote.at <= at}.values())


def first_share_quotes(quotes: Sequence[Quote]) -> list[Quote]:
    """The first quote of each share."""
    first = {quote.symbol: quote for quote in reversed(quotes)}
    return [
        quote
        for quote in first.values()
        if not isinstance(parse_instrument(quote.symbol), OptionContract)
    ]
