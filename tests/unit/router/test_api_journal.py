"""VerifyJournal and ExportJournal as a client sees them, while orders go on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import apsw
import grpc
import pytest

from services.common.contract.pb import operations_service_pb2 as pb
from services.common.domain.errors import Reason
from tests.unit.domain.orders import spec
from tests.unit.router.api_rig import Api, Code, api, failure
from tests.unit.router.harness import until


async def verify(it: Api, **fields: Any) -> pb.VerifyJournalResponse:
    request = pb.VerifyJournalRequest(**fields)
    return await it.operations.VerifyJournal(request, timeout=10)  # type: ignore[no-any-return]


async def exported(it: Api, from_sequence: int = 0) -> list[pb.ExportJournalResponse]:
    request = pb.ExportJournalRequest(from_sequence=from_sequence)
    return [record async for record in it.operations.ExportJournal(request, timeout=10)]


async def test_a_journal_is_checked_while_the_router_runs(tmp_path: Path) -> None:
    async with api(tmp_path / "j.db") as it:
        await it.submit(spec())
        found = await verify(it)
        assert (found.intact, found.problem) == (True, "")
        assert found.head_sequence == found.checked > 3
        assert found.journal_id == it.running.core.books.journal_id
        anchor = {"anchor_sequence": found.head_sequence, "anchor_hash": found.head_hash}
        await it.submit(spec(client_order_id="o-2"))
        again = await verify(it, **anchor, from_sequence=2)
        assert again.intact
        assert again.checked > found.checked
        wrong = await verify(it, anchor_sequence=found.head_sequence, anchor_hash=bytes(32))
        assert (wrong.intact, wrong.first_bad_sequence) == (False, found.head_sequence)


async def test_a_tail_cut_off_under_the_router_is_found_without_an_anchor(tmp_path: Path) -> None:
    async with api(tmp_path / "j.db") as it:
        await it.submit(spec())
        await it.running.core.journal.durable()
        head = it.running.core.journal.durable_head
        db = apsw.Connection(str(tmp_path / "j.db"))
        db.execute("DELETE FROM entries WHERE seq > ?", (head.seq - 2,))
        db.close()
        found = await verify(it)
        assert (found.intact, found.first_bad_sequence) == (False, head.seq - 1)
        assert "its tail was cut off" in found.problem


async def test_records_are_exported_as_they_are_stored(tmp_path: Path) -> None:
    async with api(tmp_path / "j.db") as it:
        await it.submit(spec())
        records = await exported(it)
        assert [record.sequence for record in records] == list(range(1, len(records) + 1))
        kinds = [json.loads(record.record_json)["kind"] for record in records]
        assert kinds[0] == "JournalCreated"
        assert {"OrderIntended", "PlacementIntended", "PlacementReported"} <= set(kinds)
        assert await exported(it, 3) == records[2 : len(records)]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"from_sequence": 2**64 - 1}, "from_sequence"),
        ({"anchor_sequence": 2}, "anchor_hash"),
        ({"anchor_hash": bytes(31), "anchor_sequence": 2}, "anchor_hash"),
        ({"anchor_hash": bytes(32)}, "anchor_sequence"),
        ({"anchor_hash": bytes(32), "anchor_sequence": 2, "from_sequence": 3}, "anchor_sequence"),
    ],
)
async def test_a_check_that_makes_no_sense_is_refused(
    tmp_path: Path, fields: dict[str, Any], field: str
) -> None:
    async with api(tmp_path / "j.db") as it:
        code, error = await failure(verify(it, **fields))
        assert code in (Code.INVALID_ARGUMENT, Code.OUT_OF_RANGE)
        assert getattr(error, "field", field) == field


async def test_checks_and_exports_at_once_are_bounded_and_end_when_canceled(
    tmp_path: Path,
) -> None:
    """While a check hangs at the disk, orders go on."""
    async with api(tmp_path / "j.db") as it:
        reads = it.running.core.operations._journal_reads
        real, go_on, waiting = reads._run_blocking, asyncio.Event(), asyncio.Event()

        async def slow(call: Any) -> None:
            waiting.set()
            await go_on.wait()
            await real(call)

        reads._run_blocking = slow
        running = it.operations.VerifyJournal(pb.VerifyJournalRequest(), timeout=10)
        await waiting.wait()
        code, error = await failure(verify(it))
        assert (code, error.reason) == (Code.RESOURCE_EXHAUSTED, Reason.BUDGET_EXHAUSTED)
        await it.submit(spec())
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        go_on.set()
        await until(lambda: reads._running["check"] == 0)
        assert (await verify(it)).intact

        streams = [
            it.operations.ExportJournal(pb.ExportJournalRequest(), timeout=10) for _ in range(2)
        ]
        go_on.clear()
        reading = [asyncio.ensure_future(stream.read()) for stream in streams]
        await until(lambda: reads._running["export"] == 2)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await it.operations.ExportJournal(pb.ExportJournalRequest(), timeout=10).read()
        assert refused.value.code() is Code.RESOURCE_EXHAUSTED
        go_on.set()
        assert all([(await one).sequence == 1 for one in reading])
        for stream in streams:
            stream.cancel()
        await until(lambda: reads._running["export"] == 0)
