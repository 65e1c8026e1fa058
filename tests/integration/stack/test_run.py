"""`python -m stack run`: stays up, brings killed services back, and goes on where it was."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from decimal import Decimal
from pathlib import Path

import aiohttp
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
    new_traceparent,
    parse_symbol,
)

from stack.traces import TraceCollector
from tests.integration.stack.stack_process import StackProcess, leftovers

_BROKERS = ("alpaca", "ib")
_PARTS = ("router", "operations", *(b + p for b in _BROKERS for p in ("", "-adapter", "-control")))
ANY_PORTS = [argument for part in _PARTS for argument in (f"--{part}-port", "0")]
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
async def test_a_killed_service_comes_back_and_the_next_run_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "state"
    options = ("--state", str(state), "--restart-after", "0.2", *ANY_PORTS)
    async with await StackProcess.start("run", *options) as first:
        await first.hear("forget all when they end")
        os.kill(pid_of(first, "router"), signal.SIGKILL)
        await first.hear("the router has ended (killed by SIGKILL); it starts again in 0.2 s")
        first.forget()
        await first.hear("router (process")
        async with TandemClient(router_of(first)) as client:
            await opens(client)
            order = await client.submit_and_wait(SPEC, 20)
        assert order.status is OrderStatus.FILLED

        # A simulated venue that has ended knows nothing of its orders: that can't go on.
        os.kill(pid_of(first, "simulated Alpaca"), signal.SIGKILL)
        assert await first.end() == 1
    assert "stack: the simulated Alpaca has ended by itself (killed by SIGKILL)" in first.said
    assert first.survivors() == []

    async with (
        TraceCollector() as collector,
        await StackProcess.start(
            "run", *options, "--metrics", "--otlp", collector.endpoint
        ) as second,
    ):
        await second.hear("make run ARGS=--fresh")
        await read_metrics(second, "router", "Alpaca adapter", "IB adapter")
        trace = new_traceparent()
        async with TandemClient(router_of(second), traceparent=lambda: trace) as client:
            again = await client.order("my-1")
        assert again.lookup is OrderLookup.FOUND
        assert again.order is not None
        await collector.wait_for(trace.split("-")[1], bool, 20)
        assert (again.order.status, again.order.avg_px) == (OrderStatus.FILLED, Decimal("8.5"))
        second.signal(signal.SIGINT)
        assert await second.end() == 130, second.said
    assert second.survivors() == []
    assert "logs" in leftovers(state)


async def read_metrics(run: StackProcess, *names: str) -> None:
    """Each service has said where its metrics are, and they are there."""
    async with aiohttp.ClientSession() as session:
        for name in names:
            found = re.search(rf"{name} \(.*, its metrics on (http://\S+)", run.said)
            assert found is not None, run.said
            async with session.get(found.group(1), raise_for_status=True) as reply:
                assert "tandem_event_loop_lag_seconds" in await reply.text()


async def opens(client: TandemClient) -> None:
    """Wait until orders can be sent."""
    async with asyncio.timeout(30):
        while not all(venue.ready for venue in (await client.status()).venues):
            await asyncio.sleep(0.05)
