"""What is, or was, in quarantine: by id, open ones apart, and by the venue's order.

Closed records stay, as closed orders do: they are listed, and what the venue repeats of one is
known by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from services.router.books.entries import QuarantineEntry
from services.router.journal.records import QuarantineClosed, Quarantined

VenueOrder = tuple[str, str, str]
"""(account_id, venue, venue_order_id)."""


class QuarantineBook(Mapping[str, QuarantineEntry]):
    """All records by id, oldest first. Changed by the fold alone."""

    def __init__(self) -> None:
        self._entries: dict[str, QuarantineEntry] = {}
        self._open: dict[str, None] = {}  # insertion-ordered set
        self._by_order: dict[VenueOrder, list[str]] = {}

    @classmethod
    def of(cls, entries: Iterable[QuarantineEntry]) -> QuarantineBook:
        """The book with these in it, oldest first."""
        made = cls()
        for entry in entries:
            made._put(entry)
        return made

    def _put(self, entry: QuarantineEntry) -> None:
        record = entry.record
        self._entries[record.quarantine_id] = entry
        if entry.closed is None:
            self._open[record.quarantine_id] = None
        order = (record.account_id, record.venue, entry.venue_order_id)
        self._by_order.setdefault(order, []).append(record.quarantine_id)

    def __getitem__(self, quarantine_id: str) -> QuarantineEntry:
        return self._entries[quarantine_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def open(self, account_id: str = "") -> Iterator[QuarantineEntry]:
        """Those that are not closed, of an account or of all, oldest first."""
        entries = (self._entries[quarantine_id] for quarantine_id in self._open)
        return (e for e in entries if account_id in ("", e.record.account_id))

    def of_order(self, account_id: str, venue: str, venue_order_id: str) -> list[QuarantineEntry]:
        """All that was said of one of the venue's orders, closed or not, oldest first. What was
        said without an id is said of no order."""
        if not venue_order_id:
            return []
        ids = self._by_order.get((account_id, venue, venue_order_id), ())
        return [self._entries[quarantine_id] for quarantine_id in ids]

    # -- the fold ----------------------------------------------------------------------------

    def keep(self, record: Quarantined, at: datetime) -> QuarantineEntry:
        """A new record, or the latest word on one that is known; a closed one stays closed."""
        known = self._entries.get(record.quarantine_id)
        if known is None:
            entry = QuarantineEntry(record, at, at)
            self._put(entry)
        else:
            entry = replace(known, record=record, updated=at)
            self._entries[record.quarantine_id] = entry
        return entry

    def close(self, record: QuarantineClosed, at: datetime) -> QuarantineEntry:
        """It was adopted or dismissed."""
        entry = replace(self._entries[record.quarantine_id], closed=record, closed_at=at)
        self._entries[record.quarantine_id] = entry
        self._open.pop(record.quarantine_id, None)
        return entry
