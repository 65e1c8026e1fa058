"""Changes of orders that nobody answers for: found, refuted by the lists, or doubted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.adapter.port import OrderQuery
from services.common.domain.errors import OutcomeUnknown, Reason, Refused, Unavailable
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import Lookup
from services.ib_adapter.revision_rows import Fate
from services.ib_adapter.settings import IbSettings
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    A1,
    A2,
    HASTY,
    WAIT_S,
    A,
    Rig,
    eventually,
    fault,
    found,
    limit,
    orders_there,
    placed,
    price,
    resting,
    rig,
    say,
    settings_for,
)

Simulated = tuple[SimulatedIbGateway, int]

SETTLING_S = 2.0


def hasty(port: int, settling_s: float = SETTLING_S) -> IbSettings:
    """Settings of an adapter that does not wait long for an answer."""
    return settings_for(port, settling_s=settling_s, orders=HASTY["orders"])


@asynccontextmanager
async def unanswered(
    ib: Simulated, log: Path, *, settling_s: float = SETTLING_S, qty: str = "1"
) -> AsyncIterator[Rig]:
    """An order whose change was sent and got lost."""
    simulated, port = ib
    async with rig(hasty(port, settling_s), log) as built:
        await built.gateway.submit(limit(A, Side.BUY, "0.05", qty=qty), built.check)
        fault(simulated, "hold_order", method="placeOrder", delay_before_s=60.0)
        with pytest.raises(OutcomeUnknown):
            await built.gateway.replace(A, A1, price("0.10"), built.check)
        yield built


async def test_a_change_without_an_answer_is_in_doubt_until_it_can_not_come_any_more(
    ib: Simulated, log: Path
) -> None:
    async with unanswered(ib, log) as built:
        await found(built, A1, Lookup.ABSENT)
        assert (await built.gateway.find_order(client_id=A)).lookup is Lookup.FOUND
        again = await built.gateway.replace(A, A1, price("0.10"), built.check)
        assert (again.client_id, again.signal) == (A, Signal.REPLACE_REJECTED)
        new = await built.gateway.replace(A, A2, price("0.10"), built.check)
        assert (new.client_id, new.status) == (A2, OrderStatus.ACCEPTED)
        assert placed(ib[0]) == [A, A, A]


async def test_a_change_that_was_not_let_through_does_not_keep_its_id_from_settling(
    ib: Simulated, log: Path
) -> None:
    def forbid() -> None:
        raise Refused(Reason.DEADLINE_TOO_SHORT, "the deadline passed before it could leave")

    async def is_settled(built: Rig) -> bool:
        await found(built, A1, Lookup.ABSENT)
        return (built.gateway.settled_for_s(A1) or 0.0) > 0.0

    async with rig(hasty(ib[1]), log) as built:
        await built.gateway.submit(limit(A, Side.BUY, "0.05"), built.check)
        with pytest.raises(Refused):
            await built.gateway.replace(A, A1, price("0.10"), forbid)
        async with asyncio.timeout(WAIT_S):
            while not await is_settled(built):
                await asyncio.sleep(0.02)
        assert placed(ib[0]) == [A]


async def test_what_is_settling_is_unknown_and_nothing_else_is_changed(
    ib: Simulated, log: Path
) -> None:
    async with unanswered(ib, log, settling_s=30.0) as built:
        assert (await built.gateway.find_order(client_id=A1)).lookup is Lookup.UNKNOWN
        with pytest.raises(OutcomeUnknown):
            await built.gateway.replace(A, A1, price("0.10"), built.check)
        with pytest.raises(Refused) as error:
            await built.gateway.replace(A, A2, price("0.15"), built.check)
        assert error.value.reason is Reason.CHANGE_IN_PROGRESS
        with pytest.raises(Unavailable):
            await built.gateway.cancel(A1, built.check)


async def test_an_order_can_be_canceled_while_its_change_is_in_doubt(
    ib: Simulated, log: Path
) -> None:
    async with unanswered(ib, log, settling_s=30.0) as built:
        await built.gateway.cancel(A, built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)
        assert (await built.gateway.find_order(client_id=A1)).lookup is Lookup.ABSENT


async def test_a_fill_in_doubt_is_of_the_old_terms_if_it_can_be(ib: Simulated, log: Path) -> None:
    simulated, _ = ib
    async with unanswered(ib, log, qty="3") as built:
        simulated.control.fill(A, Decimal(1), Decimal("0.05"))
        await eventually(lambda: [e for e in built.sink.executions() if e.client_id == A])
        await found(built, A1, Lookup.ABSENT)
        report = (await built.gateway.find_order(client_id=A)).report
        assert report is not None
        assert (report.status, report.cum_qty) == (OrderStatus.PARTIALLY_FILLED, 1)


async def test_a_late_refusal_ends_the_doubt(ib: Simulated, log: Path) -> None:
    simulated, _ = ib
    async with unanswered(ib, log, settling_s=30.0) as built:
        [order] = orders_there(simulated)
        shown = simulated.gateway.orders.find_perm_id(order["venue_order_id"])
        assert shown is not None
        say(simulated, shown.order_id, 201, "Order rejected - reason: not so")
        await eventually(lambda: built.sink.reports(A)[-1].signal is Signal.REPLACE_REJECTED)
        assert (await built.gateway.find_order(client_id=A1)).lookup is Lookup.ABSENT


async def test_a_change_whose_answer_was_lost_is_found(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(hasty(port, 30.0), log) as built:
        await built.gateway.submit(resting(), built.check)
        fault(simulated, "drop_reply", method="placeOrder")
        with pytest.raises(OutcomeUnknown):
            await built.gateway.replace(A, A1, price("0.10"), built.check)
        await eventually(lambda: len(built.sink.sessions()) > 2 and built.gateway.session_id)
        report = (await built.gateway.find_order(client_id=A1)).report
        assert report is not None
        assert (report.status, report.limit_price) == (OrderStatus.ACCEPTED, Decimal("0.10"))
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.REPLACED)
        await eventually(lambda: built.sink.last_status(A1) is OrderStatus.ACCEPTED)


async def test_a_change_that_is_taken_late_is_told_late(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(hasty(port, 30.0), log) as built:
        await built.gateway.submit(resting(), built.check)
        fault(simulated, "hold_order", method="placeOrder", delay_before_s=2.0)
        with pytest.raises(OutcomeUnknown):
            await built.gateway.replace(A, A1, price("0.10"), built.check)
        await eventually(lambda: built.sink.last_status(A1) is OrderStatus.ACCEPTED)
        assert built.sink.last_status(A) is OrderStatus.REPLACED


@pytest.mark.parametrize("is_taken", [True, False])
async def test_a_later_process_finds_out_what_became_of_a_change(
    ib: Simulated, log: Path, *, is_taken: bool
) -> None:
    simulated, port = ib
    kind = "drop_reply" if is_taken else "drop_request"
    async with rig(hasty(port, 30.0), log) as built:
        await built.gateway.submit(limit(A, Side.BUY, "0.05", qty="3"), built.check)
        simulated.control.fill(A, Decimal(1), Decimal("0.05"))
        await eventually(lambda: [e for e in built.sink.executions() if e.fees])
        fault(simulated, kind, method="placeOrder")
        with pytest.raises((OutcomeUnknown, Unavailable)):
            await built.gateway.replace(A, A1, price("0.10"), built.check)
    if is_taken:
        simulated.control.fill(A, Decimal(1), Decimal("0.10"))
    async with rig(hasty(port), log) as built:
        lookup = Lookup.FOUND if is_taken else Lookup.ABSENT
        await found(built, A1, lookup)
        old = (await built.gateway.find_order(client_id=A)).report
        assert old is not None
        assert (old.cum_qty, old.status) == (
            1,
            OrderStatus.REPLACED if is_taken else OrderStatus.PARTIALLY_FILLED,
        )
        told = {(e.client_id, e.cum_qty) for e in built.sink.executions()}
        assert told == ({(A, 1), (A1, 1)} if is_taken else {(A, 1)})
    async with rig(settings_for(port), log) as built:
        assert {(e.client_id, e.cum_qty) for e in built.sink.executions()} == told


async def test_two_orders_of_one_change_are_both_found_and_told(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        old = await built.gateway.submit(limit(A, Side.BUY, "0.05", qty="2"), built.check)
        simulated.gateway.orders.modifies_to_double = 1
        new = await built.gateway.replace(A, A1, price("0.10"), built.check)
        assert new.client_id == A1
        assert new.venue_order_id not in (old.venue_order_id, f"{old.venue_order_id}.1")
        assert new.replaces == old.venue_order_id
        live = await built.gateway.orders(OrderQuery(open_only=True))
        assert {(r.client_id, r.venue_order_id, r.limit_price) for r in live} == {
            (A, old.venue_order_id, Decimal("0.05")),
            (A1, new.venue_order_id, Decimal("0.10")),
        }
        assert built.sink.last_status(A) is OrderStatus.ACCEPTED
        simulated.control.fill(old.venue_order_id, Decimal(1), Decimal("0.05"))
        simulated.control.fill(new.venue_order_id, Decimal(2), Decimal("0.10"))
        await eventually(lambda: built.sink.last_status(A1) is OrderStatus.FILLED)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.PARTIALLY_FILLED)
        told = {(e.client_id, e.last_qty, e.cum_qty) for e in built.sink.executions()}
        assert told == {(A, 1, 1), (A1, 2, 2)}
        with pytest.raises(Refused):
            await built.gateway.replace(A, A2, price("0.07"), built.check)
        await built.gateway.cancel(A, built.check)


async def test_the_log_of_the_first_release_is_opened(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        await built.gateway.replace(A, A1, price("0.10"), built.check)
        change = built.send_log.revisions.find(A1)
        assert change is not None
        assert change.fate is Fate.TAKEN
