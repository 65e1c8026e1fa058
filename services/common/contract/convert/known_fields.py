"""Refuse a message that says more than this release understands.

An older hop must not work an order without a field that it doesn't know, so mutations are
searched at any depth for unknown fields and unknown enum values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from services.common.domain.errors import Reason, Refused


def check_known_fields(message: Message) -> None:
    """Raise Refused UNSUPPORTED_FIELD at the first field or enum value that is not known here.

    The error names the path from `message` and the field's number or the enum's value. A field
    that is known, but came in another wire format, counts as unknown.
    """
    for found in _unknown(message, ""):
        raise Refused(Reason.UNSUPPORTED_FIELD, found)


def _unknown(message: Message, path: str) -> Iterator[str]:
    fields = UnknownFieldSet(message)
    if len(fields):
        where = path or message.DESCRIPTOR.full_name
        yield f"{where}: this server does not know field number {fields[0].field_number}"
    for field, value in message.ListFields():
        name = f"{path}.{field.name}" if path else field.name
        if field.message_type is None and field.enum_type is None:
            continue
        for leaf, where, item in _items(field, value, name):
            yield from _unknown_in(leaf, where, item)


def _items(
    field: FieldDescriptor, value: Any, name: str
) -> Iterator[tuple[FieldDescriptor, str, Any]]:
    """Each single value of a field, with the descriptor of its kind and its path."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        leaf = field.message_type.fields_by_name["value"]
        for key, item in value.items():
            yield leaf, f"{name}[{key!r}]", item
    elif field.is_repeated:
        for index, item in enumerate(value):
            yield field, f"{name}[{index}]", item
    else:
        yield field, name, value


def _unknown_in(field: FieldDescriptor, name: str, item: Any) -> Iterator[str]:
    if field.message_type is not None:
        yield from _unknown(item, name)
    elif field.enum_type is not None and item not in field.enum_type.values_by_number:
        yield f"{name}: this server does not know the value {item}"
