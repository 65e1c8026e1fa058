"""Text of brokers and people on the wire."""

from __future__ import annotations


def text_to_wire(text: str) -> str:
    """Return `text` with each lone surrogate replaced by "?".

    A broker's JSON may hold them and a protobuf string can't: the report of an order must not
    fail for the sake of a message's text.
    """
    return text.encode("utf-8", "replace").decode()
