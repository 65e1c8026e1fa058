"""What the adapter's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.common.adapter.fence_store import FenceClaim
from services.common.runtime.blocking import BlockingPool


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
