"""What requests for market data have in common: feeds, symbols, times, pages and their errors."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.alpaca.market import Feeds
from simulators.alpaca.problems import ApiProblem
from simulators.alpaca.router import Call
from simulators.alpaca.wire_values import read_time
from simulators.venue import trading_calendar as calendar
from simulators.venue.bars import Frame, Unit

_RECENT = timedelta(minutes=15)
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_LIMIT_DEFAULT, _LIMIT_MAX = 1000, 10_000
_SYMBOL = re.compile(r"[A-Z0-9.]{1,21}")
_STOCK_FEEDS = ("", "iex", "sip", "delayed_sip")
_PAID_STOCK_FEEDS = ("otc", "boats", "overnight")
_OPTION_FEEDS = ("", "indicative", "opra")
_FRAME = re.compile(r"(\d{1,2})(Min|T|Hour|H|Day|D|Week|W|Month|M)", re.ASCII)
_COUNTS = {
    "T": (Unit.MINUTE, 1, range(1, 60)),
    "H": (Unit.MINUTE, 60, range(1, 24)),
    "D": (Unit.DAY, 1, (1,)),
    "W": (Unit.WEEK, 1, (1,)),
    "M": (Unit.MONTH, 1, (1, 2, 3, 4, 6, 12)),
}
_SHORT = {"Min": "T", "Hour": "H", "Day": "D", "Week": "W", "Month": "M"}


class DataProblem(ApiProblem):
    """An error of the data API: its body has a message and no code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, 0, message)
        self.content = {"message": message}


