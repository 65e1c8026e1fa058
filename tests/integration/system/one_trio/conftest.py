"""One trio for all modules of this folder: each leaves it well, and names its orders apart."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.system.trio import Trio, left_well


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trio]:
    """One trio for the folder."""
    async with Trio.running(tmp_path_factory.mktemp("trio")) as trio:
        yield trio


@pytest_asyncio.fixture(loop_scope="package")
async def trio(running: Trio) -> AsyncIterator[Trio]:
    """The folder's trio, as each test finds and leaves it."""
    async with left_well(running):
        yield running
