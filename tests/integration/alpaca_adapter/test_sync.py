"""The session with Alpaca's stream: gaps of every kind are found, mended once, and told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from unittest.mock import ANY

import pytest

from services.common.adapter.port import SessionChanged
from services.common.domain.errors import Reason, Refused, Unavailable
from services.common.domain.executions import ExecSource, Execution, Side
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import OrderReport, VenueState
from tests.integration.alpaca_adapter.rig import SPY, Rig, eventually, limit, rig, settings_for
from tests.ports import free_port
from tests.simulators.process import RunningAlpaca

A = "a~sim~1.0"
B = "b~sim~1.0"


def event_fault(alpaca: RunningAlpaca, kind: str, event: str = "*", times: int = 1) -> None:
    """Let the next such events of the stream go wrong."""
    spec = {
        "place": "event",
        "action": {"kind": kind},
        "match": {"event": event},
        "times": times,
    }
    alpaca.control("POST", "/faults", spec, status=201)


def refuse_connects(alpaca: RunningAlpaca, times: int = 0) -> None:
    spec = {"place": "connect", "action": {"kind": "refuse"}, "times": times}
    alpaca.control("POST", "/faults", spec, status=201)


def fill(alpaca: RunningAlpaca, order: str, qty: str, px: str = "300") -> None:
    alpaca.control("POST", "/fill", {"order": order, "qty": qty, "px": px})


async def off_loop(call: Any, *args: Any, **kwargs: Any) -> Any:
    """A blocking call of the test itself, without holding up the gateway."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def resting(it: Rig, client_id: str = A, qty: str = "5") -> None:
    """An order that rests in the book, told as new."""
    spec = limit(client_id, Side.BUY, "300", qty=qty, instrument=SPY)
    await it.gateway.submit(spec, it.check)
    await eventually(lambda: any(r.raw_status == "new" for r in it.sink.reports(client_id)))


def told_quantities(it: Rig, client_id: str = A) -> list[Decimal | None]:
    """Filled quantities after each execution told, in the order told."""
    return [e.cum_qty for e in it.sink.executions() if e.client_id == client_id]


