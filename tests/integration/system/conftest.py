"""Three processes for the tests of one module, which leave them as they found them: well."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.system.trio import Trio, left_well


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trio]:
    """One trio for a whole module."""
    async with Trio.running(tmp_path_factory.mktemp("trio")) as trio:
        yield trio


@pytest_asyncio.fixture(loop_scope="module")
async def trio(running: Trio) -> AsyncIterator[Trio]:
    """The module's trio, as each test finds and leaves it."""
    async with left_well(running):
        yield running
