"""Changes of orders and the disk: what it has when they leave, and before anything is told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Reason, Refused, Unavailable
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import Lookup
from services.ib_adapter.revision_rows import Fate
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.durability import (
    assert_synced,
    killed_before_the_bytes,
    noting,
)
from tests.integration.ib_adapter.rig import (
    A1,
    A2,
    A,
    eventually,
    found,
    limit,
    placed,
    price,
    resting,
    rig,
    settings_for,
)
from tests.unit.adapter.recording_vfs import RecordingVfs

Simulated = tuple[SimulatedIbGateway, int]
CHANGE = price("0.10")


async def test_a_change_is_on_the_disk_before_the_first_byte_leaves(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    vfs = RecordingVfs()
    at_check: list[list[tuple[str, str]]] = []
    async with rig(settings_for(port), log, vfs=vfs.name) as built:
        await built.gateway.submit(resting(), built.check)
        note = noting(vfs, at_check)

        def check() -> None:
            note()
            assert placed(simulated) == [A]

        await built.gateway.replace(A, A1, CHANGE, check)
        [done] = at_check
        assert_synced(done)
    assert placed(simulated) == [A, A]


async def test_a_change_of_a_process_that_was_killed_before_the_bytes_is_never_sent(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    await killed_before_the_bytes(port, log, "change")
    assert placed(simulated) == [A]
    async with rig(settings_for(port, settling_s=2.0), log) as later:
        with pytest.raises(Refused) as error:
            await later.gateway.replace(A, A2, CHANGE, later.check)
        assert error.value.reason is Reason.CHANGE_IN_PROGRESS
        await found(later, A1, Lookup.ABSENT)
        again = await later.gateway.replace(A, A1, CHANGE, later.check)
        assert (again.client_id, again.signal) == (A, Signal.REPLACE_REJECTED)
        assert placed(simulated) == [A]


async def test_nothing_is_told_of_a_change_before_it_is_durable_whose_fills_are_whose(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    vfs = RecordingVfs()
    async with rig(settings_for(port), log, vfs=vfs.name) as built:
        await built.gateway.submit(limit(A, Side.BUY, "0.05", qty="3"), built.check)
        replacing = asyncio.create_task(
            built.gateway.replace(A, A1, CHANGE, vfs.disk_answers.clear)
        )
        await eventually(lambda: built.send_log.revisions.unsaved())
        told = len(built.sink.events)
        simulated.control.fill(A, Decimal(1), Decimal("0.10"))
        await asyncio.sleep(0.3)
        shown = [e for e in built.sink.events[told:] if hasattr(e, "client_id")]
        assert shown == [], "told before it was durable"
        vfs.disk_answers.set()
        assert (await replacing).client_id == A1
        await eventually(lambda: built.sink.executions())
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.REPLACED)
        assert {e.client_id for e in built.sink.executions()} == {A1}


async def test_a_log_that_fails_after_the_bytes_leaves_the_change_to_a_later_process(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    vfs = RecordingVfs()

    def fail() -> None:
        vfs.sync_fails = True

    async with rig(settings_for(port), log, vfs=vfs.name) as built:
        await built.gateway.submit(resting(), built.check)
        replacing = asyncio.create_task(built.gateway.replace(A, A1, CHANGE, fail))
        await eventually(lambda: built.send_log.failure)
        assert built.sink.told(A1) == []
        with pytest.raises(Unavailable):
            await built.gateway.replace(A, A2, CHANGE, built.check)
        replacing.cancel()
        await asyncio.gather(replacing, return_exceptions=True)
        vfs.sync_fails = False
    async with rig(settings_for(port), log) as later:
        await eventually(lambda: later.sink.last_status(A1) is OrderStatus.ACCEPTED)
        assert later.sink.last_status(A) is OrderStatus.REPLACED
        known = later.send_log.revisions.find(A1)
        assert known is not None
        assert known.fate is Fate.TAKEN
