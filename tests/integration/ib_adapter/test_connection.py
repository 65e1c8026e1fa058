"""Getting back in: a client id that is taken, the nightly restart, another login under us."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from services.common.domain.errors import ReadFailed, Reason, Refused
from services.common.domain.reports import VenueState
from services.ib_adapter.states import State
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    Rig,
    eventually,
    placed,
    refused_submit,
    resting,
    rig,
    say,
    settings_for,
)
from tests.simulators.gateways import Client

Simulated = tuple[SimulatedIbGateway, int]


async def reason_says(built: Rig, words: str) -> None:
    """Wait until the status gives such a reason, and nothing can be sent."""

    async def wait() -> None:
        while words not in (await built.gateway.status()).reason:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), timeout=10)
    assert (await built.gateway.status()).state is VenueState.DOWN


async def test_a_client_id_that_stays_in_use_is_a_matter_for_a_person(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    other = await Client(simulated).start(17)
    settings = settings_for(port, connection={"id_in_use_s": 0.3})
    async with rig(settings, log, in_sync=False) as built:
        with capture_logs() as logs:
            built.running = asyncio.create_task(built.gateway.run())
            await reason_says(built, "our last connection may hold it")
            await reason_says(built, "another program has it")
            await asyncio.sleep(0.5)
        assert [e["event"] for e in logs if e["log_level"] == "error"] == ["client_id_in_use"]
        other.session.lost()
        await built.in_sync()


async def test_in_the_time_of_the_nightly_restart_nobody_is_alarmed(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    soon = simulated.venue.now.astimezone(ZoneInfo("America/New_York")) - timedelta(minutes=1)
    settings = settings_for(port, connection={**HASTY["connection"], "restart_at": f"{soon:%H:%M}"})
    async with rig(settings, log) as built:
        with capture_logs() as logs:
            simulated.control.do("restart", refuse_s=0.6, silent_s=1.5)
            await reason_says(built, "nightly restart")
            error = await refused_submit(built)
            assert error.reason is Reason.VENUE_NOT_READY
            assert await built.in_sync() == "session-2"
        assert [e for e in logs if e["log_level"] in ("warning", "error")] == []


async def test_another_login_under_a_running_adapter_ends_trading(ib: Simulated, log: Path) -> None:
    """The Gateway names its accounts once more on the connection that we have."""
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        [client] = simulated.gateway.clients.values()
        client.send(15, 1, "U1000001")
        assert built.running is not None
        with pytest.raises(Refused) as refused:
            await asyncio.wait_for(built.running, timeout=10)
        built.running = None
        assert refused.value.reason is Reason.WRONG_ACCOUNT_MODE
        assert (await refused_submit(built)).reason is Reason.WRONG_ACCOUNT_MODE
        assert (await built.gateway.status()).state is VenueState.DRAINED
    assert placed(simulated) == []


async def test_another_login_while_getting_in_sync_is_told_by_the_next_connect(
    ib: Simulated, log: Path
) -> None:
    """Not from among the tasks of a connection, where it would be one of a group of errors."""
    simulated, port = ib
    async with rig(settings_for(port), log, in_sync=False) as built:
        await built.gateway.admit()
        session = built.gateway.session
        [client] = simulated.gateway.clients.values()
        client.send(15, 1, "U1000001")
        await eventually(lambda: session.state is State.WRONG_ACCOUNT)
        with pytest.raises(ReadFailed):
            session._sync._raise_next_id(1)
        with pytest.raises(Refused) as refused:
            await built.gateway.run()
        assert refused.value.reason is Reason.WRONG_ACCOUNT_MODE


async def test_the_same_accounts_named_once_more_change_nothing(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        [client] = simulated.gateway.clients.values()
        client.send(15, 1, "DU1000001")
        await built.gateway.status()
        await built.gateway.submit(resting(), built.check)
        assert built.sink.sessions() == ["session-1"]


async def test_what_was_subscribed_is_called_lost_after_1101_and_with_the_connection(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        lost: list[str] = []
        built.gateway.session.call_on_data_lost(lost.append)
        say(simulated, -1, 1102)
        say(simulated, -1, 1101)
        await eventually(lambda: built.gateway.session_id == "session-2")
        assert len(lost) == 1
        assert "1101" in lost[0]
        simulated.control.do("disconnect", ends="reset")
        await eventually(lambda: built.gateway.session_id == "session-3")
        assert len(lost) == 2
