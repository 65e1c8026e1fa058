"""The journal in one SQLite file: WAL, `synchronous=FULL`, one process at a time.

With `synchronous=FULL` a commit returns only after the write-ahead log was synced, so an append
that returned is on disk. A lock file keeps a second router on the same host out; the epoch inside
each append's transaction keeps out one that comes by another way.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import apsw

from services.router.journal.store import (
    CommitFailed,
    Entry,
    EpochLost,
    JournalCorrupt,
    JournalError,
    JournalLocked,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY,
    data BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
);
INSERT OR IGNORE INTO meta (id, epoch) VALUES (1, 0);
"""
_BUSY_TIMEOUT_MS = 2000
_PAGE_LEN = 1000


class SqliteJournal:
    """`JournalStore` on SQLite. Used from one thread at a time.

    `vfs` names a SQLite file layer; tests pass one that sees the order of writes and syncs.
    Opening raises JournalLocked if another process has it, JournalError if it can't be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, vfs: str | None = None) -> None:
        self._path = Path(path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _lock(self._path.with_name(self._path.name + ".lock"))
        except OSError as error:
            raise JournalError(f"{self._path}: can't be opened: {error}") from error
        try:
            self._db = apsw.Connection(str(self._path), vfs=vfs)
            self._db.set_busy_timeout(_BUSY_TIMEOUT_MS)
            mode = self._db.pragma("journal_mode", "wal")
            if mode != "wal":
                raise JournalError(f"{self._path}: SQLite refuses WAL here (it says {mode})")
            self._db.pragma("synchronous", "FULL")
            self._db.execute(_SCHEMA)
        except apsw.Error as error:
            self._lock.close()
            raise JournalError(f"{self._path}: can't be opened: {error}") from error
        except JournalError:
            self._lock.close()
            raise

    @property
    def path(self) -> str:
        return str(self._path)

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        last = after_seq
        while True:  # page by page, so that an append between pages is not shut out
            page = self._page(last)
            yield from page
            if len(page) < _PAGE_LEN:
                return
            last = page[-1].seq

    def _page(self, after_seq: int) -> list[Entry]:
        try:
            rows = self._db.execute(
                "SELECT seq, data, hash FROM entries WHERE seq > ? ORDER BY seq LIMIT ?",
                (after_seq, _PAGE_LEN),
            )
            page = [Entry(*row) for row in rows]
        except apsw.Error as error:
            raise JournalCorrupt(f"{self._path}: can't be read: {error}") from error
        for entry in page:
            if not isinstance(entry.data, bytes) or not isinstance(entry.hash, bytes):
                raise JournalCorrupt(f"{self._path}: entry {entry.seq} is not made of bytes")
        return page

    def take_epoch(self) -> int:
        try:
            with self._db:
                self._db.execute("UPDATE meta SET epoch = epoch + 1")
                (epoch,) = next(self._db.execute("SELECT epoch FROM meta"))
        except apsw.Error as error:
            raise CommitFailed(f"{self._path}: the epoch can't be taken: {error}") from error
        return int(epoch)

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        try:
            # IMMEDIATE: the write lock is held before the epoch is read.
            self._db.execute("BEGIN IMMEDIATE")
            (current,) = next(self._db.execute("SELECT epoch FROM meta"))
            if current != epoch:
                self._db.execute("ROLLBACK")
                raise EpochLost(f"{self._path}: epoch {current} has taken over from {epoch}")
            self._db.executemany(
                "INSERT INTO entries (seq, data, hash) VALUES (?, ?, ?)",
                ((e.seq, e.data, e.hash) for e in entries),
            )
            self._db.execute("COMMIT")
        except apsw.Error as error:
            # No ROLLBACK and no retry: after a failed sync nobody knows what is on disk.
            raise CommitFailed(f"{self._path}: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        try:
            self._db.close()
        except apsw.Error as error:
            raise JournalError(f"{self._path}: can't be closed in order: {error}") from error
        finally:
            self._lock.close()


def _lock(path: Path) -> IO[bytes]:
    """Hold a lock that the kernel gives back when the process ends, however it ends."""
    handle = path.open("wb")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.close()
        raise JournalLocked(f"{path}: another router has this journal open") from error
    return handle
