"""One client of a data stream: how it authenticates, subscribes, and what it may not."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from simulators.alpaca.http import to_json
from simulators.alpaca.wire_values import wire_time
from simulators.venue.quotes import Quote

_PENDING_MAX = 50_000
_BATCH_MAX = 500
_STOCK_CHANNELS = (
    "trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds",
    "corrections", "cancelErrors",
)  # fmt: skip
_OPTION_CHANNELS = ("trades", "quotes")
# They come with the trades and can't be asked for by themselves.
_WITH_TRADES = ("corrections", "cancelErrors")
_COUNTED = ("trades", "quotes")

ERRORS = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    407: "slow client",
    409: "insufficient subscription",
    410: "invalid subscribe action for this feed",
    412: "option messages are only available in MsgPack format",
    413: "star subscription is not allowed for option quotes",
    500: "internal error",
}
_FINAL = frozenset({402, 404, 406, 407, 409})

Message = dict[str, Any]


class DataSession:
    """Give it what the client sends; send the client each `next_frame`.

    What waits to be sent is bounded: a client that lets it grow too long is told that it is slow
    and cut off.

    Args:
        admit: Decides on credentials: 0 if the client may come in, else the code of the error.
        limit: How many symbols may be subscribed to, 0 for no limit.
    """

    def __init__(
        self,
        path: str,
        headers: Mapping[str, str],
        admit: Callable[["DataSession", str, str], int],
        limit: Callable[["DataSession"], int],
    ) -> None:
        self.path = path
        self.is_option = path.startswith("/v1beta1/")
        self.is_test = path.startswith("/v2/test")
        self.is_authenticated = False
        self.subscribed: dict[str, list[str]] = {name: [] for name in self._channels}
        self.last_quotes: dict[str, Quote] = {}
        """The last quote that was told of a symbol, where the stream has to compare."""
        self._is_json = "msgpack" not in headers.get("content-type", "")
        self._admit = admit
        self._limit = limit
        self._pending: deque[Message] = deque()
        self._changed = asyncio.Event()
        self._ends = False
        self._tell({"T": "success", "msg": "connected"})
        key = headers.get("apca-api-key-id")
        if key:
            self._authenticate(key, headers.get("apca-api-secret-key", ""))

    @property
    def _channels(self) -> tuple[str, ...]:
        return _OPTION_CHANNELS if self.is_option else _STOCK_CHANNELS

    def wants(self, channel: str, symbol: str) -> bool:
        """Whether messages of that channel about that symbol go to this client."""
        names = self.subscribed.get(channel, ())
        return symbol in names or "*" in names

    def receive(self, frame: str | bytes) -> None:
        """Takes one frame from the client."""
        message = _decoded(frame)
        action = message.get("action") if isinstance(message, dict) else None
        if not isinstance(message, dict) or action not in ("auth", "subscribe", "unsubscribe"):
            self.fail(400)
        elif action == "auth":
            if self.is_authenticated:
                self.fail(403)
            else:
                self._authenticate(str(message.get("key")), str(message.get("secret")))
        elif not self.is_authenticated:
            self.fail(401)
        else:
            self._subscribe(message, adds=action == "subscribe")

    def push(self, messages: list[Message]) -> None:
        """Queues data; too much of it ends the session."""
        if self._ends:
            return
        self._pending.extend(messages)
        self._changed.set()
        if len(self._pending) > _PENDING_MAX:
            self._pending.clear()
            self.fail(407)

    def fail(self, code: int) -> None:
        """Tells the client of an error; after some there is nothing more to say."""
        self._tell({"T": "error", "code": code, "msg": ERRORS[code]})
        if code in _FINAL:
            self.end()

    def auth_timed_out(self) -> None:
        """The client had its time to authenticate."""
        if not self.is_authenticated:
            self.fail(404)

    def end(self) -> None:
        """Ends the session once what is pending is sent."""
        self._ends = True
        self._changed.set()

    async def next_frame(self) -> str | bytes | None:
        """What to send next, None to close the connection. Canceling it loses nothing."""
        while not self._pending:
            if self._ends:
                return None
            self._changed.clear()
            await self._changed.wait()
        # What is no data comes alone: clients look at the first message of its frame.
        batch = [self._pending.popleft()]
        while self._pending and len(batch) < _BATCH_MAX and "S" in batch[-1]:
            if "S" not in self._pending[0]:
                break
            batch.append(self._pending.popleft())
        return self._encoded(batch)

    def _authenticate(self, key: str, secret: str) -> None:
        code = self._admit(self, key, secret)
        if code:
            self.fail(code)
            return
        self.is_authenticated = True
        self._tell({"T": "success", "msg": "authenticated"})

    def _subscribe(self, message: Message, *, adds: bool) -> None:
        asked = {name: value for name, value in message.items() if name != "action"}
        changed = {name: list(symbols) for name, symbols in self.subscribed.items()}
        for channel, symbols in asked.items():
            code = self._problem_with(channel, symbols)
            if code:
                self.fail(code)
                return
            kept = [s for s in changed[channel] if s not in symbols]
            changed[channel] = sorted({*kept, *symbols}) if adds else kept
        counted = {symbol for name in _COUNTED for symbol in changed[name]}
        limit = self._limit(self)
        if adds and limit and (len(counted) > limit or "*" in counted):
            self.fail(405)
            return
        for channel in _WITH_TRADES:
            if channel in changed:
                changed[channel] = list(changed["trades"])
        self.subscribed = changed
        self._tell({"T": "subscription", **changed})

    def _problem_with(self, channel: str, symbols: Any) -> int:
        if self.is_option and self._is_json:
            return 412
        if channel not in self._channels:
            return 410
        if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
            return 400
        return 413 if self.is_option and channel == "quotes" and "*" in symbols else 0

    def _tell(self, message: Message) -> None:
        if not self._ends:
            self._pending.append(message)
            self._changed.set()

    def _encoded(self, batch: list[Message]) -> str | bytes:
        if self._is_json:
            return to_json([_with(message, _text) for message in batch]).decode()
        return msgspec.msgpack.encode([_with(message, _itself) for message in batch])


def _with(message: Message, timed: Callable[[datetime], Any]) -> Message:
    return {
        name: timed(value) if isinstance(value, datetime) else _number(value)
        for name, value in message.items()
    }


def _itself(at: datetime) -> datetime:
    return at  # becomes a msgpack Timestamp


def _text(at: datetime) -> str | None:
    """Bars begin with a minute; all else happens at a nanosecond."""
    return wire_time(at) if at.second or at.microsecond else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _number(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _decoded(frame: str | bytes) -> Any:
    """JSON in text or bytes, or msgpack: clients of either kind are understood."""
    try:
        return json.loads(frame)
    except (ValueError, RecursionError):
        pass  # not JSON: read as msgpack
    if isinstance(frame, str):
        return None
    try:
        return msgspec.msgpack.decode(frame)
    except (msgspec.DecodeError, RecursionError):
        return None
