"""The transport on real sockets: total deadline, last check, and what proves that nothing left."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.alpaca_adapter.exchange import NoAnswer, NotSent
from services.alpaca_adapter.rest import Access, AlpacaRest, Api, RestLimits
from services.common.domain.errors import Reason, Refused
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from tests.integration.alpaca_adapter.raw_server import (
    RawServer,
    http,
    raw_server,
    unanswered_port,
)
from tests.ports import free_port

LIMITS = RestLimits(connect_s=20.0, read_s=20.0, total_s=30.0)
# Where there is never an answer.
HASTY = RestLimits(connect_s=0.5, read_s=0.5, total_s=0.9)
# What a slow machine may add to a limit; what has none takes longer, or hangs for ever.
SLACK_S = 20.0


@asynccontextmanager
async def rest_at(
    url: str, *, slots: int = 4, limits: RestLimits = LIMITS
) -> AsyncIterator[AlpacaRest]:
    clock = SystemClock()
    pool = BlockingPool(slots, slot_wait_s=0.0, name="test")
    access = Access(url, url, "PKTEST", "very-secret")
    rest = AlpacaRest(access, limits, clock=clock, run_blocking=pool.run)
    try:
        yield rest
    finally:
        rest.close()
        assert await pool.close(timeout_s=5.0) == 0


def passes() -> None:
    """A last check that lets all through."""


async def until(condition: Callable[[], object]) -> None:
    """Wait for what a server comes to see by itself."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def answer_all(connection: socket.socket, server: RawServer) -> None:
    while server.hear(connection):
        connection.sendall(http(b'{"id": "1", "px": 1.10}'))


def drip_body(connection: socket.socket, server: RawServer) -> None:
    server.hear(connection)
    connection.sendall(http(b"", length=1000))
    while server.wait(0.1):
        connection.sendall(b" ")


def drip_headers(connection: socket.socket, server: RawServer) -> None:
    server.hear(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while server.wait(0.1):
        connection.sendall(b"X-More: 1\r\n")


def drip_status_line(connection: socket.socket, server: RawServer) -> None:
    server.hear(connection)
    for byte in b"HTTP/1.1 200 " + b"O" * 1000:
        if not server.wait(0.1):
            return
        connection.sendall(bytes([byte]))


def silence(connection: socket.socket, server: RawServer) -> None:
    server.hear(connection)
    server.wait(5.0)


def half_a_body(connection: socket.socket, server: RawServer) -> None:
    server.hear(connection)
    connection.sendall(http(b'{"id": "1"', length=100))


def hang_up(connection: socket.socket, server: RawServer) -> None:
    server.hear(connection)


def no_http(connection: socket.socket, server: RawServer) -> None:
    server.hear(connection)
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


async def test_an_answer_keeps_its_digits_and_a_connection_is_used_again() -> None:
    with raw_server(answer_all) as server:
        async with rest_at(server.url) as rest:
            for _ in range(3):
                answer = await rest.post("/orders", {"qty": "1.10"}, passes)
        assert str(answer.content["px"]) == "1.10"
        assert server.connections == 1
        assert server.heard[0].endswith(b'{"qty": "1.10"}')
        assert b"APCA-API-KEY-ID: PKTEST" in server.heard[0]


@pytest.mark.parametrize("drip", [drip_body, drip_headers, drip_status_line])
async def test_an_answer_that_drips_ends_at_the_total_deadline(drip: object) -> None:
    with raw_server(drip) as server:  # type: ignore[arg-type]
        async with rest_at(server.url, limits=HASTY) as rest:
            began = time.monotonic()
            with pytest.raises(NoAnswer):
                await rest.post("/orders", {}, passes)
            assert HASTY.total_s - 0.1 < time.monotonic() - began < HASTY.total_s + SLACK_S


@pytest.mark.parametrize("behave", [silence, half_a_body, hang_up, no_http])
async def test_a_written_request_without_a_whole_answer_is_in_doubt_and_sent_once(
    behave: object,
) -> None:
    with raw_server(behave) as server:  # type: ignore[arg-type]
        async with rest_at(server.url, limits=HASTY) as rest:
            with pytest.raises(NoAnswer):
                await rest.post("/orders", {}, passes)
            await until(lambda: server.heard)
        assert len(server.heard) == 1


async def test_the_last_check_runs_on_the_open_connection_and_stops_every_byte() -> None:
    def refuses() -> None:
        raise Refused(Reason.STALE_EPOCH, "not any more")

    with raw_server(answer_all) as server:
        async with rest_at(server.url) as rest:
            with pytest.raises(Refused):
                await rest.post("/orders", {}, refuses)
            # Connected before it was asked: the server comes to see that by itself.
            await until(lambda: server.connections)
            assert server.heard == []
            await rest.post("/orders", {}, passes)
        assert len(server.heard) == 1


async def test_a_refused_connection_sends_nothing() -> None:
    checks: list[str] = []
    async with rest_at(f"http://127.0.0.1:{free_port()}") as rest:
        with pytest.raises(NotSent):
            await rest.post("/orders", {}, lambda: checks.append("asked"))
    assert checks == []


async def test_a_connection_that_hangs_sends_nothing_and_ends_in_time() -> None:
    with unanswered_port() as port:
        async with rest_at(f"http://127.0.0.1:{port}", limits=HASTY) as rest:
            began = time.monotonic()
            with pytest.raises(NotSent):
                await rest.post("/orders", {}, passes)
            assert time.monotonic() - began < HASTY.connect_s + SLACK_S


async def test_a_host_that_has_no_address_sends_nothing() -> None:
    async with rest_at("http://no-such-host.invalid", limits=RestLimits(5.0, 1.0, 8.0)) as rest:
        with pytest.raises(NotSent):
            await rest.post("/orders", {}, passes)


async def test_a_tls_handshake_that_fails_sends_nothing() -> None:
    with raw_server(no_http) as server:
        async with rest_at(server.url.replace("http://", "https://"), limits=HASTY) as rest:
            with pytest.raises(NotSent):
                await rest.post("/orders", {}, passes)


async def test_without_a_free_slot_nothing_is_queued_or_sent() -> None:
    with raw_server(silence) as server:
        hasty = RestLimits(connect_s=20.0, read_s=3.0, total_s=25.0)
        async with rest_at(server.url, slots=1, limits=hasty) as rest:
            first = asyncio.create_task(rest.post("/orders", {"n": "1"}, passes))
            await until(lambda: server.heard)
            with pytest.raises(NotSent, match="no thread"):
                await rest.post("/orders", {"n": "2"}, passes)
            with pytest.raises(NoAnswer):
                await first
        assert len(server.heard) == 1


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with raw_server(answer_all) as elsewhere:

        def redirect(connection: socket.socket, server: RawServer) -> None:
            server.hear(connection)
            location = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}/v2/orders\r\n"
            connection.sendall(f"{location}Content-Length: 0\r\n\r\n".encode())

        with raw_server(redirect) as server:
            async with rest_at(server.url) as rest:
                answer = await rest.post("/orders", {}, passes)
        assert answer.status == 307
        assert not answer.ok
    assert elsewhere.heard == []


