"""Orders over a gap, and what look-ups may say of them: found, absent, or unknown."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.common.domain.errors import OutcomeUnknown, Reason, Unavailable
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import Lookup
from services.ib_adapter.send_log import SendLog
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    SPY,
    A,
    aged,
    crossing,
    eventually,
    fault,
    found,
    orders_there,
    placed,
    refused_submit,
    resting,
    rig,
    settings_for,
)

Simulated = tuple[SimulatedIbGateway, int]


# -- orders over a gap ------------------------------------------------------------------------


async def test_an_order_whose_answer_is_lost_is_in_doubt_and_found(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    fault(simulated, "drop_reply", method="placeOrder", ends="reset")
    async with rig(settings_for(port), log) as built:
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
        await eventually(lambda: built.gateway.session_id == "session-2")
        assert built.sink.last_status(A) is OrderStatus.ACCEPTED
        assert (await found(built, A, Lookup.FOUND)).report is not None
        assert placed(simulated) == [A]


async def test_an_order_that_was_dropped_is_in_doubt_until_it_must_have_shown(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    fault(simulated, "drop_request", method="placeOrder", ends="hang")
    async with rig(settings_for(port, settling_s=1.5, **HASTY), log) as built:
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
        first = await built.gateway.find_order(client_id=A)
        assert first.lookup is Lookup.UNKNOWN
        assert "may still come up" in first.reason
        await found(built, A, Lookup.ABSENT)
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
        assert placed(simulated) == [A]


async def test_of_sixty_orders_at_a_lost_connection_those_that_arrived_are_found(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    fault(simulated, "delay", method="placeOrder", delay_before_s=3.0)
    fault(
        simulated, "drop_request", method="placeOrder", client_order_id_prefix="n20~", ends="reset"
    )
    ids = [f"n{number}~sim~1.0" for number in range(60)]
    async with rig(settings_for(port), log) as built:
        outcomes = await asyncio.gather(
            *(built.gateway.submit(resting(client_id), built.check) for client_id in ids),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, OutcomeUnknown) for outcome in outcomes[20:])
        await eventually(lambda: built.gateway.session_id == "session-2")
        there = [order["client_order_id"] for order in orders_there(simulated)]
        assert there == ids[:20]
        for client_id in ids[:20]:
            assert (await built.gateway.find_order(client_id=client_id)).lookup is Lookup.FOUND
        for client_id in ids[20:]:
            await found(built, client_id, Lookup.ABSENT)
    async with rig(settings_for(port), log) as later:
        again = await asyncio.gather(
            *(later.gateway.submit(resting(client_id), later.check) for client_id in ids),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, OutcomeUnknown) for outcome in again[20:])
        assert not any(isinstance(outcome, BaseException) for outcome in again[:20])
    assert len(orders_there(simulated)) == 20


async def test_a_gateway_that_gives_ids_out_again_gets_none_twice(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        simulated.control.do("restart", refuse_s=0.1, roll_back_ids=100)
        await eventually(lambda: built.gateway.session_id == "session-2")
        await built.gateway.submit(resting("b~sim~1.0"), built.check)
    async with rig(settings_for(port), log) as later:
        simulated.control.do("restart", refuse_s=0.1, roll_back_ids=100)
        await eventually(lambda: later.gateway.session_id == "session-2")
        await later.gateway.submit(resting("c~sim~1.0"), later.check)
        sends = [await later.send_log.find(f"{name}~sim~1.0") for name in "abc"]
        order_ids = [send.order_id for send in sends if send is not None]
        assert order_ids == sorted(set(order_ids))
        assert len(order_ids) == 3
    assert len(orders_there(simulated)) == 3


async def test_yesterdays_order_is_unknown_once_the_lists_have_forgotten_it(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        await built.gateway.cancel(A, built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)
    simulated.control.advance_clock(86_400)
    simulated.control.do("forget_day")
    async with rig(settings_for(port), log) as later:
        await asyncio.sleep(0.6)  # the settling time of these tests
        result = await later.gateway.find_order(client_id=A)
        assert result.lookup is Lookup.UNKNOWN
        assert "earlier day" in result.reason


async def test_without_its_log_no_order_is_sent(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        built.send_log.close()
        error = await refused_submit(built)
        assert isinstance(error, Unavailable)
        assert error.reason is Reason.JOURNAL_UNAVAILABLE
        assert (await built.gateway.status()).ready is False
    assert placed(simulated) == []
    assert isinstance(built.send_log, SendLog)


async def test_an_order_that_the_gateway_had_is_never_absent(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, settling_s=0.1, **HASTY), log) as built:
        simulated.gateway.uplink.lose(2110)  # and nobody was told
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)
        await asyncio.sleep(0.3)  # the settling time is over
        result = await built.gateway.find_order(client_id=A)
        assert result.lookup is Lookup.UNKNOWN
        assert "PendingSubmit" in result.reason
        simulated.gateway.uplink.restore()
        await found(built, A, Lookup.FOUND)


# -- what a log does not know ------------------------------------------------------------------


async def test_by_a_log_of_today_an_id_that_is_not_in_it_is_unknown(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    async with rig(settings_for(port, settling_s=0.1), log) as built:
        await asyncio.sleep(0.3)
        result = await built.gateway.find_order(client_id=A)
        assert result.lookup is Lookup.UNKNOWN
        assert "created today" in result.reason


async def test_by_an_older_log_it_is_absent_once_settled(ib: Simulated, log: Path) -> None:
    _, port = ib
    await aged(log)
    async with rig(settings_for(port, settling_s=60.0), log) as built:
        assert (await built.gateway.find_order(client_id=A)).lookup is Lookup.UNKNOWN
    async with rig(settings_for(port, settling_s=0.1), log) as built:
        await found(built, A, Lookup.ABSENT)


async def test_a_perm_id_that_no_list_shows_is_unknown(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        report = await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
    simulated.control.advance_clock(86_400)
    simulated.control.do("forget_day")
    await aged(log)
    async with rig(settings_for(port, settling_s=0.1), log) as later:
        await asyncio.sleep(0.3)
        result = await later.gateway.find_order(venue_order_id=report.venue_order_id)
        assert (result.lookup, result.report) == (Lookup.UNKNOWN, None)


async def test_no_request_has_the_number_of_an_order(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        high_water = built.send_log.high_water
    simulated.control.do("restart", refuse_s=0.0, roll_back_ids=100)
    async with rig(settings_for(port), log, in_sync=False) as later:
        before = len(simulated.control.requests())
        await later.gateway.admit()
        await later.gateway.quotes([SPY])
        asked = simulated.control.requests()[before:]
        numbers = [int(e.body[2]) for e in asked if e.method == "reqContractDetails"]
    assert numbers
    assert min(numbers) > high_water
