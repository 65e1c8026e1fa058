"""Quotes, trades, bars and snapshots on the wire of Alpaca's data API: prices are numbers."""

import zlib
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from simulators.alpaca.wire_values import wire_time
from simulators.venue.bars import Bar
from simulators.venue.instruments import Equity
from simulators.venue.model_quotes import Valuation
from simulators.venue.quotes import Quote

_TAPES = {"NASDAQ": "C", "ARCA": "B", "BATS": "B"}
_EXCHANGES = {"NASDAQ": "Q", "ARCA": "P", "NYSE": "N", "BATS": "Z"}
_CENT = Decimal("0.01")


def stock_quote(quote: Quote, share: Equity, feed: str) -> dict[str, Any]:
    """A quote of shares without its time; IEX has quotes of its own exchange only."""
    exchange = "V" if feed == "iex" else _EXCHANGES.get(share.exchange, "N")
    ends = {"ax": exchange, "bx": exchange, "c": ["R"], "z": tape_of(share)}
    return {**_prices(quote), **ends}


def option_quote(quote: Quote) -> dict[str, Any]:
    """A quote of a contract without its time."""
    return {**_prices(quote), "ax": "C", "bx": "C", "c": "A"}


def _prices(quote: Quote) -> dict[str, Any]:
    return {"ap": quote.ask, "as": quote.ask_size, "bp": quote.bid, "bs": quote.bid_size}


def tape_of(share: Equity) -> str:
    """Which consolidated tape a share is on."""
    return _TAPES.get(share.exchange, "A")


def trade_px(quote: Quote) -> Decimal:
    """At what price others trade at this quote: the middle, or a half cent below it."""
    return max(_CENT, quote.mid.quantize(_CENT, ROUND_DOWN))


def stock_trade(px: Decimal, at: datetime, share: Equity, feed: str) -> dict[str, Any]:
    """A trade of shares without its time."""
    return {
        "x": "V" if feed == "iex" else _EXCHANGES.get(share.exchange, "N"),
        "p": px,
        "s": 100,
        "c": ["@"],
        "i": trade_id(share.symbol, at),
        "z": tape_of(share),
    }


def option_trade(px: Decimal) -> dict[str, Any]:
    """A trade of a contract without its time."""
    return {"x": "C", "p": px, "s": 1, "c": "I"}


def trade_id(symbol: str, at: datetime) -> int:
    """The same trade has the same id, however it is asked for."""
    return zlib.crc32(f"{symbol}/{at.timestamp()}".encode())


def timed(at: datetime, content: dict[str, Any]) -> dict[str, Any]:
    """With its time in front."""
    return {"t": wire_time(at), **content}


def bar_json(bar: Bar) -> dict[str, Any]:
    """A bar; its time is that of its beginning."""
    return {"t": bar.at.strftime("%Y-%m-%dT%H:%M:%SZ"), **bar_prices(bar)}


def bar_prices(bar: Bar) -> dict[str, Any]:
    """A bar without its time."""
    return {
        "o": bar.open / 100,
        "h": bar.high / 100,
        "l": bar.low / 100,
        "c": bar.close / 100,
        "v": bar.volume,
        "n": bar.trades,
        "vw": bar.vwap,
    }


def valuation_json(valuation: Valuation | None) -> dict[str, Any]:
    """Greeks and implied volatility; nothing where there are none, as at Alpaca."""
    if valuation is None:
        return {}
    known = valuation.greeks
    names = ("delta", "gamma", "rho", "theta", "vega")
    return {
        "greeks": {name: round(getattr(known, name), 4) + 0.0 for name in names},
        "impliedVolatility": round(valuation.implied_volatility, 4),
    }
