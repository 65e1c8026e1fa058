"""The same edge twice: real grpc.aio over loopback, and the local one over a simulated network.

A story is acted on either, so that one test suite holds for both: what the simulation shows of
calls that fail, hang, or lose their server is what gRPC does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import broker_service_pb2_grpc
from services.common.contract.status import translate
from services.common.runtime.clock import LoopClock, SystemClock
from services.common.runtime.health import HealthBoard
from services.common.runtime.interceptors import client_interceptors, server_interceptors
from services.common.runtime.server import ServerOptions, build_server, open_channel
from tests.simulation.incarnation import Incarnation
from tests.simulation.local_grpc.channel import LocalChannel
from tests.simulation.local_grpc.server import LocalServer
from tests.simulation.network import Network
from tests.simulation.virtual_loop import VirtualLoop

BROKER = "tandem.v1.BrokerService"
MARGIN_S = 0.05
DEFAULT_S = 20.0
DETAILS_KEY = "grpc-status-details-bin"
_PORT = 50051

Handler = Callable[[Any, Any], Awaitable[Any]]
Streamer = Callable[[Any, Any], AsyncIterator[Any]]


async def _answer(request: Any, context: Any) -> Any:
    return pb.GetOrderResponse()


async def _tell(request: Any, context: Any) -> AsyncIterator[Any]:
    yield pb.WatchEventsResponse()


class ScriptedServicer(broker_service_pb2_grpc.BrokerServiceServicer):
    """A servicer whose one unary and one streaming method do what the story says."""

    def __init__(self) -> None:
        self.get_order: Handler = _answer
        self.watch: Streamer = _tell

    async def GetOrder(self, request: Any, context: Any) -> Any:
        return await self.get_order(request, context)

    async def WatchEvents(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for response in self.watch(request, context):
            yield response


@dataclass(slots=True)
class Edge:
    """A server, a channel to it, and the means to kill the one and see what the other does."""

    servicer: ScriptedServicer
    channel: grpc.aio.Channel
    kill_server: Callable[[], Awaitable[None]]
    start_server: Callable[[], Awaitable[None]]
    stub: Any = field(init=False)

    def __post_init__(self) -> None:
        self.stub = broker_service_pb2_grpc.BrokerServiceStub(self.channel)

    async def reaches(self, state: grpc.ChannelConnectivity, within_s: float = 10.0) -> None:
        """Wait until the channel is in that state."""
        async with asyncio.timeout(within_s):
            while (now := self.channel.get_state()) is not state:
                await self.channel.wait_for_state_change(now)


Story = Callable[[Edge], Coroutine[Any, Any, None]]
Act = Callable[[Story], None]


def act_on_real(story: Story) -> None:
    """Act a story over grpc.aio and loopback sockets."""

    async def act() -> None:
        async with _real_edge() as edge:
            await story(edge)

    asyncio.run(act())


def act_on_local(story: Story) -> None:
    """Act a story over the local channel and server, in virtual time."""
    loop = VirtualLoop()
    server, client = Incarnation("server"), Incarnation("client")

    async def act() -> None:
        await client.spawn(story(_local_edge(server, client)))

    try:
        loop.run_until_complete(act())
        assert loop.unhandled == []
    finally:
        loop.close()


def _local_edge(server: Incarnation, client: Incarnation) -> Edge:
    network = Network(random.Random(1), {_PORT: "server"})
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop, datetime(2024, 11, 4, tzinfo=UTC))
    servicer = ScriptedServicer()  # type: ignore[abstract]
    lives = [server]

    def serve() -> None:
        layers = server_interceptors(clock, DEFAULT_S, translate=translate)
        served = LocalServer(network, layers)
        broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(servicer, served)  # type: ignore[arg-type]
        lives[-1].run(served.start, _PORT)

    async def kill() -> None:
        lives[-1].freeze()
        network.crash(lives[-1])

    async def start() -> None:
        if lives[-1].frozen:
            lives.append(Incarnation("server", len(lives) + 1))
        serve()

    serve()
    layers = client_interceptors(MARGIN_S, DEFAULT_S)
    channel = client.run(_channel, network, layers)
    return Edge(servicer, channel, kill, start)


def _channel(network: Network, layers: Any) -> LocalChannel:
    return LocalChannel(network, _PORT, rng=random.Random(2), interceptors=layers)


@asynccontextmanager
async def _real_edge() -> AsyncIterator[Edge]:
    clock = SystemClock()
    options = ServerOptions(
        listen="127.0.0.1:0", listen_setting="LISTEN", default_deadline_s=DEFAULT_S
    )
    board = HealthBoard(clock, [BROKER])
    server = build_server(
        options, clock=clock, board=board, service_names=[BROKER], translate=translate
    )
    servicer = ScriptedServicer()  # type: ignore[abstract]
    broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(servicer, server.grpc)
    await server.start()
    wire = _Wire(server.port)
    await wire.start()
    channel = open_channel(wire.address, margin_s=MARGIN_S, default_timeout_s=DEFAULT_S)
    try:
        yield Edge(servicer, channel, wire.kill, wire.start)
    finally:
        await channel.close()
        await wire.kill()
        await server.stop(0)


class _Wire:
    """Passes bytes to the server; when killed, it is to the client as if the server had died."""

    def __init__(self, port: int) -> None:
        self._to_port = port
        self._port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        pair = {writer, to_writer}
        self._writers |= pair
        with contextlib.suppress(OSError):
            await asyncio.gather(_pump(reader, to_writer), _pump(to_reader, writer))
        self._writers -= pair


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def failure_of(call: Any) -> grpc.aio.AioRpcError:
    """How a call fails; an answer fails the test."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call was answered")


def has_details(error: grpc.aio.AioRpcError) -> bool:
    """Whether the error carries a status of our own."""
    return any(key == DETAILS_KEY for key, _ in error.trailing_metadata() or ())


class Hanging:
    """A handler that hangs, and what becomes of it."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.canceled = asyncio.Event()

    async def __call__(self, request: Any, context: Any) -> Any:
        self.began.set()
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            self.canceled.set()
            raise

    async def stream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        yield pb.WatchEventsResponse()
        await self(request, context)

    async def was_canceled(self) -> bool:
        async with asyncio.timeout(5):
            return await self.canceled.wait()
