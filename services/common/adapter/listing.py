"""What a list request asks for: filters for the gateway, and its scope for paging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.common.adapter.port import ActivityQuery, OrderQuery
from services.common.contract.convert import instrument_from_wire, optional_timestamp_from_wire
from services.common.contract.convert.enums import ACTIVITY_TYPES
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import InvalidRequest
from services.common.domain.order_status import TERMINAL
from services.common.domain.reports import OrderReport


def order_query(request: pb.ListOrdersRequest) -> OrderQuery:
    """The part of the filters that the gateway applies. InvalidRequest naming the field."""
    instrument = None
    if request.HasField("instrument"):
        instrument = instrument_from_wire(request.instrument, "instrument")
    return OrderQuery(
        open_only=request.filter == pb.ORDER_FILTER_OPEN,
        after=optional_timestamp_from_wire(request, "after", "after"),
        before=optional_timestamp_from_wire(request, "before", "before"),
        instrument=instrument,
    )


def order_filter(request: pb.ListOrdersRequest) -> Callable[[OrderReport], bool]:
    """The part that is applied here. InvalidRequest for what only a router knows."""
    if request.strategy_tag:
        raise InvalidRequest("strategy_tag", "a venue does not know tags; ask the router")
    if request.filter == pb.ORDER_FILTER_IN_DOUBT:
        raise InvalidRequest("filter", "a venue does not know doubt; ask the router")
    if request.filter == pb.ORDER_FILTER_CLOSED:
        return lambda report: report.status in TERMINAL
    if request.filter == pb.ORDER_FILTER_OPEN:
        return lambda report: report.status not in TERMINAL
    if request.filter in (pb.ORDER_FILTER_UNSPECIFIED, pb.ORDER_FILTER_ALL):
        return lambda report: True
    raise InvalidRequest("filter", f"unknown value {request.filter}")


def activity_query(request: pb.ListActivitiesRequest) -> ActivityQuery:
    """Which activities. InvalidRequest naming the field, Refused for a type not known here."""
    types = (
        ACTIVITY_TYPES.required(number, f"activity_types[{place}]")
        for place, number in enumerate(request.activity_types)
    )
    after = optional_timestamp_from_wire(request, "after", "after")
    before = optional_timestamp_from_wire(request, "before", "before")
    if after is not None and before is not None and after >= before:
        raise InvalidRequest("before", "must be later than after")
    return ActivityQuery(tuple(dict.fromkeys(types)), after, before)


def scope_of(request: Any) -> object:
    """What is listed: the whole request but for its `page`."""
    copy = type(request)()
    copy.CopyFrom(request)
    copy.ClearField("page")
    return (request.DESCRIPTOR.full_name, copy.SerializeToString(deterministic=True))
