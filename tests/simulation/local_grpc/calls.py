"""One call as its client sees it: awaited or read, canceled, and ended by exactly one status."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Final

import grpc

from tests.simulation.local_grpc.frames import (
    Begin,
    Headers,
    Message,
    Metadata,
    ServerFrame,
    Trailers,
)

CANCELED_HERE: Final = "Locally cancelled by application!"


class LocalCall:
    """The life of one call. `send_cancel` tells the server that nobody waits any more."""

    def __init__(self, begin: Begin, deserialise: Callable[[bytes], Any] | None) -> None:
        self.begin = begin
        self.send_cancel: Callable[[], None] = lambda: None
        self._deserialise = deserialise
        self._initial: Metadata = ()
        self._messages: deque[bytes] = deque()
        self._status: Trailers | None = None
        self._canceled_here = False
        self._waiters: list[asyncio.Future[None]] = []
        self._callbacks: list[Callable[[Any], None]] = []
        loop = asyncio.get_running_loop()
        self._deadline = None if begin.timeout_s is None else loop.time() + begin.timeout_s
        self._timer = None if self._deadline is None else loop.call_at(self._deadline, self._expire)

    # -- what comes ---------------------------------------------------------------------------

    def take(self, frame: ServerFrame) -> None:
        """One frame of the server."""
        if self._status is not None:
            return
        if isinstance(frame, Headers):
            self._initial = frame.metadata
        elif isinstance(frame, Message):
            self._messages.append(frame.data)
            self._wake()
        elif isinstance(frame, Trailers):
            self._finish(frame)

    def fail(self, code: grpc.StatusCode, details: str) -> None:
        """End the call with a status of this side's own: there is no word of the server."""
        if self._status is None:
            self._finish(Trailers(self.begin.stream_id, code, details, ()))

    def _expire(self) -> None:
        if self._status is None:
            self.send_cancel()
            self.fail(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")

    def _finish(self, status: Trailers) -> None:
        self._status = status
        if self._timer is not None:
            self._timer.cancel()
        self._wake()
        for callback in self._callbacks:
            callback(self)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # -- what the caller does -------------------------------------------------------------------

    def cancel(self) -> bool:
        if self._status is not None:
            return False
        self._canceled_here = True
        self._messages.clear()
        self.send_cancel()
        self.fail(grpc.StatusCode.CANCELLED, CANCELED_HERE)
        return True

    def cancelled(self) -> bool:
        return self._status is not None and self._status.code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        return self._status is not None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        if self._status is not None:
            callback(self)
        else:
            self._callbacks.append(callback)

    def time_remaining(self) -> float | None:
        if self._deadline is None:
            return None
        return max(self._deadline - asyncio.get_running_loop().time(), 0.0)

    async def code(self) -> grpc.StatusCode:
        return (await self._ended()).code

    async def details(self) -> str:
        return (await self._ended()).details

    async def initial_metadata(self) -> Any:
        return grpc.aio.Metadata(*self._initial)

    async def trailing_metadata(self) -> Any:
        return grpc.aio.Metadata(*(await self._ended()).metadata)

    async def _change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            self.cancel()
            raise

    async def _ended(self) -> Trailers:
        while self._status is None:
            await self._change()
        return self._status

    def _raise_for_status(self, status: Trailers) -> None:
        if self._canceled_here:
            raise asyncio.CancelledError
        if status.code is not grpc.StatusCode.OK:
            raise grpc.aio.AioRpcError(
                status.code,
                grpc.aio.Metadata(*self._initial),
                grpc.aio.Metadata(*status.metadata),
                details=status.details,
            )

    def _read(self, data: bytes) -> Any:
        return data if self._deserialise is None else self._deserialise(data)


class UnaryCall(LocalCall):
    """A call with one response: await it."""

    def __await__(self) -> Generator[Any, None, Any]:
        return self._response().__await__()

    async def _response(self) -> Any:
        status = await self._ended()
        self._raise_for_status(status)
        return self._read(self._messages[0])


class StreamCall(LocalCall):
    """A call with many responses: `read` them one by one until grpc.aio.EOF."""

    async def read(self) -> Any:
        while not self._messages and self._status is None:
            await self._change()
        if self._messages:
            return self._read(self._messages.popleft())
        assert self._status is not None
        self._raise_for_status(self._status)
        return grpc.aio.EOF

    def __aiter__(self) -> StreamCall:
        return self

    async def __anext__(self) -> Any:
        message = await self.read()
        if message is grpc.aio.EOF:
            raise StopAsyncIteration
        return message
