"""A gRPC channel without gRPC: connects over the simulated network, with gRPC's own back-off."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc

from tests.simulation.local_grpc.calls import LocalCall, StreamCall, UnaryCall
from tests.simulation.local_grpc.frames import (
    Begin,
    Cancel,
    ClientFrame,
    Metadata,
    Ping,
    Pong,
    ServerFrame,
)
from tests.simulation.local_grpc.intercepted import InterceptedStream, InterceptedUnary
from tests.simulation.local_grpc.keepalive import Keepalive
from tests.simulation.network import End, Network

State = grpc.ChannelConnectivity

# gRPC's own figures; see its document on connection back-off.
_BACKOFF_MIN_S: Final = 1.0
_BACKOFF_FACTOR: Final = 1.6
_BACKOFF_MAX_S: Final = 120.0
_BACKOFF_JITTER: Final = 0.2
_CONNECT_S: Final = 20.0


class LocalChannel(grpc.aio.Channel):
    """Quacks like grpc.aio's channel as far as generated stubs and this project's code need.

    `on_begin` is told of each call right before its first byte leaves.
    """

    def __init__(
        self,
        network: Network,
        port: int,
        *,
        rng: random.Random,
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
        on_begin: Callable[[Begin], None] = lambda _: None,
    ) -> None:
        self._on_begin = on_begin
        self._network = network
        self._port = port
        self._rng = rng
        self._interceptors = tuple(interceptors)
        self._state = State.IDLE
        self._changed = asyncio.Event()
        self._stream_ids = itertools.count(1)
        self._end: End | None = None
        self._calls: dict[int, LocalCall] = {}
        self._waiting: list[LocalCall] = []
        self._connecting: asyncio.Task[None] | None = None
        self._keepalive: Keepalive | None = None

    # -- connectivity --------------------------------------------------------------------------

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        state = self._state
        if try_to_connect:
            self._connect()
        return state

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        while self._state is last_observed_state:
            await self._changed.wait()

    async def channel_ready(self) -> None:
        while self._state is not State.READY:
            self._connect()
            await self._changed.wait()

    async def close(self, grace: float | None = None) -> None:
        self._become(State.SHUTDOWN)
        for call in [*self._calls.values(), *self._waiting]:
            call.fail(grpc.StatusCode.CANCELLED, "Channel is closed.")
        if self._connecting is not None:
            self._connecting.cancel()
        if self._keepalive is not None:
            self._keepalive.stop()
        if self._end is not None:
            self._end.close()

    async def __aenter__(self) -> LocalChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _become(self, state: grpc.ChannelConnectivity) -> None:
        if state is not self._state and self._state is not State.SHUTDOWN:
            self._state = state
            self._changed.set()
            self._changed = asyncio.Event()

    def _connect(self) -> None:
        if self._connecting is None and self._state is State.IDLE:
            self._connecting = asyncio.get_running_loop().create_task(self._keep_connecting())

    async def _keep_connecting(self) -> None:
        backoff_s = _BACKOFF_MIN_S
        self._become(State.CONNECTING)
        while True:
            began = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(_CONNECT_S):
                    end = await self._network.connect(self._port)
            except (OSError, TimeoutError) as error:
                self._not_connected(error)
            else:
                self._connecting = None
                self._connected(end)
                return
            took_s = asyncio.get_running_loop().time() - began
            jitter = self._rng.uniform(1 - _BACKOFF_JITTER, 1 + _BACKOFF_JITTER)
            await asyncio.sleep(max(backoff_s * jitter - took_s, 0.0))
            backoff_s = min(backoff_s * _BACKOFF_FACTOR, _BACKOFF_MAX_S)

    def _not_connected(self, error: Exception) -> None:
        self._become(State.TRANSIENT_FAILURE)
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call.fail(
                grpc.StatusCode.UNAVAILABLE,
                f"failed to connect to all addresses; last error: {error}",
            )

    def _connected(self, end: End) -> None:
        self._end = end
        self._keepalive = Keepalive(lambda: end.send(Ping()), self._silent)
        self._become(State.READY)
        end.attach(self._received, self._lost)
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            self._begin(call)

    def _received(self, frame: ServerFrame) -> None:
        if self._keepalive is not None:
            self._keepalive.heard()
        if isinstance(frame, Ping):
            self._send(Pong())
        elif not isinstance(frame, Pong):
            call = self._calls.get(frame.stream_id)
            if call is not None:
                call.take(frame)

    def _send(self, frame: ClientFrame) -> None:
        if self._end is not None:
            self._end.send(frame)

    def _lost(self, reason: str) -> None:
        self._end = None
        if self._keepalive is not None:
            self._keepalive.stop()
        self._become(State.IDLE)
        for call in list(self._calls.values()):
            call.fail(grpc.StatusCode.UNAVAILABLE, reason or "Socket closed")

    def _silent(self, reason: str) -> None:
        if self._end is not None:
            self._end.abort()
            self._lost(reason)

    # -- calls ---------------------------------------------------------------------------------

    def _start(self, call: LocalCall) -> None:
        """Send a call now, or when connected; fail it if there is no connection to be had."""
        if call.done():
            return
        if self._state is State.READY:
            self._begin(call)
        elif self._state is State.TRANSIENT_FAILURE:
            call.fail(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses")
        elif self._state is State.SHUTDOWN:
            call.fail(grpc.StatusCode.CANCELLED, "Channel is closed.")
        else:
            self._waiting.append(call)
            self._connect()

    def _begin(self, call: LocalCall) -> None:
        end, stream_id = self._end, call.begin.stream_id
        if call.done() or end is None:
            return
        self._calls[stream_id] = call
        call.send_cancel = lambda: end.send(Cancel(stream_id))
        call.add_done_callback(self._ended)
        self._on_begin(call.begin)
        end.send(call.begin)

    def _ended(self, call: LocalCall) -> None:
        self._calls.pop(call.begin.stream_id, None)

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        def start(request: Any, details: Any) -> UnaryCall:
            begin = self._request(details, request, request_serializer)
            call = UnaryCall(begin, response_deserializer)
            asyncio.get_running_loop().call_soon(self._start, call)
            return call

        layers = [
            i for i in self._interceptors if isinstance(i, grpc.aio.UnaryUnaryClientInterceptor)
        ]
        return _multicallable(
            method,
            start,
            lambda details, request: InterceptedUnary(layers, start, details, request),
        )

    def unary_stream(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        def start(request: Any, details: Any) -> StreamCall:
            begin = self._request(details, request, request_serializer)
            call = StreamCall(begin, response_deserializer)
            asyncio.get_running_loop().call_soon(self._start, call)
            return call

        layers = [
            i for i in self._interceptors if isinstance(i, grpc.aio.UnaryStreamClientInterceptor)
        ]
        return _multicallable(
            method,
            start,
            lambda details, request: InterceptedStream(layers, start, details, request),
        )

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("the contract has no streamed requests")

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("the contract has no streamed requests")

    def _request(
        self, details: Any, request: Any, serialise: Callable[[Any], bytes] | None
    ) -> Begin:
        data = bytes(request) if serialise is None else serialise(request)
        metadata: Metadata = tuple((str(k), v) for k, v in details.metadata or ())
        return Begin(next(self._stream_ids), _text(details.method), metadata, details.timeout, data)


def _multicallable(
    method: str, start: Callable[[Any, Any], Any], intercepted: Callable[[Any, Any], Any]
) -> Callable[..., Any]:
    """What a stub keeps for one method."""

    def call(
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        details = grpc.aio.ClientCallDetails(method, timeout, metadata, credentials, wait_for_ready)
        return intercepted(details, request)

    return call


def _text(method: str | bytes) -> str:
    return method.decode() if isinstance(method, bytes) else method
