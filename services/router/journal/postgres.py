"""The journal in PostgreSQL: one statement a commit, with the epoch looked at inside it.

Each append is a single statement, thus one round trip and one transaction that never stands open
while this process sleeps. It locks the row that holds the epoch, so it either comes before another
router's taking of the journal or sees it and stores nothing.

A commit whose answer was lost is looked for on a new session before anybody is told anything. It is
found, and whatever was committed before is as durable as the server makes things, since the look
ends with a commit of its own; or it failed, and the process stops.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import psycopg

from services.router.journal.postgres_reading import PostgresReader, entries_in, head_of
from services.router.journal.postgres_schema import create
from services.router.journal.postgres_session import (
    PostgresAddress,
    Session,
    connect,
    home_of,
    in_one_line,
    is_undone,
)
from services.router.journal.store import (
    CommitFailed,
    Entry,
    EpochLost,
    Head,
    JournalCorrupt,
    JournalError,
)

_RECONNECT_PAUSE_S: Final = 0.2

_APPEND = """
WITH mine AS (SELECT epoch FROM tandem_journal WHERE epoch = %s FOR SHARE)
INSERT INTO tandem_entries (seq, data, hash)
SELECT added.seq, added.data, added.hash
FROM mine, unnest(%b::int8[], %b::bytea[], %b::bytea[]) AS added (seq, data, hash)
"""
_TAKE_EPOCH = "UPDATE tandem_journal SET epoch = epoch + 1 RETURNING epoch, home"
_MOVE_IN = "UPDATE tandem_journal SET home = %s WHERE epoch = %s"
# Waits for whoever still appends; its own commit stands behind all that it has seen.
_SETTLE = "UPDATE tandem_journal SET read_backs = read_backs + 1 RETURNING epoch"


class PostgresJournal:
    """`JournalStore` on PostgreSQL. Used from one thread at a time.

    `timeout_s` bounds each method, but for a commit's wait for a replica, which only its caller can
    bound. The tables lie where the session's search_path points first; the DSN's `options` can set
    it. Opening raises JournalError: it can't be reached, its settings make commits lie, or its
    tables are of another release.
    """

    def __init__(
        self,
        dsn: str,
        *,
        timeout_s: float = 20.0,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = PostgresAddress.of(dsn)
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._pause = pause
        self._warnings: list[str] = []
        self._known_home = self._home = ""
        self._db = self._connect()
        try:
            create(self._db, self._address.shown)
        except JournalError:
            self._db.close()
            raise

    @property
    def path(self) -> str:
        return self._address.shown

    def _connect(self) -> Session:
        # Half of the time for a statement, the other half to find out about it.
        opened = connect(self._address, self._timeout_s / 2, "tandem-router journal")
        opened.add_notice_handler(self._take_notice)
        return opened

    def _take_notice(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "a warning")

    def _session(self) -> Session:
        """Another one if it was lost: for what begins something, never amid an append."""
        if self._db.closed:
            self._db = self._connect()
        return self._db

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        return entries_in(self._session(), self.path, after_seq)

    def head(self) -> Head:
        return head_of(self._session(), self.path)

    def reader(self) -> PostgresReader:
        return PostgresReader(self._address.dsn, timeout_s=self._timeout_s)

    def room_bytes(self) -> int | None:
        return None  # a client can't ask for the room on the server's disk

    def take_epoch(self) -> int:
        self._warnings.clear()
        try:
            self._home = home_of(self._session())
            row = self._db.execute(_TAKE_EPOCH).fetchone()
        except psycopg.Error as error:
            raise CommitFailed(
                f"{self.path}: the epoch can't be taken: {in_one_line(error)}"
            ) from error
        self._believe()
        epoch = self._epoch_in(row)
        assert row is not None, "it holds the epoch"
        self._known_home = row[1]
        return epoch

    def is_moved(self) -> bool:
        return "" not in (self._home, self._known_home) and self._home != self._known_home

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        ends_at = self._monotonic() + self._timeout_s
        self._warnings.clear()
        columns = ([e.seq for e in entries], [e.data for e in entries], [e.hash for e in entries])
        try:
            stored = self._db.execute(_APPEND, (epoch, *columns)).rowcount
        except psycopg.Error as error:
            if is_undone(error):
                raise CommitFailed(f"{self.path}: {in_one_line(error)}") from error
            self._find(entries, epoch, ends_at, in_one_line(error))
            return
        self._believe()
        if stored != len(entries):
            raise EpochLost(f"{self.path}: another router has taken over from epoch {epoch}")
        if self._home != self._known_home:
            self._move_in(epoch)

    def _move_in(self, epoch: int) -> None:
        """With the first append of a life, which says what follows from having moved: whoever dies
        before that finds it moved again."""
        try:
            self._db.execute(_MOVE_IN, (self._home, epoch))
        except psycopg.Error as error:
            raise CommitFailed(f"{self.path}: {in_one_line(error)}") from error
        self._known_home = self._home

    def _find(self, entries: Sequence[Entry], epoch: int, ends_at: float, why: str) -> None:
        """Look whether a commit took place that nobody answered; raises if not, or not to tell."""
        lost = f"{self.path}: the connection was lost during a commit ({why})"
        try:
            self._reconnect(ends_at)
            self._warnings.clear()
            with self._db.transaction():
                current = self._epoch_in(self._db.execute(_SETTLE).fetchone())
                found = list(self.entries(entries[0].seq - 1))
            self._believe()
        except (psycopg.Error, JournalError) as error:
            raise CommitFailed(f"{lost}, and it can't be looked for: {error}") from error
        if current != epoch:
            raise EpochLost(f"{self.path}: epoch {current} has taken over from {epoch}")
        if found != list(entries):
            raise CommitFailed(f"{lost}, and it did not take place")

    def _reconnect(self, ends_at: float) -> None:
        self._db.close()
        while True:
            try:
                self._db = self._connect()
            except JournalError:
                if self._monotonic() + _RECONNECT_PAUSE_S >= ends_at:
                    raise
                self._pause(_RECONNECT_PAUSE_S)
            else:
                return

    def _believe(self) -> None:
        """A commit that comes with a warning may stand on this server only, not on its replica."""
        if self._warnings:
            raise CommitFailed(f"{self.path}: committed with a warning: {self._warnings[0]}")

    def _epoch_in(self, row: tuple[Any, ...] | None) -> int:
        if row is None:
            raise JournalCorrupt(f"{self.path}: the row that holds the epoch is missing")
        return int(row[0])

    def close(self) -> None:
        self._db.close()
