"""Corrected and busted executions at IB: told as what they are, live and to a later process."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from services.common.adapter.port import ExecutionQuery
from services.common.contract.convert import execution_from_wire, execution_to_wire
from services.common.domain.executions import ExecType, Execution
from services.common.domain.order import Order
from services.common.domain.order_events import ExecutionReported, Placement, PlacementPlanned
from services.common.domain.order_status import OrderStatus
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    A,
    Rig,
    crossing,
    eventually,
    rig,
    settings_for,
)

Simulated = tuple[SimulatedIbGateway, int]


async def filled(built: Rig) -> str:
    """Sell two, and wait for the fill; its id."""
    await built.gateway.submit(crossing(A, "2"), built.check)
    await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
    return built.sink.executions()[0].exec_id


def booked(built: Rig, executions: list[Execution]) -> Order:
    """What an order comes to by executions that went over the contract."""
    order_spec = crossing(A.split("~")[0], "2")
    order = Order("main", order_spec, order_spec.content_hash())
    placement = Placement(A, "ib", Decimal(2), built.send_log.created)
    order, _ = order.apply(PlacementPlanned(placement))
    for execution in executions:
        passed_on = execution_from_wire(execution_to_wire(execution))
        order, _ = order.apply(ExecutionReported(A, passed_on))
    return order


async def test_a_corrected_price_is_told_and_booked_in_place_of_the_first(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        first = await filled(built)
        simulated.control.do("correct_execution", exec_id=first, px="8.60")
        await eventually(lambda: len({e.exec_id for e in built.sink.executions()}) == 2)
        correction = built.sink.executions()[-1]
        assert (correction.exec_type, correction.exec_ref_id) == (ExecType.CORRECT, first)
        order = booked(built, built.sink.executions())
        assert (order.cum_qty, order.avg_px) == (2, Decimal("8.60"))
        assert built.sink.sessions() == ["session-1"]


async def test_a_bust_is_told_and_takes_the_fill_away(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        first = await filled(built)
        simulated.control.do("bust_execution", exec_id=first)
        await eventually(lambda: built.sink.executions()[-1].exec_type is ExecType.BUST)
        assert built.sink.executions()[-1].exec_ref_id == first
        assert booked(built, built.sink.executions()).cum_qty == 0


async def test_a_correction_that_a_later_process_reads_names_what_it_corrects(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        first = await filled(built)
        before = list(built.sink.executions())
    simulated.control.do("correct_execution", exec_id=first, px="8.60")
    async with rig(settings_for(port), log) as later:
        await eventually(lambda: bool(later.sink.executions()))
        listed = list(await later.gateway.executions(ExecutionQuery()))
        for told in (later.sink.executions(), listed):
            assert told[-1].exec_ref_id in (first, "")
            order = booked(later, [*before, *told, *told])
            assert (order.cum_qty, order.avg_px) == (2, Decimal("8.60"))