def symbols_of(call: Call, at_most: int = 10_000) -> list[str]:
    """The symbols that a request names, in its path or its query, each once and in order."""
    listed = call.values.get("symbol") or call.query("symbols")
    symbols = list(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if not symbols:
        raise DataProblem(400, "symbols is required")
    for symbol in symbols:
        if not _SYMBOL.fullmatch(symbol):
            raise DataProblem(400, f"invalid symbol: {symbol}")
    if len(symbols) > at_most:
        raise DataProblem(400, f"too many symbols: at most {at_most}")
    return symbols


def stock_feed(call: Call, feeds: Feeds, *, latest: bool) -> str:
    """The feed to answer a request for shares with.

    Raises:
        DataProblem: It is unknown (400), or the account may not use it (403).
    """
    feed = call.query("feed")
    if feed in _PAID_STOCK_FEEDS:
        raise DataProblem(403, f"subscription does not permit querying {feed} data")
    if feed not in _STOCK_FEEDS or (feed == "delayed_sip" and not latest):
        raise DataProblem(400, f"invalid feed: {feed}")
    if latest and feed == "sip" and feeds.stock != "sip":
        raise _no_recent_sip()
    if feed:
        return feed
    return feeds.stock if latest else "sip"


def option_feed(call: Call, feeds: Feeds) -> str:
    """The feed to answer a request for options with; raises as `stock_feed` does."""
    feed = call.query("feed")
    if feed not in _OPTION_FEEDS:
        raise DataProblem(400, f"invalid feed: {feed}")
    if feed == "opra" and feeds.option != "opra":
        raise no_opra()
    return feed or feeds.option


def no_opra() -> DataProblem:
    return DataProblem(403, "OPRA agreement is not signed")


def _no_recent_sip() -> DataProblem:
    return DataProblem(403, "subscription does not permit querying recent SIP data")


@dataclass(frozen=True, slots=True)
class Span:
    """The times that a request is about, both included."""

    first: datetime
    last: datetime
    descending: bool


def span_of(call: Call, now: datetime, refusal: DataProblem | None) -> Span:
    """From `start` (default: this day) to `end` (default: now), in the order of `sort`.

    Args:
        refusal: What to say to an end within the last 15 minutes, if the account doesn't see them;
            without an `end` they are left out in silence.
    """
    first = _time(call, "start")
    last = _time(call, "end")
    if last is None:
        last = now if refusal is None else now - _RECENT
    elif refusal is not None and last > now - _RECENT:
        raise refusal
    today = calendar.trading_date(now)
    first = first or datetime(today.year, today.month, today.day, tzinfo=calendar.NEW_YORK)
    if call.query("end") and first > last:
        raise DataProblem(400, "end should not be before start")
    sort = call.query("sort", "asc")
    if sort not in ("asc", "desc"):
        raise DataProblem(400, f"invalid sort: {sort}")
    return Span(first, min(last, now), sort == "desc")


def stock_refusal(feed: str, feeds: Feeds) -> DataProblem | None:
    """Why the account may not see the last 15 minutes of this feed; None if it may."""
    return _no_recent_sip() if feed == "sip" and feeds.stock != "sip" else None


def _time(call: Call, name: str) -> datetime | None:
    text = call.query(name)
    if not text:
        return None
    nanos = read_time(text)
    if nanos is None:
        raise DataProblem(400, f"invalid {name}: {text}")
    at = datetime.fromtimestamp(nanos // 10**9, UTC)
    if name == "end" and len(text) == len("2024-11-04"):
        return at + _DAY - _TICK  # a day is meant whole
    return at + timedelta(microseconds=nanos % 10**9 // 1000)


def frame_of(call: Call) -> Frame:
    """The length of the bars: 1Min to 59Min, 1Hour to 23Hour, 1Day, 1Week, 1Month to 12Month."""
    text = call.query("timeframe")
    match = _FRAME.fullmatch(text)
    if match is not None:
        unit, scale, counts = _COUNTS[_SHORT.get(match[2], match[2])]
        if int(match[1]) in counts:
            return Frame(unit, int(match[1]) * scale)
    raise DataProblem(400, f"invalid timeframe: {text}" if text else "timeframe is required")


def limit_of(call: Call, default: int = _LIMIT_DEFAULT, at_most: int = _LIMIT_MAX) -> int:
    """How many items one page may have, over all symbols."""
    text = call.query("limit") or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= at_most):
        raise DataProblem(400, f"invalid limit: {text}: it is between 1 and {at_most}")
    return int(text)


Items = Callable[[str, Span], Iterator[tuple[datetime, dict[str, Any]]]]


def page_of(
    call: Call, symbols: list[str], span: Span, limit: int, items: Items
) -> tuple[dict[str, list[dict[str, Any]]], str | None]:
    """One page: symbols in their order, each with its items by time, and the next page's token.

    The limit counts items over all symbols, so a page may end in the middle of one.
    """
    after = _read_token(call)
    told: dict[str, list[dict[str, Any]]] = {}
    taken, token = 0, None
    for symbol in sorted(symbols):
        if after is not None and symbol < after[0]:
            continue
        here = _behind(span, after[1]) if after is not None and symbol == after[0] else span
        for at, item in items(symbol, here):
            if taken == limit:
                return told, token
            told.setdefault(symbol, []).append(item)
            taken += 1
            token = write_token(f"{symbol}|{int(at.timestamp() * 1_000_000)}")
    return told, None


def _behind(span: Span, at: datetime) -> Span:
    if span.descending:
        return replace(span, last=min(span.last, at - _TICK))
    return replace(span, first=max(span.first, at + _TICK))


def _read_token(call: Call) -> tuple[str, datetime] | None:
    text = read_token(call)
    if not text:
        return None
    symbol, _, micros = text.partition("|")
    if not (micros.isascii() and micros.isdigit() and len(micros) < 18):
        raise DataProblem(400, "invalid page_token")
    return symbol, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(micros))


def read_token(call: Call) -> str:
    """What a page token holds, "" if there is none."""
    try:
        return base64.b64decode(call.query("page_token"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise DataProblem(400, "invalid page_token") from error


def write_token(text: str) -> str:
    """A page token that holds this."""
    return base64.b64encode(text.encode()).decode()
