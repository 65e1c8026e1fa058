"""Replaces of orders with exits, of exits, and of multi-leg orders, at the simulated Gateway."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderChange, OrderClass, StopLoss
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import A, eventually, orders_there, rig, settings_for
from tests.integration.ib_adapter.test_combos import spread
from tests.integration.ib_adapter.test_families import (
    EXITS,
    TAKE,
    bracket,
    ended,
    held,
    listed,
    market,
    pair,
    qty_held,
)

Simulated = tuple[SimulatedIbGateway, int]
S = OrderStatus
A1 = "a~sim~1.1"
MOVED = f"{EXITS[1]}-moved"


async def test_a_bracket_and_its_exits_are_changed_and_stay_one_family(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        placed = await built.gateway.submit(bracket("300"), built.check)
        changed = await built.gateway.replace(
            A, A1, OrderChange(limit_price=Decimal(301)), built.check
        )
        assert (changed.client_id, changed.limit_price) == (A1, Decimal(301))
        assert (changed.order_class, changed.take_profit) == (OrderClass.BRACKET, TAKE)
        moved = await built.gateway.replace(
            EXITS[1], MOVED, OrderChange(stop_price=Decimal(365)), built.check
        )
        assert (moved.stop_price, moved.parent) == (Decimal(365), placed.venue_order_id)
        shown = await listed(built)
        assert shown[A1].stop_loss == StopLoss(Decimal(365))
        assert shown[EXITS[0]].parent == placed.venue_order_id
        entry = next(o for o in orders_there(simulated) if o["client_order_id"] == A)
        simulated.control.fill(entry["venue_order_id"])
        await ended(built, A1, S.FILLED)
        market(ib, "364")
        await ended(built, MOVED, S.FILLED)
        await ended(built, EXITS[0], S.CANCELED)
        assert await qty_held(built) == 0
        sold = [e for e in built.sink.executions() if e.side is Side.SELL]
        assert {(e.client_id, e.venue_order_id) for e in sold} == {(A, moved.venue_order_id)}


async def test_an_oco_that_was_changed_ends_whole(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await held(built)
        await built.gateway.submit(pair(), built.check)
        await eventually(lambda: built.sink.last_status(f"{A}..osl") is not None)
        changed = await built.gateway.replace(
            A, A1, OrderChange(limit_price=Decimal(440)), built.check
        )
        assert (changed.order_class, changed.limit_price) == (OrderClass.OCO, Decimal(440))
        await built.gateway.cancel(A1, built.check)
        await ended(built, A1, S.CANCELED)
        await ended(built, f"{A}..osl", S.CANCELED)


async def test_a_spread_that_was_changed_is_told_leg_by_leg(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await built.gateway.submit(spread("-9.50"), built.check)
        change = OrderChange(limit_price=Decimal("-3.40"))
        await built.gateway.replace(A, A1, change, built.check)
        await ended(built, A1, S.FILLED)
        told = {(e.client_id, e.side) for e in built.sink.executions()}
        assert told == {(A1, Side.BUY), (A1, Side.SELL)}
        assert built.gateway.session_id == "session-1"
