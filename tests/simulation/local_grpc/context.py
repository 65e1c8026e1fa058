"""One call as its handler sees it: grpc.aio's servicer context over the simulated network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from tests.simulation.local_grpc.frames import Begin, Headers, Message, Metadata, Trailers
from tests.simulation.network import End

if TYPE_CHECKING:
    _Context = grpc.aio.ServicerContext[Any, Any]
else:  # generic in its stubs only
    _Context = grpc.aio.ServicerContext


class LocalContext(_Context):
    """Behaves as grpc.aio's does; `tests/simulation/test_local_grpc.py` compares the two."""

    def __init__(self, begin: Begin, end: End) -> None:
        self._begin = begin
        self._end = end
        loop = asyncio.get_running_loop()
        timeout_s = begin.timeout_s
        self._deadline = None if timeout_s is None else loop.time() + timeout_s
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailing: Metadata = ()
        self._headers_sent = False
        self._callbacks: list[Callable[[Any], None]] = []
        self.status_sent = False
        self.client_closed = False
        self.abort_error: grpc.aio.AbortError | None = None
        self.serialise: Callable[[Any], bytes] | None = None

    # -- the call ----------------------------------------------------------------------------

    def invocation_metadata(self) -> Any:
        return self._begin.metadata

    def time_remaining(self) -> Any:
        if self._deadline is None:
            return None
        return max(self._deadline - asyncio.get_running_loop().time(), 0.0)

    def peer(self) -> str:
        return "local:simulation"

    def peer_identities(self) -> None:
        return None

    def peer_identity_key(self) -> None:
        return None

    def auth_context(self) -> dict[str, Any]:
        return {}

    def done(self) -> bool:
        return self.status_sent

    def cancelled(self) -> bool:
        return self.status_sent and self._code is grpc.StatusCode.CANCELLED

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._callbacks.append(callback)

    def finished(self) -> None:
        """The handler has ended: tell who asked for it."""
        for callback in self._callbacks:
            callback(self)

    # -- the status --------------------------------------------------------------------------

    def code(self) -> Any:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> Any:
        return self._trailing

    def set_code(self, code: grpc.StatusCode) -> None:
        self._code = code

    def set_details(self, details: str) -> None:
        self._details = details

    def set_trailing_metadata(self, trailing_metadata: Iterable[Any]) -> None:
        self._trailing = tuple(trailing_metadata)

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: Iterable[Any] = (),
    ) -> NoReturn:
        if self.abort_error is not None:
            raise grpc.aio.UsageError("Abort already called!")
        self.abort_error = grpc.aio.AbortError("Locally aborted.")
        if code is grpc.StatusCode.OK:
            code = grpc.StatusCode.UNKNOWN
        self.send_status(code, details, tuple(trailing_metadata) or self._trailing)
        await asyncio.sleep(0)
        raise self.abort_error

    async def abort_with_status(self, status: Any) -> NoReturn:
        await self.abort(status.code, status.details, status.trailing_metadata)

    def send_status(self, code: grpc.StatusCode, details: str, trailing_metadata: Metadata) -> None:
        """End the call on the wire; what comes after is not sent."""
        self._code, self._details = code, details
        self.status_sent = True
        frame = Trailers(self._begin.stream_id, code, details, trailing_metadata)
        self._send(frame)

    # -- messages ----------------------------------------------------------------------------

    async def send_initial_metadata(self, initial_metadata: Iterable[Any]) -> None:
        self.raise_for_end()
        if self._headers_sent:
            raise grpc.aio.UsageError("Initial metadata has been sent.")
        self._headers_sent = True
        self._send(Headers(self._begin.stream_id, tuple(initial_metadata)))
        await asyncio.sleep(0)

    async def read(self) -> Any:
        raise grpc.aio.UsageError("the contract has no streamed requests")

    async def write(self, message: Any) -> None:
        self.raise_for_end()
        data = bytes(message) if self.serialise is None else self.serialise(message)
        self._send(Message(self._begin.stream_id, data))
        await asyncio.sleep(0)

    def raise_for_end(self) -> None:
        """Raise if nothing more may be sent."""
        if self.abort_error is not None:
            raise self.abort_error
        if self.status_sent:
            raise grpc.aio.UsageError("RPC already finished.")

    def set_compression(self, compression: Any) -> None:
        """Nothing is compressed here."""

    def disable_next_message_compression(self) -> None:
        """Nothing is compressed here."""

    def _send(self, frame: Headers | Message | Trailers) -> None:
        if not self.client_closed:
            self._end.send(frame)
