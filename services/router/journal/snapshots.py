"""The port to where snapshots of the books lie: rows that are read one by one, and one small rest.

A snapshot is a cache. It names the record up to which it holds what the journal says, by sequence
and hash, and the form it is written in; one that does not fit is forgotten, and the journal is read
from its beginning. So it may be deleted at any time while no router runs, and none is copied along.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from services.router.journal.store import Head


class SnapshotUnusable(Exception):
    """It can't be read, or something in it is not as it was written."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of a section, by its key and by its place (0, 1, 2 … in order of its coming)."""

    section: str
    place: int
    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Up to `head` the rows and the rest are what the journal says; `form` is how it is written."""

    head: Head
    form: str
    rest: bytes


class SnapshotStore(Protocol):
    """All methods block and raise SnapshotUnusable. `save` may be called from another thread than
    the others; whoever reads meanwhile finds the rows of before or of after."""

    @property
    def path(self) -> str:
        """Where it lies, for messages."""

    def latest(self) -> Snapshot | None:
        """The one there is, None if there is none."""

    def by_key(self, section: str, key: str) -> Row | None:
        """The row of a key, None if there is none."""

    def keys(self, section: str, prefix: str) -> list[str]:
        """All keys of a section that begin so."""

    def places(self, section: str, first: int, count: int) -> list[Row]:
        """So many rows from a place on, in order; fewer if there are none left."""

    def save(self, snapshot: Snapshot, rows: Iterable[Row]) -> None:
        """Put the rows in the place of those of before, and the rest, all or nothing."""

    def forget(self) -> None:
        """Be empty."""

    def close(self) -> None:
        """Release it."""
