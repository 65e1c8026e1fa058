"""Market data: Alpaca's JSON, or a message of its data stream, to our records."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.feeds import QUALITY, api_of
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.instruments import (
    ExerciseStyle,
    Instrument,
    InstrumentError,
    OptionContract,
    OptionRight,
)
from services.common.domain.market import (
    Bar,
    Greeks,
    ListedOption,
    MarketDay,
    OptionSnapshot,
    Quote,
)
from services.common.domain.occ import parse_occ

_STYLES: Final = {"american": ExerciseStyle.AMERICAN, "european": ExerciseStyle.EUROPEAN}
_RIGHTS: Final = {"call": OptionRight.CALL, "put": OptionRight.PUT}
_GREEKS: Final = ("delta", "gamma", "theta", "vega", "rho")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):?([0-5]\d)", re.ASCII)
_STANDARD_SIZE: Final = Decimal(100)
_DELIVERABLE_LEN_MAX: Final = 256


def read_quote(
    fields: Record, instrument: Instrument, venue: str, feed: str, now: datetime | None
) -> Quote:
    """One quote. Alpaca writes a missing side as price 0, which is None here."""
    at = wire_fields.time(fields, "t")
    return Quote(
        venue=venue,
        instrument=instrument,
        feed=feed,
        quality=QUALITY[api_of(instrument)][feed],
        bid_price=_side(fields, "bp", "bp"),
        bid_qty=_side(fields, "bp", "bs"),
        ask_price=_side(fields, "ap", "ap"),
        ask_qty=_side(fields, "ap", "as"),
        venue_time=at,
        age_s=None if at is None or now is None else max(0.0, (now - at).total_seconds()),
    )


def read_snapshot(
    fields: Record, contract: OptionContract, venue: str, feed: str, now: datetime | None
) -> OptionSnapshot | None:
    """Quote, last trade and greeks; None without a quote."""
    if fields.get("latestQuote") is None:
        return None
    quote = wire_fields.record(fields["latestQuote"], "latestQuote")
    trade = wire_fields.record(fields.get("latestTrade") or {}, "latestTrade")
    return OptionSnapshot(
        quote=read_quote(quote, contract, venue, feed, now),
        greeks=_greeks(fields),
        last_price=wire_fields.decimal(trade, "p"),
        last_qty=wire_fields.decimal(trade, "s"),
        last_trade_time=wire_fields.time(trade, "t"),
    )


def read_bar(item: Any) -> Bar:
    """One bar. Raises Unreadable for one that lacks a price or its time."""
    fields = wire_fields.record(item, "a bar")
    count = wire_fields.lenient_decimal(fields, "n")
    return Bar(
        start_time=wire_fields.required_time(fields, "t"),
        open=wire_fields.required_decimal(fields, "o"),
        high=wire_fields.required_decimal(fields, "h"),
        low=wire_fields.required_decimal(fields, "l"),
        close=wire_fields.required_decimal(fields, "c"),
        volume=wire_fields.required_decimal(fields, "v"),
        trade_count=None if count is None or count < 0 else int(count),
        vwap=wire_fields.decimal(fields, "vw"),
    )


def read_listed_option(item: Any) -> ListedOption:
    """One contract of the listing, its symbol and its terms in agreement. Raises Unreadable."""
    fields = wire_fields.record(item, "a contract")
    symbol = wire_fields.required_text(fields, "symbol")
    try:
        contract = _contract(symbol, fields)
    except InstrumentError as error:
        raise Unreadable(f"contract {symbol[:40]!r}: {error}") from error
    return ListedOption(
        contract=contract,
        tradable=wire_fields.flag(fields, "tradable")
        and wire_fields.text(fields, "status") in ("", "active"),
        open_interest=wire_fields.lenient_decimal(fields, "open_interest"),
        close_price=wire_fields.lenient_decimal(fields, "close_price"),
        venue_contract_id=wire_fields.text(fields, "id"),
    )


def read_days(content: Any) -> list[MarketDay]:
    """GET /v2/calendar, oldest first. Raises Unreadable."""
    if not isinstance(content, list):
        raise Unreadable("the calendar is not a list")
    return sorted((_day(wire_fields.record(item, "a day")) for item in content), key=_by_day)


def _contract(symbol: str, fields: Record) -> OptionContract:
    named = parse_occ(symbol)
    told = OptionContract(
        root=wire_fields.text(fields, "root_symbol") or named.root,
        expiry=_date(fields, "expiration_date"),
        right=_right(fields),
        strike=wire_fields.required_decimal(fields, "strike_price"),
        underlying=wire_fields.text(fields, "underlying_symbol") or None,
        multiplier=_multiplier(fields),
        style=_STYLES.get(wire_fields.text(fields, "style"), ExerciseStyle.UNSPECIFIED),
        deliverable=_deliverable(fields, named.root),
    )
    if told != named:
        raise Unreadable(f"contract {symbol} has other terms than its symbol says")
    return told


def _right(fields: Record) -> OptionRight:
    right = _RIGHTS.get(wire_fields.text(fields, "type"))
    if right is None:
        raise Unreadable(f"a contract of type {wire_fields.text(fields, 'type')[:20]!r}")
    return right


def _multiplier(fields: Record) -> Decimal:
    """What a price is multiplied by; `size` is what is delivered, and the same if standard."""
    multiplier = wire_fields.decimal(fields, "multiplier") or wire_fields.decimal(fields, "size")
    if not multiplier:
        raise Unreadable("a contract without a multiplier")
    return multiplier


def _deliverable(fields: Record, root: str) -> str | None:
    """What an adjusted contract delivers, in words; None for one that is standard.

    Adjusted roots end in a digit; what they deliver is told if the listing says so.
    """
    parts = wire_fields.records(fields, "deliverables")
    underlying = wire_fields.text(fields, "underlying_symbol")
    adjusted = root[-1:].isdigit()
    if parts and not (len(parts) == 1 and _is_standard(parts[0], underlying)):
        return " + ".join(_part(part) for part in parts)[:_DELIVERABLE_LEN_MAX]
    size = wire_fields.lenient_decimal(fields, "size")
    if adjusted or (size is not None and size != _STANDARD_SIZE):
        return f"adjusted, size {'not told' if size is None else format(size, 'f')}"
    return None


def _is_standard(part: Record, underlying: str) -> bool:
    return (
        wire_fields.text(part, "type") == "equity"
        and wire_fields.text(part, "symbol") in ("", underlying)
        and wire_fields.lenient_decimal(part, "amount") == _STANDARD_SIZE
    )


def _part(part: Record) -> str:
    amount = wire_fields.lenient_decimal(part, "amount")
    shown = "?" if amount is None else format(amount, "f")
    what = wire_fields.text(part, "symbol") or wire_fields.text(part, "type") or "?"
    return "".join(c for c in f"{shown} {what}" if c.isprintable())


def _day(fields: Record) -> MarketDay:
    day = _date(fields, "date")
    opens, closes = (_moment(day, fields, name) for name in ("open", "close"))
    if opens >= closes:
        raise Unreadable(f"the market of {day} closes before it opens")
    return MarketDay(day, opens, closes)


def _by_day(market_day: MarketDay) -> date:
    return market_day.day


def _moment(day: date, fields: Record, name: str) -> datetime:
    match = _CLOCK.fullmatch(wire_fields.text(fields, name))
    if match is None:
        raise Unreadable(f"{name} of {day} is no time: {str(fields.get(name))[:20]!r}")
    at = time(int(match[1]), int(match[2]))
    return datetime.combine(day, at, wire_fields.NEW_YORK).astimezone(UTC)


def _date(fields: Record, name: str) -> date:
    try:
        return date.fromisoformat(wire_fields.text(fields, name))
    except ValueError as error:
        raise Unreadable(f"{name} is no date: {str(fields.get(name))[:20]!r}") from error


def _greeks(fields: Record) -> Greeks | None:
    given = wire_fields.record(fields.get("greeks") or {}, "greeks")
    values = {name: _number(given, name) for name in _GREEKS}
    volatility = _number(fields, "impliedVolatility")
    if volatility is None and not any(value is not None for value in values.values()):
        return None
    return Greeks(**values, implied_volatility=volatility)


def _number(fields: Record, name: str) -> float | None:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value)


def _side(fields: Record, price: str, name: str) -> Decimal | None:
    return wire_fields.decimal(fields, name) if wire_fields.decimal(fields, price) else None


def records_by_symbol(content: Any, name: str) -> Record:
    """The object `name` of an answer, empty if it is null. Raises Unreadable."""
    fields = wire_fields.record(content, "the answer")
    if name not in fields:
        raise Unreadable(f"the answer has no {name}")
    return wire_fields.record(fields[name] if fields[name] is not None else {}, name)


def bars_of(content: Any, symbol: str) -> Iterable[Bar]:
    """The bars of one symbol in an answer; none if it is not there. Raises Unreadable."""
    items = records_by_symbol(content, "bars").get(symbol)
    if items is None:
        return []
    if not isinstance(items, list):
        raise Unreadable("bars are not a list")
    return [read_bar(item) for item in items]
