"""Brackets, OCO and OTO orders through the gateway, against the simulated Gateway."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.adapter.pacer import Priority
from services.common.adapter.port import ExecutionQuery, OrderQuery
from services.common.domain.errors import (
    OutcomeUnknown,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import (
    OrderClass,
    OrderType,
    StopLoss,
    TakeProfit,
    TimeInForce,
)
from services.common.domain.reports import Lookup, LookupResult, OrderReport
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    SPY,
    A,
    Rig,
    aged,
    eventually,
    fault,
    found,
    orders_there,
    placed,
    rig,
    settings_for,
)

Simulated = tuple[SimulatedIbGateway, int]

TAKE, STOP = TakeProfit(Decimal(430)), StopLoss(Decimal(370))
EXITS = [f"{A}..btp", f"{A}..bsl"]
S = OrderStatus


def bracket(price: str = "401", kind: OrderClass = OrderClass.BRACKET) -> OrderSpec:
    return OrderSpec(
        A,
        SPY,
        Side.BUY,
        Decimal(2),
        OrderType.LIMIT,
        TimeInForce.DAY,
        limit_price=Decimal(price),
        order_class=kind,
        take_profit=TAKE if kind is OrderClass.BRACKET else None,
        stop_loss=STOP,
    )


def pair() -> OrderSpec:
    return replace(
        bracket("430", OrderClass.OCO), side=Side.SELL, take_profit=TAKE, order_class=OrderClass.OCO
    )


async def held(built: Rig, qty: str = "2") -> None:
    """Buy what exits are for."""
    spec = OrderSpec("held~sim~1.0", SPY, Side.BUY, Decimal(qty), OrderType.MARKET, TimeInForce.DAY)
    await built.gateway.submit(spec, built.check)
    await eventually(lambda: built.sink.last_status(spec.client_order_id) is S.FILLED)


async def ended(built: Rig, client_id: str, status: OrderStatus) -> None:
    await eventually(lambda: built.sink.last_status(client_id) is status)


async def settled(built: Rig) -> LookupResult:
    """The look-up of the order once lists were read a second after its settling began."""
    async with asyncio.timeout(30):
        while True:
            result = await built.gateway.find_order(client_id=A)
            if (built.gateway.settled_for_s(A) or 0) > 1.0:
                return result
            await asyncio.sleep(0.05)


async def listed(built: Rig) -> dict[str, OrderReport]:
    return {r.client_id: r for r in await built.gateway.orders(OrderQuery())}


async def qty_held(built: Rig) -> Decimal:
    return sum((p.qty for p in await built.gateway.positions()), Decimal(0))


def market(simulated: Simulated, price: str) -> None:
    middle = Decimal(price)
    simulated[0].control.set_quote("SPY", middle - Decimal("0.02"), middle + Decimal("0.02"))


async def test_a_bracket_is_taken_whole_and_read_back_as_one_family(
    ib: Simulated, log: Path
) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        report = await built.gateway.submit(bracket("300"), built.check)
        assert report.status is S.ACCEPTED
        assert len(built.checks) == 1, "one last check for all of it"
        orders = await listed(built)
        head, exits = orders[A], [orders[ref] for ref in EXITS]
        assert (head.order_class, head.parent) == (OrderClass.BRACKET, "")
        assert (head.take_profit, head.stop_loss) == (TAKE, STOP)
        for exit_ in exits:
            assert exit_.parent == head.venue_order_id
            assert exit_.order_class is OrderClass.BRACKET
            assert (exit_.side, exit_.order_qty) == (Side.SELL, Decimal(2))
        assert [e.order_type for e in exits] == [OrderType.LIMIT, OrderType.STOP]
        assert (exits[0].limit_price, exits[1].stop_price) == (Decimal(430), Decimal(370))


async def test_canceling_a_bracket_ends_its_exits(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await built.gateway.submit(bracket("300"), built.check)
        await built.gateway.cancel(A, built.check)
        for ref in (A, *EXITS):
            await ended(built, ref, S.CANCELED)


@pytest.mark.parametrize(("price", "exit_"), [("431", EXITS[0]), ("369", EXITS[1])])
async def test_one_exit_fills_and_the_other_ends(
    ib: Simulated, log: Path, price: str, exit_: str
) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await built.gateway.submit(bracket(), built.check)
        await eventually(lambda: built.sink.last_status(A) is S.FILLED)
        market(ib, price)
        await eventually(lambda: built.sink.last_status(exit_) is S.FILLED)
        other = next(ref for ref in EXITS if ref != exit_)
        await eventually(lambda: built.sink.last_status(other) is S.CANCELED)
        assert await qty_held(built) == 0
        sold = [e for e in built.sink.executions() if e.side is Side.SELL]
        assert {e.client_id for e in sold} == {A}, "told under the order that they belong to"
        assert {e.venue_order_id for e in sold} == {built.sink.reports(exit_)[-1].venue_order_id}
        listed_too = await built.gateway.executions(ExecutionQuery())
        assert {e.client_id for e in listed_too} == {A}


async def test_an_oto_brings_its_exit_to_life(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        report = await built.gateway.submit(bracket("401", OrderClass.OTO), built.check)
        assert report.order_class is OrderClass.OTO
        await eventually(lambda: built.sink.last_status(A) is S.FILLED)
        market(ib, "369")
        await eventually(lambda: built.sink.last_status(f"{A}..tsl") is S.FILLED)
        assert await qty_held(built) == 0


async def test_an_oco_takes_profit_and_its_twin_ends(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await held(built)
        report = await built.gateway.submit(pair(), built.check)
        assert (report.order_class, report.status) == (OrderClass.OCO, S.ACCEPTED)
        assert (report.take_profit, report.stop_loss) == (TAKE, STOP)
        orders = await listed(built)
        assert orders[f"{A}..osl"].parent == report.venue_order_id
        market(ib, "431")
        await eventually(lambda: built.sink.last_status(A) is S.FILLED)
        await eventually(lambda: built.sink.last_status(f"{A}..osl") is S.CANCELED)
        assert await qty_held(built) == 0


async def test_canceling_an_oco_ends_both(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await held(built)
        await built.gateway.submit(pair(), built.check)
        await eventually(lambda: built.sink.last_status(f"{A}..osl") is not None)
        await built.gateway.cancel(A, built.check)
        for ref in (A, f"{A}..osl"):
            await ended(built, ref, S.CANCELED)
        methods = [entry.method for entry in ib[0].control.requests()]
        assert methods.count("cancelOrder") == 2, "IB's rule for groups is not relied on"


async def test_each_order_of_a_family_takes_its_share_of_the_budget(
    ib: Simulated, log: Path
) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        taken: list[Priority] = []

        class Counting:
            async def take(self, priority: Priority, *, within_s: float) -> None:
                taken.append(priority)

        built.gateway._parts.entry._pacer = Counting()  # type: ignore[assignment]
        await built.gateway.submit(bracket("300"), built.check)
        assert taken == [Priority.SUBMIT] * 2, "who called has taken the first"


async def test_an_exit_can_be_canceled_by_its_own_id(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await built.gateway.submit(bracket("401", OrderClass.OTO), built.check)
        await eventually(lambda: built.sink.last_status(A) is S.FILLED)
        await built.gateway.cancel(f"{A}..tsl", built.check)
        await eventually(lambda: built.sink.last_status(f"{A}..tsl") is S.CANCELED)
        assert await qty_held(built) == 2


async def test_the_twin_of_a_refused_oco_does_not_live_on(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await held(built)
        fault(
            simulated, "error", method="placeOrder", client_order_id_prefix=A, code=201,
            text="Order rejected", when="before", times=1,
        )  # fmt: skip
        report = await built.gateway.submit(pair(), built.check)
        assert report.status is S.REJECTED
        await eventually(
            lambda: all(
                order["status"] not in ("new", "accepted")
                for order in orders_there(simulated)
                if order["client_order_id"].startswith(A)
            )
        )
        assert f"{A}..osl" in placed(simulated)


async def test_a_refused_exit_is_told_and_its_order_lives(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        _refuse(simulated, EXITS[0])
        report = await built.gateway.submit(bracket("300"), built.check)
        assert report.status is S.ACCEPTED
        await ended(built, EXITS[0], S.REJECTED)
        [told] = built.sink.reports(EXITS[0])
        assert told.parent == report.venue_order_id
        assert built.sink.last_status(A) is S.ACCEPTED
        assert (await listed(built))[EXITS[1]].parent == report.venue_order_id


async def test_an_order_is_refused_with_the_exit_that_was_to_take_it_along(
    ib: Simulated, log: Path
) -> None:
    """IB transmits nothing before the last order of a family; the first must not wait for good."""
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        _refuse(simulated, EXITS[1])
        report = await built.gateway.submit(bracket("300"), built.check)
        assert report.status is S.REJECTED
        assert report.cause is not None
        assert "no such stop" in report.cause.message
        assert orders_there(simulated) == []
        assert await listed(built) == {}


def _refuse(simulated: SimulatedIbGateway, client_id: str) -> None:
    fault(
        simulated,
        "error",
        method="placeOrder",
        client_order_id_prefix=client_id,
        code=201,
        text="Order rejected - reason:no such stop",
        when="before",
        times=1,
    )


async def test_what_the_last_check_forbids_leaves_nothing_behind(ib: Simulated, log: Path) -> None:
    def forbid() -> None:
        raise Refused(Reason.STALE_EPOCH, "too late")

    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        with pytest.raises(Refused):
            await built.gateway.submit(bracket("300"), forbid)
        assert placed(simulated) == []
        report = await built.gateway.submit(bracket("300"), built.check)
        assert report.status is S.ACCEPTED, "the ids of all of it were taken back"


async def test_the_same_bracket_again_is_the_same_bracket(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        first = await built.gateway.submit(bracket("300"), built.check)
        again = await built.gateway.submit(bracket("300"), built.check)
        assert again.venue_order_id == first.venue_order_id
        assert len(placed(simulated)) == 3
    async with rig(settings_for(port), log) as later:
        again = await later.gateway.submit(bracket("300"), later.check)
        assert again.venue_order_id == first.venue_order_id
        assert (again.order_class, again.take_profit) == (OrderClass.BRACKET, TAKE)
        assert len(placed(simulated)) == 3


async def test_a_bracket_that_is_lost_in_parts_is_never_called_absent(
    ib: Simulated, log: Path
) -> None:
    """The connection ends with the first order in the Gateway, where it waits for the others."""
    simulated, port = ib
    await aged(log)
    async with rig(settings_for(port), log) as built:
        fault(
            simulated, "drop_request", method="placeOrder", client_order_id_prefix=EXITS[0],
            ends="close", times=1,
        )  # fmt: skip
        with pytest.raises((OutcomeUnknown, Unavailable)):
            await built.gateway.submit(bracket("300"), built.check)
        await eventually(lambda: not built.gateway.session_id)
        await built.in_sync()
        result = await settled(built)
        assert result.lookup is Lookup.UNKNOWN, result
    async with rig(settings_for(port), log) as later:
        result = await settled(later)
        assert result.lookup is Lookup.UNKNOWN, result


async def test_a_bracket_that_was_dropped_on_one_session_is_absent(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    await aged(log)
    async with rig(settings_for(port, **HASTY), log) as built:
        fault(
            simulated, "drop_request", method="placeOrder", client_order_id_prefix=A,
            ends="hang", times=3,
        )  # fmt: skip
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(bracket("300"), built.check)
        await found(built, A, Lookup.ABSENT)
