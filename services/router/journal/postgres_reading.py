"""Reading a journal in PostgreSQL page by page: its writer, or others beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import psycopg

from services.router.journal.postgres_session import PostgresAddress, Session, connect, in_one_line
from services.router.journal.store import Entry, Head, JournalCorrupt, JournalError

_PAGE_LEN: Final = 1000
_BY_SEQ: Final = "SELECT seq, data, hash FROM tandem_entries WHERE seq > %s ORDER BY seq LIMIT %s"
_LAST: Final = "SELECT seq, data, hash FROM tandem_entries ORDER BY seq DESC LIMIT 1"


def entries_in(session: Session, shown: str, after_seq: int) -> Iterator[Entry]:
    """All entries after a sequence, each page a short statement of its own.

    Raises JournalCorrupt for pages that the server can't read, JournalError if it does not answer.
    """
    last = after_seq
    while True:
        page = _read(session, shown, _BY_SEQ, (last, _PAGE_LEN))
        yield from page
        if len(page) < _PAGE_LEN:
            return
        last = page[-1].seq


def head_of(session: Session, shown: str) -> Head:
    """The last entry's place; raises as `entries_in` does."""
    found = _read(session, shown, _LAST, ())
    return Head(found[0].seq, found[0].hash) if found else Head()


def _read(session: Session, shown: str, sql: str, values: tuple[int, ...]) -> list[Entry]:
    try:
        with session.cursor(binary=True) as cursor:
            return [Entry(*row) for row in cursor.execute(sql, values)]
    except (psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted) as error:
        raise JournalCorrupt(f"{shown}: can't be read: {in_one_line(error)}") from error
    except psycopg.Error as error:
        raise JournalError(f"{shown}: can't be read: {in_one_line(error)}") from error


class PostgresReader:
    """`JournalReader` on a session that can't write. Raises JournalError if it can't be opened."""

    def __init__(self, dsn: str, *, timeout_s: float = 20.0) -> None:
        self._address = PostgresAddress.of(dsn)
        self._db = connect(self._address, timeout_s, "tandem journal reader", read_only=True)

    @property
    def path(self) -> str:
        return self._address.shown

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        return entries_in(self._db, self.path, after_seq)

    def head(self) -> Head:
        return head_of(self._db, self.path)

    def close(self) -> None:
        self._db.close()
