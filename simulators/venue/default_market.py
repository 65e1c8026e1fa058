"""The market that a simulator starts with: a few shares and options, with quotes; or a file's."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from simulators.venue.instruments import Catalog, Equity, Instrument, parse_instrument
from simulators.venue.quotes import Quote

_EQUITIES = (
    Equity("SPY", "SPDR S&P 500 ETF Trust", "ARCA"),
    Equity("QQQ", "Invesco QQQ Trust, Series 1", "NASDAQ"),
    Equity("AAPL", "Apple Inc. Common Stock", "NASDAQ"),
)

# Prices tell a story rather than the day's tape: in it SPY trades just under 400.
_PRICES = {
    "SPY": ("399.98", "400.02"),
    "QQQ": ("349.97", "350.03"),
    "AAPL": ("222.00", "222.04"),
    "SPY241115P00390000": ("4.90", "5.05"),
    "SPY241115P00395000": ("6.50", "6.70"),
    "SPY241115P00400000": ("8.50", "9.00"),
    "SPY241115C00400000": ("8.70", "8.90"),
    "SPY241115C00410000": ("3.90", "4.05"),
    "SPY241220P00390000": ("9.80", "10.05"),
    "QQQ241115P00340000": ("3.10", "3.20"),
    "QQQ241115P00350000": ("5.50", "5.70"),
    "QQQ241115C00350000": ("5.75", "5.95"),
    "QQQ241122C00350000": ("7.20", "7.40"),
    "AAPL241115P00220000": ("3.35", "3.45"),
    "AAPL241115C00225000": ("2.80", "2.90"),
}


class BadQuotesFile(ValueError):
    """A quotes file can't be read; the message says where and why."""


def default_catalog() -> Catalog:
    """The instruments listed at the start."""
    catalog = Catalog(_EQUITIES)
    for symbol in _PRICES:
        if catalog.find(symbol) is None:
            catalog.list(_known(symbol))
    return catalog


def default_quotes(at: datetime) -> Iterator[Quote]:
    """The quotes at the start."""
    for symbol, (bid, ask) in _PRICES.items():
        yield Quote(symbol, Decimal(bid), Decimal(ask), at)


def read_quotes(path: Path, at: datetime) -> list[Quote]:
    """Reads a CSV file with the columns symbol, bid, ask.

    Raises:
        BadQuotesFile: It can't be opened, lacks a column, or has a line that is not a quote.
    """
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = csv.DictReader(lines)
            return [_quote(row, f"{path}:{rows.line_num}", at) for row in rows]
    except OSError as error:
        raise BadQuotesFile(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadQuotesFile(f"{path}: not UTF-8 text") from error


def list_quoted(catalog: Catalog, quotes: Iterable[Quote]) -> None:
    """Lists every instrument that has a quote and isn't listed yet."""
    for quote in quotes:
        if catalog.find(quote.symbol) is None:
            catalog.list(_known(quote.symbol))


def _known(symbol: str) -> Instrument:
    instrument = parse_instrument(symbol)
    assert instrument is not None, f"{symbol} names no instrument"
    return instrument


def _quote(row: dict[str, str | None], where: str, at: datetime) -> Quote:
    try:
        symbol, bid, ask = (str(row[name] or "").strip() for name in ("symbol", "bid", "ask"))
    except KeyError as error:
        raise BadQuotesFile(f"{where}: the column {error} is missing") from error
    instrument = parse_instrument(symbol)
    if instrument is None:
        raise BadQuotesFile(f"{where}: {symbol!r} is neither a ticker nor an OCC symbol")
    try:
        quote = Quote(instrument.symbol, Decimal(bid), Decimal(ask), at)
        valid = 0 <= quote.bid <= quote.ask < 1_000_000 and quote.ask > 0
    except InvalidOperation:
        valid = False
    if not valid:
        raise BadQuotesFile(f"{where}: {bid!r}, {ask!r} is not a bid and an ask")
    return quote
