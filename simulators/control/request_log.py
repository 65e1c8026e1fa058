"""What was asked of the simulator, when, and what came of it: truth for the checkers."""

from collections import deque
from datetime import datetime
from typing import Any

import msgspec

_KEPT_MAX = 100_000


class RequestEntry(msgspec.Struct):
    """One request. `arrived_s` is on the elapsed clock, which nothing moves.

    outcome: "" while it is worked on, then the status that was sent, or how it ended without one
    (closed, reset, hang, refused). reached_venue: whether the venue got to see it.
    """

    seq: int
    arrived_s: float
    arrived_at: datetime
    method: str
    path: str
    query: dict[str, str]
    client_order_id: str
    body: Any
    outcome: str = ""
    reached_venue: bool = False
    fault_id: int | None = None


class RequestLog:
    """Append-only; holds the last 100,000 entries and counts what it let go."""

    def __init__(self) -> None:
        self._entries: deque[RequestEntry] = deque(maxlen=_KEPT_MAX)
        self._seen = 0

    def add(self, entry: RequestEntry) -> None:
        """Keeps an entry; the oldest goes if there are too many."""
        self._seen += 1
        self._entries.append(entry)

    def next_seq(self) -> int:
        """The number of the next entry, from 1."""
        return self._seen + 1

    @property
    def entries(self) -> list[RequestEntry]:
        """The entries kept, oldest first."""
        return list(self._entries)

    @property
    def dropped(self) -> int:
        """How many old entries are no longer kept."""
        return self._seen - len(self._entries)
