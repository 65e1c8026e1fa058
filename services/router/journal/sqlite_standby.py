"""A journal in a SQLite file that another process writes: read along until its seat is ours.

It is opened for writing only then, so that a standby never stands in its leader's way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.router.journal.seat import FileSeat
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.sqlite_reading import SqliteReader
from services.router.journal.store import Entry, Head, JournalReader


class SqliteStandby:
    """`JournalStore` that becomes a `SqliteJournal` when the epoch is taken; `seat` must be held
    by then. Used from one thread at a time."""

    def __init__(self, path: str | os.PathLike[str], seat: FileSeat) -> None:
        self._path = Path(path)
        self._seat = seat
        self._reader: SqliteReader | None = None
        self._journal: SqliteJournal | None = None

    @property
    def path(self) -> str:
        return str(self._path)

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        found = self._readable()
        return iter(()) if found is None else found.entries(after_seq)

    def head(self) -> Head:
        found = self._readable()
        return Head() if found is None else found.head()

    def _readable(self) -> JournalReader | None:
        """None while its first leader has yet to make it."""
        if self._journal is not None:
            return self._journal
        if self._reader is None and self._path.is_file():
            reader = SqliteReader(self._path)
            if reader.is_made():
                self._reader = reader
            else:
                reader.close()
        return self._reader

    def reader(self) -> SqliteReader:
        return SqliteReader(self._path)

    def room_bytes(self) -> int | None:
        return None if self._journal is None else self._journal.room_bytes()

    def is_moved(self) -> bool:
        return False

    def take_epoch(self) -> int:
        return self._written().take_epoch()

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        self._written().append(entries, epoch)

    def _written(self) -> SqliteJournal:
        if self._journal is None:
            self._journal = SqliteJournal(self._path, seat=self._seat)
            self._close_reader()
        return self._journal

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def close(self) -> None:
        self._close_reader()
        if self._journal is not None:
            self._journal.close()
