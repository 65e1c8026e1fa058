"""A small server and a client of it."""

from __future__ import annotations

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
    async with TandemClient(server.address, connect_timeout_s=1) as opened:
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
