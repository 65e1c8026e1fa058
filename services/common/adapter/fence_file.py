"""The file under the fence store: SQLite with write-ahead log, synced at each commit, locked.

Everything here blocks; `fence_store` calls it off the event loop, one call at a time. A method
that returns has made its change durable; one that raises has proven nothing either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apsw

from services.common.runtime.errors import StartupError

# "TnFS": tells our file from any other SQLite file that a wrong setting might name.
_APPLICATION_ID: Final = 0x546E4653
_SCHEMA_VERSION: Final = 1
_FULL: Final = 2

_SCHEMA: Final = """
CREATE TABLE store (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  created TEXT NOT NULL
) STRICT;
CREATE TABLE claim (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  journal_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  head_sequence INTEGER NOT NULL,
  head_hash BLOB NOT NULL
) STRICT;
CREATE TABLE tombstone (
  placement_id TEXT PRIMARY KEY,
  evidence TEXT NOT NULL,
  buried TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


class FenceFileUnusable(StartupError):
    """The file can't be used: locked by another process, not ours, newer than we are, broken."""


@dataclass(frozen=True, slots=True)
class FenceClaim:
    """A router's claim to lead, and where its journal stood when it made it.

    `generation` and `epoch` order claims, in this order. `head_sequence` and `head_hash` (32
    bytes, empty for an empty journal) are evidence for a later claimant, they order nothing.
    """

    journal_id: str
    generation: int
    epoch: int
    head_sequence: int
    head_hash: bytes

    @property
    def term(self) -> tuple[int, int]:
        """What claims are compared by."""
        return (self.generation, self.epoch)

    def __str__(self) -> str:
        return f"journal {self.journal_id}, generation {self.generation}, epoch {self.epoch}"


class FenceFile:
    """An open fence store file; made by `open`, held alone until `close`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path, *, now: datetime, vfs: str | None = None) -> FenceFile:
        """Open or create the file and lock it against every other opener.

        `now` becomes its creation time if it is new. Raises FenceFileUnusable with a line for
        the operator.
        """
        if not path.parent.is_dir():
            # Not made here: a volume that is not mounted would be hidden under a blank store.
            raise FenceFileUnusable(f"fence store {path}: there is no folder {path.parent}")
        try:
            connection = apsw.Connection(str(path), vfs=vfs)
            try:
                _prepare(connection, path, now)
            except BaseException:
                connection.close()
                raise
        except apsw.BusyError:
            raise FenceFileUnusable(
                f"fence store {path}: locked by another process; each adapter needs its own"
            ) from None
        except apsw.Error as error:
            raise FenceFileUnusable(f"fence store {path}: {error}") from error
        return cls(connection)

    def created(self) -> datetime:
        """When the file was created; aware, UTC."""
        return datetime.fromisoformat(self._connection.execute("SELECT created FROM store").get)

    def claim(self) -> FenceClaim | None:
        """The claim that was taken last, None if none ever was."""
        row = self._connection.execute(
            "SELECT journal_id, generation, epoch, head_sequence, head_hash FROM claim"
        ).fetchone()
        return None if row is None else FenceClaim(*row)

    def tombstones(self) -> set[str]:
        """All ids that are never to be sent again."""
        return {
            str(row[0]) for row in self._connection.execute("SELECT placement_id FROM tombstone")
        }

    def save_claim(self, claim: FenceClaim) -> None:
        """Make `claim` the one that was taken last; durable on return. Raises apsw.Error."""
        row = (
            claim.journal_id,
            claim.generation,
            claim.epoch,
            claim.head_sequence,
            claim.head_hash,
        )
        self._connection.execute("INSERT OR REPLACE INTO claim VALUES (1, ?, ?, ?, ?, ?)", row)

    def save_tombstone(self, placement_id: str, evidence: str, now: datetime) -> None:
        """Bury an id for good; durable on return. Burying it again keeps the first evidence."""
        self._connection.execute(
            "INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?)",
            (placement_id, evidence, now.astimezone(UTC).isoformat()),
        )

    def close(self) -> None:
        """Release the file and its lock."""
        self._connection.close()


def _prepare(connection: apsw.Connection, path: Path, now: datetime) -> None:
    connection.set_busy_timeout(0)
    # Exclusive before the first read: the lock is then held until close, and no shared memory is
    # needed, which some volumes don't have.
    connection.pragma("locking_mode", "exclusive")
    _require_ours(connection, path)
    mode = connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("fullfsync", 1)  # without it macOS acknowledges what its disk has cached
    if mode != "wal" or connection.pragma("synchronous") != _FULL:
        raise FenceFileUnusable(f"fence store {path}: the volume does not allow synced writes")
    with connection:
        # Even on a file that is there already: a write takes the lock now, not at first use.
        connection.pragma("application_id", _APPLICATION_ID)
        if connection.pragma("user_version") == 0:
            connection.execute(_SCHEMA)
            connection.execute(
                "INSERT INTO store VALUES (1, ?)", (now.astimezone(UTC).isoformat(),)
            )
            connection.pragma("user_version", _SCHEMA_VERSION)


def _require_ours(connection: apsw.Connection, path: Path) -> None:
    version = connection.pragma("user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if connection.pragma("application_id") != _APPLICATION_ID and (version or tables):
        raise FenceFileUnusable(f"fence store {path}: the file is something else")
    if version > _SCHEMA_VERSION:
        raise FenceFileUnusable(
            f"fence store {path}: written by a newer release (schema {version})"
        )
