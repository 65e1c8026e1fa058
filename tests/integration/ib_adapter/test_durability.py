"""The send log before the bytes: what the disk has when an order leaves, whatever then happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.common.domain.errors import OutcomeUnknown, Reason, Unavailable
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import Lookup
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.durability import (
    assert_synced,
    killed_before_the_bytes,
    noting,
)
from tests.integration.ib_adapter.rig import A, placed, resting, rig, settings_for
from tests.unit.adapter.recording_vfs import RecordingVfs

Simulated = tuple[SimulatedIbGateway, int]


async def test_the_send_is_on_the_disk_before_the_first_byte_leaves(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    vfs = RecordingVfs()
    at_check: list[list[tuple[str, str]]] = []
    async with rig(settings_for(port), log, vfs=vfs.name) as built:
        before = len(vfs.log)
        note = noting(vfs, at_check)

        def check() -> None:
            note()
            assert placed(simulated) == []

        await built.gateway.submit(resting(), check)
        [done] = at_check
        assert_synced(done)
        assert len(vfs.log) - before == len(done), "the order's way goes on without the disk"
    assert placed(simulated) == [A]


async def test_an_order_is_not_sent_while_its_send_is_not_durable(ib: Simulated, log: Path) -> None:
    _, port = ib
    vfs = RecordingVfs()
    async with rig(settings_for(port), log, vfs=vfs.name) as built:
        vfs.disk_answers.clear()
        submit = asyncio.create_task(built.gateway.submit(resting(), built.check))
        await asyncio.sleep(0.1)
        assert built.checks == []
        vfs.disk_answers.set()
        assert (await submit).status is OrderStatus.ACCEPTED
        assert len(built.checks) == 1


async def test_a_log_that_cant_be_synced_sends_nothing_and_is_not_trusted_again(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    vfs = RecordingVfs()
    async with rig(settings_for(port), log, vfs=vfs.name) as built:
        vfs.sync_fails = True
        for client_id in (A, "b~sim~1.0"):
            with pytest.raises(Unavailable) as error:
                await built.gateway.submit(resting(client_id), built.check)
            assert error.value.reason is Reason.JOURNAL_UNAVAILABLE
            vfs.sync_fails = False
        assert built.checks == []
        assert (await built.gateway.status()).ready is False
    assert placed(simulated) == []


async def test_an_order_of_a_process_that_was_killed_before_the_bytes_is_never_sent(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    await killed_before_the_bytes(port, log)
    assert placed(simulated) == []
    async with rig(settings_for(port), log) as later:
        assert await later.send_log.find(A) is not None
        with pytest.raises(OutcomeUnknown):
            await later.gateway.submit(resting(), later.check)
        async with asyncio.timeout(10):
            while (await later.gateway.find_order(client_id=A)).lookup is not Lookup.ABSENT:
                await asyncio.sleep(0.05)
        with pytest.raises(OutcomeUnknown):
            await later.gateway.submit(resting(), later.check)
    assert placed(simulated) == []
