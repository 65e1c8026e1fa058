"""One client of several addresses: whoever accepts connections is asked, and the next one then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from tandem_client import (
    Effect,
    InvalidRequest,
    OperationsClient,
    OrderSpec,
    OutcomeUnknown,
    TandemClient,
    Unreachable,
    WatchOptions,
)
from tandem_client.connection import target_of

from tests.unit.client.small_server import SmallServer


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("router:50050", "router:50050"),
        ("10.0.0.1:50050,10.0.0.2:50051", "ipv4:10.0.0.1:50050,10.0.0.2:50051"),
        (" 10.0.0.1:1 , 10.0.0.2:2 ", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("[::1]:50050,[::2]:50050", "ipv6:[::1]:50050,[::2]:50050"),
    ],
)
def test_several_addresses_are_one_target(address: str, target: str) -> None:
    assert target_of(address) == target


@pytest.mark.parametrize(
    "address",
    ["one:50050,two:50050", "10.0.0.1:1,[::1]:1", "10.0.0.1,10.0.0.2", "10.0.0.1:1,", ","],
)
def test_what_several_cannot_be_is_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        target_of(address)
    assert (refused.value.field, refused.value.effect) == ("address", Effect.NONE)


@pytest.fixture
async def other() -> AsyncIterator[SmallServer]:
    running = SmallServer()
    await running.start()
    yield running
    await running.stop()


async def test_the_next_address_is_asked_when_the_first_is_gone(
    server: SmallServer, other: SmallServer, spec: OrderSpec
) -> None:
    async with TandemClient(f"{server.address},{other.address}", account_id="main") as client:
        await client.submit(spec)
        await server.stop()
        await client.submit(spec)
    assert spec.client_order_id in other.broker.orders


class Freezing:
    """A server as it is seen from outside when its process stands still: its kernel accepts
    connections and takes bytes, and nobody answers."""

    def __init__(self, behind: str) -> None:
        self._host, _, self._port = behind.partition(":")
        self._frozen = False
        self._pumps: list[asyncio.Task[None]] = []
        self._listening: asyncio.Server | None = None

    async def start(self) -> str:
        """Begin to listen; its address."""
        self._listening = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self._host, int(self._port))
        for source, sink in ((reader, server_writer), (server_reader, writer)):
            self._pumps.append(asyncio.create_task(self._pump(source, sink)))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            if not self._frozen:
                sink.write(data)
        sink.close()

    def freeze(self) -> None:
        self._frozen = True

    async def close(self) -> None:
        assert self._listening is not None
        self._listening.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)


@pytest.fixture
async def freezing(server: SmallServer) -> AsyncIterator[Freezing]:
    made = Freezing(server.address)
    yield made
    await made.close()


async def test_a_server_that_stands_still_is_left_for_the_other(
    freezing: Freezing, other: SmallServer, spec: OrderSpec
) -> None:
    addresses = f"{await freezing.start()},{other.address}"
    async with TandemClient(addresses, account_id="main") as client:
        await client.status()
        freezing.freeze()
        with pytest.raises(OutcomeUnknown):
            await client.submit(spec, deadline_s=0.5)
        assert spec.client_order_id not in other.broker.orders, "nothing is sent again by itself"
        for _ in range(3):
            await client.submit(spec)
    assert spec.client_order_id in other.broker.orders


async def test_calls_that_time_out_together_do_not_cancel_the_ones_beside_them(
    freezing: Freezing, other: SmallServer, spec: OrderSpec
) -> None:
    addresses = f"{await freezing.start()},{other.address}"
    async with TandemClient(addresses, account_id="main") as client:
        await client.status()
        freezing.freeze()
        deadlines_s = (0.3, 0.3, 1.5)
        calls = (client.submit(spec, deadline_s=deadline_s) for deadline_s in deadlines_s)
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ended] == [OutcomeUnknown] * 3


async def test_a_call_on_a_channel_that_was_given_up_ends_with_an_error_of_ours(
    freezing: Freezing, spec: OrderSpec
) -> None:
    addresses = f"{await freezing.start()},127.0.0.1:1"
    async with TandemClient(addresses, account_id="main", connect_timeout_s=30.0) as client:
        await client.status()
        freezing.freeze()
        under_way = asyncio.ensure_future(client.submit(spec, deadline_s=30.0))
        reading = asyncio.ensure_future(client.status())
        await asyncio.sleep(0)
    with pytest.raises(OutcomeUnknown, match="given up"):
        await under_way
    with pytest.raises(Unreachable):
        await reading


async def test_a_watch_leaves_a_server_that_stands_still(
    freezing: Freezing, server: SmallServer, other: SmallServer, spec: OrderSpec
) -> None:
    addresses = f"{await freezing.start()},{other.address}"
    options = WatchOptions(heartbeat_s=0.2, heartbeats=True)
    async with (
        asyncio.timeout(30),
        TandemClient(addresses, account_id="main") as client,
        aclosing(client.watch(None, options)) as events,
    ):
        await anext(events)
        assert server.broker.watches
        freezing.freeze()
        while not other.broker.watches:
            await anext(events)
    assert other.broker.watches


async def test_operators_name_one_router(server: SmallServer) -> None:
    with pytest.raises(InvalidRequest, match="name one router"):
        OperationsClient(f"{server.address},127.0.0.1:1")
