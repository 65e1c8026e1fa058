"""Bars, option contracts, snapshots with greeks and trading days on the wire."""

from __future__ import annotations

from services.common.contract.convert.amounts import (
    decimal_to_wire,
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    required_decimal_from_wire,
)
from services.common.contract.convert.instruments import instrument_from_wire, instrument_to_wire
from services.common.contract.convert.market import quote_from_wire, quote_to_wire
from services.common.contract.convert.replies import reading
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.convert.times import (
    date_from_wire,
    date_to_wire,
    optional_timestamp_from_wire,
    optional_timestamp_to_wire,
    required_timestamp_from_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import broker_service_pb2, market_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.instruments import OptionContract
from services.common.domain.market import (
    Bar,
    Greeks,
    ListedOption,
    MarketDay,
    OptionSnapshot,
    StreamedQuote,
)

_GREEKS = ("delta", "gamma", "theta", "vega", "rho", "implied_volatility")


def bar_to_wire(bar: Bar) -> market_pb2.Bar:
    """Write a bar."""
    return market_pb2.Bar(
        start_time=timestamp_to_wire(bar.start_time),
        open=decimal_to_wire(bar.open),
        high=decimal_to_wire(bar.high),
        low=decimal_to_wire(bar.low),
        close=decimal_to_wire(bar.close),
        volume=decimal_to_wire(bar.volume),
        trade_count=bar.trade_count,
        vwap=optional_decimal_to_wire(bar.vwap),
    )


def bar_from_wire(msg: market_pb2.Bar) -> Bar:
    """Read a bar. ReadFailed naming what is missing or malformed."""
    with reading("bar"):
        return Bar(
            start_time=required_timestamp_from_wire(msg, "start_time", "start_time"),
            open=required_decimal_from_wire(msg, "open", "open"),
            high=required_decimal_from_wire(msg, "high", "high"),
            low=required_decimal_from_wire(msg, "low", "low"),
            close=required_decimal_from_wire(msg, "close", "close"),
            volume=required_decimal_from_wire(msg, "volume", "volume"),
            trade_count=msg.trade_count if msg.HasField("trade_count") else None,
            vwap=optional_decimal_from_wire(msg, "vwap", "vwap"),
        )


def listed_option_to_wire(listed: ListedOption) -> market_pb2.OptionContract:
    """Write a listed option."""
    return market_pb2.OptionContract(
        instrument=instrument_to_wire(listed.contract),
        tradable=listed.tradable,
        open_interest=optional_decimal_to_wire(listed.open_interest),
        close_price=optional_decimal_to_wire(listed.close_price),
        venue_contract_id=text_to_wire(listed.venue_contract_id),
    )


def listed_option_from_wire(msg: market_pb2.OptionContract) -> ListedOption:
    """Read a listed option. ReadFailed naming what is missing or malformed."""
    with reading("option contract"):
        contract = instrument_from_wire(msg.instrument, "instrument")
        if not isinstance(contract, OptionContract):
            raise InvalidRequest("instrument", "not an option")
        return ListedOption(
            contract=contract,
            tradable=msg.tradable,
            open_interest=optional_decimal_from_wire(msg, "open_interest", "open_interest"),
            close_price=optional_decimal_from_wire(msg, "close_price", "close_price"),
            venue_contract_id=msg.venue_contract_id,
        )


def snapshot_to_wire(snapshot: OptionSnapshot) -> market_pb2.OptionSnapshot:
    """Write quote, last trade and greeks."""
    greeks = snapshot.greeks
    return market_pb2.OptionSnapshot(
        quote=quote_to_wire(snapshot.quote),
        greeks=None if greeks is None else _greeks_to_wire(greeks),
        last_price=optional_decimal_to_wire(snapshot.last_price),
        last_qty=optional_decimal_to_wire(snapshot.last_qty),
        last_trade_time=optional_timestamp_to_wire(snapshot.last_trade_time),
    )


def snapshot_from_wire(msg: market_pb2.OptionSnapshot) -> OptionSnapshot:
    """Read quote, last trade and greeks. ReadFailed naming what is missing or malformed."""
    quote = quote_from_wire(msg.quote)
    with reading("option snapshot"):
        return OptionSnapshot(
            quote=quote,
            greeks=_greeks_from_wire(msg.greeks) if msg.HasField("greeks") else None,
            last_price=optional_decimal_from_wire(msg, "last_price", "last_price"),
            last_qty=optional_decimal_from_wire(msg, "last_qty", "last_qty"),
            last_trade_time=optional_timestamp_from_wire(msg, "last_trade_time", "last_trade_time"),
        )


def market_day_to_wire(day: MarketDay) -> market_pb2.MarketDay:
    """Write a trading day."""
    return market_pb2.MarketDay(
        date=date_to_wire(day.day),
        open_time=timestamp_to_wire(day.open_time),
        close_time=timestamp_to_wire(day.close_time),
    )


def market_day_from_wire(msg: market_pb2.MarketDay) -> MarketDay:
    """Read a trading day. ReadFailed naming what is missing or malformed."""
    with reading("market day"):
        return MarketDay(
            day=date_from_wire(msg.date, "date"),
            open_time=required_timestamp_from_wire(msg, "open_time", "open_time"),
            close_time=required_timestamp_from_wire(msg, "close_time", "close_time"),
        )


def streamed_quote_to_wire(streamed: StreamedQuote) -> broker_service_pb2.StreamQuotesResponse:
    """Write one quote of a stream."""
    return broker_service_pb2.StreamQuotesResponse(
        quote=quote_to_wire(streamed.quote), after_gap=streamed.after_gap
    )


def streamed_quote_from_wire(msg: broker_service_pb2.StreamQuotesResponse) -> StreamedQuote:
    """Read one quote of a stream. ReadFailed naming what is malformed."""
    return StreamedQuote(quote_from_wire(msg.quote), msg.after_gap)


def _greeks_to_wire(greeks: Greeks) -> market_pb2.Greeks:
    return market_pb2.Greeks(**{name: getattr(greeks, name) for name in _GREEKS})


def _greeks_from_wire(msg: market_pb2.Greeks) -> Greeks:
    return Greeks(**{field.name: value for field, value in msg.ListFields()})
