"""The `tandem` command as a process: Ctrl-C, and a reader that goes away."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tandem_client.pb import types_pb2

from tests.unit.client.small_server import SYMBOL, SmallBroker, SmallServer

SUBMIT = ["submit", "sell", "1", SYMBOL, "--limit", "8.50", "--intent", "open"]
TANDEM = str(Path(sys.executable).with_name("tandem"))
Started = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def started() -> AsyncIterator[Started]:
    """Start the command as a process; what still runs at the end is killed."""
    processes: list[asyncio.subprocess.Process] = []

    async def start(*arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            TANDEM,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_ctrl_c_ends_a_watch_quietly(
    server: SmallServer, broker: SmallBroker, started: Started
) -> None:
    process = await started("watch", "--json", "--address", server.address)
    assert process.stdout is not None
    async with asyncio.timeout(40):
        while not broker.open_watches:
            await asyncio.sleep(0.01)
        broker.put("my-1", types_pb2.ORDER_STATUS_ACCEPTED)
        event = json.loads(await process.stdout.readline())
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (event["kind"], event["token"], event["order"]["client_order_id"]) == (
        "order",
        "1",
        "my-1",
    )
    assert (process.returncode, out, err.strip()) == (130, b"", b"")


async def test_ctrl_c_during_a_submit_says_where_to_look(
    server: SmallServer, broker: SmallBroker, started: Started
) -> None:
    async def hang(context: Any) -> None:
        await asyncio.Event().wait()

    broker.on_submit = hang
    process = await started(*SUBMIT, "--id", "my-1", "--address", server.address)
    async with asyncio.timeout(40):
        while not broker.submits:
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b"look it up: tandem order my-1" in err


async def test_a_reader_that_goes_ends_a_watch_without_a_trace(
    server: SmallServer, broker: SmallBroker, started: Started
) -> None:
    process = await started("watch", "--address", server.address)
    assert process.stdout is not None
    async with asyncio.timeout(40):
        while not broker.open_watches:
            await asyncio.sleep(0.01)
        process.stdout._transport.close()  # type: ignore[attr-defined]
        while process.returncode is None:
            broker.put("my-1", types_pb2.ORDER_STATUS_ACCEPTED)
            await asyncio.sleep(0.01)
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()
    assert process.returncode == 1
