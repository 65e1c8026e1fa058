"""Reading a journal back: the chain checked, each record decoded, or a clear refusal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from services.router.journal import codec
from services.router.journal.records import Record
from services.router.journal.store import Entry, Head, JournalCorrupt, check_chain


def read_back(
    entries: Iterable[Entry], start: Head | None = None
) -> Iterator[tuple[Head, datetime, Record]]:
    """Each record with its place in the chain, in order.

    Raises JournalCorrupt where the chain is broken, UnreadableRecord where a record is newer than
    this release or none at all, JournalError if the store can't be read.
    """
    for entry in check_chain(iter(entries), start):
        seq, at, record = codec.decode(entry.data)
        if seq != entry.seq:
            raise JournalCorrupt(f"entry {entry.seq} says that it is entry {seq}")
        yield Head(entry.seq, entry.hash), at, record
