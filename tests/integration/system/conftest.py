"""Three processes for the tests of one module, which leave them as they found them: well."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.system.trio import Trio


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trio]:
    """One trio for a whole module."""
    async with Trio.running(tmp_path_factory.mktemp("trio")) as trio:
        yield trio


@pytest_asyncio.fixture(loop_scope="module")
async def trio(running: Trio) -> AsyncIterator[Trio]:
    """The module's trio, open for entries before a test, its books compared after it."""
    await running.open_for_entries()
    yield running
    await running.venue.clear_faults()
    await running.open_for_entries()
    await running.books_agree()
