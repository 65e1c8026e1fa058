"""Ticks, bars and contracts of IB's in our words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from services.common.domain.instruments import Instrument, InstrumentError, OptionContract
from services.common.domain.market import (
    Bar,
    ListedOption,
    OptionSnapshot,
    Quote,
    QuoteQuality,
)
from services.ib_adapter import contracts, figures
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.library import BarData, ContractDetails
from services.ib_adapter.ticks import DataType, Side, Ticks

FEED: Final = "SMART"

_QUALITIES: Final = {
    DataType.LIVE: QuoteQuality.REALTIME,
    DataType.FROZEN: QuoteQuality.FROZEN,
    DataType.DELAYED: QuoteQuality.DELAYED,
    DataType.DELAYED_FROZEN: QuoteQuality.DELAYED,
}
_CLOCK_LEN: Final = 5  # hh:mm


def read_quote(ticks: Ticks, instrument: Instrument, venue: str, told_at: datetime | None) -> Quote:
    """The quote as of the last tick, which came at `told_at` in IB's time.

    Live ticks tell of now; when a frozen or delayed one was made IB does not say. What is halted
    stands where it was.
    """
    quality = _QUALITIES.get(ticks.data_type, QuoteQuality.INDICATIVE)
    if quality is QuoteQuality.REALTIME and ticks.is_halted:
        quality = QuoteQuality.FROZEN
    is_live = quality is QuoteQuality.REALTIME
    return Quote(
        venue=venue,
        instrument=instrument,
        feed=FEED,
        quality=quality,
        bid_price=ticks.price(Side.BID),
        bid_qty=ticks.size(Side.BID),
        ask_price=ticks.price(Side.ASK),
        ask_qty=ticks.size(Side.ASK),
        venue_time=told_at if is_live else None,
        age_s=0.0 if is_live and told_at is not None else None,
    )


def frozen(quote: Quote) -> Quote:
    """The same as the last one known: nobody hears of changes any more."""
    return replace(quote, quality=QuoteQuality.FROZEN)


def has_prices(quote: Quote) -> bool:
    """Whether there is a side to it; one without any is no quote."""
    return quote.bid_price is not None or quote.ask_price is not None


def read_snapshot(
    ticks: Ticks, contract: OptionContract, venue: str, told_at: datetime | None
) -> OptionSnapshot:
    """Quote, last trade and greeks of an option."""
    return OptionSnapshot(
        quote=read_quote(ticks, contract, venue, told_at),
        greeks=ticks.greeks,
        last_price=ticks.price(Side.LAST),
        last_qty=ticks.size(Side.LAST),
        last_trade_time=ticks.last_trade_time,
    )


def read_bar(bar: BarData, zone: ZoneInfo) -> Bar:
    """One bar; a day is that at the exchange, whose zone it is. Raises Unreadable.

    IB writes -1 for an average or a number of trades that it does not have.
    """
    count, vwap = int(bar.barCount), figures.decimal(bar.average)
    return Bar(
        start_time=_start(str(bar.date), zone),
        open=figures.required_decimal(bar.open, "a bar's open"),
        high=figures.required_decimal(bar.high, "a bar's high"),
        low=figures.required_decimal(bar.low, "a bar's low"),
        close=figures.required_decimal(bar.close, "a bar's close"),
        volume=max(figures.required_decimal(bar.volume, "a bar's volume"), Decimal(0)),
        trade_count=count if count >= 0 else None,
        vwap=vwap if vwap is not None and vwap > 0 else None,
    )


def _start(text: str, zone: ZoneInfo) -> datetime:
    """Seconds since 1970, or a day."""
    if not text.isascii() or not text.isdigit():
        raise Unreadable(f"a bar's time is {text[:30]!r}")
    if len(text) == len("20241104"):
        return datetime.combine(_date(text), time(), zone).astimezone(UTC)
    return datetime.fromtimestamp(int(text), UTC)


def _date(text: str) -> date:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError as error:
        raise Unreadable(f"a day is {text[:30]!r}") from error


def read_listed_option(details: ContractDetails) -> ListedOption:
    """One contract of a chain, with what IB says of it. Raises Unreadable.

    IB tells neither the style nor the settlement, nor what an adjusted contract delivers.
    """
    found = details.contract
    if found is None:
        raise Unreadable("an option without a contract")
    option = contracts.instrument_of(found)
    if not isinstance(option, OptionContract):
        raise Unreadable(f"contract {found.conId} is no option")
    underlying = details.underSymbol.replace(" ", ".") or option.underlying
    last_time, last_zone = _last_trade(details, option.expiry)
    try:
        option = replace(
            option,
            underlying=underlying,
            last_trade_time=last_time,
            last_trade_zone=last_zone,
            deliverable="adjusted, size not told" if option.is_adjusted else None,
        )
    except InstrumentError as error:
        raise Unreadable(f"contract {found.conId} ({found.localSymbol}): {error}") from error
    return ListedOption(contract=option, tradable=True, venue_contract_id=str(found.conId))


def _last_trade(details: ContractDetails, expiry: date) -> tuple[time | None, str | None]:
    """The time of day at which it stops to trade, where that is on the day of its expiry."""
    found = details.contract
    is_that_day = found is not None and found.lastTradeDateOrContractMonth == f"{expiry:%Y%m%d}"
    text, zone = details.lastTradeTime[:_CLOCK_LEN], details.timeZoneId
    if not is_that_day or len(text) != _CLOCK_LEN or not zone:
        return None, None
    try:
        return time.fromisoformat(text), zone
    except ValueError:
        return None, None