async def test_a_connection_that_the_server_closed_meanwhile_is_made_anew() -> None:
    def answer_one(connection: socket.socket, server: RawServer) -> None:
        server.hear(connection)
        connection.sendall(http(b"{}"))

    with raw_server(answer_one) as server:
        async with rest_at(server.url) as rest:
            await rest.post("/orders", {}, passes)
            await asyncio.sleep(0.1)
            await rest.post("/orders", {}, passes)
        assert (server.connections, len(server.heard)) == (2, 2)


async def test_a_caller_that_gives_up_does_not_stop_a_write_that_began() -> None:
    with raw_server(silence) as server:
        limits = RestLimits(connect_s=20.0, read_s=0.5, total_s=25.0)
        async with rest_at(server.url, limits=limits) as rest:
            call = asyncio.create_task(rest.post("/orders", {}, passes))
            await until(lambda: server.heard)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
    assert len(server.heard) == 1


async def test_concurrent_calls_each_have_a_connection_of_their_own() -> None:
    def slow(connection: socket.socket, server: RawServer) -> None:
        while request := server.hear(connection):
            server.wait(0.1)
            number = request.split(b'"n": "')[1].split(b'"')[0]
            connection.sendall(http(b'{"n": "' + number + b'"}'))

    with raw_server(slow) as server:
        async with rest_at(server.url, slots=4) as rest:
            for _ in range(2):
                calls = [rest.post("/orders", {"n": str(n)}, passes) for n in range(4)]
                answers = await asyncio.gather(*calls)
                assert [a.content["n"] for a in answers] == ["0", "1", "2", "3"]
            idle = rest._idle[Api.TRADING]
            assert len(idle) == len({id(client) for client in idle}) == 4
        assert server.connections == 4


async def test_the_environment_sees_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(answer_all) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with rest_at(server.url) as rest:
            assert (await rest.get("/account")).ok
