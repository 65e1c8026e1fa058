"""Snapshots in a SQLite file of the router's own host, beside a journal of either kind.

Not in the journal's file: a failed write here costs a slower start and nothing else, and its
commits hold up none of an order's. Each row has a checksum, since no chain covers it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import apsw

from services.router.journal.seat import FileSeat
from services.router.journal.snapshots import Row, Snapshot, SnapshotUnusable
from services.router.journal.store import Head, JournalError

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS snapshot (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL, hash BLOB NOT NULL, form TEXT NOT NULL, rest BLOB NOT NULL,
    checksum BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS rows (
    section TEXT NOT NULL, place INTEGER NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL,
    checksum BLOB NOT NULL, PRIMARY KEY (section, place)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS by_key ON rows (section, key);
"""
_COLUMNS: Final = "section, place, key, data, checksum"
_BUSY_TIMEOUT_MS: Final = 5000
_FILES_MAX: Final = 4


class SnapshotsInUse(SnapshotUnusable):
    """Another process has them open."""


class SqliteSnapshots:
    """`SnapshotStore` in a file. Raises SnapshotUnusable if it can't be opened, or is in use."""

    def __init__(self, path: str | os.PathLike[str], *, vfs: str | None = None) -> None:
        self._path = Path(path)
        self._seat = FileSeat(self._path)
        try:
            if not self._seat.take():
                raise SnapshotsInUse(f"{self._path}: another router has it open")
        except JournalError as error:
            raise SnapshotUnusable(f"{self._path}: can't be opened: {error}") from error
        try:
            self._writing = self._connected(vfs)
            self._writing.execute(_SCHEMA)
            self._reading = self._connected(vfs)
        except apsw.Error as error:
            self._seat.release()
            raise SnapshotUnusable(f"{self._path}: can't be opened: {error}") from error

    def _connected(self, vfs: str | None) -> apsw.Connection:
        made = apsw.Connection(str(self._path), vfs=vfs)
        made.set_busy_timeout(_BUSY_TIMEOUT_MS)
        made.pragma("journal_mode", "wal")
        made.pragma("synchronous", "FULL")
        return made

    @property
    def path(self) -> str:
        return str(self._path)

    def latest(self) -> Snapshot | None:
        found = self._read("SELECT seq, hash, form, rest, checksum FROM snapshot")
        if not found:
            return None
        seq, digest, form, rest, checksum = found[0]
        if _checksum("", seq, form, rest) != checksum:
            raise SnapshotUnusable(f"{self._path}: it is not as it was written")
        return Snapshot(Head(seq, digest), form, rest)

    def by_key(self, section: str, key: str) -> Row | None:
        sql = f"SELECT {_COLUMNS} FROM rows WHERE section = ? AND key = ?"
        found = self._rows(sql, section, key)
        return found[0] if found else None

    def keys(self, section: str, prefix: str) -> list[str]:
        sql = "SELECT key FROM rows WHERE section = ? AND key >= ? AND key < ? ORDER BY place"
        return [key for (key,) in self._read(sql, section, prefix, prefix + "\U0010ffff")]

    def places(self, section: str, first: int, count: int) -> list[Row]:
        sql = f"SELECT {_COLUMNS} FROM rows WHERE section = ? AND place >= ? ORDER BY place LIMIT ?"
        return self._rows(sql, section, first, count)

    def save(self, snapshot: Snapshot, rows: Iterable[Row]) -> None:
        head, form, rest = snapshot.head, snapshot.form, snapshot.rest
        written = ((r.section, r.place, r.key, r.data, _row_checksum(r)) for r in rows)
        try:
            with self._writing:
                self._writing.executemany(
                    f"INSERT OR REPLACE INTO rows ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)", written
                )
                checksum = _checksum("", head.seq, form, rest)
                values = (head.seq, head.hash, form, rest, checksum)
                self._writing.execute(
                    "INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?, ?, ?)", values
                )
        except apsw.Error as error:
            raise SnapshotUnusable(f"{self._path}: can't be written: {error}") from error

    def forget(self) -> None:
        try:
            with self._writing:
                self._writing.execute("DELETE FROM snapshot; DELETE FROM rows")
        except apsw.Error as error:
            raise SnapshotUnusable(f"{self._path}: can't be emptied: {error}") from error

    def close(self) -> None:
        self._reading.close()
        self._writing.close()
        self._seat.release()

    def _rows(self, sql: str, *values: object) -> list[Row]:
        made = []
        for section, place, key, data, checksum in self._read(sql, *values):
            row = Row(section, place, key, data)
            if _row_checksum(row) != checksum:
                raise SnapshotUnusable(f"{self._path}: {section} {key} is not as it was written")
            made.append(row)
        return made

    def _read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return list(self._reading.execute(sql, values))
        except apsw.Error as error:
            raise SnapshotUnusable(f"{self._path}: can't be read: {error}") from error


def open_snapshots(path: Path, *, vfs: str | None = None) -> SqliteSnapshots:
    """The snapshots at a path, or beside it if another router of this host has them: a standby
    follows the journal with its own. A damaged file is deleted: it is a cache."""
    for number in range(_FILES_MAX):
        beside = path if number == 0 else path.with_name(f"{path.name}.{number}")
        try:
            return SqliteSnapshots(beside, vfs=vfs)
        except SnapshotsInUse:
            continue
        except SnapshotUnusable as error:
            if not isinstance(error.__cause__, apsw.NotADBError | apsw.CorruptError):
                raise
            for end in ("", "-wal", "-shm"):
                beside.with_name(beside.name + end).unlink(missing_ok=True)
            return SqliteSnapshots(beside, vfs=vfs)
    raise SnapshotUnusable(f"{path}: it is in use, and so are those beside it")


def _row_checksum(row: Row) -> bytes:
    return _checksum(row.section, row.place, row.key, row.data)


def _checksum(section: str, place: int, key: str, data: bytes) -> bytes:
    head = f"{section}\0{place}\0{key}\0".encode()
    return hashlib.blake2b(head + data, digest_size=16).digest()
