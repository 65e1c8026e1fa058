"""Opening a journal only to read it, by the name that an operator gives."""

from __future__ import annotations

from services.router.journal.sqlite_reading import SqliteReader
from services.router.journal.store import JournalReader


def open_reader(name: str) -> JournalReader:
    """A reader of the journal at a path; nothing of it is changed. Raises JournalError."""
    return SqliteReader(name)
