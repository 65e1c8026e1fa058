"""An anchor: where the journal stood at a moment, to be kept where the journal's host can't reach.

The chain tells every change inside a journal. It can't tell a tail that was cut off, nor a chain
that was made anew from some record on: an anchor of before does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from services.router.journal.store import Head

_FIELDS: Final = {"hash", "journal_id", "sequence", "time"}
_HASH_LEN: Final = 32


class NotAnAnchor(ValueError):
    """A text that is no anchor; the message says why."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A record's sequence and hash, in which journal, and when it was written down."""

    journal_id: str
    head: Head
    time: datetime

    def to_json(self) -> str:
        """One line of JSON, the same for the same anchor."""
        content = {
            "hash": self.head.hash.hex(),
            "journal_id": self.journal_id,
            "sequence": self.head.seq,
            "time": self.time.astimezone(UTC).isoformat(timespec="seconds"),
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Anchor:
        """Read one; raises NotAnAnchor."""
        try:
            content = json.loads(text)
            if not isinstance(content, dict) or set(content) != _FIELDS:
                raise NotAnAnchor(f"an anchor has {', '.join(sorted(_FIELDS))}, and nothing else")
            made = cls(
                str(content["journal_id"]),
                Head(int(content["sequence"]), bytes.fromhex(content["hash"])),
                datetime.fromisoformat(content["time"]),
            )
        except NotAnAnchor:
            raise
        except (TypeError, ValueError) as error:
            raise NotAnAnchor(f"not an anchor: {error}") from error
        if made.head.seq < 1 or len(made.head.hash) != _HASH_LEN or made.time.tzinfo is None:
            raise NotAnAnchor("not an anchor: its sequence, hash or time is none")
        return made
