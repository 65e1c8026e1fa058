"""What of a position is free, by the orders that are open, against the simulated Gateway."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from services.common.domain.executions import Side
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import PUT, SPY, A, Rig, limit, rig, settings_for
from tests.integration.ib_adapter.test_combos import spread
from tests.integration.ib_adapter.test_families import S, bracket, ended, held, pair

Simulated = tuple[SimulatedIbGateway, int]
B = "b~sim~1.0"


async def free(built: Rig) -> dict[str, Decimal | None]:
    return {p.instrument.key: p.available_qty for p in await built.gateway.positions()}


async def test_open_exits_take_what_they_sell(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await held(built, "5")
        assert await free(built) == {SPY.key: 5}
        await built.gateway.submit(limit(A, Side.SELL, "640", instrument=SPY), built.check)
        await built.gateway.submit(limit(B, Side.BUY, "300", instrument=SPY), built.check)
        assert await free(built) == {SPY.key: 4}, "an entry takes nothing"


async def test_of_an_oco_one_exit_counts(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await held(built, "5")
        await built.gateway.submit(pair(), built.check)
        assert await free(built) == {SPY.key: 3}


async def test_exits_that_wait_for_their_order_take_nothing_and_later_once(
    ib: Simulated, log: Path
) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await held(built, "5")
        await built.gateway.submit(bracket("300"), built.check)
        assert await free(built) == {SPY.key: 5}
        ib[0].control.fill(A)
        await ended(built, A, S.FILLED)
        assert await free(built) == {SPY.key: 5}, "7 are held, and one exit may sell 2"


async def test_a_short_position_is_freed_by_buying(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await built.gateway.submit(limit(A, Side.SELL, "8.00", qty="2"), built.check)
        await ended(built, A, S.FILLED)
        assert await free(built) == {PUT.key: -2}
        await built.gateway.submit(limit(B, Side.BUY, "0.05"), built.check)
        assert await free(built) == {PUT.key: -1}


async def test_a_spread_takes_its_legs(ib: Simulated, log: Path) -> None:
    async with rig(settings_for(ib[1]), log) as built:
        await built.gateway.submit(spread("-3.40", qty="2"), built.check)
        await ended(built, A, S.FILLED)
        assert set((await free(built)).values()) == {Decimal(2), Decimal(-2)}
    async with rig(settings_for(ib[1]), log) as later:
        closing = spread("0.05", closes=True)
        await later.gateway.submit(replace(closing, client_order_id=B), later.check)
        assert set((await free(later)).values()) == {Decimal(1), Decimal(-1)}
