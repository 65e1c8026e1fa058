"""What an order is known by when its log, its number or its reference is lost on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.common.domain.errors import OutcomeUnknown
from services.common.domain.executions import Side
from services.common.domain.reports import Lookup
from services.common.runtime.clock import SystemClock
from services.ib_adapter.contracts import contract_of
from services.ib_adapter.order_writing import ib_order
from services.ib_adapter.send_log import Send
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    PUT,
    A,
    Rig,
    eventually,
    fault,
    limit,
    orders_there,
    resting,
    rig,
    settings_for,
)

Simulated = tuple[SimulatedIbGateway, int]
B = "b~sim~1.0"
LONG = f"{'a' * 60}~sim~1.0"


async def test_without_its_log_no_number_of_a_live_order_is_used_again(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        for _ in range(50):  # requests are numbered with orders
            built.gateway.session.ready_wire().next_id()
        await built.gateway.submit(resting(), built.check)
        send = await built.send_log.find(A)
    assert send is not None
    simulated.control.do("restart", refuse_s=0.0, roll_back_ids=100)
    async with rig(settings_for(port), log.with_name("new")) as later:
        assert later.gateway.session.ready_wire().next_id() > send.order_id
        await later.gateway.submit(limit(B, Side.BUY, "0.06"), later.check)
        await later.gateway.cancel(A, later.check)
        await eventually(lambda: _statuses(simulated)[A] == "canceled")
        assert _statuses(simulated)[B] != "canceled"


async def test_what_comes_up_while_absence_is_looked_into_is_not_absent(
    ib: Simulated, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated, port = ib
    fault(simulated, "drop_request", method="placeOrder", ends="hang")
    async with rig(settings_for(port, **HASTY), log) as built:
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
        find = built.send_log.find

        async def slowly(placement_id: str) -> Send | None:
            send = await find(placement_id)
            assert send is not None
            await _write(built, A, A, send.order_id)
            await eventually(lambda: built.sink.reports(A))
            return send

        monkeypatch.setattr(built.send_log, "find", slowly)
        await asyncio.sleep(0.6)  # the settling time of these tests
        result = await built.gateway.find_order(client_id=A)
        assert result.lookup is Lookup.UNKNOWN
        assert "came up" in result.reason


async def test_an_order_whose_reference_was_cut_short_is_not_absent(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await _send_under(built, LONG[:40], number=77)
        await eventually(lambda: built.sink.reports(LONG[:40]))
    async with rig(settings_for(port), log) as later:
        await asyncio.sleep(0.6)  # the settling time of these tests
        result = await later.gateway.find_order(client_id=LONG)
        assert result.lookup is Lookup.UNKNOWN
        assert "part of its id" in result.reason


def _statuses(simulated: SimulatedIbGateway) -> dict[str, str]:
    return {order["client_order_id"]: order["status"] for order in orders_there(simulated)}


async def _send_under(built: Rig, order_ref: str, *, number: int) -> None:
    """An order as IB would have it that keeps no more of its reference."""
    now = SystemClock().now()
    session = built.gateway.session
    venue_time = session.venue_clock.now()
    sent = Send(LONG, "", number, 1, session.session_id, now, venue_time, client_id=17)
    assert await built.send_log.begin(sent) is None
    await _write(built, LONG, order_ref, number)


async def _write(built: Rig, client_id: str, order_ref: str, number: int) -> None:
    session = built.gateway.session
    order = ib_order(resting(client_id), session.account)
    order.orderRef = order_ref
    [details] = await session.requests().contract_details(contract_of(PUT))
    assert details.contract is not None
    session.ready_wire().place(number, details.contract, order)
