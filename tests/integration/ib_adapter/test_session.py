"""Connections that break, links that are lost, wrong accounts: when orders go out and when not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.common.domain.errors import OutcomeUnknown, Reason, Refused, Unavailable
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import Lookup, VenueState, VenueStatus
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    A,
    Rig,
    aged,
    crossing,
    eventually,
    fault,
    found,
    placed,
    refused_submit,
    resting,
    rig,
    say,
    settings_for,
)
from tests.simulators.gateways import Client, gateway_on_port

Simulated = tuple[SimulatedIbGateway, int]


async def status_says(built: Rig, words: str) -> VenueStatus:
    """Ask until the reason has those words."""
    async with asyncio.timeout(10):
        while words not in (status := await built.gateway.status()).reason:
            await asyncio.sleep(0.02)
    return status


# -- the link between the Gateway and IB ------------------------------------------------------


@pytest.mark.parametrize(("lost", "restored"), [(1100, 1101), (1100, 1102), (2110, 2104)])
async def test_without_the_link_nothing_is_sent_and_a_new_session_follows_it(
    ib: Simulated, log: Path, lost: int, restored: int
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        simulated.control.do("connectivity", code=lost)
        await eventually(lambda: not built.gateway.session_id)
        error = await refused_submit(built)
        assert isinstance(error, Unavailable)
        assert error.reason is Reason.VENUE_NOT_READY
        status = await built.gateway.status()
        assert (status.state, status.ready) == (VenueState.DOWN, False)
        simulated.control.do("connectivity", code=restored)
        assert await built.in_sync() == "session-2"
        assert built.sink.sessions() == ["session-1", "", "session-2"]
    assert placed(simulated) == []


async def test_out_of_sync_an_order_that_no_list_shows_is_unknown(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    await aged(log)
    async with rig(settings_for(port), log) as built:
        await found(built, A, Lookup.ABSENT)
        simulated.control.do("connectivity", code=1100)
        await eventually(lambda: not built.gateway.session_id)
        result = await built.gateway.find_order(client_id=A)
        assert (result.lookup, result.report) == (Lookup.UNKNOWN, None)
        assert "not in sync" in result.reason


async def test_data_lost_begins_a_new_session_even_if_nothing_else_was_told(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        say(simulated, -1, 1101)
        await eventually(lambda: built.gateway.session_id == "session-2")


async def test_a_cancel_goes_out_while_the_link_is_lost(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        await built.gateway.submit(resting(), built.check)
        simulated.control.do("connectivity", code=1100)
        await eventually(lambda: not built.gateway.session_id)
        with pytest.raises(OutcomeUnknown):  # it goes out, and nobody answers
            await built.gateway.cancel(A, built.check)
        simulated.control.do("connectivity", code=1102)
        await built.in_sync()
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)


@pytest.mark.parametrize("code", [2103, 2104, 2106, 2107, 2108, 2119, 2158])
async def test_notices_about_data_farms_leave_the_session(
    ib: Simulated, log: Path, code: int
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        say(simulated, -1, code)
        await built.gateway.status()
        assert built.sink.sessions() == ["session-1"]


# -- the connection with the Gateway ----------------------------------------------------------


@pytest.mark.parametrize("ends", ["close", "reset", "half"])
async def test_after_a_lost_connection_what_happened_meanwhile_is_told(
    ib: Simulated, log: Path, ends: str
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        simulated.control.do("doors", refuse_s=0.3)
        simulated.control.do("disconnect", ends=ends)
        simulated.control.fill(A)
        await eventually(lambda: not built.gateway.session_id)
        assert await built.in_sync() == "session-2"
        assert built.sink.told(A) == ["ACCEPTED", "execution", "FILLED"]
        assert built.sink.executions()[0].fees


async def test_executions_are_told_once_over_a_reconnect(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        simulated.control.do("disconnect", ends="reset")
        await eventually(lambda: built.gateway.session_id == "session-2")
        assert len(built.sink.executions()) == 1
        assert built.sink.told(A).count("FILLED") == 1


async def test_a_connection_that_has_gone_silent_is_dropped(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        simulated.control.do("blackhole")
        await eventually(lambda: built.gateway.session_id == "session-2", within_s=5)
        assert built.sink.sessions() == ["session-1", "", "session-2"]


async def test_a_message_about_orders_that_cant_be_read_is_a_gap(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        [client] = simulated.gateway.clients.values()
        client.send(5, 1, "an order", "that", "is", "none")
        await eventually(lambda: built.gateway.session_id == "session-2")
        client.send(81, 5, 0.01, "a3", 3)  # market data: nobody has asked, nothing is lost
        await built.gateway.status()
        assert built.gateway.session_id == "session-2"


@pytest.mark.parametrize("garbage", [b"\0\0\0\x09nonsense\0", b"\0\0\0\x01\0"])
async def test_after_what_is_no_message_everything_is_read_anew(
    ib: Simulated, log: Path, garbage: bytes
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        [client] = simulated.gateway.clients.values()
        client.send_frame(garbage)
        await eventually(lambda: built.gateway.session_id == "session-2")
        assert (client in simulated.gateway.clients.values()) == (b"nonsense" in garbage)


async def test_a_client_id_in_use_is_waited_for(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    other = await Client(simulated).start(17)
    async with rig(settings_for(port), log, in_sync=False) as built:
        built.running = asyncio.create_task(built.gateway.run())
        assert (await status_says(built, "326")).state is VenueState.DOWN
        other.session.lost()
        await built.in_sync()


async def test_a_gateway_that_nobody_is_logged_in_to_is_waited_for(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    simulated.control.do("doors", silent_s=1.5)
    async with rig(settings_for(port, **HASTY), log, in_sync=False) as built:
        built.running = asyncio.create_task(built.gateway.run())
        assert (await status_says(built, "login awaited")).state is VenueState.DOWN
        assert isinstance(await refused_submit(built), Unavailable)
        await built.in_sync()


async def test_a_start_up_answer_that_never_comes_is_no_empty_answer(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    fault(simulated, "drop_request", method="reqAllOpenOrders", ends="hang", times=2)
    async with rig(settings_for(port, **HASTY), log) as built:
        assert built.sink.sessions() == ["session-1"]
        asked = [e.method for e in simulated.control.requests()]
        assert asked.count("reqAllOpenOrders") == 3


# -- the account ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "changed"),
    [
        ("U1000001", {}),
        ("DU1000001", {"mode": "live", "account_number": "U1000001"}),
        ("DU1000001", {"account_number": "DU1000002"}),
    ],
)
async def test_on_a_wrong_account_nothing_is_sent(
    log: Path, account: str, changed: dict[str, str]
) -> None:
    async with gateway_on_port(account=account) as (simulated, port):
        async with rig(settings_for(port, **changed), log, in_sync=False) as built:
            with pytest.raises(Refused) as refused:
                await built.gateway.run()
            assert refused.value.reason is Reason.WRONG_ACCOUNT_MODE
            assert (await refused_submit(built)).reason is Reason.WRONG_ACCOUNT_MODE
            assert (await built.gateway.status()).state is VenueState.DRAINED
        assert placed(simulated) == []


async def test_a_live_account_trades_in_live_mode(log: Path) -> None:
    async with gateway_on_port(account="U1000001") as (_, port):
        settings = settings_for(port, mode="live", account_number="U1000001")
        async with rig(settings, log) as built:
            report = await built.gateway.submit(resting(), built.check)
            assert report.status is OrderStatus.ACCEPTED


# -- what ends a loss of the link --------------------------------------------------------------


@pytest.mark.parametrize("farm_ok", [2104, 2106, 2158])
async def test_a_farm_that_is_well_does_not_end_a_lost_link(
    ib: Simulated, log: Path, farm_ok: int
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        simulated.control.do("connectivity", code=1100)
        await eventually(lambda: not built.gateway.session_id)
        say(simulated, -1, farm_ok)
        assert (await status_says(built, "1100")).state is VenueState.DOWN
        assert not built.gateway.session_id
        simulated.control.do("connectivity", code=1102)
        await built.in_sync()


async def test_after_a_reset_of_the_port_only_a_new_connection_is_good(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        [before] = simulated.gateway.clients.values()
        say(simulated, -1, 1300)
        await eventually(lambda: built.gateway.session_id == "session-2")
        assert before not in simulated.gateway.clients.values()


async def test_another_account_at_a_reconnect_is_a_wrong_one(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        simulated.gateway.account_id = "DU1000002"
        accounts = simulated.venue.accounts
        accounts["DU1000002"] = accounts["DU1000001"]
        simulated.control.do("disconnect", ends="reset")
        assert built.running is not None
        with pytest.raises(Refused) as refused:
            await asyncio.wait_for(built.running, timeout=10)
        assert refused.value.reason is Reason.WRONG_ACCOUNT_MODE
        status = await built.gateway.status()
        assert (status.state, status.venue_account_id) == (VenueState.DRAINED, "DU1000001")
        assert "send log" in status.reason
        assert (await refused_submit(built)).reason is Reason.WRONG_ACCOUNT_MODE
        built.running = None
