"""What the router's tests share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from services.router.journal.postgres import PostgresJournal
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.store import JournalStore

OpenStore = Callable[[], JournalStore]
"""Opens the same journal each time, as a router does that is started again."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.db"


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    """A journal of each kind: what holds for one holds for the other."""
    if request.param == "sqlite":
        return partial(SqliteJournal, request.getfixturevalue("path"))
    return partial(PostgresJournal, request.getfixturevalue("journal_dsn"))
