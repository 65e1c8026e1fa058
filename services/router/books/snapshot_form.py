"""The books in the form of a snapshot: what is on shelves as rows, the rest as one document.

Its form is named after the code that folds: with any change there a snapshot of before is another
form, and the journal is read from its beginning once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from services.common import domain
from services.router import books as books_room
from services.router.books.books import Books
from services.router.books.entries import GateEntry, QuarantineEntry, VenueEntry
from services.router.books.failovers import FailoverTally
from services.router.books.quarantine_book import QuarantineBook
from services.router.books.shelf import Rows, Shelf, ShelfChanges
from services.router.journal import codec, frozen, records, versions
from services.router.journal.records import RestoreFound
from services.router.journal.snapshots import Row, Snapshot, SnapshotUnusable
from services.router.journal.store import Head

_NUMBERS: Final = ("journal_id", "generation", "epoch")
_TIMES: Final = ("last_exec_time", "last_activity_time")


@dataclass(slots=True)
class BooksView:
    """The books as they were after a record, in values that don't change any more."""

    head: Head
    rest: dict[str, Any]
    shelves: dict[str, ShelfChanges[Any, Any]]

    def rows(self) -> Iterator[Row]:
        """The rows that have changed since the view before, one by one."""
        for changes in self.shelves.values():
            yield from changes.rows()

    def snapshot(self, form: str) -> Snapshot:
        """All that is not in rows, written."""
        kept = {
            section: {"count": c.count, "kept": [c.shelf.form.write_key(key) for key in c.kept]}
            for section, c in self.shelves.items()
        }
        rest = {name: _WRITERS[name](value) for name, value in self.rest.items()}
        content = json.dumps({"rest": rest, "shelves": kept}, separators=(",", ":"))
        return Snapshot(self.head, form, content.encode())

    def merged_into(self, later: BooksView) -> None:
        """Have the next view write what this one could not."""
        for section, changes in later.shelves.items():
            changes.values = {**self.shelves[section].values, **changes.values}

    def given_back(self) -> None:
        """It could not be saved: all of it counts as changed again."""
        for changes in self.shelves.values():
            changes.shelf.take_back(changes)

    def let_go(self, rows: Rows) -> None:
        """It was saved: what needs not be at hand leaves the memory."""
        for changes in self.shelves.values():
            changes.shelf.let_go(changes, rows)


def shelves_of(books: Books) -> dict[str, Shelf[Any, Any]]:
    """All shelves, by their sections."""
    found = [v for v in vars(books).values() if isinstance(v, Shelf)]
    found += [books.executions.shelf, books.activities.shelf]
    return {shelf.form.section: shelf for shelf in found}


def view_of(books: Books, head: Head) -> BooksView:
    """The books as they are now, after the record `head`. Copies names and not things."""
    rest: dict[str, Any] = {name: getattr(books, name) for name in _NUMBERS}
    rest |= {
        "created": books.created,
        "open_orders": list(books.open_orders),
        "gates": list(books.gates.values()),
        "venues": list(books.venues.values()),
        "quarantine": list(books.quarantine.values()),
        "failovers": (books.failovers.total, books.failovers.last, dict(books.failovers.days)),
        "least_offset_s": list(books.least_offset_s.items()),
        "outages": list(books.outages),
        "restores": list(books.restores.values()),
        **{name: list(getattr(books, name).items()) for name in _TIMES},
    }
    changes = {section: shelf.take_changes() for section, shelf in shelves_of(books).items()}
    return BooksView(head, rest, changes)


def load(books: Books, snapshot: Snapshot, rows: Rows) -> None:
    """Make empty books what a snapshot says. Raises SnapshotUnusable if it can't be read."""
    try:
        content = json.loads(snapshot.rest)
        rest = {name: _READERS[name](value) for name, value in content["rest"].items()}
        for section, shelf in shelves_of(books).items():
            said = content["shelves"][section]
            shelf.load(rows, said["count"], said["kept"])
    except SnapshotUnusable:
        raise
    except Exception as error:  # cattrs raises exception groups of many kinds
        raise SnapshotUnusable(f"not a snapshot: {error!r}") from error
    for name in (*_NUMBERS, "created", "failovers", "quarantine"):
        setattr(books, name, rest[name])
    books.open_orders = dict.fromkeys(rest["open_orders"])
    books.gates = {gate.account_id: gate for gate in rest["gates"]}
    books.venues = {(venue.account_id, venue.venue): venue for venue in rest["venues"]}
    books.outages = dict.fromkeys(rest["outages"])
    books.restores = {(found.account_id, found.venue): found for found in rest["restores"]}
    for name in ("least_offset_s", *_TIMES):
        setattr(books, name, dict(rest[name]))


def form_of_the_code() -> str:
    """A name of the present form: a digest of the modules that fold and write. Reads their files;
    raises OSError if there are none."""
    folders = [Path(found) for room in (domain, books_room) for found in room.__path__]
    modules = [Path(m.__file__) for m in (codec, frozen, records, versions) if m.__file__]
    made = hashlib.sha256()
    for path in sorted((*modules, *(p for folder in folders for p in folder.glob("*.py")))):
        made.update(path.name.encode() + b"\0" + path.read_bytes())
    return made.hexdigest()


def _read_quarantine(content: Any) -> QuarantineBook:
    return QuarantineBook.of(codec.structure(content, list[QuarantineEntry]))


def _read_failovers(content: Any) -> FailoverTally:
    total, last, days = content
    known = {a: (date.fromisoformat(day), n) for a, (day, n) in days.items()}
    return FailoverTally(total, None if last is None else datetime.fromisoformat(last), known)


def _keyed(kind: Any) -> Any:
    """Reads a list of pairs of a (account_id, venue) and a value."""
    return lambda content: [(tuple(key), codec.structure(v, kind)) for key, v in content]


def _as_it_is(content: Any) -> Any:
    return content


_READERS: Final = {
    **dict.fromkeys((*_NUMBERS, "outages"), _as_it_is),
    "created": lambda content: codec.structure(content, datetime) if content else None,
    "open_orders": lambda content: [tuple(key) for key in content],
    "gates": lambda content: codec.structure(content, list[GateEntry]),
    "venues": lambda content: codec.structure(content, list[VenueEntry]),
    "restores": lambda content: codec.structure(content, list[RestoreFound]),
    "quarantine": _read_quarantine,
    "failovers": _read_failovers,
    "least_offset_s": _keyed(float),
    "last_exec_time": _keyed(datetime),
    "last_activity_time": _keyed(datetime),
}
_WRITERS: Final = dict.fromkeys(_READERS, codec.unstructure)
