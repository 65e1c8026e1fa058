"""The connection: nothing is written behind something that still waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.common.domain.errors import Effect, Unavailable
from services.ib_adapter.library import Contract, Order
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
        self.written: list[bytes] = []

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.aborted = True

    def write(self, data: bytes) -> None:
        self.written.append(data)


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


def ready_wire(transport: Transport) -> Wire:
    """A wire that writes: with a server of the latest version behind it."""
    wire, _ = wire_on(transport)
    wire.client.connState = wire.client.CONNECTED
    wire.client._serverVersion = 176
    return wire


async def test_orders_that_belong_together_are_one_write() -> None:
    transport = Transport(0)
    wire = ready_wire(transport)
    contract = Contract(secType="STK", conId=1, symbol="SPY", exchange="SMART")
    orders = [(7, Order(orderRef="a")), (8, Order(orderRef="a..btp")), (9, Order(orderRef="b"))]
    wire.place_together(contract, orders)
    [written] = transport.written
    ids = [message.split(b"\0")[1] for message in frames(written)]
    assert ids == [b"7", b"8", b"9"]
    wire.cancel(7)
    assert len(transport.written) == 2, "what follows is written by itself"


async def test_none_is_written_if_one_of_them_can_not_be() -> None:
    transport = Transport(0)
    wire = ready_wire(transport)
    broken = Order()
    vars(broken)["softDollarTier"] = None
    with pytest.raises(AttributeError):
        wire.place_together(Contract(), [(7, Order()), (8, broken)])
    assert transport.written == []
    wire.cancel(7)
    assert len(transport.written) == 1


async def test_a_preview_carries_its_mark_and_nothing_else_passes_for_one() -> None:
    transport = Transport(0)
    wire = ready_wire(transport)
    with pytest.raises(ValueError, match="in place of a preview"):
        wire.what_if(7, Contract(), Order())
    assert transport.written == []
    wire.what_if(7, Contract(), Order(whatIf=True))
    wire.place(8, Contract(), Order())
    preview, order = [frames(data)[0].split(b"\0") for data in transport.written]
    marks = [i for i, (one, two) in enumerate(zip(preview, order, strict=True)) if one != two]
    assert [(preview[i], order[i]) for i in marks] == [(b"7", b"8"), (b"1", b"0")]


def frames(data: bytes) -> list[bytes]:
    """The messages in what was written."""
    found = []
    while data:
        length = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found


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
