"""Orders between the real gateway and the simulated Alpaca, through every kind of bad answer."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from services.common.adapter.port import ExecutionQuery, OrderQuery
from services.common.domain.errors import (
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
)
from services.common.domain.executions import ExecSource, Side
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import PositionIntent
from services.common.domain.reports import Lookup, OrderReport, VenueState
from tests.integration.alpaca_adapter.rig import (
    PUT,
    SPY,
    Rig,
    eventually,
    limit,
    rig,
    settings_for,
)
from tests.integration.alpaca_adapter.simulated import A, fault, orders_there
from tests.simulators.process import RunningAlpaca

# -- what goes well -----------------------------------------------------------------------------


async def test_a_submit_is_answered_and_its_fill_told_before_its_end(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        before = len(it.sink.events)
        report = await it.gateway.submit(limit(A, Side.SELL, "8.50"), it.check)
        assert (report.client_id, report.status) == (A, OrderStatus.ACCEPTED)
        assert len(it.checks) == 1
        await eventually(lambda: any(r.cum_qty for r in it.sink.reports(A)))
        told = it.sink.events[before:]
        kinds = [
            (type(e).__name__, e.signal.value if isinstance(e, OrderReport) else "") for e in told
        ]
        assert kinds == [
            ("OrderReport", "ACKNOWLEDGED"),
            ("OrderReport", "ACKNOWLEDGED"),
            ("Execution", ""),
            ("OrderReport", "FILLED"),
        ]
        (execution,) = it.sink.executions()
        assert (execution.client_id, execution.source) == (A, ExecSource.STREAM)
        assert (execution.last_qty, execution.last_px) == (Decimal(1), Decimal("8.5"))


async def test_reads_show_what_the_venue_has(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await it.gateway.submit(limit(A, Side.SELL, "8.50"), it.check)
        await it.gateway.submit(limit("b~sim~1.0", Side.SELL, "20"), it.check)
        await eventually(it.sink.executions)
        every = await it.gateway.orders(OrderQuery())
        assert [report.client_id for report in every] == ["b~sim~1.0", A]
        live = await it.gateway.orders(OrderQuery(open_only=True))
        assert [report.client_id for report in live] == ["b~sim~1.0"]
        assert await it.gateway.orders(OrderQuery(instrument=SPY)) == []
        (execution,) = await it.gateway.executions(ExecutionQuery())
        assert (execution.client_id, execution.source) == (A, ExecSource.QUERY)
        assert execution.cum_qty == Decimal(1)
        of_b = ExecutionQuery(venue_order_id=every[0].venue_order_id)
        assert await it.gateway.executions(of_b) == []
        of_a = ExecutionQuery(venue_order_id=every[1].venue_order_id)
        assert [e.exec_id for e in await it.gateway.executions(of_a)] == [execution.exec_id]
        (position,) = await it.gateway.positions()
        assert (position.instrument, position.qty) == (PUT, Decimal(-1))
        balance = await it.gateway.balance()
        assert balance.cash is not None
        assert balance.cash.amount == Decimal(100_850)
        quotes = {q.instrument: q for q in await it.gateway.quotes([PUT, SPY])}
        assert (quotes[PUT].bid_price, quotes[PUT].ask_price) == (Decimal("8.5"), Decimal(9))
        age_s = quotes[SPY].age_s
        assert age_s is not None
        assert age_s < 5.0
        assert (await it.gateway.market_clock()).is_open


async def test_executions_of_many_orders_are_read_with_their_client_ids(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url, sync={"lookback_s": 0.0, "overlap_s": 0.0})) as it:
        ids = [f"m{n}~sim~1.0" for n in range(8)]
        for client_id in ids:
            spec = limit(client_id, Side.BUY, "401", instrument=SPY)
            await it.gateway.submit(spec, it.check)
        await eventually(lambda: len(it.sink.executions()) == 8)
    async with rig(settings_for(alpaca.url), in_sync=False) as fresh:
        found = await fresh.gateway.executions(ExecutionQuery())
        assert sorted(e.client_id for e in found) == ids


async def test_a_look_up_finds_by_either_id_and_absent_is_the_venues_own_word(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        report = await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
        venue_order_id = report.venue_order_id
        for found in (
            await it.gateway.find_order(client_id=A),
            await it.gateway.find_order(venue_order_id=venue_order_id),
        ):
            assert found.lookup is Lookup.FOUND
            assert found.report is not None
            assert found.report.venue_order_id == venue_order_id
        absent = await it.gateway.find_order(client_id="never~sim~1.0")
        assert (absent.lookup, absent.report) == (Lookup.ABSENT, None)
        unknown = "00000000-0000-0000-0000-000000000001"
        assert (await it.gateway.find_order(venue_order_id=unknown)).lookup is Lookup.ABSENT
        with pytest.raises(InvalidRequest):
            await it.gateway.find_order(venue_order_id="../account")


@pytest.mark.parametrize(
    "action",
    [
        {"kind": "status", "status": 404, "body": "html"},
        {"kind": "status", "status": 404, "body": "empty"},
        {"kind": "status", "status": 500},
        {"kind": "drop_reply", "ends": "close"},
        {"kind": "body", "body": "half"},
    ],
)
async def test_a_look_up_that_fails_is_never_absent(
    alpaca: RunningAlpaca, action: dict[str, Any]
) -> None:
    async with rig(settings_for(alpaca.url, rest={"read_tries": 2})) as it:
        fault(alpaca, "GET", "/v2/orders:by_client_order_id", times=2, **action)
        with pytest.raises(ReadFailed):
            await it.gateway.find_order(client_id="never~sim~1.0")
        assert (await it.gateway.find_order(client_id="never~sim~1.0")).lookup is Lookup.ABSENT


# -- rejections ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (limit(A, Side.SELL, "8.50", qty="1000"), Reason.INSUFFICIENT_BUYING_POWER),
        (limit(A, Side.SELL, "8.503"), Reason.INVALID_PRICE),
        (
            limit(A, Side.SELL, "8.50", intent=PositionIntent.SELL_TO_CLOSE),
            Reason.INTENT_MISMATCH,
        ),
    ],
)
async def test_a_rejection_is_an_answer_with_its_reason(
    alpaca: RunningAlpaca, spec: Any, reason: Reason
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        report = await it.gateway.submit(spec, it.check)
        assert (report.status, report.signal) == (OrderStatus.REJECTED, Signal.REJECTED)
        assert report.cause is not None
        assert report.cause.reason is reason
        assert orders_there(alpaca) == []


async def test_a_rejection_after_the_200_is_told(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
        alpaca.control("POST", "/reject", {"order": A})
        await eventually(lambda: it.sink.last_status(A) is OrderStatus.REJECTED)
        assert it.sink.reports(A)[-1].cause is not None


async def test_a_blocked_account_drains_the_venue_and_rejects_orders(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        alpaca.control("POST", "/account", {"trading_blocked": True})
        status = await it.gateway.status()
        assert (status.state, status.reason) == (VenueState.DRAINED, "trading is blocked")
        report = await it.gateway.submit(limit(A, Side.SELL, "8.50"), it.check)
        assert report.cause is not None
        assert report.cause.reason is Reason.ACCOUNT_BLOCKED


# -- cancel -------------------------------------------------------------------------------------


async def test_a_cancel_is_pending_until_the_venue_tells_the_end(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
        report = await it.gateway.cancel(A, it.check)
        assert report.status in (OrderStatus.PENDING_CANCEL, OrderStatus.CANCELED)
        await eventually(lambda: it.sink.last_status(A) is OrderStatus.CANCELED)
        with pytest.raises(Refused) as error:
            await it.gateway.cancel(A, it.check)
        assert error.value.reason is Reason.ORDER_ENDED
        with pytest.raises(NotFound):
            await it.gateway.cancel("never~sim~1.0", it.check)


@pytest.mark.parametrize(
    "action",
    [
        {"kind": "drop_reply"},
        {"kind": "status", "status": 500, "when": "after"},
        {"kind": "status", "status": 404, "when": "after", "body": "html"},
    ],
    ids=str,
)
async def test_a_cancel_whose_answer_is_lost_is_in_doubt_and_sent_once(
    alpaca: RunningAlpaca, action: dict[str, Any]
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
        fault(alpaca, "DELETE", **action)
        with pytest.raises(OutcomeUnknown):
            await it.gateway.cancel(A, it.check)
        await eventually(lambda: it.sink.last_status(A) is OrderStatus.CANCELED)
        log = alpaca.control("GET", "/requests")
        assert sum(entry["method"] == "DELETE" for entry in log) == 1


async def test_a_fill_after_a_cancel_request_is_told(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
        await eventually(lambda: it.sink.reports(A))
        alpaca.control("POST", "/fill", {"order": A, "px": "20"})
        with pytest.raises(Refused):
            await it.gateway.cancel(A, it.check)
        await eventually(it.sink.executions)


async def test_an_unknown_status_breaks_no_list(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await it.gateway.submit(limit(A, Side.SELL, "20"), it.check)
        fault(alpaca, "GET", "/v2/orders", kind="order_status", order_status="in_limbo")
        (report,) = await it.gateway.orders(OrderQuery())
        assert (report.raw_status, report.status) == ("in_limbo", OrderStatus.ACCEPTED)


# -- reads --------------------------------------------------------------------------------------


async def test_a_read_gets_over_what_passes_and_fails_with_what_does_not(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        for action in ({"kind": "status", "status": 503}, {"kind": "drop_reply"}):
            fault(alpaca, "GET", "/v2/positions", times=2, **action)
            assert await it.gateway.positions() == []
        fault(alpaca, "GET", "/v2/positions", kind="status", status=503, times=0)
        with pytest.raises(ReadFailed):
            await it.gateway.positions()


async def test_no_answer_blocks_the_event_loop(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        fault(alpaca, "GET", "/v2/positions", kind="delay", delay_before_s=0.5)
        reading = asyncio.create_task(_positions(it))
        worst, before = 0.0, time.monotonic()
        while not reading.done():
            await asyncio.sleep(0.01)
            now = time.monotonic()
            worst, before = max(worst, now - before), now
        assert reading.result() == []
        assert worst < 0.3


async def _positions(it: Rig) -> list[Any]:
    return list(await it.gateway.positions())
