"""What a request for market data asks for, checked: instruments, bars, contracts, days.

Bounds are ours where the contract names none, so that one request can't ask for more than can be
held at once; each is named in the answer that refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from services.common.adapter.port import BarQuery, ContractQuery
from services.common.contract.convert import (
    date_from_wire,
    duration_from_wire,
    instrument_from_wire,
    optional_date_from_wire,
    optional_decimal_from_wire,
    optional_timestamp_from_wire,
    required_timestamp_from_wire,
)
from services.common.contract.convert.enums import OPTION_RIGHTS
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest
from services.common.domain.instruments import Equity, Instrument, InstrumentError, OptionContract

INSTRUMENTS_MAX: Final = 100
BARS_MAX: Final = 20_000
"""Bars of one request; a gateway that finds more raises InvalidRequest naming `start_time`."""
MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0
WEEK_S: Final = 7 * DAY_S
MONTH_S: Final = 30 * DAY_S
"""The bar length that stands for a calendar month."""
CALENDAR_MAX: Final = timedelta(days=3660)


def instruments_of(messages: Sequence[types_pb2.Instrument]) -> tuple[Instrument, ...]:
    """The `instruments` of a request, 1 to 100, each once. InvalidRequest naming the field."""
    if not 1 <= len(messages) <= INSTRUMENTS_MAX:
        raise InvalidRequest("instruments", f"must be 1 to {INSTRUMENTS_MAX}")
    found = (
        instrument_from_wire(message, f"instruments[{number}]")
        for number, message in enumerate(messages)
    )
    return tuple({instrument.key: instrument for instrument in found}.values())


def options_of(messages: Sequence[types_pb2.Instrument]) -> tuple[OptionContract, ...]:
    """Like `instruments_of`; a share among them is InvalidRequest too."""
    for number, message in enumerate(messages):
        if message.WhichOneof("kind") == "equity":
            raise InvalidRequest(f"instruments[{number}]", "not an option")
    return tuple(i for i in instruments_of(messages) if isinstance(i, OptionContract))


def bar_query(request: pb.GetBarsRequest) -> BarQuery:
    """Which bars. A length is a whole number of minutes, 1 minute to 1 month of 30 days.

    Which of these lengths there are is the venue's to say.
    """
    instrument = instrument_from_wire(request.instrument, "instrument")
    if not request.HasField("bar_length"):
        raise InvalidRequest("bar_length", "required")
    length_s = duration_from_wire(request.bar_length, "bar_length")
    if not MINUTE_S <= length_s <= MONTH_S or length_s % MINUTE_S:
        raise InvalidRequest("bar_length", "must be whole minutes, 1 minute to 1 month (30 days)")
    start = required_timestamp_from_wire(request, "start_time", "start_time")
    end = optional_timestamp_from_wire(request, "end_time", "end_time")
    if end is not None and start >= end:
        raise InvalidRequest("end_time", "must be after start_time")
    return BarQuery(instrument, length_s, start, end)


def contract_query(request: pb.ListOptionContractsRequest) -> ContractQuery:
    """Which contracts; an `expiry_from` that is not given stays None. InvalidRequest if odd."""
    expiry_from = optional_date_from_wire(request, "expiry_from", "expiry_from")
    expiry_to = optional_date_from_wire(request, "expiry_to", "expiry_to")
    if expiry_from is not None and expiry_to is not None and expiry_from > expiry_to:
        raise InvalidRequest("expiry_to", "must not be before expiry_from")
    strike_from = _strike(request, "strike_from")
    strike_to = _strike(request, "strike_to")
    if strike_from is not None and strike_to is not None and strike_from > strike_to:
        raise InvalidRequest("strike_to", "must not be below strike_from")
    return ContractQuery(
        underlying=_underlying(request.underlying_symbol),
        expiry_from=expiry_from,
        expiry_to=expiry_to,
        strike_from=strike_from,
        strike_to=strike_to,
        right=OPTION_RIGHTS.optional(request.right, "right"),
    )


def calendar_days(request: pb.GetMarketCalendarRequest) -> tuple[date, date]:
    """First and last day. InvalidRequest naming the field."""
    for name in ("start_date", "end_date"):
        if not request.HasField(name):
            raise InvalidRequest(name, "required")
    start = date_from_wire(request.start_date, "start_date")
    end = date_from_wire(request.end_date, "end_date")
    if start > end:
        raise InvalidRequest("end_date", "must not be before start_date")
    if end - start > CALENDAR_MAX:
        raise InvalidRequest("end_date", f"at most {CALENDAR_MAX.days} days after start_date")
    return start, end


def _strike(request: pb.ListOptionContractsRequest, name: str) -> Decimal | None:
    strike = optional_decimal_from_wire(request, name, name)
    if strike is not None and strike < 0:
        raise InvalidRequest(name, "must not be below 0")
    return strike


def _underlying(symbol: str) -> str:
    if not symbol:
        raise InvalidRequest("underlying_symbol", "required")
    try:
        return Equity(symbol).symbol
    except InstrumentError as error:
        raise InvalidRequest("underlying_symbol", str(error)) from error
