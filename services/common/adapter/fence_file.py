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

from services.common.adapter import synced_file
from services.common.adapter.instruction_file import InstructionFile
from services.common.adapter.synced_file import FileKind, FileUnusable

_SCHEMA: Final = """
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


class FenceFileUnusable(FileUnusable):
    """The fence store's file can't be used."""


_KIND: Final = FileKind(
    name="fence store",
    application_id=0x546E4653,  # "TnFS"
    schema_version=1,
    schema=_SCHEMA,
    unusable=FenceFileUnusable,
)


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
        self.instructions = InstructionFile(connection)

    @classmethod
    def open(cls, path: Path, *, now: datetime, vfs: str | None = None) -> FenceFile:
        """Open or create the file and lock it against every other opener.

        `now` becomes its creation time if it is new. Raises FenceFileUnusable with a line for
        the operator.
        """
        connection = synced_file.open_synced(_KIND, path, now=now, vfs=vfs)
        return cls(connection)

    def created(self) -> datetime:
        """When the file was created; aware, UTC."""
        return synced_file.created(self._connection)

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
