"""Answers as JSON documents: decimals as strings, times as ISO 8601 in UTC, enums by name."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from tandem_client.amounts import format_decimal
from tandem_client.events import Event
from tandem_client.instruments import Equity, Option
from tandem_client.orders import Order
from tandem_client.pages import Listing


def document(value: Any) -> Any:
    """Turn a value of this library into what `json` can write. Nothing is rounded."""
    if isinstance(value, Event):
        return event_document(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: document(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return _derived(value) | fields
    if isinstance(value, tuple | list):
        return [document(item) for item in value]
    if isinstance(value, dict):
        return {name: document(item) for name, item in value.items()}
    return _scalar(value)


def listing_document(name: str, listing: Listing[Any]) -> Any:
    """A list with the moment it is complete up to, and the token to watch from."""
    return document(
        {name: listing.items, "as_of": listing.as_of, "watch_token": listing.watch_token}
    )


def event_document(event: Event) -> Any:
    """An event with its kind, and its content under the name of that kind."""
    kind = kind_of(event)
    head = {"sequence": event.sequence, "token": event.token, "kind": kind}
    return head if event.what is None else head | {kind: document(event.what)}


def kind_of(event: Event) -> str:
    """The kind of an event in snake_case, "unknown" for one of a newer server."""
    if event.what is None:
        return "unknown"
    return re.sub(r"(?<!^)([A-Z])", r"_\1", type(event.what).__name__).lower()


def write(value: Any) -> str:
    """Write a document on one line."""
    return json.dumps(document(value), ensure_ascii=False, separators=(",", ":"))


def _derived(value: Any) -> dict[str, Any]:
    if isinstance(value, Option):
        return {"kind": "option", "symbol": value.symbol}
    if isinstance(value, Equity):
        return {"kind": "equity"}
    if isinstance(value, Order):
        return {"client_order_id": value.client_order_id}
    return {}


def _scalar(value: Any) -> Any:
    match value:
        case Decimal():
            return format_decimal(value)
        case Enum():
            return value.name
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
    return value
