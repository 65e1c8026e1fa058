"""What the integration tests of the Interactive Brokers adapter share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.simulators.gateways import gateway_on_port

Simulated = tuple[SimulatedIbGateway, int]


@pytest.fixture
async def ib() -> AsyncIterator[Simulated]:
    """A simulated Gateway of its own for one test, and its port."""
    async with gateway_on_port() as running:
        yield running


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the send log is."""
    return tmp_path / "sends.sqlite"
