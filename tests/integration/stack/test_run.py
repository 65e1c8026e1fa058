"""`python -m stack run`: stays up, tells of a dead part, and goes on where it was."""

from __future__ import annotations

import os
import re
import signal
from decimal import Decimal
from pathlib import Path

import pytest
from tandem_client import (
    OrderLookup,
    OrderSpec,
    OrderStatus,
    OrderType,
    PositionIntent,
    Side,
    TandemClient,
    TimeInForce,
    parse_symbol,
)

from tests.integration.stack.stack_process import StackProcess, leftovers

ANY_PORTS = [
    argument
    for part in ("router", "operations", "adapter", "simulator", "control")
    for argument in (f"--{part}-port", "0")
]
SPEC = OrderSpec(
    client_order_id="my-1",
    instrument=parse_symbol("SPY241115P00400000"),
    side=Side.SELL,
    position_intent=PositionIntent.SELL_TO_OPEN,
    order_qty=Decimal(1),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.DAY,
    limit_price=Decimal("8.50"),
)


def router_of(run: StackProcess) -> str:
    found = re.search(r"TANDEM_ADDRESS=(\S+)", run.said)
    assert found is not None
    return found.group(1)


def pid_of(run: StackProcess, name: str) -> int:
    found = re.search(rf"{name} \(process (\d+)\)", run.said)
    assert found is not None
    return int(found.group(1))


@pytest.mark.timeout(200)
async def test_a_dead_part_ends_the_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with await StackProcess.start("run", "--state", str(state), *ANY_PORTS) as first:
        await first.hear("forgets all when it ends")
        async with TandemClient(router_of(first)) as client:
            order = await client.submit_and_wait(SPEC, 20)
        assert order.status is OrderStatus.FILLED
        os.kill(pid_of(first, "Alpaca adapter"), signal.SIGKILL)
        assert await first.end() == 1
    assert "stack: the Alpaca adapter has ended by itself (killed by SIGKILL)" in first.said
    assert first.survivors() == []

    async with await StackProcess.start("run", "--state", str(state), *ANY_PORTS) as second:
        await second.hear("make run ARGS=--fresh")
        async with TandemClient(router_of(second)) as client:
            again = await client.order("my-1")
        assert again.lookup is OrderLookup.FOUND
        assert again.order is not None
        assert (again.order.status, again.order.avg_px) == (OrderStatus.FILLED, Decimal("8.5"))
        second.signal(signal.SIGINT)
        assert await second.end() == 130, second.said
    assert second.survivors() == []
    assert "logs" in leftovers(state)
