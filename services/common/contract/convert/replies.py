"""Reading what another process answered: what is malformed there is a failed read, not a request.

The converters raise InvalidRequest or Refused, which is right for a request of a client. The same
fault in a reply of ours means that the reader knows nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.common.domain.errors import InvalidRequest, ReadFailed, Refused


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Within it a malformed or unknown part raises ReadFailed, naming `what` and the part."""
    try:
        yield
    except (InvalidRequest, Refused) as error:
        raise ReadFailed(f"unreadable {what}: {error.message}") from error


def require_text(value: str, field: str) -> str:
    """Return `value` unless it is empty: InvalidRequest."""
    if not value:
        raise InvalidRequest(field, "required")
    return value
