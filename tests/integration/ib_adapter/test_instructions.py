"""Exercise and do-not-exercise through the gateway, against the simulated Gateway."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import (
    NotFound,
    OutcomeUnknown,
    Reason,
    Refused,
)
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    PUT,
    SPY,
    A,
    Rig,
    fault,
    limit,
    rig,
    settings_for,
)
from tests.integration.ib_adapter.test_families import ended

Simulated = tuple[SimulatedIbGateway, int]
S = OrderStatus


def requests(simulated: SimulatedIbGateway) -> int:
    """How many instructions were written."""
    methods = [entry.method for entry in simulated.control.requests()]
    return methods.count("exerciseOptions")


async def hold_puts(built: Rig, qty: str = "2") -> None:
    await built.gateway.submit(limit(A, Side.BUY, "9.50", qty=qty), built.check)
    await ended(built, A, S.FILLED)


async def held(built: Rig) -> dict[str, Decimal]:
    return {p.instrument.key: p.qty for p in await built.gateway.positions()}


async def hold_shares(built: Rig) -> None:
    """What puts deliver."""
    spec = limit("shares~sim~1.0", Side.BUY, "401", qty="200", instrument=SPY)
    await built.gateway.submit(spec, built.check)
    await ended(built, spec.client_order_id, S.FILLED)


async def test_an_exercise_is_accepted_once_the_contracts_are_gone(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await hold_shares(built)
        await hold_puts(built)
        built.checks.clear()
        report = await built.gateway.exercise(PUT, Decimal(1), built.check)
        assert (report.status, report.cause) == (S.ACCEPTED, None)
        assert len(built.checks) == 1
        assert requests(simulated) == 1
        assert await held(built) == {PUT.key: Decimal(1), SPY.key: Decimal(100)}
        report = await built.gateway.exercise(PUT, None, built.check)
        assert report.status is S.ACCEPTED
        assert await held(built) == {}


async def test_an_exercise_of_which_nothing_is_heard_is_in_doubt(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        await hold_puts(built)
        fault(simulated, "drop_request", method="exerciseOptions", ends="hang")
        with pytest.raises(OutcomeUnknown):
            await built.gateway.exercise(PUT, None, built.check)
        assert await held(built) == {PUT.key: Decimal(2)}


async def test_a_refused_exercise_is_rejected_by_ibs_word(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await hold_puts(built)
        fault(simulated, "error", method="exerciseOptions", code=201, text="not today")
        report = await built.gateway.exercise(PUT, None, built.check)
        assert report.status is S.REJECTED
        assert report.cause is not None
        assert report.cause.message == "not today"
        assert await held(built) == {PUT.key: Decimal(2)}


async def test_a_code_that_may_mean_anything_leaves_an_exercise_in_doubt(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await hold_puts(built)
        fault(simulated, "error", method="exerciseOptions", code=10328, text="who knows")
        with pytest.raises(OutcomeUnknown, match="who knows"):
            await built.gateway.exercise(PUT, None, built.check)


async def test_do_not_exercise_sends_a_lapse(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        await hold_puts(built)
        with pytest.raises(OutcomeUnknown):
            await built.gateway.do_not_exercise(PUT, built.check)
        assert await held(built) == {PUT.key: Decimal(2)}
        assert requests(simulated) == 1


async def test_more_than_is_held_and_nothing_held_are_refused_before_anything_is_sent(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        with pytest.raises(NotFound):
            await built.gateway.exercise(PUT, None, built.check)
        await hold_puts(built)
        with pytest.raises(Refused) as error:
            await built.gateway.exercise(PUT, Decimal(3), built.check)
        assert error.value.reason is Reason.INSUFFICIENT_QTY

        def forbid() -> None:
            raise Refused(Reason.STALE_EPOCH, "too late")

        with pytest.raises(Refused, match="too late"):
            await built.gateway.exercise(PUT, None, forbid)
        assert requests(simulated) == 0


async def test_the_number_of_an_instruction_is_no_orders(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1], **HASTY), log) as built:
        await hold_puts(built)
        before = built.send_log.high_water
        with pytest.raises(OutcomeUnknown):
            await built.gateway.do_not_exercise(PUT, built.check)
        assert built.send_log.high_water > before
