"""Frames of Alpaca's data streams, msgpack to what they say.

Prices are binary floats there; the shortest decimal that stands for the float is the price that
was written, as with any JSON number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.wire_fields import Record, Unreadable

_SYMBOL_LIMIT: Final = 405
_INSUFFICIENT_SUBSCRIPTION: Final = 409
_NOT_ENTITLED: Final = "insufficient subscription"
_CREDENTIALS: Final = frozenset({401, 402})


@dataclass(frozen=True, slots=True)
class QuoteMessage:
    """One quote; `fields` are named as in the REST answers."""

    symbol: str
    fields: Record


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What quotes the connection is subscribed to from here on."""

    symbols: frozenset[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """Alpaca's word on what it does not do."""

    code: int
    message: str

    @property
    def is_entitlement(self) -> bool:
        """Whether the account may not have this feed."""
        return self.code == _INSUFFICIENT_SUBSCRIPTION or _NOT_ENTITLED in self.message

    @property
    def is_symbol_limit(self) -> bool:
        """Whether there are too many symbols."""
        return self.code == _SYMBOL_LIMIT

    @property
    def is_credentials(self) -> bool:
        """Whether the key is not known."""
        return self.code in _CREDENTIALS

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


Message: TypeAlias = QuoteMessage | Subscribed | Problem


def read_frame(frame: str | bytes) -> Iterator[Message]:
    """The messages of a frame in their order; others than these are passed over.

    Raises Unreadable, at the message that can't be read.
    """
    try:
        content = msgspec.msgpack.decode(frame.encode() if isinstance(frame, str) else frame)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Unreadable(f"not msgpack: {error}") from error
    if not isinstance(content, list):
        raise Unreadable("not a list of messages")
    for item in content:
        message = _message(wire_fields.record(item, "a message"))
        if message is not None:
            yield message


def _message(fields: Record) -> Message | None:
    match fields.get("T"):
        case "q":
            return QuoteMessage(wire_fields.required_text(fields, "S"), _exact(fields))
        case "subscription":
            symbols = fields.get("quotes") or []
            if not isinstance(symbols, list):
                raise Unreadable("quotes of a subscription are not a list")
            return Subscribed(frozenset(map(str, symbols)))
        case "error":
            code = fields.get("code")
            known = code if isinstance(code, int) else 0
            return Problem(known, wire_fields.text(fields, "msg")[:200])
    return None


def _exact(fields: Mapping[str, Any]) -> Record:
    return {name: _value(value) for name, value in fields.items()}


def _value(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, datetime):
        return wire_fields.wire_time(value)
    return value
