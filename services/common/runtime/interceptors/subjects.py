"""Whose order a request is about, read off its fields by their names."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from opentelemetry.util.types import AttributeValue

from services.common.runtime import telemetry

NAMED_FIELDS = frozenset({"account_id", "client_order_id", "venue_order_id", "placement_id"})
"""Request fields that are copied to logs and spans, at the top or one message deeper."""

_VALUE_LEN_MAX = 160


def subjects(request: Any, depth: int = 1) -> Iterator[tuple[str, str]]:
    """The named fields of a request that are set; values are cut to a length for a log."""
    if not isinstance(request, Message):
        return
    for field, value in request.ListFields():
        if field.name in NAMED_FIELDS and isinstance(value, str):
            yield field.name, value[:_VALUE_LEN_MAX]
        elif depth and isinstance(value, Message):
            yield from subjects(value, depth - 1)


def subject_attributes(request: Any) -> dict[str, AttributeValue]:
    """The same as attributes of a span."""
    found = dict(subjects(request))
    found.pop("venue_order_id", None)
    return telemetry.order_attributes(**found)
