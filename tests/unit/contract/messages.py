"""Messages with some fields made otherwise: missing, malformed or of a later release."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


def changed(msg: M, **fields: Any) -> M:
    """A copy of `msg` with `fields` in place of what it had; None leaves one unset."""
    copy = type(msg)()
    copy.CopyFrom(msg)
    for name in fields:
        copy.ClearField(name)
    copy.MergeFrom(type(msg)(**{name: v for name, v in fields.items() if v is not None}))
    return copy


def with_bytes(msg: M, extra: bytes) -> M:
    """A copy of `msg` as if its sender had written `extra` after its fields."""
    return type(msg).FromString(msg.SerializeToString() + extra)


def tag(number: int, wire_type: int) -> bytes:
    """The bytes that begin a field: 0 is a varint, 2 has a length before its bytes."""
    return varint(number << 3 | wire_type)


def varint(value: int) -> bytes:
    """A number as protobuf writes it: seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def nested(number: int, payload: bytes) -> bytes:
    """`payload` as the bytes of a submessage in field `number`."""
    return tag(number, 2) + varint(len(payload)) + payload
