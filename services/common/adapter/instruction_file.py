"""The instructions in the fence store's file: what was asked for, and what came of it.

Everything here blocks; a method that returns has made its change durable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import apsw

# Made beside the file's other tables where it is missing, so that a file of the first release,
# which sent no instructions, can be opened.
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS instruction (
  client_key TEXT PRIMARY KEY,
  content TEXT NOT NULL,
  status TEXT,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  venue_code TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An instruction; `status` is None from before its first byte until there is a clear word."""

    content: str
    status: str | None = None
    reason: str = ""
    message: str = ""
    venue_code: str = ""


class InstructionFile:
    """The table of instructions in an open, synced file. Raises apsw.Error."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        connection.execute(_TABLE)

    def all(self) -> dict[str, Recorded]:
        """All of them by their keys."""
        rows = self._connection.execute(
            "SELECT client_key, content, status, reason, message, venue_code FROM instruction"
        )
        return {str(row[0]): Recorded(*row[1:]) for row in rows}

    def save(self, key: str, recorded: Recorded) -> None:
        """Keep one as it now stands."""
        row = (key, recorded.content, recorded.status, recorded.reason, recorded.message)
        self._connection.execute(
            "INSERT OR REPLACE INTO instruction VALUES (?, ?, ?, ?, ?, ?)",
            (*row, recorded.venue_code),
        )

    def forget(self, key: str) -> None:
        """Keep one no more: it had no effect."""
        self._connection.execute("DELETE FROM instruction WHERE client_key = ?", (key,))
