"""Byte streams over the simulated network, as asyncio's transports.

For the libraries that open sockets of their own: websockets, aiohttp, ib_insync.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.simulation.network import End, Network

Tap = Callable[[bytes], None]
"""Told of bytes as they leave for the network."""


class ByteTransport(asyncio.Transport):
    """A connected socket. There is no flow control: simulated buffers are large enough."""

    def __init__(
        self,
        end: End,
        protocol: asyncio.BaseProtocol,
        peer: tuple[str, int],
        tap: Tap,
    ) -> None:
        super().__init__({"peername": peer, "sockname": ("", 0)})
        self._end = end
        self._tap = tap
        self._protocol = protocol
        self._paused = False
        self._waiting: list[bytes] = []
        self._closing = False
        protocol.connection_made(self)
        end.attach(self._received, self._lost)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not self._paused

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._received(data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing and not self._end.has_ended:
            self._tap(bytes(data))
            self._end.send(bytes(data))

    def write_eof(self) -> None:
        """The other side learns of it from the close, which comes right after it."""

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered here."""

    def close(self) -> None:
        if not self._closing:
            self._end.close()
            self._finish(None)

    def abort(self) -> None:
        if not self._closing:
            self._end.abort()
            self._finish(None)

    def _received(self, data: bytes) -> None:
        if self._paused:
            self._waiting.append(data)
        elif not self._closing and isinstance(self._protocol, asyncio.Protocol):
            self._protocol.data_received(data)

    def _lost(self, reason: str) -> None:
        if self._closing:
            return
        if not reason and isinstance(self._protocol, asyncio.Protocol):
            self._protocol.eof_received()
        self._finish(ConnectionResetError(104, reason) if reason else None)

    def _finish(self, error: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # what a dead incarnation held is cleared away after its simulation
            loop.call_soon(self._protocol.connection_lost, error)


class ByteServer(asyncio.AbstractServer):
    """What `create_server` gives."""

    def __init__(self, network: Network, port: int) -> None:
        self._network = network
        self._port = port
        self._serving = True
        self.sockets: tuple[Any, ...] = ()

    def close(self) -> None:
        if self._serving:
            self._serving = False
            self._network.unlisten(self._port)

    def is_serving(self) -> bool:
        return self._serving

    async def start_serving(self) -> None:
        """It serves from the beginning."""

    async def serve_forever(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def wait_closed(self) -> None:
        """Nothing to wait for."""

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()


class ByteSockets:
    """The two calls of an event loop that make byte streams.

    `taps` makes, by port, what is told of all that is written on a new connection to it.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.taps: dict[int, Callable[[], Tap]] = {}

    async def create_connection(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, **_: Any
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect; ConnectionRefusedError if nobody listens."""
        end = await self._network.connect(port)
        protocol = factory()
        tap = self.taps[port]() if port in self.taps else _untapped
        return ByteTransport(end, protocol, (host, port), tap), protocol

    async def create_server(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, **_: Any
    ) -> ByteServer:
        """Listen; OSError if the address is taken."""

        def accept(end: End) -> None:
            ByteTransport(end, factory(), ("client", 0), _untapped)

        self._network.listen(port, accept)
        return ByteServer(self._network, port)


def _untapped(_: bytes) -> None:
    """Nobody listens in."""
