"""Multi-leg orders through the gateway, against the simulated Gateway."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.adapter.port import ExecutionQuery, OrderQuery
from services.common.domain.errors import InvalidRequest
from services.common.domain.executions import Execution, Side
from services.common.domain.fills import average_px, filled_qty
from services.common.domain.occ import parse_occ
from services.common.domain.order_rules import check_order
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    OrderLeg,
    OrderType,
    PositionIntent,
    TimeInForce,
)
from services.common.domain.reports import Lookup
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    PUT,
    A,
    Rig,
    eventually,
    fault,
    found,
    orders_there,
    placed,
    rig,
    settings_for,
)
from tests.integration.ib_adapter.test_families import ended

Simulated = tuple[SimulatedIbGateway, int]
S = OrderStatus
LOWER = parse_occ("SPY241115P00390000")


def spread(price: str, *, closes: bool = False, qty: str = "1", ratio: int = 1) -> OrderSpec:
    """The lower put bought and the upper put sold, or the other way round to close it."""
    sides = (
        (LOWER, Side.SELL if closes else Side.BUY, ratio),
        (PUT, Side.BUY if closes else Side.SELL, 1),
    )
    word = "CLOSE" if closes else "OPEN"
    legs = tuple(
        OrderLeg(contract, side, PositionIntent(f"{side.value}_TO_{word}"), number)
        for contract, side, number in sides
    )
    spec = OrderSpec(
        A,
        OptionCombo(legs),
        Side.BUY,
        Decimal(qty),
        OrderType.LIMIT,
        TimeInForce.DAY,
        limit_price=Decimal(price),
        order_class=OrderClass.MULTI_LEG,
    )
    check_order(spec, placement=True)
    return spec


def legs_told(built: Rig) -> list[tuple[str, str, str]]:
    return sorted(
        (e.instrument.key, e.side.value, str(e.last_qty)) for e in built.sink.executions()
    )


async def test_a_spread_rests_and_is_read_back_with_its_legs(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        spec = spread("-9.50")
        report = await built.gateway.submit(spec, built.check)
        assert report.status is S.ACCEPTED
        assert (report.order_class, report.instrument) == (OrderClass.MULTI_LEG, spec.instrument)
        assert (report.side, report.limit_price) == (Side.BUY, Decimal("-9.5"))
        assert (report.order_type, report.order_qty) == (OrderType.LIMIT, Decimal(1))
        [listed] = await built.gateway.orders(OrderQuery())
        assert listed.venue_order_id == report.venue_order_id
        assert len(placed(simulated)) == 1
        await built.gateway.cancel(A, built.check)
        await ended(built, A, S.CANCELED)


async def test_each_leg_is_an_execution_and_the_whole_is_none(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        spec = spread("-3.40", qty="2")
        await built.gateway.submit(spec, built.check)
        await ended(built, A, S.FILLED)
        assert legs_told(built) == [(LOWER.key, "BUY", "2"), (PUT.key, "SELL", "2")]
        executions = built.sink.executions()
        assert {e.client_id for e in executions} == {A}
        assert filled_qty(spec.instrument, executions) == 2
        assert (average_px(spec.instrument, executions) or 0) <= Decimal("-3.40")
        told = [type(event) for event in built.sink.events]
        last_fill = max(i for i, kind in enumerate(told) if kind is Execution)
        [filled] = [r for r in built.sink.reports(A) if r.status is S.FILLED]
        assert built.sink.events.index(filled) > last_fill, "the legs before the end"
        assert filled.cum_qty == 2
        listed = await built.gateway.executions(ExecutionQuery())
        assert sorted(e.exec_id for e in listed) == sorted(e.exec_id for e in executions)


async def test_legs_have_their_ratios(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        spec = spread("9.80", ratio=2)
        await built.gateway.submit(spec, built.check)
        await ended(built, A, S.FILLED)
        assert legs_told(built) == [(LOWER.key, "BUY", "2"), (PUT.key, "SELL", "1")]
        assert filled_qty(spec.instrument, built.sink.executions()) == 1
        assert built.sink.reports(A)[-1].cum_qty == 1
        assert built.gateway.session_id == "session-1", "no leg is missed"


async def test_a_spread_is_closed_by_a_spread(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await built.gateway.submit(spread("-3.40"), built.check)
        await ended(built, A, S.FILLED)
        close = replace(spread("4.20", closes=True), client_order_id="b~sim~1.0")
        await built.gateway.submit(close, built.check)
        await ended(built, "b~sim~1.0", S.FILLED)
        assert await built.gateway.positions() == []


async def test_what_filled_while_nobody_listened_is_told_after_a_restart(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(spread("-9.50"), built.check)
    simulated.control.set_quote(LOWER.occ, Decimal("1.00"), Decimal("1.10"))
    simulated.control.set_quote(PUT.occ, Decimal("11.00"), Decimal("11.10"))
    await eventually(lambda: orders_there(simulated)[0]["status"] == "filled")
    async with rig(settings_for(port), log) as later:
        await ended(later, A, S.FILLED)
        assert legs_told(later) == [(LOWER.key, "BUY", "1"), (PUT.key, "SELL", "1")]
        result = await found(later, A, Lookup.FOUND)
        assert result.report is not None
        assert result.report.order_class is OrderClass.MULTI_LEG
        again = await later.gateway.submit(spread("-9.50"), later.check)
        assert again.status is S.FILLED
        assert len(placed(simulated)) == 1


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_legs_that_are_lost_are_fetched(ib: Simulated, log: Path, lost: int) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        fault(simulated, "drop", event="execDetails", times=lost)
        await built.gateway.submit(spread("-3.40"), built.check)
        await ended(built, A, S.FILLED)
        assert legs_told(built) == [(LOWER.key, "BUY", "1"), (PUT.key, "SELL", "1")]


async def test_legs_of_two_underlyings_are_refused_by_name(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        spec = spread("-3.40")
        assert isinstance(spec.instrument, OptionCombo)
        other = replace(spec.instrument.legs[0], contract=parse_occ("QQQ241115P00390000"))
        mixed = replace(spec, instrument=OptionCombo((other, spec.instrument.legs[1])))
        with pytest.raises(InvalidRequest) as error:
            await built.gateway.submit(mixed, built.check)
        assert error.value.field == "order.legs"
        assert placed(simulated) == []


async def test_a_preview_of_a_spread_is_answered(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        preview = await built.gateway.preview(spread("-3.40"))
        assert preview.initial_margin_change is not None
        assert preview.cash_effect is not None
        assert preview.cash_effect.amount == 340
        assert orders_there(simulated) == []


async def test_a_cancel_of_all_of_a_leg_reaches_the_spread(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await built.gateway.submit(spread("-9.50"), built.check)
        outcome = await built.gateway.cancel_all(LOWER, built.check)
        assert [report.client_id for report in outcome.asked] == [A]
        await ended(built, A, S.CANCELED)
