"""The journal in one SQLite file: WAL, `synchronous=FULL`, one process at a time.

With `synchronous=FULL` a commit returns only after the write-ahead log was synced, so an append
that returned is on disk. The seat keeps a second router on the same host out; the epoch inside
each append's transaction keeps out one that comes by another way. After each commit the files must
still be those that were opened: what was written to a deleted file is on no disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import apsw

from services.router.journal.seat import FileSeat
from services.router.journal.sqlite_reading import SqliteEntries, SqliteReader
from services.router.journal.store import (
    CommitFailed,
    Entry,
    EpochLost,
    Head,
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
_BUSY_TIMEOUT_MS: Final = 2000
_WAL_PAGES_MAX: Final = 1000

_FileId = tuple[int, int]
"""Device and inode: which file it is, whatever its name."""


class SqliteJournal:
    """`JournalStore` on SQLite. Used from one thread at a time.

    `vfs` names a SQLite file layer; tests pass one that sees the order of writes and syncs. It
    takes its `seat`, if it was not taken before, and gives it back when it is closed. Opening
    raises JournalLocked if another process has it, JournalError if it can't be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        vfs: str | None = None,
        seat: FileSeat | None = None,
    ) -> None:
        self._path = Path(path)
        self._seat = seat or FileSeat(path)
        self._vfs = vfs
        self._files: dict[Path, _FileId] = {}
        self._wal_pages = 0
        if not self._seat.take():
            raise JournalLocked(f"{self._path}: another router has this journal open")
        try:
            self._db = apsw.Connection(str(self._path), vfs=vfs)
            self._db.set_busy_timeout(_BUSY_TIMEOUT_MS)
            mode = self._db.pragma("journal_mode", "wal")
            if mode != "wal":
                raise JournalError(f"{self._path}: SQLite refuses WAL here (it says {mode})")
            self._db.pragma("synchronous", "FULL")
            # SQLite's own checkpoint would keep a failed sync of the main file to itself.
            self._db.set_wal_hook(self._note_wal)
            self._db.execute(_SCHEMA)
        except apsw.Error as error:
            self._seat.release()
            raise JournalError(f"{self._path}: can't be opened: {error}") from error
        except JournalError:
            self._seat.release()
            raise
        self._entries = SqliteEntries(self._db, str(self._path))
        self._check_files()

    @property
    def path(self) -> str:
        return str(self._path)

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        return self._entries.after(after_seq)

    def head(self) -> Head:
        return self._entries.head()

    def reader(self) -> SqliteReader:
        return SqliteReader(self._path, vfs=self._vfs)

    def room_bytes(self) -> int | None:
        self._check_files()
        try:
            found = os.statvfs(self._path)
        except OSError as error:
            raise JournalError(f"{self._path}: its room can't be told: {error}") from error
        return found.f_bavail * found.f_frsize

    def is_moved(self) -> bool:
        return False  # a copied file looks like the file: adapters tell

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
            if self._wal_pages >= _WAL_PAGES_MAX:
                self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                self._wal_pages = 0
        except apsw.Error as error:
            # No ROLLBACK and no retry: after a failed sync nobody knows what is on disk.
            raise CommitFailed(f"{self._path}: {type(error).__name__}: {error}") from error
        self._check_files()

    def _note_wal(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _check_files(self) -> None:
        """What was just committed must be in files that the next start will find."""
        for path in (self._path, self._path.with_name(self._path.name + "-wal")):
            try:
                found = path.stat()
            except OSError as error:
                if path in self._files or path == self._path:
                    raise CommitFailed(f"{path}: it is not there any more: {error}") from error
                continue  # nothing was written yet
            file_id = (found.st_dev, found.st_ino)
            if self._files.setdefault(path, file_id) != file_id:
                raise CommitFailed(f"{path}: another file was put in its place")

    def close(self) -> None:
        try:
            self._db.close()
        except apsw.Error as error:
            raise JournalError(f"{self._path}: can't be closed in order: {error}") from error
        finally:
            self._seat.release()
