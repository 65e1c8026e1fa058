"""What IB shows and does not work after all: a change that is echoed and refused, an end."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import OutcomeUnknown, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import Lookup
from services.ib_adapter.revision_rows import Fate
from simulators.ib_gateway.order_book import ApiOrder
from simulators.ib_gateway.order_replies import order_status
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    A1,
    A2,
    A,
    Rig,
    eventually,
    fault,
    found,
    limit,
    orders_there,
    price,
    resting,
    rig,
    say,
    settings_for,
)
from tests.unit.adapter.recording_vfs import RecordingVfs

Simulated = tuple[SimulatedIbGateway, int]


def echoes(simulated: SimulatedIbGateway, refused_after_s: float) -> None:
    """The next change is shown as taken, and refused so much later."""
    fault(simulated, "echo_replace", method="placeOrder", delay_after_s=refused_after_s)


def shown(simulated: SimulatedIbGateway) -> ApiOrder:
    """The only order, as the Gateway has it."""
    [order] = orders_there(simulated)
    known = simulated.gateway.orders.find_perm_id(order["venue_order_id"])
    assert known is not None
    return known


async def taken_back(built: Rig) -> None:
    """Wait until the old terms were told as in force again, and the change as refused."""
    await eventually(lambda: built.sink.last_status(A1) is OrderStatus.REJECTED)
    old, new = built.sink.reports(A)[-1], built.sink.reports(A1)[-1]
    assert (old.status, old.signal) == (OrderStatus.ACCEPTED, Signal.REOPENED)
    assert built.sink.events.index(old) < built.sink.events.index(new), "live all the while"
    row = built.send_log.revisions.find(A1)
    assert row is not None
    assert row.fate is Fate.TAKEN_BACK


async def test_a_change_that_is_shown_and_then_refused_is_taken_back(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(limit(A, Side.BUY, "0.05", qty="3"), built.check)
        echoes(simulated, refused_after_s=0.3)
        report = await built.gateway.replace(A, A1, price("0.10"), built.check)
        assert (report.client_id, report.status) == (A1, OrderStatus.ACCEPTED)
        await taken_back(built)
        refused = (await built.gateway.find_order(client_id=A1)).report
        assert refused is not None
        assert (refused.status, refused.cause and refused.cause.venue_code) == (
            OrderStatus.REJECTED,
            "201",
        )
        again = await built.gateway.replace(A, A1, price("0.10"), built.check)
        assert (again.client_id, again.signal) == (A, Signal.REPLACE_REJECTED)
        simulated.control.fill(A, Decimal(1), Decimal("0.05"))
        await eventually(lambda: built.sink.executions())
        assert [(e.client_id, e.cum_qty) for e in built.sink.executions()] == [(A, 1)]
        new = await built.gateway.replace(A, A2, price("0.07"), built.check)
        assert (new.client_id, new.status) == (A2, OrderStatus.ACCEPTED)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.REPLACED)


async def test_a_refusal_before_the_echo_is_durable_is_the_answer(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    vfs = RecordingVfs()
    async with rig(settings_for(port), log, vfs=vfs.name) as built:
        await built.gateway.submit(resting(), built.check)
        echoes(simulated, refused_after_s=0.0)
        replacing = asyncio.create_task(
            built.gateway.replace(A, A1, price("0.10"), vfs.disk_answers.clear)
        )
        await eventually(lambda: built.send_log.revisions.unsaved())
        await eventually(lambda: shown(simulated).echo is None)
        await asyncio.sleep(0.1)
        vfs.disk_answers.set()
        report = await replacing
        assert (report.client_id, report.signal) == (A, Signal.REPLACE_REJECTED)
        assert report.limit_price == Decimal("0.05")
        assert OrderStatus.REPLACED not in [r.status for r in built.sink.reports(A)]


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_change_is_taken_back_by_a_later_process(
    ib: Simulated, log: Path, *, is_told: bool
) -> None:
    """That heard neither the echo nor, if the Gateway has restarted, the refusal."""
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        echoes(simulated, refused_after_s=2.0 if is_told else 60.0)
        await built.gateway.replace(A, A1, price("0.10"), built.check)
        await eventually(lambda: built.sink.last_status(A1) is OrderStatus.ACCEPTED)
    if not is_told:
        simulated.control.do("restart", refuse_s=0.0)
    async with rig(settings_for(port), log) as later:
        await taken_back(later)
        await later.gateway.cancel(A, later.check)
        await eventually(lambda: later.sink.last_status(A) is OrderStatus.CANCELED)
        with pytest.raises(Refused) as error:
            await later.gateway.cancel(A1, later.check)
        assert error.value.reason is Reason.ORDER_ENDED


async def test_a_refusal_that_the_lists_do_not_bear_out_is_in_doubt_until_it_has_settled(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port, settling_s=1.0), log) as built:
        await built.gateway.submit(resting(), built.check)
        await built.gateway.replace(A, A1, price("0.10"), built.check)
        say(simulated, shown(simulated).order_id, 201, "Order rejected - reason: not so")
        await found(built, A1, Lookup.UNKNOWN)
        with pytest.raises(OutcomeUnknown):
            await built.gateway.replace(A, A1, price("0.10"), built.check)
        result = await found(built, A1, Lookup.FOUND)
        assert result.report is not None
        assert result.report.status is OrderStatus.ACCEPTED
        assert built.sink.last_status(A) is OrderStatus.REPLACED


async def test_a_late_refusal_of_an_earlier_change_is_not_of_the_next(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port, orders={"ack_timeout_s": 3.0}), log) as built:
        await built.gateway.submit(resting(), built.check)
        fault(simulated, "drop_request", method="placeOrder", ends="hang")
        unheard = await built.gateway.replace(A, A1, price("0.10"), built.check)
        assert unheard.signal is Signal.REPLACE_REJECTED, "by the lists, once they had settled"
        fault(simulated, "hold_order", method="placeOrder", delay_before_s=1.0)
        replacing = asyncio.create_task(built.gateway.replace(A, A2, price("0.15"), built.check))
        await eventually(lambda: len(built.checks) == 3)
        await asyncio.sleep(0.2)
        say(simulated, shown(simulated).order_id, 201, "Order rejected - reason: of the first")
        report = await replacing
        assert (report.client_id, report.limit_price) == (A2, Decimal("0.15"))
        assert Signal.REPLACE_REJECTED not in [r.signal for r in built.sink.reports(A)]


async def test_an_order_that_is_listed_live_after_its_end_is_told_as_live(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        [client] = simulated.gateway.clients.values()
        number, order_id, _, *rest = order_status(shown(simulated))
        client.send(number, order_id, "Cancelled", *rest)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)
        report = (await built.gateway.find_order(client_id=A)).report
        assert report is not None
        assert (report.status, report.signal) == (OrderStatus.ACCEPTED, Signal.REOPENED)
        assert built.sink.reports(A)[-1].signal is Signal.REOPENED
        await built.gateway.cancel(A, built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)
