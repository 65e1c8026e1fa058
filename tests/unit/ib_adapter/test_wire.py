"""The connection: nothing is written behind something that still waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.common.domain.errors import Effect, Unavailable
from services.ib_adapter.wire import NotConnected, Wire


class Ears:
    def __init__(self) -> None:
        self.closings: list[str] = []

    def unread(self, message_id: str, error: BaseException | None) -> None:
        raise AssertionError(message_id) from error

    def closed(self, reason: str) -> None:
        self.closings.append(reason)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class Transport:
    """A transport with so many bytes that the socket has not taken yet."""

    def __init__(self, waiting: int, *, closing: bool = False) -> None:
        self.waiting = waiting
        self.closing = closing
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.aborted = True


def wire_on(transport: Transport) -> tuple[Wire, Ears]:
    ears = Ears()
    wire = Wire(ears)
    wire.client.conn.transport = transport
    wire.client._apiReady = True
    return wire, ears


async def test_an_idle_connection_takes_an_order() -> None:
    wire_on(Transport(0))[0].require_writable()


@pytest.mark.parametrize("transport", [Transport(1), Transport(0, closing=True)])
async def test_a_connection_that_is_behind_or_closing_takes_none(transport: Transport) -> None:
    wire, _ = wire_on(transport)
    with pytest.raises(Unavailable) as error:
        wire.require_writable()
    assert error.value.effect is Effect.NONE


async def test_a_dropped_connection_throws_away_what_waits_and_says_so_once() -> None:
    transport = Transport(10)
    wire, ears = wire_on(transport)
    wire.drop("silent")
    wire.drop("again")
    assert transport.aborted
    assert ears.closings == ["silent"]
    assert not wire.is_open


async def test_nobody_listening_is_told_apart_from_a_silent_gateway() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(NotConnected) as error:
        await Wire(Ears()).open("127.0.0.1", port, 1, within_s=0.1)
    assert error.value.was_open
    server.close()
    await server.wait_closed()
    with pytest.raises(NotConnected) as error:
        await Wire(Ears()).open("127.0.0.1", port, 1, within_s=1.0)
    assert not error.value.was_open


async def test_a_connect_that_is_given_up_leaves_nothing_behind() -> None:
    let_in: list[asyncio.StreamWriter] = []

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        let_in.append(writer)  # one that nobody holds is closed

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire = Wire(Ears())
    opening = asyncio.ensure_future(wire.open("127.0.0.1", port, 1, within_s=5.0))
    await asyncio.sleep(0.02)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not wire.is_open
    assert asyncio.all_tasks() == {asyncio.current_task()}
    for writer in let_in:
        writer.close()
    server.close()
