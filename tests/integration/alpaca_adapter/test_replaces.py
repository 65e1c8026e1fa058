"""Replaces between the real gateway and the simulated Alpaca, through every kind of bad answer."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from services.common.adapter.revisions import find_latest, find_revisions, revision_id
from services.common.domain.errors import OutcomeUnknown, Reason, Refused, TandemError
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import OrderReport
from tests.integration.alpaca_adapter.rig import (
    SPY,
    Rig,
    eventually,
    limit,
    rig,
    settings_for,
)
from tests.integration.alpaca_adapter.simulated import A, fault, orders_there
from tests.simulators.process import RunningAlpaca

NEXT = "a~sim~1.1"
CHANGE = OrderChange(limit_price=Decimal(21))


async def resting(it: Rig, qty: str = "1") -> OrderReport:
    """An order that rests at the venue, and is known to."""
    report = await it.gateway.submit(limit(A, Side.SELL, "20", qty=qty), it.check)
    await is_new(it, A)
    return report


async def is_new(it: Rig, client_id: str) -> None:
    """Wait until an order was told to work."""
    await eventually(lambda: any(r.raw_status == "new" for r in it.sink.reports(client_id)))


async def replaces(it: Rig, change: OrderChange = CHANGE) -> OrderReport:
    return await it.gateway.replace(A, NEXT, change, it.check)


def patched(alpaca: RunningAlpaca, **action: Any) -> None:
    fault(alpaca, "PATCH", **action)


async def test_a_replace_answers_with_the_new_order_and_events_tell_both(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        old = await resting(it)
        new = await replaces(it)
        assert (new.client_id, new.replaces) == (NEXT, old.venue_order_id)
        assert new.limit_price == Decimal(21)
        await eventually(lambda: it.sink.last_status(A) is OrderStatus.REPLACED)
        assert it.sink.reports(A)[-1].replaced_by == new.venue_order_id
        again = await replaces(it)
        assert again.venue_order_id == new.venue_order_id
        assert len(orders_there(alpaca)) == 2
        found = await it.gateway.find_order(client_id=A)
        assert found.report is not None
        assert found.report.status is OrderStatus.REPLACED
        assert len(it.sink.sessions()) == 1


@pytest.mark.parametrize(
    "action",
    [
        {"kind": "drop_reply", "ends": "close"},
        {"kind": "status", "status": 500, "when": "after"},
        {"kind": "status", "status": 504, "when": "after", "body": "html"},
        {"kind": "status", "status": 422, "when": "after", "code": 42210000, "text": "no"},
        {"kind": "status", "status": 403, "when": "after", "code": 40310000, "text": "no"},
        {"kind": "body", "body": "half"},
        {"kind": "body", "body": "empty"},
    ],
)
async def test_a_replace_that_happened_is_found_whatever_was_answered(
    alpaca: RunningAlpaca, action: dict[str, Any]
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        patched(alpaca, **action)
        assert (await replaces(it)).client_id == NEXT
        assert len(orders_there(alpaca)) == 2


@pytest.mark.parametrize(
    "action",
    [
        {"kind": "drop_request", "ends": "close"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 200, "body": "html"},
        {"kind": "status", "status": 200, "body": "empty"},
    ],
)
async def test_a_replace_without_a_word_is_in_doubt_and_sent_once(
    alpaca: RunningAlpaca, action: dict[str, Any]
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        patched(alpaca, **action)
        with pytest.raises(OutcomeUnknown):
            await replaces(it)
        (order,) = orders_there(alpaca)
        assert order["client_order_id"] == A


async def test_a_refused_replace_leaves_the_order_and_says_why(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        old = await resting(it)
        report = await replaces(it, OrderChange(stop_price=Decimal(3)))
        assert (report.venue_order_id, report.signal) == (
            old.venue_order_id,
            Signal.REPLACE_REJECTED,
        )
        assert report.cause is not None
        assert report.cause.venue_code.startswith("422/")
        assert (await replaces(it)).client_id == NEXT  # the id was not used up


async def test_a_replace_that_is_turned_down_later_is_told(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        old = await resting(it)
        patched(alpaca, kind="reject_replace")
        answer = await replaces(it)
        assert {answer.client_id, answer.venue_order_id} & {NEXT, old.venue_order_id}
        await eventually(
            lambda: any(r.signal is Signal.REPLACE_REJECTED for r in it.sink.reports(A))
        )
        found = await it.gateway.find_order(client_id=A)
        assert found.report is not None
        assert found.report.status is OrderStatus.ACCEPTED


async def test_an_order_with_fills_is_not_replaced(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it, qty="2")
        alpaca.control("POST", "/fill", {"order": A, "qty": "1", "px": "20"})
        await eventually(it.sink.executions)
        with pytest.raises(Refused) as refused:
            await replaces(it)
        assert refused.value.reason is Reason.CHANGE_IN_PROGRESS
        assert len(orders_there(alpaca)) == 1


async def test_a_fill_that_races_the_change_is_told_with_the_excess(
    alpaca: RunningAlpaca,
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        spec = limit(A, Side.BUY, "390", qty="2", instrument=SPY)
        await it.gateway.submit(spec, it.check)
        await is_new(it, A)
        patched(alpaca, kind="overfill_replace", delay_before_s=0.3)
        checks = len(it.checks)
        change = OrderChange(limit_price=Decimal(391))
        replacing = asyncio.create_task(replaces(it, change))
        # The PATCH has left and waits at the venue; the fill comes first.
        await eventually(lambda: len(it.checks) > checks)
        alpaca.control("POST", "/fill", {"order": A, "qty": "1", "px": "390"})
        new = await replacing
        assert (new.client_id, new.order_qty) == (NEXT, Decimal(2))
        assert new.cause is not None
        assert "1 more than was asked for" in new.cause.message


@pytest.mark.parametrize("kind", ["ignore_cancel", "reject_cancel"])
async def test_a_cancel_that_comes_to_nothing_leaves_the_order_live(
    alpaca: RunningAlpaca, kind: str
) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        fault(alpaca, "DELETE", kind=kind)
        answer = await it.gateway.cancel(A, it.check)
        assert answer.status is OrderStatus.PENDING_CANCEL
        if kind == "reject_cancel":
            await eventually(
                lambda: any(r.signal is Signal.CANCEL_REJECTED for r in it.sink.reports(A))
            )
        found = await it.gateway.find_order(client_id=A)
        assert found.report is not None
        assert found.report.status is not OrderStatus.CANCELED


async def test_of_a_lost_answer_to_a_cancel_of_all_the_orders_tell(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        fault(alpaca, "DELETE", kind="drop_reply", ends="close")
        outcome = await it.gateway.cancel_all(None, it.check)
        assert ([r.client_id for r in outcome.asked], outcome.failed) == ([A], ())
        await eventually(lambda: it.sink.last_status(A) is OrderStatus.CANCELED)


async def test_a_429_to_a_replace_has_no_effect(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        patched(alpaca, kind="status", status=429)
        with pytest.raises(TandemError) as error:
            await replaces(it)
        assert error.value.reason is Reason.RATE_LIMITED
        assert error.value.retry_after_s is not None
        assert len(orders_there(alpaca)) == 1


async def test_a_chain_of_revisions_is_followed_to_its_end(alpaca: RunningAlpaca) -> None:
    async with rig(settings_for(alpaca.url)) as it:
        await resting(it)
        ids = [A, *(revision_id("a", f"r{n}") for n in (1, 2))]
        for old, new, price in zip(ids, ids[1:], (21, 22), strict=False):
            change = OrderChange(limit_price=Decimal(price))
            await it.gateway.replace(old, new, change, it.check)
            await is_new(it, new)
        chain = await find_revisions(it.gateway, A)
        assert [report.client_id for report in chain] == ids
        latest = (await find_latest(it.gateway, A)).report
        assert latest is not None
        assert (latest.client_id, latest.limit_price) == (ids[-1], Decimal(22))
        assert await find_revisions(it.gateway, "never~sim~1.0") == []
