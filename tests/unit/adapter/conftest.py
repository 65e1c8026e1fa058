"""What the adapter's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.common.adapter.fence_store import FenceClaim
from services.common.runtime.blocking import BlockingPool
from tests.unit.adapter.served import Served, serve, settings


@pytest.fixture
async def pool() -> AsyncIterator[BlockingPool]:
    pool = BlockingPool(4, slot_wait_s=1.0, name="test")
    yield pool
    await pool.close(timeout_s=2.0)


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "fence.db"


@pytest.fixture
def claim() -> Callable[..., FenceClaim]:
    def make(
        epoch: int = 1, *, journal_id: str = "j1", generation: int = 1, head: int = 10
    ) -> FenceClaim:
        return FenceClaim(journal_id, generation, epoch, head, bytes([head % 256]) * 32)

    return make


@pytest.fixture
async def served(tmp_path: Path, pool: BlockingPool) -> AsyncIterator[Served]:
    """A routed adapter with a venue session, not fenced yet."""
    async with serve(settings(tmp_path), pool) as world:
        world.gateway.begin_session()
        yield world


@pytest.fixture
async def stand_alone(tmp_path: Path, pool: BlockingPool) -> AsyncIterator[Served]:
    """An adapter that takes orders without a router, with a venue session."""
    async with serve(settings(tmp_path, stand_alone=True), pool) as world:
        world.gateway.begin_session()
        yield world
