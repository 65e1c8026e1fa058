"""Opening a journal only to read it, by the name that an operator gives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from services.router.journal.postgres_reading import PostgresReader
from services.router.journal.sqlite_reading import SqliteReader
from services.router.journal.store import JournalReader

_DSN: Final = re.compile(r"postgres(ql)?://|\s*[a-z_]+\s*=")


def open_reader(name: str) -> JournalReader:
    """A reader of the journal at a path, or at a connection string of PostgreSQL: a URI or
    key=value pairs. Nothing of it is changed. Raises JournalError."""
    if _DSN.match(name) and not Path(name).exists():
        return PostgresReader(name)
    return SqliteReader(name)
