"""Market data from the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from tandem_client.errors import MalformedReply
from tandem_client.instruments import Option
from tandem_client.market import (
    Bar,
    Greeks,
    ListedOption,
    MarketCalendar,
    MarketClock,
    MarketDay,
    OptionSnapshot,
    OptionSnapshots,
    StreamedQuote,
)
from tandem_client.pb import broker_service_pb2, market_pb2
from tandem_client.wire import values
from tandem_client.wire.accounts import read_quote
from tandem_client.wire.instruments import read_instrument
from tandem_client.wire.values import decimal_or_none, read_decimal

_GREEKS = ("delta", "gamma", "theta", "vega", "rho", "implied_volatility")


def read_bars(message: broker_service_pb2.GetBarsResponse) -> tuple[Bar, ...]:
    """Read a page of bars; each says where it is from."""
    return tuple(
        Bar(
            start_time=_time(bar, "start_time"),
            open=read_decimal(bar.open),
            high=read_decimal(bar.high),
            low=read_decimal(bar.low),
            close=read_decimal(bar.close),
            volume=read_decimal(bar.volume),
            trade_count=bar.trade_count if bar.HasField("trade_count") else None,
            vwap=decimal_or_none(bar, "vwap"),
            venue=message.venue,
            feed=message.feed,
        )
        for bar in message.bars
    )


def read_contracts(
    message: broker_service_pb2.ListOptionContractsResponse,
) -> tuple[ListedOption, ...]:
    """Read a page of listed options."""
    return tuple(_read_listed(contract, message.venue) for contract in message.contracts)


def _read_listed(message: market_pb2.OptionContract, venue: str) -> ListedOption:
    option = read_instrument(message.instrument)
    if not isinstance(option, Option):
        raise MalformedReply("a reply lists a share among options")
    return ListedOption(
        option=option,
        tradable=message.tradable,
        open_interest=decimal_or_none(message, "open_interest"),
        close_price=decimal_or_none(message, "close_price"),
        venue_contract_id=message.venue_contract_id,
        venue=venue,
    )


def read_snapshots(message: broker_service_pb2.GetOptionSnapshotsResponse) -> OptionSnapshots:
    """Read the answer to a request for snapshots."""
    return OptionSnapshots(
        snapshots=tuple(_read_snapshot(snapshot) for snapshot in message.snapshots),
        missing=tuple(read_instrument(instrument) for instrument in message.missing),
        venue=message.venue,
    )


def _read_snapshot(message: market_pb2.OptionSnapshot) -> OptionSnapshot:
    return OptionSnapshot(
        quote=read_quote(message.quote),
        greeks=_read_greeks(message.greeks) if message.HasField("greeks") else None,
        last_price=decimal_or_none(message, "last_price"),
        last_qty=decimal_or_none(message, "last_qty"),
        last_trade_time=values.time_or_none(message, "last_trade_time"),
    )


def _read_greeks(message: Any) -> Greeks:
    return Greeks(
        **{name: getattr(message, name) if message.HasField(name) else None for name in _GREEKS}
    )


def read_calendar(message: broker_service_pb2.GetMarketCalendarResponse) -> MarketCalendar:
    """Read trading days."""
    days = tuple(
        MarketDay(_date(day, "date"), _time(day, "open_time"), _time(day, "close_time"))
        for day in message.days
    )
    return MarketCalendar(days, message.venue)


def read_clock(message: broker_service_pb2.GetMarketClockResponse) -> MarketClock:
    """Read a venue's clock."""
    return MarketClock(
        venue_time=_time(message, "venue_time"),
        is_open=message.is_open,
        next_open=_time(message, "next_open"),
        next_close=_time(message, "next_close"),
        trading_date=_date(message, "trading_date"),
        venue=message.venue,
    )


def read_streamed(message: broker_service_pb2.StreamQuotesResponse) -> StreamedQuote:
    """Read one quote of a stream."""
    return StreamedQuote(read_quote(message.quote), message.after_gap)


def _time(holder: Any, field: str) -> datetime:
    moment = values.time_or_none(holder, field)
    if moment is None:
        raise MalformedReply(f"a reply has no {field}")
    return moment


def _date(holder: Any, field: str) -> date:
    day = values.date_or_none(holder, field)
    if day is None:
        raise MalformedReply(f"a reply has no {field}")
    return day
