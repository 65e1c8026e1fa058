"""alpaca-py's TradingStream, unmodified, tapped: it says what it hears and when it ends.

The SDK reconnects for ever and tells nobody; it parses before anyone else can look, logs what
fails there, and drops it. So the socket under it is tapped: each frame goes to the listener before
the SDK sees it, and every end of the connection is told. What the SDK itself does with an event
does not matter here; it only keeps the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Final, Protocol, TypeAlias

import structlog
import websockets
from alpaca.trading.stream import TradingStream

_log = structlog.stdlib.get_logger(__name__)

# What the SDK is given in place of frames that it need not see.
_NOTHING: Final = "{}"

Frame: TypeAlias = str | bytes
_CANCELS_MAX: Final = 20
_CANCEL_WAIT_S: Final = 0.2


class StreamListener(Protocol):
    """Who is told. Its methods return at once and never raise."""

    def heard(self, frame: str | bytes) -> None:
        """One frame, exactly as it came."""

    def ended(self, reason: str) -> None:
        """The connection ended, or could not be made."""


@dataclass(frozen=True, slots=True)
class StreamTerms:
    """How the connection is kept; seconds.

    A ping goes out each `ping_interval_s`; without a pong within `ping_timeout_s` the connection
    counts as lost. Reconnects wait `backoff_min_s` doubling to `backoff_max_s`, half to whole.
    """

    url: str
    open_s: float = 10.0
    close_s: float = 2.0
    ping_interval_s: float = 10.0
    ping_timeout_s: float = 20.0
    backoff_min_s: float = 1.0
    backoff_max_s: float = 30.0

    def socket_params(self) -> dict[str, Any]:
        """The same for the library under the SDK."""
        return {
            "open_timeout": self.open_s,
            "close_timeout": self.close_s,
            "ping_interval": self.ping_interval_s,
            "ping_timeout": self.ping_timeout_s,
            "max_queue": 1024,
        }


class Stream(Protocol):
    """A connection that keeps itself up."""

    async def run(self) -> None:
        """Connect and reconnect until canceled."""

    async def drop(self) -> None:
        """End the connection, so that it is made anew."""

    def in_order(self) -> None:
        """The connection did its work: a next reconnect begins with the shortest wait."""


OpenStream = Callable[[StreamListener], Stream]


class _TapBroken(websockets.WebSocketException):
    """The socket failed in a way that the SDK would not take for the end of the connection."""


class _Tap:
    """The SDK's socket: passes everything on and tells the listener."""

    def __init__(self, socket: Any, listener: StreamListener, nothing: Frame) -> None:
        self._socket = socket
        self._listener = listener
        self._nothing = nothing
        self._authorizing = True

    async def send(self, message: Any) -> None:
        await self._socket.send(message)

    async def recv(self) -> Frame:
        try:
            frame: Frame = await self._socket.recv()
        except websockets.WebSocketException as error:
            self._listener.ended(f"{type(error).__name__}: {error}")
            raise
        except Exception as error:
            self._listener.ended(f"{type(error).__name__}: {error}")
            raise _TapBroken(str(error)) from error
        self._listener.heard(frame)
        if not self._authorizing:
            return self._nothing
        self._authorizing = False
        return frame

    async def close(self) -> None:
        await self._socket.close()


class Tapped:
    """Stands before a stream of the SDK's in the order of resolution, and taps its socket.

    The SDK's streams have all of this in common, though no base that says so.
    """

    _nothing: ClassVar[Frame] = _NOTHING
    _gives_up: ClassVar[bool] = False
    _ws: Any
    _terms: StreamTerms
    _listener: StreamListener
    _random: Random
    _run_forever: Callable[[], Coroutine[Any, Any, None]]

    async def run(self) -> None:
        """Connect and reconnect until canceled; closes the connection then, within `close_s`.

        Returns only if the SDK gives up, where it is known to.
        """
        task = asyncio.ensure_future(self._run_forever())
        try:
            await asyncio.wait({task})
            if self._gives_up and task.exception() is None:
                return
            raise RuntimeError("the SDK's stream ended by itself") from task.exception()
        finally:
            await _cancel(task)
            await self._close_quietly()

    async def drop(self) -> None:
        """End the connection; the SDK then makes a new one."""
        socket = self._ws
        if socket is not None:
            self._listener.ended("dropped")
            await socket.close()

    def in_order(self) -> None:
        """Start the waits between reconnects anew. The SDK itself would wait for an event."""
        self._data_received = True

    async def _connect(self) -> None:
        try:
            await super()._connect()  # type: ignore[misc]
        except Exception as error:
            self._listener.ended(f"no connection: {type(error).__name__}: {error}")
            raise
        self._ws = _Tap(self._ws, self._listener, self._nothing)

    async def _start_ws(self) -> None:
        # The SDK waits for the answer to its credentials without a limit.
        async with asyncio.timeout(2 * self._terms.open_s):
            await super()._start_ws()  # type: ignore[misc]

    async def close(self) -> None:
        self._listener.ended("closed")
        await super().close()  # type: ignore[misc]

    def _reconnect_delay(self, retries: int) -> float:
        doubled = self._terms.backoff_min_s * 2.0 ** min(retries - 1, 16)
        capped = min(doubled, self._terms.backoff_max_s)
        return capped * self._random.uniform(0.5, 1.0)

    async def _close_quietly(self) -> None:
        try:
            async with asyncio.timeout(self._terms.close_s + 1.0):
                await self.close()
        except Exception as error:  # noqa: BLE001 - it ends either way
            _log.debug("stream_close_failed", error=str(error))


class TappedStream(Tapped, TradingStream):  # type: ignore[misc]
    """One account's trade_updates. Made by `open_stream`."""

    def __init__(
        self, key: str, secret: str, terms: StreamTerms, listener: StreamListener, random: Random
    ) -> None:
        super().__init__(
            key,
            secret,
            raw_data=True,
            url_override=terms.url,
            websocket_params=terms.socket_params(),
        )
        self._terms = terms
        self._listener = listener
        self._random = random
        self.subscribe_trade_updates(ignore)


async def _cancel(task: asyncio.Future[Any]) -> None:
    """Cancel the SDK's loop until it ends.

    Once is not enough: on Python 3.11 `wait_for`, in which it reads, drops a cancellation that
    comes together with a frame.
    """
    for _ in range(_CANCELS_MAX):
        if task.done():
            return
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_WAIT_S)
    _log.error("stream_not_canceled")


async def ignore(_message: Any) -> None:
    """The SDK does not listen to a stream without a handler."""


def opener(key: str, secret: str, terms: StreamTerms, random: Random) -> OpenStream:
    """How a stream is opened with these credentials; connects only when it runs."""

    def open_stream(listener: StreamListener) -> Stream:
        return TappedStream(key, secret, terms, listener, random)

    return open_stream
