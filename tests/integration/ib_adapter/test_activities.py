"""Assignments, exercises and expirations at IB: derived, told once, and never taken for trades."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from services.common.adapter.port import ActivityQuery, ExecutionQuery
from services.common.domain.activities import Activity, ActivityType
from services.common.domain.amounts import Money
from services.common.domain.executions import Side
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    PUT,
    SPY,
    A,
    Rig,
    crossing,
    eventually,
    limit,
    rig,
    settings_for,
)

Simulated = tuple[SimulatedIbGateway, int]
QUICK = {"orders": {"positions_s": 0.2}, "settling_s": 0.4}
# They are a quarter of the settling time apart, at least.
LOOKS = 8
SYMBOL = "SPY241115P00400000"
_T = ActivityType


def told(built: Rig) -> list[Activity]:
    return [event for event in built.sink.events if isinstance(event, Activity)]


async def listed(built: Rig) -> Sequence[Activity]:
    return await built.gateway.activities(ActivityQuery())


def short(activities: Sequence[Activity]) -> list[tuple[object, ...]]:
    return [
        (a.activity_type, a.instrument and a.instrument.key, a.qty, a.price) for a in activities
    ]


async def seen(built: Rig, qty: int) -> None:
    """Wait until the position was stated, so that its end will be noticed."""
    log = built.send_log.activities
    await eventually(lambda: PUT.key in log.seen and log.seen[PUT.key].qty == qty)


async def looked_often(simulated: SimulatedIbGateway) -> None:
    """Wait until the adapter has looked at its positions for longer than it takes to settle."""

    def looks() -> int:
        return sum(entry.method == "reqPositions" for entry in simulated.control.requests())

    enough = looks() + LOOKS
    await eventually(lambda: looks() >= enough)


async def test_an_assignment_is_told_with_its_shares_at_the_strike_and_is_no_trade(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **QUICK), log) as built:
        await built.gateway.submit(crossing(A, "2"), built.check)
        await seen(built, -2)
        simulated.control.do("assign", symbol=SYMBOL, qty="2")
        await eventually(lambda: len(told(built)) == 2)
        assert short(told(built)) == [
            (_T.ASSIGNMENT, PUT.key, 2, 0),
            (_T.OPTION_DELIVERY, "SPY", 200, 400),
        ]
        option, shares = told(built)
        assert option.group_id == shares.group_id != ""
        assert shares.net_amount == Money(Decimal(-80_000), "USD")
        assert (
            len(built.sink.executions()) == len({e.exec_id for e in built.sink.executions()}) == 1
        )
        assert len(await built.gateway.executions(ExecutionQuery())) == 1
        await looked_often(simulated)
        assert len(told(built)) == 2


async def test_an_exercise_gives_the_shares_away(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **QUICK), log) as built:
        for client_id, instrument, qty in ((A, PUT, "1"), ("b~sim~1.0", SPY, "100")):
            order = limit(client_id, Side.BUY, "600", qty=qty, instrument=instrument)
            await built.gateway.submit(order, built.check)
        await seen(built, 1)
        simulated.control.do("exercise", symbol=SYMBOL)
        await eventually(lambda: len(told(built)) == 2)
        assert short(told(built)) == [
            (_T.EXERCISE, PUT.key, -1, 0),
            (_T.OPTION_DELIVERY, "SPY", -100, 400),
        ]


async def test_what_was_told_is_listed_by_a_later_process_and_not_told_again(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **QUICK), log) as built:
        await built.gateway.submit(crossing(A, "1"), built.check)
        await seen(built, -1)
        simulated.control.do("assign", symbol=SYMBOL)
        await eventually(lambda: len(told(built)) == 2)
        before = await listed(built)
    async with rig(settings_for(port, **QUICK), log) as later:
        await looked_often(simulated)
        assert told(later) == []
        assert await listed(later) == before
        only = ActivityQuery(activity_types=(_T.ASSIGNMENT,))
        assert short(await later.gateway.activities(only)) == [(_T.ASSIGNMENT, PUT.key, 1, 0)]


async def test_an_option_that_expired_while_nobody_listened_is_told_once(
    ib: Simulated, log: Path
) -> None:
    """No list has its execution any more: the position is gone, and nothing came for it."""
    simulated, port = ib
    out_of_the_money = limit(A, Side.SELL, "8.00")
    async with rig(settings_for(port, **QUICK), log) as built:
        await built.gateway.submit(out_of_the_money, built.check)
        await seen(built, -1)
    simulated.control.do("expire", symbol=SYMBOL)
    simulated.control.advance_clock(20 * 86_400)
    simulated.control.do("forget_day")
    async with rig(settings_for(port, **QUICK), log) as later:
        await eventually(lambda: bool(told(later)))
        await looked_often(simulated)
        assert short(told(later)) == [(_T.EXPIRATION, PUT.key, 1, 0)]
        assert told(later)[0].raw_type == "position"
    async with rig(settings_for(port, **QUICK), log) as again:
        await looked_often(simulated)
        assert told(again) == []
        assert len(await listed(again)) == 1


async def test_an_assignment_that_nobody_heard_of_is_found_by_the_shares(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **QUICK), log) as built:
        await built.gateway.submit(crossing(A, "1"), built.check)
        await seen(built, -1)
    simulated.control.do("assign", symbol=SYMBOL)
    simulated.control.advance_clock(86_400)
    simulated.control.do("forget_day")
    async with rig(settings_for(port, **QUICK), log) as later:
        await eventually(lambda: len(told(later)) == 2)
        assert short(told(later)) == [
            (_T.ASSIGNMENT, PUT.key, 1, 0),
            (_T.OPTION_DELIVERY, "SPY", 100, 400),
        ]
        assert told(later)[0].raw_type == "position"


async def test_a_position_that_was_traded_away_is_no_activity(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port, **QUICK), log) as built:
        await built.gateway.submit(crossing(A, "1"), built.check)
        await seen(built, -1)
        back = limit("b~sim~1.0", Side.BUY, "9.00")
        await built.gateway.submit(back, built.check)
        await eventually(lambda: PUT.key not in built.send_log.activities.seen)
        await looked_often(simulated)
        assert told(built) == []
