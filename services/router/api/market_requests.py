"""What a request for market data asks for. Which bounds there are is the venue's to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

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
from services.common.domain.errors import InvalidRequest, Reason
from services.common.domain.instruments import Instrument, OptionContract
from services.router.routing.accounts import AccountLinks
from services.router.routing.market import BarQuery, ContractQuery, PageAsked

INSTRUMENTS_MAX: Final = 100


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
    """Like `instruments_of`; what is not an option is InvalidRequest too."""
    options = []
    for number, instrument in enumerate(instruments_of(messages)):
        if not isinstance(instrument, OptionContract):
            raise InvalidRequest(f"instruments[{number}]", "not an option")
        options.append(instrument)
    return tuple(options)


def bar_query(request: pb.GetBarsRequest) -> BarQuery:
    """Which bars. InvalidRequest naming the field."""
    if not request.HasField("bar_length"):
        raise InvalidRequest("bar_length", "required")
    return BarQuery(
        instrument_from_wire(request.instrument, "instrument"),
        duration_from_wire(request.bar_length, "bar_length"),
        required_timestamp_from_wire(request, "start_time", "start_time"),
        optional_timestamp_from_wire(request, "end_time", "end_time"),
    )


def contract_query(request: pb.ListOptionContractsRequest) -> ContractQuery:
    """Which options. InvalidRequest naming the field."""
    if not request.underlying_symbol:
        raise InvalidRequest("underlying_symbol", "required")
    return ContractQuery(
        request.underlying_symbol,
        optional_date_from_wire(request, "expiry_from", "expiry_from"),
        optional_date_from_wire(request, "expiry_to", "expiry_to"),
        optional_decimal_from_wire(request, "strike_from", "strike_from"),
        optional_decimal_from_wire(request, "strike_to", "strike_to"),
        OPTION_RIGHTS.optional(request.right, "right"),
    )


def calendar_days(request: pb.GetMarketCalendarRequest) -> tuple[date, date]:
    """First and last day. InvalidRequest naming the field."""
    for field in ("start_date", "end_date"):
        if not request.HasField(field):
            raise InvalidRequest(field, "required")
    first = date_from_wire(request.start_date, "start_date")
    return first, date_from_wire(request.end_date, "end_date")


def page_asked(
    account: AccountLinks, venue: str, page: types_pb2.PageRequest
) -> tuple[str, PageAsked]:
    """The venue to ask (empty: any) and the page of its list; a token holds at its venue only.

    Raises InvalidRequest INVALID_TOKEN for what `page_token` did not make, or for another venue.
    """
    if not page.page_token:
        return venue, PageAsked(page.page_size)
    name, colon, token = page.page_token.partition(":")
    if not (colon and token) or venue not in ("", name) or account.link(name) is None:
        raise InvalidRequest(
            "page.page_token", "not a token of this list", reason=Reason.INVALID_TOKEN
        )
    return name, PageAsked(page.page_size, token)


def page_token(venue: str, next_token: str) -> str:
    """A venue's token as ours; empty at the end."""
    return f"{venue}:{next_token}" if next_token else ""
