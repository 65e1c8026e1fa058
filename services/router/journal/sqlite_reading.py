"""Reading the journal's SQLite file page by page: its writer, or others beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw

from services.router.journal.store import Entry, Head, JournalCorrupt, JournalError

_PAGE_LEN: Final = 1000
_BUSY_TIMEOUT_MS: Final = 2000
_BY_SEQ: Final = "SELECT seq, data, hash FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"
_MADE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'entries'"
_LAST: Final = "SELECT seq, data, hash FROM entries ORDER BY seq DESC LIMIT 1"


class SqliteEntries:
    """The entries that a connection shows; `path` is for messages."""

    def __init__(self, db: apsw.Connection, path: str) -> None:
        self._db = db
        self._path = path

    def after(self, seq: int) -> Iterator[Entry]:
        """All entries after a sequence; raises JournalCorrupt."""
        last = seq
        while True:  # page by page, so that an append between pages is not shut out
            page, error = self._read(_BY_SEQ, (last, _PAGE_LEN))
            yield from page
            if error is not None:
                raise error
            if len(page) < _PAGE_LEN:
                return
            last = page[-1].seq

    def head(self) -> Head:
        """The last entry's place; raises JournalCorrupt."""
        found, error = self._read(_LAST, ())
        if error is not None:
            raise error
        return Head(found[0].seq, found[0].hash) if found else Head()

    def _read(self, sql: str, values: tuple[int, ...]) -> tuple[list[Entry], JournalCorrupt | None]:
        """The entries up to the first that can't be read, and what is wrong with that one."""
        page: list[Entry] = []
        try:
            for seq, data, digest in self._db.execute(sql, values):
                if not isinstance(data, bytes) or not isinstance(digest, bytes):
                    what = f"{self._path}: entry {seq} is not made of bytes"
                    return page, JournalCorrupt(what)
                page.append(Entry(seq, data, digest))
        except apsw.Error as error:
            corrupt = JournalCorrupt(f"{self._path}: can't be read: {error}")
            corrupt.__cause__ = error
            return page, corrupt
        return page, None


class SqliteReader:
    """`JournalReader` of a file, which is not changed; a router may have it open and write.

    Raises JournalError if there is no such file, or it can't be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, vfs: str | None = None) -> None:
        self._path = Path(path)
        try:
            self._db = _opened(self._path, vfs)
            self._db.set_busy_timeout(_BUSY_TIMEOUT_MS)
        except (apsw.Error, OSError) as error:
            raise JournalError(f"{self._path}: can't be opened: {error}") from error
        self._entries = SqliteEntries(self._db, str(self._path))

    @property
    def path(self) -> str:
        return str(self._path)

    def is_made(self) -> bool:
        """Whether its tables are there: whoever has opened it first may still be making them."""
        try:
            return bool(list(self._db.execute(_MADE)))
        except apsw.Error as error:
            raise JournalError(f"{self._path}: can't be read: {error}") from error

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        return self._entries.after(after_seq)

    def head(self) -> Head:
        return self._entries.head()

    def close(self) -> None:
        self._db.close()


def _opened(path: Path, vfs: str | None) -> apsw.Connection:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    try:
        made = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
        list(made.execute("SELECT 1 FROM sqlite_master LIMIT 1"))
    except apsw.CantOpenError:  # a WAL file needs files beside it: none can be made there
        uri = f"file:{quote(str(path.absolute()))}?immutable=1"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        return apsw.Connection(uri, flags=flags, vfs=vfs)
    return made
