"""Sockets in memory: what is written is seen as it leaves, and the dead neither write nor hear."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tests.simulation.byte_sockets import ByteSockets
from tests.simulation.incarnation import Incarnation
from tests.simulation.network import Network
from tests.simulation.virtual_loop import VirtualLoop

PORT = 4002


class Side(asyncio.Protocol):
    """One side of a connection: what came, and how it ended."""

    def __init__(self) -> None:
        self.came: list[object] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.came.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.came.append("closed" if exc is None else "reset")


class Scene:
    """A client's incarnation connected to a server, every byte of the client read along."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.network = Network(random.Random(1), {PORT: "gateway"})
        sockets = loop.sockets = ByteSockets(self.network)
        self.tapped: list[bytes] = []
        sockets.taps[PORT] = lambda: self.tapped.append
        self.server, self.client = Side(), Side()
        self.life = Incarnation("adapter")

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: self.server, "127.0.0.1", PORT)
        await self.life.spawn(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self.client, "127.0.0.1", PORT)

    def as_client(self, act: Callable[[asyncio.Transport], None]) -> None:
        assert self.client.transport is not None
        self.life.run(act, self.client.transport)


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.close()


def acted(loop: VirtualLoop, story: Callable[[Scene], Coroutine[Any, Any, None]]) -> Scene:
    async def act() -> Scene:
        scene = Scene(loop)
        await scene.connect()
        await story(scene)
        await asyncio.sleep(1.0)
        return scene

    scene: Scene = loop.run_until_complete(act())
    return scene


def test_what_a_client_writes_is_read_along_and_arrives(loop: VirtualLoop) -> None:
    async def story(scene: Scene) -> None:
        scene.as_client(lambda transport: transport.write(b"hello"))

    scene = acted(loop, story)
    assert (scene.tapped, scene.server.came) == ([b"hello"], [b"hello"])


def test_a_side_that_says_it_is_done_and_closes_ends_the_connection_in_order(
    loop: VirtualLoop,
) -> None:
    def leave(transport: asyncio.Transport) -> None:  # as ib_insync does
        transport.write(b"bye")
        transport.write_eof()
        transport.close()

    async def story(scene: Scene) -> None:
        scene.as_client(leave)

    scene = acted(loop, story)
    assert (scene.server.came, scene.client.came) == ([b"bye", "closed"], ["closed"])


def test_to_its_peer_a_crash_is_a_reset_after_all_that_was_sent(loop: VirtualLoop) -> None:
    async def story(scene: Scene) -> None:
        scene.as_client(lambda transport: transport.write(b"sent"))
        scene.life.freeze()
        scene.network.crash(scene.life)

    assert acted(loop, story).server.came == [b"sent", "reset"]


def test_the_dead_write_nothing_and_hear_nothing(loop: VirtualLoop) -> None:
    async def story(scene: Scene) -> None:
        assert scene.server.transport is not None
        scene.server.transport.write(b"too late")
        scene.life.freeze()
        scene.network.crash(scene.life)
        scene.as_client(lambda transport: transport.write(b"from the grave"))

    scene = acted(loop, story)
    assert (scene.tapped, scene.client.came, scene.server.came) == ([], [], ["reset"])
