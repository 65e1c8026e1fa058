"""Binds the simulated Gateway to a port, and unbinds it for as long as its doors refuse."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from simulators.ib_gateway.frontend import Frontend
from simulators.ib_gateway.session import Link, Session
from simulators.listening import not_bound

_OPEN_FOR_S = math.inf


class GatewayProtocol(asyncio.Protocol):
    """One connection, from an event loop's transport to a session."""

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend
        self._session: Session | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        link: Link = transport
        self._session = self._frontend.connect(link)

    def data_received(self, data: bytes) -> None:
        assert self._session is not None
        self._session.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._session is not None:
            self._session.lost()


class GatewayServer:
    """Listens on a host and port of the running loop, which may be one with sockets in memory."""

    def __init__(self, frontend: Frontend, host: str) -> None:
        self._frontend = frontend
        self._host = host
        self._port = 0
        self._server: asyncio.AbstractServer | None = None

    async def listen(self, port: int) -> int:
        """Binds, and returns the port, which the system chooses if given 0.

        Raises:
            CannotListen: The port is in use, or the address is not this machine's.
        """
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: GatewayProtocol(self._frontend), self._host, port
            )
        except OSError as error:
            raise not_bound(self._host, port, error) from error
        self._server = server
        sockets = getattr(server, "sockets", ())
        self._port = int(sockets[0].getsockname()[1]) if sockets else port
        return self._port

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[int]:
        """Listens around a block, but for the times at which the doors refuse; gives the port.

        Raises:
            CannotListen: See `listen`.
        """
        bound = await self.listen(port)
        minding = self._frontend.own(self._mind_doors())
        try:
            yield bound
        finally:
            minding.cancel()
            self.close()

    async def _mind_doors(self) -> None:
        """Stops listening while connections are to be refused; runs until it is canceled."""
        doors = self._frontend.doors
        while True:
            refuses_for_s = doors.refuses_for_s
            if refuses_for_s and self._server is not None:
                self.close()
            elif not refuses_for_s and self._server is None:
                await self.listen(self._port)
            await doors.wait(refuses_for_s or _OPEN_FOR_S)

    def close(self) -> None:
        """Stops listening; connections stay."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
