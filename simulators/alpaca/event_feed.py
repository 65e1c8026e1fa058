"""/v2/events/trades: the order events as server-sent events, with what was before if asked for."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from simulators.alpaca.http import HttpResponse, to_json
from simulators.alpaca.problems import invalid
from simulators.alpaca.router import Call, Router
from simulators.alpaca.trade_updates import TradeUpdates
from simulators.alpaca.wire_values import nanoseconds, read_time, wire_time
from simulators.venue.orders import OrderEvent

EVENT_STREAM = {"Content-Type": "text/event-stream"}
PATH = "/v2/events/trades"
_KEPT_MAX = 10_000
_HEARTBEAT_S = 10.0
_BASE_32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class EventFeed:
    """Keeps the last 10,000 order events and gives them, and those that follow, to its readers.

    A reader that falls further behind than that is ended. No faults of events apply here; closing
    all streams ends its readers too.
    """

    def __init__(self, updates: TradeUpdates) -> None:
        self._events: deque[tuple[int, int, bytes]] = deque(maxlen=_KEPT_MAX)
        self._count = 0
        self._changed = asyncio.Event()
        self._closed = 0
        updates.follow(self._heard, self._disconnected)

    def add_to(self, router: Router) -> None:
        router.add("GET", PATH, self._opened)

    async def read(self, query: dict[str, str]) -> AsyncIterator[bytes]:
        """Chunks for one client: what was since `since` or `since_id`, then what happens."""
        closed, seen = self._closed, self._count
        if query.get("since") or query.get("since_id"):
            seen = self._before(query)
        until = _nanos(query, "until")
        yield b": connected\n\n"
        while closed == self._closed and seen >= self._count - len(self._events):
            changed = self._changed  # taken first: what happens while these are written is no wait
            for number, at, chunk in [event for event in self._events if event[0] > seen]:
                if until is not None and at > until:
                    return
                seen = number
                yield chunk
            try:
                async with asyncio.timeout(_HEARTBEAT_S):
                    await changed.wait()
            except TimeoutError:
                yield b": heartbeat\n\n"

    def _before(self, query: dict[str, str]) -> int:
        """The number of the last event that is not wanted any more."""
        since, since_id = _nanos(query, "since"), query.get("since_id", "")
        for number, at, chunk in self._events:
            wanted = at >= since if since is not None else _id_of(chunk) >= since_id
            if wanted:
                return number - 1
        return self._count

    def _opened(self, call: Call) -> HttpResponse:
        """Tells whether a stream can begin; the server then writes what `read` gives."""
        for name in ("since", "until"):
            _nanos({name: call.query(name)}, name)
        return HttpResponse(200, EVENT_STREAM)

    def _heard(self, event: OrderEvent, update: dict[str, Any]) -> None:
        self._count += 1
        at = nanoseconds(event.at)
        event_id = _ulid(at // 1_000_000, self._count)
        content = to_json({"event_id": event_id, "at": wire_time(event.at), **update})
        self._events.append((self._count, at, b"data: " + content + b"\n\n"))
        self._wake()

    def _disconnected(self) -> None:
        self._closed += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _id_of(chunk: bytes) -> str:
    return chunk[len(b'data: {"event_id":"') :][:26].decode()


def _ulid(millis: int, number: int) -> str:
    """An id that sorts by time and then by number, as ULIDs do."""
    value, text = (millis << 80) | number, ""
    for _ in range(26):
        value, digit = divmod(value, 32)
        text = _BASE_32[digit] + text
    return text


def _nanos(query: dict[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    at = read_time(text)
    if at is None:
        raise invalid(f"invalid {name}")
    return at
