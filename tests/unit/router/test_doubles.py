"""Two orders that a venue works for one: told to a person, entries stop, and one is ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import OrderReport
from services.router.journal.records import TradingState
from services.router.routing.revising import Asked
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, takes_replace
from tests.unit.router.test_intake import PLACED, fill, word


def works_both(
    port: ScriptedPort, placement_id: str, revision_id: str, change: OrderChange
) -> OrderReport:
    """The change becomes a second order, and the old one works on (NautilusTrader #4564)."""
    old = port.knows[placement_id]
    revision = takes_replace(port, placement_id, revision_id, change)
    port.knows[placement_id] = old
    return revision


def twin(status: OrderStatus, signal: Signal, cum: str = "0") -> OrderReport:
    return word(status, signal, cum, venue_order_id="v-second")


async def replaced(running: Running) -> None:
    change = OrderChange(limit_price=Decimal("8.40"))
    await running.core.desk.replace("main", "o-1", Asked("r-1", change))


def state(running: Running) -> tuple[Any, ...]:
    gate = running.core.books.trading_state("main")
    return gate, len(running.alerts("ORDER_DOUBLED"))


@virtual
async def test_a_change_that_becomes_a_second_order_is_alarmed_and_canceled(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=works_both)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await replaced(running)
        assert state(running) == (TradingState.ACTIVE, 0)  # it may be so for a moment
        await until(lambda: port.canceled)
        assert port.canceled[0] == "o-1~al~1.1"
        assert state(running) == (TradingState.REDUCING, 1)
        await asyncio.sleep(120)
        assert state(running) == (TradingState.REDUCING, 1)


@virtual
async def test_a_replace_that_takes_its_time_is_no_fault(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=works_both)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await replaced(running)
        await asyncio.sleep(5)
        port.knows[PLACED] = replace(
            port.knows[PLACED], status=OrderStatus.REPLACED, signal=Signal.REPLACED
        )
        await asyncio.sleep(120)
        assert state(running) == (TradingState.ACTIVE, 0)
        assert port.canceled == []


@virtual
async def test_a_second_order_under_one_placement_is_alarmed_and_all_of_it_canceled(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        second = twin(OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
        for _ in range(2):
            running.core.intake.take_report(second)
        assert state(running) == (TradingState.REDUCING, 1)
        await until(lambda: port.canceled)
        assert set(port.canceled) == {PLACED}


@virtual
async def test_fills_of_both_orders_are_booked(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.intake.take_report(twin(OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED))
        running.core.intake.take_execution(fill("e-1", "4", "4"))
        running.core.intake.take_execution(fill("e-2", "4", "4", venue_order_id="v-second"))
        assert running.order().order.cum_qty == 8
        assert [p.qty for p in running.core.books.held("main")] == [-8]


@virtual
async def test_after_a_restart_a_second_order_is_still_ended(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", swallows_cancels=True)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        running.core.intake.take_report(twin(OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED))
    asked = len(port.canceled)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await until(lambda: len(port.canceled) > asked)
        assert len(running.alerts("ORDER_DOUBLED")) == 1  # that of before


@virtual
async def test_once_the_second_order_has_ended_the_first_is_left_alone(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.intake.take_report(twin(OrderStatus.CANCELED, Signal.CANCELED))
        assert state(running) == (TradingState.ACTIVE, 0)
        assert not running.core.intake.is_doubled(PLACED)
