"""A small server, a client of it, and the command against it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from tandem_client import (
    OrderSpec,
    OrderType,
    PositionIntent,
    Side,
    TandemClient,
    TimeInForce,
    parse_symbol,
)
from tandem_client.command import main

from tests.unit.client.running import Ran, Tandem
from tests.unit.client.small_server import SYMBOL, SmallBroker, SmallServer


@pytest.fixture
async def server() -> AsyncIterator[SmallServer]:
    running = SmallServer()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def broker(server: SmallServer) -> SmallBroker:
    return server.broker


@pytest.fixture
async def client(server: SmallServer) -> AsyncIterator[TandemClient]:
    async with TandemClient(server.address, connect_timeout_s=4) as opened:
        yield opened


@pytest.fixture
def spec() -> OrderSpec:
    return OrderSpec(
        client_order_id="my-1",
        instrument=parse_symbol(SYMBOL),
        side=Side.SELL,
        position_intent=PositionIntent.SELL_TO_OPEN,
        order_qty=Decimal(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        limit_price=Decimal("8.50"),
    )


@pytest.fixture
def tandem(
    server: SmallServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Tandem:
    """Run the command in a thread of its own, with the addresses in the environment."""
    monkeypatch.setenv("TANDEM_ADDRESS", server.address)
    monkeypatch.setenv("TANDEM_OPERATIONS_ADDRESS", server.address)
    monkeypatch.delenv("TANDEM_ACCOUNT", raising=False)

    async def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = await asyncio.to_thread(main, arguments)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run
