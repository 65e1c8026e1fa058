"""Unit tests of the session's rules: when it begins, what ends it, and what is told of a gap."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter.trade_updates import SyncTerms
from services.common.adapter.port import SessionChanged
from services.common.domain.errors import ReadFailed, Reason, Refused, TandemError, Unavailable
from services.common.domain.executions import Execution
from services.common.domain.reports import OrderReport
from tests.unit.alpaca_adapter.scene import LISTENING, Scene, fill, order, scene
from tests.unit.alpaca_adapter.wire import VENUE_ID, fill_json, order_json


async def test_a_session_begins_after_listening_and_a_recovery() -> None:
    async with scene() as it:
        assert it.updates.session_id == ""
        it.venue.orders[VENUE_ID] = order("2")
        it.venue.fills = [fill_json(qty="2", cum_qty="2")]
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id)
        assert [type(e) for e in it.events] == [Execution, OrderReport, SessionChanged]
        assert (it.admissions, it.stream.orderly, it.changes) == (1, 1, 1)


@pytest.mark.parametrize(
    "frame",
    [
        "garbage",
        b"\xff\xfe\xff",
        "[]",
        "null",
        "{}",
        {"stream": 5},
        {"stream": "trade_updates"},
        {"stream": "trade_updates", "data": None},
        {"stream": "trade_updates", "data": {"event": "fill"}},
        {"stream": "trade_updates", "data": {"event": "new", "order": []}},
        {"stream": "trade_updates", "data": {"event": "canceled", "order": order_json()}},
        {"stream": "listening", "data": {"streams": []}},
        {"stream": "listening", "data": {}},
        {"stream": "authorization", "data": {}},
        '{"stream": "trade_updates", "data": {"a": NaN}}',
        "[" * 100_000,
    ],
    ids=lambda frame: str(frame)[:60],
)
async def test_a_frame_that_cant_be_taken_ends_the_session_and_is_recovered(frame: Any) -> None:
    async with scene() as it:
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id == "session-1")
        it.stream.says(frame)
        assert it.updates.session_id == ""
        await it.until(lambda: it.updates.session_id == "session-2")
        assert it.sessions() == ["session-1", "", "session-2"]


async def test_a_frame_of_another_stream_is_no_gap() -> None:
    async with scene() as it:
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id)
        it.stream.says({"stream": "nta_updates", "data": {}})
        assert it.updates.session_id == "session-1"


async def test_a_recovery_across_a_gap_begins_no_session() -> None:
    async with scene() as it:
        it.gate.held = ("/FILL",)
        it.stream.says(LISTENING)
        # The orders of the first recovery are read, its fills are not.
        await it.until(lambda: it.gate.waiting and len(it.desk.venue.asked) == 3)
        it.stream.says("garbage")
        it.venue.orders[VENUE_ID] = order("1")
        it.venue.fills = [fill_json(qty="1", cum_qty="1")]
        it.gate.held = ()
        await it.until(lambda: it.updates.session_id)
        assert it.admissions == 2
        assert it.sessions() == ["session-1"]
        assert it.quantities() == [Decimal(1)]
        assert [e.cum_qty for e in it.events if isinstance(e, OrderReport)] == [Decimal(1)]


async def test_a_lost_connection_ends_the_session_and_only_listening_brings_it_back() -> None:
    async with scene() as it:
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id)
        it.updates.ended("ConnectionClosedError")
        assert it.updates.session_id == ""
        await asyncio.sleep(0.05)
        assert it.updates.session_id == ""
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id == "session-2")


async def test_more_events_than_can_be_kept_back_are_a_gap_and_nothing_is_lost() -> None:
    async with scene(kept_back_max=2) as it:
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id)
        it.gate.held = ("/FILL",)
        it.stream.says("garbage")
        await it.until(lambda: it.gate.waiting)
        for number in (1, 2, 3):
            it.stream.says(fill(f"exec-{number}", "1", str(number)))
        # The recovery under way sees nothing of them yet; only a later one does.
        order_now, fills = order("3"), [fill_json(n, qty="1", cum_qty=str(n)) for n in (1, 2, 3)]
        it.venue.later = lambda: it.venue.shows(order_now, fills)
        it.gate.held = ()
        await it.until(lambda: it.updates.session_id == "session-2")
        assert it.quantities() == [Decimal(1), Decimal(2), Decimal(3)]


async def test_events_kept_back_are_told_once_after_the_recovery_that_shows_them_too() -> None:
    async with scene() as it:
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id)
        it.gate.held = ("/orders", "/FILL")
        it.stream.says("garbage")
        await it.until(lambda: it.gate.waiting)
        it.stream.says(fill("exec-1", "1", "1"))
        it.stream.says(fill("exec-2", "1", "2"))
        it.venue.orders[VENUE_ID] = order("1")
        it.venue.fills = [fill_json(1, qty="1", cum_qty="1")]
        it.gate.held = ()
        await it.until(lambda: it.updates.session_id == "session-2")
        assert it.quantities() == [Decimal(1), Decimal(2)]
        last = [e for e in it.events if isinstance(e, OrderReport)][-1]
        assert last.cum_qty == Decimal(2)


async def test_what_was_kept_back_before_a_lost_connection_is_told_all_the_same() -> None:
    async with scene() as it:
        it.gate.held = ("/orders", "/FILL")
        it.stream.says(LISTENING)
        await it.until(lambda: it.gate.waiting)
        it.stream.says(fill("exec-1", "1", "1"))
        it.updates.ended("ConnectionClosedError")
        it.stream.says(LISTENING)
        it.gate.held = ()
        await it.until(lambda: it.updates.session_id)
        assert it.quantities() == [Decimal(1)]


async def test_an_outdated_word_on_an_order_is_not_told_after_a_later_one() -> None:
    async with scene() as it:
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id)
        it.stream.says(fill("exec-2", "1", "2", updated_at="2024-11-04T15:00:05Z"))
        it.stream.says(fill("exec-1", "1", "1", updated_at="2024-11-04T15:00:04Z"))
        assert it.quantities() == [Decimal(2), Decimal(1)]
        reports = [e.cum_qty for e in it.events if isinstance(e, OrderReport)]
        assert reports == [Decimal(2)]


async def test_two_fills_that_claim_one_filled_quantity_are_settled_by_the_venues_list() -> None:
    async with scene() as it:
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id)
        # The first event already shows the order as it was after the second.
        it.stream.says(fill("exec-1", "1", "2"))
        it.venue.orders[VENUE_ID] = order("2")
        it.venue.fills = [fill_json(n, qty="1", cum_qty=str(n)) for n in (1, 2)]
        it.stream.says(fill("exec-2", "1", "2"))
        await it.until(lambda: it.updates.session_id == "session-2")
        assert sorted(q for q in it.quantities() if q is not None) == [Decimal(1), Decimal(2)]


async def test_fills_that_are_listed_late_are_waited_for_and_then_told() -> None:
    async with scene(silence_s=1e6) as it:
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id)
        it.venue.orders[VENUE_ID] = order("2")
        it.stream.says("garbage")
        # The order shows two filled; the list of fills is empty, also when read again.
        await it.until(lambda: it.updates.session_id == "session-2")
        assert it.quantities() == []
        assert it.desk.clock.slept[-3:] == [0.25, 0.5, 1.0]
        it.venue.fills = [fill_json(qty="2", cum_qty="2")]
        it.desk.clock.at += 10.0  # as long as the next short check is away, and more
        await it.until(lambda: it.quantities() == [Decimal(2)])


async def test_a_connection_that_never_listens_is_dropped() -> None:
    async with scene(listen_s=0.02) as it:
        await it.until(lambda: it.stream.dropped >= 2)
        assert it.updates.session_id == ""


async def test_a_failed_admission_is_tried_again() -> None:
    async with scene() as it:
        it.refusal = ReadFailed("no answer")
        it.stream.says(LISTENING)
        await it.until(lambda: it.admissions >= 3)
        assert it.updates.session_id == ""
        it.refusal = None
        await it.until(lambda: it.updates.session_id)


@pytest.mark.parametrize(
    "refusal",
    [
        Refused(Reason.WRONG_ACCOUNT_MODE, "not this account"),
        Unavailable(Reason.CREDENTIALS_REFUSED, "who are you"),
    ],
    ids=lambda refusal: refusal.reason.value,
)
async def test_what_no_reconnect_mends_ends_the_run(refusal: TandemError) -> None:
    built = Scene(SyncTerms())
    built.refusal = refusal
    running = asyncio.create_task(built.updates.run())
    await built.until(lambda: built.stream.listener)
    built.stream.says(LISTENING)
    with pytest.raises(BaseExceptionGroup) as group:
        await asyncio.wait_for(running, 5.0)
    assert group.value.subgroup(lambda error: error is refusal) is not None


async def test_refused_credentials_end_the_run_and_are_not_tried_for_ever() -> None:
    built = Scene(SyncTerms())
    running = asyncio.create_task(built.updates.run())
    await built.until(lambda: built.stream.listener)
    data = {"status": "unauthorized", "action": "authenticate"}
    built.stream.says({"stream": "authorization", "data": data})
    with pytest.raises(BaseExceptionGroup) as group:
        await asyncio.wait_for(running, 5.0)
    assert group.value.subgroup(Unavailable) is not None


async def test_the_end_of_the_run_ends_the_session() -> None:
    async with scene() as it:
        it.stream.says(LISTENING)
        await it.until(lambda: it.updates.session_id)
    assert it.sessions() == ["session-1", ""]
