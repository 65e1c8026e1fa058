"""The port to where the journal lies, its errors, and the hash chain over its entries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

GENESIS_HASH: Final = bytes(32)


class JournalError(Exception):
    """The journal can't be used: the message says why, for a person."""


class JournalLocked(JournalError):
    """Another process has it open."""


class JournalCorrupt(JournalError):
    """The chain is broken: an entry was changed, removed or put in another place."""


class EpochLost(JournalError):
    """Another router has taken the journal; this one must stop at once."""


class CommitFailed(JournalError):
    """The entries may not be durable. The process must stop; nothing retries it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last entry's sequence (0 if none) and its hash."""

    seq: int = 0
    hash: bytes = GENESIS_HASH


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored entry: its bytes (see `codec.py`) and its link in the chain."""

    seq: int
    data: bytes
    hash: bytes


def link(previous_hash: bytes, data: bytes) -> bytes:
    """SHA-256 over the previous entry's hash and this entry's bytes (which hold its sequence)."""
    return hashlib.sha256(previous_hash + data).digest()


def check_chain(entries: Iterator[Entry], start: Head | None = None) -> Iterator[Entry]:
    """Pass entries on as long as they continue the chain; raises JournalCorrupt."""
    head = start or Head()
    for entry in entries:
        if entry.seq != head.seq + 1:
            raise JournalCorrupt(f"entry {head.seq + 1} is missing: {entry.seq} follows")
        if link(head.hash, entry.data) != entry.hash:
            raise JournalCorrupt(f"entry {entry.seq} does not fit its hash")
        head = Head(entry.seq, entry.hash)
        yield entry


class JournalReader(Protocol):
    """Entries read and nothing written, on a connection of its own. All methods block.

    Used from one thread at a time; it neither waits for the writer nor makes it wait.
    """

    @property
    def path(self) -> str:
        """Where it lies, for messages."""

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        """All entries after a sequence, in order, read page by page.

        Raises JournalCorrupt if they can't be read.
        """

    def head(self) -> Head:
        """The last entry stored, as it is stored; `Head()` if there is none."""

    def close(self) -> None:
        """Release it."""


class JournalStore(JournalReader, Protocol):
    """Where entries are kept. All methods block; the journal calls them off the event loop.

    One writer: `take_epoch` makes this store the writer, and every append of an earlier one
    raises EpochLost from then on.
    """

    def take_epoch(self) -> int:
        """Raise the epoch by one, durably, and answer with it."""

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        """Make all of them durable, or raise: CommitFailed, EpochLost. One fsync for all."""

    def reader(self) -> JournalReader:
        """A reader on another connection, to be closed by who asked. Raises JournalError."""

    def room_bytes(self) -> int | None:
        """Free space where it lies, None if nobody can tell.

        Raises JournalError if it is not where it was: deleted, or another one in its place.
        """

    def is_moved(self) -> bool:
        """Whether it lies elsewhere than where its last writer left it: promoted, restored, loaded
        from a dump. False if nobody can tell; known once the epoch is taken."""
