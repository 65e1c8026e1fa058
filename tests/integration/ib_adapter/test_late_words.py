"""What the Gateway says late, again, or of orders that nobody waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.adapter.port import ExecutionQuery, OrderQuery
from services.common.domain.errors import OutcomeUnknown, Reason
from services.common.domain.executions import ExecType
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import Lookup
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    A,
    Rig,
    aged,
    crossing,
    eventually,
    fault,
    orders_there,
    placed,
    resting,
    rig,
    say,
    settings_for,
)

Simulated = tuple[SimulatedIbGateway, int]


# A slow Gateway is not taken for a dead one in these tests.
PATIENT = {"heartbeat_s": 10.0, "round_trip_s": 10.0}


async def order_id(built: Rig, client_id: str = A) -> int:
    send = await built.send_log.find(client_id)
    assert send is not None
    return send.order_id


async def test_a_refusal_after_the_time_out_ends_the_doubt(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    fault(simulated, "delay", method="placeOrder", delay_before_s=1.0)
    async with rig(settings_for(port, connection=PATIENT, orders=HASTY["orders"]), log) as built:
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(crossing(qty="1000"), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.REJECTED)
        cause = built.sink.reports(A)[-1].cause
        assert cause is not None
        assert cause.reason is Reason.INSUFFICIENT_BUYING_POWER


async def test_a_late_refusal_of_an_order_that_is_there_is_not_believed(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    fault(simulated, "hold", event="openOrder", times=0)
    fault(simulated, "hold", event="orderStatus", times=0)
    async with rig(settings_for(port, **HASTY), log) as built:
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
        say(simulated, await order_id(built), 201, "Order rejected - reason: not so")
        await eventually(lambda: built.sink.last_status(A))
        await built.gateway.find_order(client_id=A)
        await built.gateway.status()
        assert built.sink.told(A) == ["ACCEPTED"]


async def test_an_acceptance_after_the_time_out_is_told(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    fault(simulated, "delay", method="placeOrder", delay_before_s=1.0)
    async with rig(settings_for(port, connection=PATIENT, orders=HASTY["orders"]), log) as built:
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.ACCEPTED)
        again = await built.gateway.submit(resting(), built.check)
        assert again.status is OrderStatus.ACCEPTED
        assert placed(simulated) == [A]


async def test_a_correction_is_told_as_one_and_never_as_another_trade(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        [trade] = built.sink.executions()
        corrected = trade.exec_id[:-1] + "2"
        contract = ["", "SPY", "OPT", "20241115", "400", "P", "100", "CBOE", "USD"]
        contract += ["SPY   241115P00400000", "SPY"]
        number = await order_id(built)
        [client] = simulated.gateway.clients.values()
        told = ["20241104 10:00:05 US/Eastern", "DU1000001", "CBOE", "SLD", "1", "8.25"]
        told += [trade.venue_order_id, "17", "0", "1", "8.25", A, "", "", "", "1"]
        told += ["0"] if client.version >= 178 else []  # whether the price is still to be revised
        client.send(11, -1, number, *contract, corrected, *told)
        client.send(59, 1, corrected, "1.0", "USD", "0", "", "")
        await eventually(lambda: len(built.sink.executions()) == 2)
        correction = built.sink.executions()[1]
        assert (correction.exec_type, correction.exec_ref_id) == (ExecType.CORRECT, trade.exec_id)
        assert (correction.exec_id, correction.last_px) == (corrected, Decimal("8.25"))
        client.send(11, -1, number, *contract, trade.exec_id, *told)
        await built.gateway.status()
        assert len(built.sink.executions()) == 2


async def test_an_execution_that_is_taken_back_is_told_as_that(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        [trade] = built.sink.executions()
        simulated.control.do("bust_execution", exec_id=trade.exec_id)
        await eventually(lambda: len(built.sink.executions()) >= 2)
        bust = built.sink.executions()[1]
        assert (bust.exec_type, bust.exec_ref_id) == (ExecType.BUST, trade.exec_id)


async def test_fills_of_other_clients_are_told_when_the_lists_are_read_again(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    quick = {"silence_s": 0.3}
    async with rig(settings_for(port, client_id=5, orders=quick), log) as built:
        other = log.with_name("other.sqlite")
        async with rig(settings_for(port, client_id=6), other) as second:
            await second.gateway.submit(crossing(), second.check)
            await eventually(lambda: second.sink.executions())
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        assert built.sink.told(A)[-2:] == ["execution", "FILLED"]
        assert built.sink.sessions() == ["session-1"]


async def test_duplicated_messages_are_told_once(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    for event in ("openOrder", "orderStatus", "execDetails", "commissionReport"):
        fault(simulated, "duplicate", event=event, times=0)
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        await built.gateway.executions(ExecutionQuery())
        told = built.sink.told(A)
        assert told[-2:] == ["execution", "FILLED"]
        assert (told.count("execution"), told.count("FILLED")) == (1, 1)


async def test_a_fill_whose_execution_was_lost_is_read(ib: Simulated, log: Path) -> None:
    """By a look at the positions, or else by a new session."""
    simulated, port = ib
    fault(simulated, "drop", event="execDetails")
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        assert built.sink.told(A)[-2:] == ["execution", "FILLED"]
        assert built.sink.sessions() in (["session-1"], ["session-1", "", "session-2"])


@asynccontextmanager
async def refused_but_inactive(ib: Simulated, log: Path) -> AsyncIterator[Rig]:
    """An order that the Gateway refused, and shows as Inactive."""
    simulated, port = ib
    fault(simulated, "inactive_order", method="placeOrder")
    async with rig(settings_for(port), log) as built:
        submit = asyncio.create_task(built.gateway.submit(resting(), built.check))
        await eventually(lambda: placed(simulated))
        say(simulated, await order_id(built), 201, "Order rejected - reason: held for margin")
        assert (await submit).status is OrderStatus.REJECTED
        yield built


async def test_a_rejected_order_that_becomes_active_is_told_and_can_be_canceled(
    ib: Simulated, log: Path
) -> None:
    simulated, _ = ib
    async with refused_but_inactive(ib, log) as built:
        simulated.control.do("activate", order=A)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.ACCEPTED)
        await built.gateway.cancel(A, built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)


async def test_a_rejected_order_that_is_still_there_can_be_canceled(
    ib: Simulated, log: Path
) -> None:
    simulated, _ = ib
    async with refused_but_inactive(ib, log) as built:
        found = await built.gateway.find_order(client_id=A)
        assert found.report is not None
        assert found.report.status is OrderStatus.REJECTED
        await built.gateway.cancel(A, built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)
        assert orders_there(simulated)[0]["status"] == "canceled"


async def test_a_late_refusal_is_told_only_when_the_order_can_no_longer_come_up(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    fault(simulated, "drop_request", method="placeOrder", ends="hang")
    async with rig(settings_for(port, settling_s=1.5, **HASTY), log) as built:
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
        written = built.checks[-1]
        say(simulated, await order_id(built), 202, "Order Canceled - reason:")
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)
        assert time.monotonic() - written >= 1.5


async def test_orders_of_another_account_are_not_listed(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        [client] = simulated.gateway.clients.values()
        status: list[str | int] = ["Submitted", 0, 1, 0, 777, 0, 0, 3, "", 0]
        client.send(3, 9, *status)  # what a status tells has no account
        listed = [report.client_id for report in await built.gateway.orders(OrderQuery())]
        assert listed == [A]
        client.send(3, 9, *status)
        result = await built.gateway.find_order(venue_order_id="777")
        assert (result.lookup, result.report) == (Lookup.UNKNOWN, None)


@pytest.mark.parametrize(("code", "lookup"), [(201, Lookup.FOUND), (399, Lookup.UNKNOWN)])
async def test_an_inactive_order_that_is_gone_is_rejected_only_if_it_was_refused(
    ib: Simulated, log: Path, code: int, lookup: Lookup
) -> None:
    simulated, port = ib
    fault(simulated, "drop_request", method="placeOrder", ends="hang")
    async with rig(settings_for(port, **HASTY), log) as built:
        submit = asyncio.create_task(built.gateway.submit(resting(), built.check))
        await eventually(lambda: built.checks)
        number = await order_id(built)
        [client] = simulated.gateway.clients.values()
        client.send(3, number, "Inactive", 0, 1, 0, 777, 0, 0, 17, "", 0)
        say(simulated, number, code, "Order rejected - reason: no")
        answered = (await submit).status
        result = await built.gateway.find_order(client_id=A)
        assert (result.lookup, answered is OrderStatus.REJECTED) == (lookup, code == 201)


async def test_what_this_process_writes_is_not_absent_before_its_log_shows_it(
    ib: Simulated, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated, port = ib
    fault(simulated, "drop_request", method="placeOrder", ends="hang")
    await aged(log)
    async with rig(settings_for(port, settling_s=0.001, **HASTY), log) as built:

        async def too_early(_id: str) -> None:
            """What a look-up is told that overtakes the log's write."""

        monkeypatch.setattr(built.send_log, "find", too_early)
        submit = asyncio.create_task(built.gateway.submit(resting(), built.check))
        await eventually(lambda: built.checks)
        assert (await built.gateway.find_order(client_id=A)).lookup is Lookup.UNKNOWN
        with pytest.raises(OutcomeUnknown):
            await submit