async def test_a_session_begins_once_the_past_is_told(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as first:
        await resting(first)
        await off_loop(fill, alpaca, A, "2")
        await eventually(lambda: told_quantities(first))
    async with rig(settings_for(alpaca.url)) as it:
        kinds = [type(event) for event in it.sink.events[:3]]
        assert kinds == [Execution, OrderReport, SessionChanged]
        (execution,) = it.sink.executions()
        assert (execution.source, execution.client_id) == (ExecSource.QUERY, A)
        assert it.sink.sessions() == ["session-1"]
        assert it.gateway.session_id == "session-1"


async def test_fills_and_ends_during_a_lost_connection_are_recovered_once(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it, A)
        await resting(it, B)
        await off_loop(fill, alpaca, A, "1")
        await eventually(lambda: told_quantities(it) == [Decimal(1)])
        await off_loop(refuse_connects, alpaca)
        await off_loop(alpaca.control, "POST", "/stream/disconnect")
        await eventually(lambda: it.gateway.session_id == "")
        await off_loop(fill, alpaca, A, "2")
        await off_loop(fill, alpaca, A, "2")
        await off_loop(alpaca.control, "POST", "/cancel", {"order": B})
        assert told_quantities(it) == [Decimal(1)]
        await off_loop(alpaca.control, "DELETE", "/faults")
        await eventually(lambda: it.gateway.session_id == "session-2")
        assert told_quantities(it) == [Decimal(1), Decimal(3), Decimal(5)]
        assert it.sink.last_status(A) is OrderStatus.FILLED
        assert it.sink.last_status(B) is OrderStatus.CANCELED
        assert it.sink.sessions() == ["session-1", "", "session-2"]
        lost = next(i for i, e in enumerate(it.sink.events) if e == SessionChanged("", ANY))
        told = [e for e in it.sink.events[lost:] if isinstance(e, Execution | OrderReport)]
        # What the new stream told as well is told again; fills went first all the same.
        assert [type(e) for e in told[:4]] == [Execution, Execution, OrderReport, OrderReport]
        assert {type(e) for e in told[4:]} <= {OrderReport}


@pytest.mark.parametrize("exec_ids", ["same", "different"])
async def test_what_the_stream_told_is_not_told_again_by_a_recovery(
    alpaca: RunningAlpaca, exec_ids: str
) -> None:
    alpaca.control("POST", "/options", {"name": "stream_exec_ids", "value": exec_ids})
    async with rig(settings_for(alpaca.url, sync={"overlap_s": 3600.0})) as it:
        await resting(it)
        await off_loop(fill, alpaca, A, "2")
        await eventually(lambda: told_quantities(it) == [Decimal(2)])
        await off_loop(alpaca.control, "POST", "/stream/disconnect")
        await eventually(lambda: it.gateway.session_id == "session-2")
        assert told_quantities(it) == [Decimal(2)]


async def test_an_event_that_cant_be_read_ends_the_session_and_is_recovered(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        await off_loop(event_fault, alpaca, "garble", "partial_fill")
        await off_loop(fill, alpaca, A, "2")
        await eventually(lambda: it.gateway.session_id == "session-2")
        assert told_quantities(it) == [Decimal(2)]
        assert it.sink.executions()[0].source is ExecSource.QUERY
        health = await off_loop(alpaca.control, "GET", "/health")
        assert health["stream_sessions"] == 1, "the connection itself was kept"


async def test_an_event_that_comes_twice_is_told_once(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        await off_loop(event_fault, alpaca, "duplicate", "*", 0)
        await off_loop(fill, alpaca, A, "2")
        await off_loop(fill, alpaca, A, "3")
        await eventually(lambda: it.sink.last_status(A) is OrderStatus.FILLED)
        assert told_quantities(it) == [Decimal(2), Decimal(5)]
        assert it.gateway.session_id == "session-1"


async def test_events_in_another_order_lose_nothing(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        await off_loop(event_fault, alpaca, "reorder", "*", 3)
        for qty in ("1", "1", "3"):
            await off_loop(fill, alpaca, A, qty)
        await eventually(lambda: len(told_quantities(it)) == 3)
        assert told_quantities(it) == [Decimal(5), Decimal(2), Decimal(1)]
        assert it.gateway.session_id == "session-1"


async def test_a_lost_event_is_found_in_silence_and_ends_the_session(
    alpaca: RunningAlpaca,
) -> None:
    quick = {"silence_s": 0.3, "late_event_s": 0.1}
    async with rig(settings_for(alpaca.url, sync=quick)) as it:
        await resting(it)
        await off_loop(event_fault, alpaca, "drop", "partial_fill")
        await off_loop(fill, alpaca, A, "2")
        await eventually(lambda: told_quantities(it) == [Decimal(2)])
        await eventually(lambda: it.gateway.session_id not in ("", "session-1"))
        health = await off_loop(alpaca.control, "GET", "/health")
        assert health["stream_sessions"] == 1, "a silent connection that lives is kept"


async def test_an_event_that_is_only_late_ends_no_session(alpaca: RunningAlpaca) -> None:
    quick = {"silence_s": 0.5, "late_event_s": 30.0}
    async with rig(settings_for(alpaca.url, sync=quick)) as it:
        await resting(it)
        # Counted before the fill: the adapter may look at once, and then looks no more for 30 s.
        reads = len(await off_loop(alpaca.control, "GET", "/requests"))
        await off_loop(event_fault, alpaca, "hold", "partial_fill")
        await off_loop(fill, alpaca, A, "2")
        while len(await off_loop(alpaca.control, "GET", "/requests")) < reads + 3:
            await asyncio.sleep(0.01)
        await off_loop(alpaca.control, "POST", "/stream/release")
        await eventually(lambda: told_quantities(it) == [Decimal(2)])
        assert it.sink.executions()[0].source is ExecSource.STREAM
        assert it.gateway.session_id == "session-1"


async def test_a_quiet_market_keeps_its_session(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url, sync={"silence_s": 0.1})) as it:
        reads = len(await off_loop(alpaca.control, "GET", "/requests"))
        while len(await off_loop(alpaca.control, "GET", "/requests")) < reads + 12:
            await asyncio.sleep(0.01)
        assert it.sink.sessions() == ["session-1"]


async def test_events_during_a_recovery_are_kept_back_and_told_after_it(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        slow = {
            "action": {"kind": "delay", "delay_after_s": 0.5},
            "match": {"method": "GET", "path": "/v2/account/activities/FILL"},
        }
        await off_loop(alpaca.control, "POST", "/faults", slow, 201)
        await off_loop(alpaca.control, "POST", "/stream/disconnect")

        def listening_again() -> bool:
            struck = not alpaca.control("GET", "/faults")
            return struck and alpaca.control("GET", "/health")["listening"] == 1

        while not await off_loop(listening_again):
            await asyncio.sleep(0.01)
        await off_loop(fill, alpaca, A, "2")
        assert it.gateway.session_id == ""
        assert told_quantities(it) == []
        await eventually(lambda: told_quantities(it) == [Decimal(2)])
        order = [e for e in it.sink.events if isinstance(e, SessionChanged | Execution)]
        assert [type(e) for e in order[-2:]] == [SessionChanged, Execution]
        assert it.sink.executions()[0].source is ExecSource.STREAM


async def test_an_old_order_that_ended_in_a_gap_is_read_by_its_id(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url, sync={"overlap_s": 0.0})) as it:
        await resting(it)
        # A second session moves the window of the next recovery past the order's submission.
        await off_loop(alpaca.control, "POST", "/stream/disconnect")
        await eventually(lambda: it.gateway.session_id == "session-2")
        await off_loop(alpaca.control, "POST", "/clock", {"advance_s": 600.0})
        await off_loop(event_fault, alpaca, "disconnect", "canceled")
        await it.gateway.cancel(A, it.check)
        await eventually(lambda: it.gateway.session_id == "session-3")
        assert it.sink.last_status(A) is OrderStatus.CANCELED


async def test_a_failed_recovery_is_tried_again_and_begins_no_session(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url, rest={"read_tries": 1})) as it:
        await resting(it)
        broken = {
            "action": {"kind": "status", "status": 500},
            "match": {"path": "/v2/account/activities/FILL"},
            "times": 2,
        }
        await off_loop(alpaca.control, "POST", "/faults", broken, 201)
        await off_loop(event_fault, alpaca, "disconnect", "partial_fill")
        await off_loop(fill, alpaca, A, "2")
        await eventually(lambda: it.gateway.session_id == "session-2")
        assert told_quantities(it) == [Decimal(2)]
        assert it.sink.sessions() == ["session-1", "", "session-2"]


async def test_the_status_follows_the_session(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        status = await it.gateway.status()
        assert (status.state, status.ready) == (VenueState.UP, True)
        assert (status.session_id, status.venue_account_id) == ("session-1", "PA3SIMULATED")
        assert status.requests_limit == 200
        assert status.clock_offset_s is not None
        assert status.clock_offset_s < -86_400, "the simulator lives in 2024"
        await off_loop(refuse_connects, alpaca)
        await off_loop(alpaca.control, "POST", "/stream/disconnect")
        await eventually(lambda: it.gateway.session_id == "")
        status = await it.gateway.status()
        assert (status.state, status.ready) == (VenueState.DEGRADED, False)
        await off_loop(alpaca.control, "DELETE", "/faults")
        await eventually(lambda: it.gateway.session_id)
        assert [s.state for s in it.sink.statuses()] == [
            VenueState.UP,
            VenueState.DEGRADED,
            VenueState.UP,
        ]


async def test_the_end_of_the_run_leaves_no_task_and_no_connection(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    health = await off_loop(alpaca.control, "GET", "/health")
    assert health["stream_sessions"] == 0


# -- who we are ---------------------------------------------------------------------------------


async def test_a_wrong_key_ends_the_run(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url, secret_key="wrong"), in_sync=False) as it:
        with pytest.raises(Unavailable) as error:
            await asyncio.wait_for(it.gateway.run(), 10.0)
        assert error.value.reason is Reason.CREDENTIALS_REFUSED
        assert it.sink.events == []


async def test_a_wrong_account_ends_the_run_and_takes_no_order(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url, account_number="PA999"), in_sync=False) as it:
        with pytest.raises(Refused) as error:
            await asyncio.wait_for(it.gateway.run(), 10.0)
        assert error.value.reason is Reason.WRONG_ACCOUNT_MODE
        with pytest.raises(Refused) as error:
            await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
        assert error.value.reason is Reason.WRONG_ACCOUNT_MODE
        with pytest.raises(Refused):
            await it.gateway.cancel(A, it.check)
        status = await it.gateway.status()
        assert (status.state, status.ready) == (VenueState.DRAINED, False)
        assert "PA3SIMULATED" in status.reason
        ledger = await off_loop(alpaca.control, "GET", "/ledger")
        assert ledger["orders"] == []


async def test_a_venue_that_is_down_at_the_start_is_waited_for() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with rig(settings_for(url), in_sync=False) as it:
        running = asyncio.create_task(it.gateway.run())
        await asyncio.sleep(0.3)
        assert not running.done()
        assert it.gateway.session_id == ""
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
