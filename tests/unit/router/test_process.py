"""The router as a process: it ends only when what is under way has been written down."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb.broker_service_pb2_grpc import BrokerServiceStub
from services.common.domain.order_status import Signal
from services.common.runtime.blocking import BlockingPool
from services.router.journal import codec
from services.router.journal.records import PlacementReported
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.store import check_chain
from tests.conformance.fakes.scripts import OnSubmit
from tests.ports import free_port
from tests.unit.adapter import served

ID = "o-1~t1~1.0"


async def until(condition: object, within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():  # type: ignore[operator]
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(
    tmp_path: Path, adapter: str, listen: str, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    venue = {"name": "fake", "address": adapter, "account_tag": "t1"}
    given = {
        "LISTEN": listen,
        "OPERATIONS_LISTEN": "127.0.0.1:0",
        "ACCOUNTS": json.dumps([{"account_id": "main", "venues": [venue]}]),
        "JOURNAL_PATH": str(tmp_path / "j.db"),
        "DRAIN_S": "0",
        **settings,
    }
    environ = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")}
    environ |= {f"TANDEM_ROUTER_{name}": value for name, value in given.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.router",
        env=environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def signals(path: Path) -> list[Signal]:
    store = SqliteJournal(path)
    try:
        records = [codec.decode(entry.data)[2] for entry in check_chain(store.entries())]
    finally:
        store.close()
    return [r.signaled.signal for r in records if isinstance(r, PlacementReported)]


async def test_the_answer_to_an_order_under_way_is_written_before_the_end(
    tmp_path: Path,
) -> None:
    pool = BlockingPool(1, slot_wait_s=5.0, name="test")
    adapter, listen = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    given = served.settings(tmp_path, listen=adapter)
    async with (
        served.serve(given, pool) as venue,
        running(tmp_path, adapter, listen) as process,
        grpc.aio.insecure_channel(listen) as channel,
    ):
        venue.gateway.begin_session()
        venue.gateway.on_submit(ID, OnSubmit.HANG_AFTER_WRITE)
        stub = BrokerServiceStub(channel)

        async def ready() -> bool:
            try:
                reply = await stub.GetStatus(pb.GetStatusRequest(account_id="main"), timeout=2)
            except grpc.aio.AioRpcError:
                return False
            return bool(reply.venues[0].ready)

        await until(ready)
        order = served.spec("o-1")
        call = stub.SubmitOrder(pb.SubmitOrderRequest(account_id="main", order=order), timeout=20)

        async def written() -> bool:
            return ID in venue.gateway.sent

        waiting = asyncio.ensure_future(_outcome(call))
        await until(written)
        call.cancel()
        await waiting
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(1.0)  # it has begun to stop, and waits for the answer
        venue.gateway.release(ID)
        assert process.stderr is not None
        assert await asyncio.wait_for(process.wait(), 20) == 0
    await pool.close(1.0)
    assert signals(tmp_path / "j.db") == [Signal.ACKNOWLEDGED]


async def _outcome(call: object) -> None:
    with pytest.raises(asyncio.CancelledError):
        await call  # type: ignore[misc]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "JOURNAL_PATH"),
        (lambda path: path.write_bytes(b"not a database, but long enough " * 100), "JOURNAL_PATH"),
    ],
)
async def test_a_journal_that_cannot_be_opened_is_one_clear_line(
    tmp_path: Path, make: object, words: str
) -> None:
    make(tmp_path / "j.db")  # type: ignore[operator]
    async with running(tmp_path, "127.0.0.1:1", "127.0.0.1:0") as process:
        _, stderr = await asyncio.wait_for(process.communicate(), 20)
        lines = [line for line in stderr.decode().splitlines() if line.startswith("tandem-router:")]
        assert process.returncode not in (0, None)
        assert len(lines) == 1
        assert words in lines[0]
        assert "Traceback" not in stderr.decode()
