"""The change of the day at the Gateway: what its lists no longer show, and what stays."""

from datetime import datetime
from decimal import Decimal

import pytest

from simulators.ib_gateway.days import completed_since, executions_since
from simulators.venue.trading_calendar import NEW_YORK
from tests.simulators.gateways import EXECUTION, OPEN_ORDER, Client, gateway

COMPLETED = "101"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


async def lists(client: Client) -> tuple[int, int, int]:
    """How many executions, completed and open orders are listed."""
    executed = await client.answers("55", 7, 3, 90, *[""] * 7)
    completed = await client.answers("102", 99, 0)
    opened = await client.answers("53", 16, 1)
    kinds = [(executed, EXECUTION), (completed, COMPLETED), (opened, OPEN_ORDER)]
    one, two, three = ([m[0] for m in answer].count(kind) for answer, kind in kinds)
    return one, two, three


async def test_at_midnight_executions_and_completed_orders_are_gone_and_open_ones_stay() -> None:
    async with gateway(cash=Decimal(1_000_000)) as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("8.5", "filled"), "Filled")
        await client.status(client.place("20", "rests", tif="GTC"), "Submitted")
        simulated.control.set_clock(at("2024-11-04T23:59:00"))
        assert await lists(client) == (1, 1, 1)
        simulated.control.set_clock(at("2024-11-05T00:00:00"))
        assert await lists(client) == (0, 0, 1)
        assert len(simulated.control.ledger()["executions"]) == 1
        positions = [m for m in await client.answers("62", 61, 1) if m[0] == "61"]
        assert [m[14] for m in positions] == ["-1"]


async def test_a_day_order_that_ended_at_the_close_is_completed_until_midnight() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "day"), "Submitted")
        simulated.control.set_clock(at("2024-11-04T20:30:00"))
        await client.status(1, "Cancelled")
        assert await lists(client) == (0, 1, 0)
        simulated.control.set_clock(at("2024-11-05T00:01:00"))
        assert await lists(client) == (0, 0, 0)


async def test_the_day_can_be_forgotten_at_once() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("8.5", "filled"), "Filled")
        simulated.control.do("forget_day")
        assert await lists(client) == (0, 0, 0)
        await client.status(client.place("223", symbol="AAPL", action="BUY", ref="next"), "Filled")
        assert await lists(client) == (1, 1, 0)


@pytest.mark.parametrize(
    ("now", "executions", "completed"),
    [
        ("2024-11-04T10:00", "2024-11-04", "2024-11-04"),
        ("2024-11-05T00:00", "2024-11-05", "2024-11-05"),
        ("2024-11-09T12:00", "2024-11-09", "2024-11-08"),
        ("2024-11-10T23:59", "2024-11-10", "2024-11-08"),
        ("2024-11-28T09:00", "2024-11-28", "2024-11-27"),
        ("2024-11-11T00:00", "2024-11-11", "2024-11-11"),
    ],
)
def test_a_trading_day_lasts_over_a_weekend_for_completed_orders_only(
    now: str, executions: str, completed: str
) -> None:
    assert executions_since(at(now)) == at(executions)
    assert completed_since(at(now)) == at(completed)
