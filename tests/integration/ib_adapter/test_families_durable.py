"""Orders with exits in the send log: all of them before the bytes, and in doubt for good after."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.common.domain.errors import OutcomeUnknown
from services.common.domain.reports import Lookup
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import A, placed, rig, settings_for
from tests.integration.ib_adapter.test_families import EXITS, bracket
from tests.unit.adapter.recording_vfs import RecordingVfs

Simulated = tuple[SimulatedIbGateway, int]


async def test_all_of_a_family_is_on_the_disk_before_the_first_byte_leaves(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    vfs = RecordingVfs()
    at_check: list[tuple[str, int]] = []
    async with rig(settings_for(port), log, vfs=vfs.name) as built:

        def check() -> None:
            assert placed(simulated) == []
            ids = built.send_log._connection.execute("SELECT placement_id FROM send")
            rows = [row[0] for row in ids]
            at_check.append((vfs.log[-1][0], len(rows)))
            assert set(rows) == {A, *EXITS}

        await built.gateway.submit(bracket("300"), check)
    assert at_check == [("sync", 3)]


async def test_a_family_of_a_process_that_died_is_never_sent_and_never_called_absent(
    ib: Simulated, log: Path
) -> None:
    """Between the log's sync and the bytes, or with a part of them written: nobody knows which."""
    simulated, port = ib
    async with rig(settings_for(port), log) as first:

        def die() -> None:
            raise SystemError("as good as dead: what is in the log stays there")

        with pytest.raises(SystemError):
            await first.gateway.submit(bracket("300"), die)
    assert placed(simulated) == []
    async with rig(settings_for(port), log) as later:
        with pytest.raises(OutcomeUnknown):
            await later.gateway.submit(bracket("300"), later.check)
        async with asyncio.timeout(30):  # it counts until the lists were read last
            while (later.gateway.settled_for_s(A) or 0) <= 1.0:
                await later.gateway.find_order(client_id=A)
                await asyncio.sleep(0.05)
        for client_id in (A, *EXITS):
            result = await later.gateway.find_order(client_id=client_id)
            assert result.lookup is Lookup.UNKNOWN, client_id
    assert placed(simulated) == []
