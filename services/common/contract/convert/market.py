"""Quotes and market clocks on the wire."""

from __future__ import annotations

from services.common.contract.convert.amounts import (
    optional_decimal_from_wire,
    optional_decimal_to_wire,
)
from services.common.contract.convert.enums import QUOTE_QUALITIES
from services.common.contract.convert.instruments import instrument_from_wire, instrument_to_wire
from services.common.contract.convert.replies import reading, require_text
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.convert.times import (
    date_from_wire,
    date_to_wire,
    duration_from_wire,
    duration_to_wire,
    optional_timestamp_from_wire,
    optional_timestamp_to_wire,
    required_timestamp_from_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import broker_service_pb2, market_pb2
from services.common.domain.market import MarketClock, Quote


def quote_to_wire(quote: Quote) -> market_pb2.Quote:
    """Write a quote; a side without a price stays unset."""
    return market_pb2.Quote(
        instrument=instrument_to_wire(quote.instrument),
        venue=quote.venue,
        feed=text_to_wire(quote.feed),
        quality=QUOTE_QUALITIES.to_wire(quote.quality),
        bid_price=optional_decimal_to_wire(quote.bid_price),
        bid_qty=optional_decimal_to_wire(quote.bid_qty),
        ask_price=optional_decimal_to_wire(quote.ask_price),
        ask_qty=optional_decimal_to_wire(quote.ask_qty),
        venue_time=optional_timestamp_to_wire(quote.venue_time),
        age=None if quote.age_s is None else duration_to_wire(quote.age_s),
    )


def quote_from_wire(msg: market_pb2.Quote) -> Quote:
    """Read a quote. ReadFailed naming what is malformed, an unknown quality included."""
    with reading("quote"):
        return Quote(
            venue=require_text(msg.venue, "venue"),
            instrument=instrument_from_wire(msg.instrument, "instrument"),
            feed=msg.feed,
            quality=QUOTE_QUALITIES.required(msg.quality, "quality"),
            bid_price=optional_decimal_from_wire(msg, "bid_price", "bid_price"),
            bid_qty=optional_decimal_from_wire(msg, "bid_qty", "bid_qty"),
            ask_price=optional_decimal_from_wire(msg, "ask_price", "ask_price"),
            ask_qty=optional_decimal_from_wire(msg, "ask_qty", "ask_qty"),
            venue_time=optional_timestamp_from_wire(msg, "venue_time", "venue_time"),
            age_s=duration_from_wire(msg.age, "age") if msg.HasField("age") else None,
        )


def market_clock_to_wire(
    clock: MarketClock, venue: str
) -> broker_service_pb2.GetMarketClockResponse:
    """Write the clock of `venue`."""
    return broker_service_pb2.GetMarketClockResponse(
        venue_time=timestamp_to_wire(clock.venue_time),
        is_open=clock.is_open,
        next_open=timestamp_to_wire(clock.next_open),
        next_close=timestamp_to_wire(clock.next_close),
        venue=venue,
        trading_date=date_to_wire(clock.trading_date),
    )


def market_clock_from_wire(msg: broker_service_pb2.GetMarketClockResponse) -> MarketClock:
    """Read a venue's clock. ReadFailed naming what is missing or malformed."""
    with reading("market clock"):
        return MarketClock(
            venue_time=required_timestamp_from_wire(msg, "venue_time", "venue_time"),
            is_open=msg.is_open,
            next_open=required_timestamp_from_wire(msg, "next_open", "next_open"),
            next_close=required_timestamp_from_wire(msg, "next_close", "next_close"),
            trading_date=date_from_wire(msg.trading_date, "trading_date"),
        )
