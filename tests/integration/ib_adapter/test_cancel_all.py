"""Cancel of many, against the simulated Gateway: of everything, of one instrument, of others'."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from services.common.adapter.port import OrderQuery
from services.common.domain.errors import OutcomeUnknown, Reason, Refused, Unavailable
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, OptionContract
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import CancelAllOutcome
from simulators.ib_gateway.simulated import SimulatedIbGateway
from simulators.venue.orders import Side as VenueSide
from tests.integration.ib_adapter.rig import (
    HASTY,
    PUT,
    SPY,
    A,
    Rig,
    eventually,
    fault,
    limit,
    orders_there,
    rig,
    settings_for,
)
from tests.integration.ib_adapter.test_families import EXITS, bracket, ended

Simulated = tuple[SimulatedIbGateway, int]
S = OrderStatus
B, C = "b~sim~1.0", "c~sim~1.0"
OTHERS = 99


async def place(built: Rig) -> None:
    """A put, two shares of one kind, one of another."""
    await built.gateway.submit(limit(A, Side.BUY, "0.05"), built.check)
    await built.gateway.submit(limit(B, Side.BUY, "300", instrument=SPY), built.check)
    await built.gateway.submit(limit(C, Side.BUY, "300", instrument=Equity("QQQ")), built.check)


def short(outcome: CancelAllOutcome) -> tuple[set[str], list[tuple[str, Reason]]]:
    assert all(r.status in (S.PENDING_CANCEL, S.CANCELED) for r in outcome.asked)
    failed = [(report.client_id, cause.reason) for report, cause in outcome.failed]
    return {report.client_id for report in outcome.asked}, failed


def cancels_written(simulated: SimulatedIbGateway) -> list[str]:
    names = ("cancelOrder", "reqGlobalCancel")
    return [e.method for e in simulated.control.requests() if e.method in names]


async def open_ids(built: Rig) -> set[str]:
    return {r.client_id for r in await built.gateway.orders(OrderQuery(open_only=True))}


async def test_all_is_one_request_and_ends_every_order(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await place(built)
        built.checks.clear()
        outcome = await built.gateway.cancel_all(None, built.check)
        assert short(outcome) == ({A, B, C}, [])
        assert cancels_written(simulated) == ["reqGlobalCancel"]
        assert len(built.checks) == 1
        for client_id in (A, B, C):
            await ended(built, client_id, S.CANCELED)


async def test_all_counts_what_other_clients_and_hands_have_placed(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with (
        rig(settings_for(port), log) as built,
        rig(settings_for(port, client_id=OTHERS), log.with_name("other")) as other,
    ):
        await built.gateway.submit(limit(A, Side.BUY, "0.05"), built.check)
        await other.gateway.submit(limit(B, Side.BUY, "300", instrument=SPY), other.check)
        simulated.control.place_by_hand("SPY", VenueSide.BUY, Decimal(1), Decimal(299))
        outcome = await built.gateway.cancel_all(None, built.check)
        assert short(outcome) == ({A, B, ""}, [])
        await eventually(lambda: other.sink.last_status(B) is S.CANCELED)
        assert await open_ids(built) == set()


@pytest.mark.parametrize("instrument", [None, PUT])
async def test_what_only_the_gateway_has_is_asked_for_as_well(
    ib: Simulated, log: Path, instrument: OptionContract | None
) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        simulated.gateway.uplink.lose(2110)  # and nobody was told
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(limit(A, Side.BUY, "0.05"), built.check)
        assert short(await built.gateway.cancel_all(SPY, built.check)) == (set(), [])
        assert cancels_written(simulated) == []
        assert short(await built.gateway.cancel_all(instrument, built.check)) == (set(), [])
        simulated.gateway.uplink.restore()
        await eventually(lambda: orders_there(simulated)[0]["status"] == "canceled")


async def test_of_one_instrument_each_is_asked_for_and_the_others_stay(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await place(built)
        built.checks.clear()
        outcome = await built.gateway.cancel_all(SPY, built.check)
        assert short(outcome) == ({B}, [])
        assert (cancels_written(simulated), len(built.checks)) == (["cancelOrder"], 1)
        await ended(built, B, S.CANCELED)
        assert await open_ids(built) == {A, C}
        assert short(await built.gateway.cancel_all(PUT, built.check)) == ({A}, [])


async def test_orders_of_other_clients_cannot_be_canceled_one_by_one(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    async with (
        rig(settings_for(port), log) as built,
        rig(settings_for(port, client_id=OTHERS), log.with_name("other")) as other,
    ):
        await built.gateway.submit(limit(A, Side.BUY, "300", instrument=SPY), built.check)
        await other.gateway.submit(limit(B, Side.BUY, "300", instrument=SPY), other.check)
        outcome = await built.gateway.cancel_all(SPY, built.check)
        assert short(outcome) == ({A}, [(B, Reason.NOT_PERMITTED)])
        await ended(built, A, S.CANCELED)
        assert await open_ids(built) == {B}


async def test_nothing_open_is_nothing_written(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        assert await built.gateway.cancel_all(None, built.check) == CancelAllOutcome(())
        assert (cancels_written(simulated), built.checks) == ([], [])


async def test_exits_end_with_their_order_and_are_not_asked_for_twice(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(bracket("300"), built.check)
        outcome = await built.gateway.cancel_all(SPY, built.check)
        assert short(outcome) == ({A, *EXITS}, [])
        assert cancels_written(simulated) == ["cancelOrder"]


async def test_the_last_check_is_asked_before_each_write(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await place(built)
        await built.gateway.submit(limit("d~sim~1.0", Side.BUY, "301", instrument=SPY), built.check)
        asked = 0

        def once() -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                raise Refused(Reason.STALE_EPOCH, "a later router has taken over")

        done, failed = short(await built.gateway.cancel_all(SPY, once))
        assert len(done) == 1
        assert [reason for _, reason in failed] == [Reason.STALE_EPOCH]

        def never() -> None:
            raise Refused(Reason.STALE_EPOCH, "a later router has taken over")

        with pytest.raises(Refused):
            await built.gateway.cancel_all(None, never)
        assert A in await open_ids(built)


async def test_a_cancel_that_nobody_takes_is_a_failure_and_no_end(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        await built.gateway.submit(limit(A, Side.BUY, "0.05"), built.check)
        fault(simulated, "drop_request", method="reqGlobalCancel", ends="hang")
        outcome = await built.gateway.cancel_all(None, built.check)
        assert short(outcome) == (set(), [(A, Reason.OUTCOME_UNKNOWN)])
        assert orders_there(simulated)[0]["status"] == "new"


async def test_a_cancel_of_one_that_nobody_speaks_of_is_read_back(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        await built.gateway.submit(limit(A, Side.BUY, "0.05"), built.check)
        fault(simulated, "drop_reply", method="cancelOrder", ends="hang")
        report = await built.gateway.cancel(A, built.check)
        assert report.status in (S.PENDING_CANCEL, S.CANCELED)
        await built.gateway.submit(limit(B, Side.BUY, "0.05"), built.check)
        fault(simulated, "drop_request", method="cancelOrder", ends="hang")
        with pytest.raises(OutcomeUnknown):
            await built.gateway.cancel(B, built.check)


async def test_without_the_lists_nothing_is_canceled(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        await place(built)
        fault(simulated, "drop_request", method="reqCompletedOrders", ends="hang", times=0)
        with pytest.raises(Unavailable):
            await built.gateway.cancel_all(None, built.check)
        assert cancels_written(simulated) == []


async def test_the_quantity_that_filled_before_the_cancel_is_shown(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(limit(A, Side.BUY, "300", qty="5", instrument=SPY), built.check)
        order = orders_there(simulated)[0]["venue_order_id"]
        simulated.control.fill(order, Decimal(2), Decimal(300))
        [report] = (await built.gateway.cancel_all(None, built.check)).asked
        assert report.cum_qty == 2
