"""A small SQLite file whose every commit is on the disk when it returns, held by one process.

What must be durable before an order leaves is kept in such files: the fence store, a send log.
Everything here blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apsw

from services.common.runtime.errors import StartupError

_FULL: Final = 2

_STORE: Final = """
CREATE TABLE store (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  created TEXT NOT NULL
) STRICT;
"""


class FileUnusable(StartupError):
    """The file can't be used: locked by another process, not ours, newer than we are, broken."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What is kept in a file.

    `application_id` tells it from any other SQLite file that a wrong setting might name; `schema`
    is created in a new one, beside a table that says when that was.
    """

    name: str
    application_id: int
    schema_version: int
    schema: str
    unusable: type[FileUnusable] = FileUnusable


def open_synced(
    kind: FileKind, path: Path, *, now: datetime, vfs: str | None = None
) -> apsw.Connection:
    """Open or create the file and lock it against every other opener, until it is closed.

    `now` becomes its creation time if it is new. Raises `kind.unusable` with a line for the
    operator.
    """
    if not path.parent.is_dir():
        # Not made here: a volume that is not mounted would be hidden under a blank store.
        raise kind.unusable(f"{kind.name} {path}: there is no folder {path.parent}")
    try:
        connection = apsw.Connection(str(path), vfs=vfs)
        try:
            _prepare(kind, connection, path, now)
        except BaseException:
            connection.close()
            raise
    except apsw.BusyError:
        raise kind.unusable(
            f"{kind.name} {path}: locked by another process; each adapter needs its own"
        ) from None
    except apsw.Error as error:
        raise kind.unusable(f"{kind.name} {path}: {error}") from error
    return connection


def created(connection: apsw.Connection) -> datetime:
    """When the file was created; aware, UTC."""
    return datetime.fromisoformat(connection.execute("SELECT created FROM store").get)


def _prepare(kind: FileKind, connection: apsw.Connection, path: Path, now: datetime) -> None:
    connection.set_busy_timeout(0)
    # Exclusive before the first read: the lock is then held until close, and no shared memory is
    # needed, which some volumes don't have.
    connection.pragma("locking_mode", "exclusive")
    _require_ours(kind, connection, path)
    mode = connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("fullfsync", 1)  # without it macOS acknowledges what its disk has cached
    if mode != "wal" or connection.pragma("synchronous") != _FULL:
        raise kind.unusable(f"{kind.name} {path}: the volume does not allow synced writes")
    with connection:
        # Even on a file that is there already: a write takes the lock now, not at first use.
        connection.pragma("application_id", kind.application_id)
        if connection.pragma("user_version") == 0:
            connection.execute(_STORE + kind.schema)
            connection.execute(
                "INSERT INTO store VALUES (1, ?)", (now.astimezone(UTC).isoformat(),)
            )
            connection.pragma("user_version", kind.schema_version)


def _require_ours(kind: FileKind, connection: apsw.Connection, path: Path) -> None:
    version = connection.pragma("user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if connection.pragma("application_id") != kind.application_id and (version or tables):
        raise kind.unusable(f"{kind.name} {path}: the file is something else")
    if version > kind.schema_version:
        raise kind.unusable(f"{kind.name} {path}: written by a newer release (schema {version})")
