"""One connection to a Tandem server: its options, its deadlines, and errors as ours.

Nothing is ever sent twice from here. There is no retry policy, none is taken from DNS, and
gRPC's own transparent retry is only of calls that the server has not looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final, TypeVar

import grpc

from tandem_client.errors import InvalidRequest, OutcomeUnknown, TandemError, Unreachable
from tandem_client.reasons import Effect
from tandem_client.tracing import Traceparent, trace_metadata
from tandem_client.wire.failures import from_rpc_error

Q = TypeVar("Q")
A = TypeVar("A")
T = TypeVar("T")

_OPTIONS: Final = [
    # The server allows a ping each 20 s; more often would be answered with GOAWAY.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Errors carry their details in metadata, where gRPC's default limit is 8 KiB.
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.service_config_disable_resolution", 1),
    # A proxy in the environment is meant for the web.
    ("grpc.enable_http_proxy", 0),
    # A server that comes back is found within a second or two, whatever failed before.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
]


_CONNECT_TIMEOUT_S: Final = 2.0
_TAKE_OVER_S: Final = 10.0


class Connection:
    """A channel to `address`. Made inside a running event loop, closed by `close`.

    `address` is host:port, or several of them with commas between: a leader and its standbys. Of
    these only the one that leads accepts connections; the others are tried when it is gone, or
    when a call to it was not answered in time: one that stands still keeps its connections.

    Each call has a deadline in seconds: its own, or `deadline_s`. Of that, at most
    `connect_timeout_s` is spent on waiting for a connection (None: 2 s, or 10 s with several
    addresses, since a take-over takes a few). `traceparent` says which trace it belongs to; without
    it, it is that of OpenTelemetry's current span.
    """

    def __init__(
        self,
        address: str,
        *,
        deadline_s: float,
        connect_timeout_s: float | None,
        traceparent: Traceparent | None = None,
    ) -> None:
        self.address = address
        self._target = target_of(address)
        self._channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
        self._left: grpc.aio.Channel | None = None
        self._stubs: dict[Callable[..., Any], Any] = {}
        self._deadline_s = deadline_s
        if connect_timeout_s is None:
            connect_timeout_s = _TAKE_OVER_S if "," in address else _CONNECT_TIMEOUT_S
        self._connect_timeout_s = connect_timeout_s
        self._traceparent = traceparent

    async def close(self) -> None:
        """Close the channel; calls under way are canceled."""
        await self._channel.close()
        if self._left is not None:
            await self._left.close()

    def stub(self, make: Callable[..., Any]) -> Any:
        """A generated stub on the present channel: to be asked for again with each call."""
        if make not in self._stubs:
            self._stubs[make] = make(self._channel)
        return self._stubs[make]

    @property
    def channel(self) -> grpc.aio.Channel:
        """The present channel."""
        return self._channel

    async def give_up_on_silent(self, channel: grpc.aio.Channel) -> None:
        """With several addresses: look anew for the one that leads. Calls under way go on, until
        the next one is given up as well. A channel that was left already is not left again."""
        if "," not in self.address or channel is not self._channel:
            return
        before, self._left = self._left, self._channel
        self._channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
        self._stubs.clear()
        if before is not None:
            await before.close()

    async def read(
        self,
        method: Callable[..., Any],
        request: Any,
        into: Callable[[Any], T],
        *,
        asked: str,
        deadline_s: float | None = None,
    ) -> T:
        """Ask something that changes nothing, and read the reply by `into`."""
        return into(await self._call(method, request, asked, deadline_s, mutation=False))

    async def change(
        self,
        method: Callable[..., Any],
        request: Any,
        into: Callable[[Any], T],
        *,
        asked: str,
        deadline_s: float | None = None,
    ) -> T:
        """Ask for a change, once. OutcomeUnknown unless the server says that nothing happened.

        If the awaiting task is canceled the change may have happened.
        """
        return into(await self._call(method, request, asked, deadline_s, mutation=True))

    async def connected(self, until: float) -> None:
        """Wait for the connection, until the loop's time `until` at most; else Unreachable.

        Nothing has been sent when this raises: the effect is NONE.
        """
        loop = asyncio.get_running_loop()
        limit = min(until, loop.time() + self._connect_timeout_s)
        try:
            async with asyncio.timeout_at(limit):
                channel = self._channel
                state = channel.get_state(try_to_connect=True)
                while state is not grpc.ChannelConnectivity.READY:
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError:
            raise Unreachable(
                f"{self.address}: nothing answers there (is Tandem running?)", effect=Effect.NONE
            ) from None

    async def _call(
        self,
        method: Callable[..., Any],
        request: Any,
        asked: str,
        deadline_s: float | None,
        *,
        mutation: bool,
    ) -> Any:
        loop = asyncio.get_running_loop()
        until = loop.time() + (self._deadline_s if deadline_s is None else deadline_s)
        metadata, channel = trace_metadata(self._traceparent), self._channel
        await self.connected(until)
        try:
            left_s = max(until - loop.time(), 0.001)
            return await method(request, timeout=left_s, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                await self.give_up_on_silent(channel)
            raise self.failure(error, asked, mutation=mutation) from error
        except asyncio.CancelledError:
            if is_canceled():
                raise
            text = f"{asked}: its connection was given up"
            if mutation:
                raise OutcomeUnknown(f"{text} (it may have happened)") from None
            raise Unreachable(text) from None

    def failure(self, error: grpc.aio.AioRpcError, asked: str, *, mutation: bool) -> TandemError:
        """Make our error of a failed call at this address."""
        made = from_rpc_error(error, mutation=mutation, asked=asked)
        if isinstance(made, Unreachable):
            return Unreachable(f"{self.address}: the connection failed", code=made.code)
        return made


def target_of(address: str) -> str:
    """What gRPC calls `address`, or several of them with commas between.

    Several must be IP addresses of one kind, such as 10.0.0.1:50050 or [::1]:50050; InvalidRequest
    if they are not. A name that has several addresses is one address.
    """
    if "," not in address:
        return address
    parts = [part.strip() for part in address.split(",")]
    try:
        kinds = {ip_address(part.rpartition(":")[0].strip("[]")).version for part in parts}
    except ValueError:
        kinds = set()
    if len(kinds) != 1 or not all(part.rpartition(":")[2].isdecimal() for part in parts):
        raise InvalidRequest.unsent("address", "several must be IP addresses with ports")
    return f"ipv{kinds.pop()}:{','.join(parts)}"


def is_canceled() -> bool:
    """Whether this task itself is: gRPC raises the same for a call whose channel was closed."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
