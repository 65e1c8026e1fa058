"""Things of the books by key, in order of their coming: recent ones in memory, the rest in rows.

A shelf is a mapping that never forgets a key. What has changed since the last snapshot, and what
`keeps` says must be at hand (an open order), is in memory; once a snapshot has the others, they are
read from its rows when somebody asks for them. A start therefore reads none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, ValuesView
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from services.router.journal.snapshots import Row, SnapshotUnusable

K = TypeVar("K")
V = TypeVar("V")

_PAGE_LEN: Final = 200


class Rows(Protocol):
    """What a shelf reads of a snapshot store; see `SnapshotStore`."""

    def by_key(self, section: str, key: str) -> Row | None: ...

    def keys(self, section: str, prefix: str) -> list[str]: ...

    def places(self, section: str, first: int, count: int) -> list[Row]: ...


@dataclass(frozen=True, slots=True)
class Form(Generic[K, V]):
    """How a section's keys and values are written, and which values stay in memory."""

    section: str
    write_key: Callable[[K], str]
    read_key: Callable[[str], K]
    write: Callable[[V], bytes]
    read: Callable[[bytes], V]
    keeps: Callable[[V], bool] = lambda value: False


class Shelf(MutableMapping[K, V]):
    """Use from one thread. Iteration is in order of coming, `reversed` works; raises
    SnapshotUnusable where rows can't be read."""

    def __init__(self, form: Form[K, V]) -> None:
        self.form = form
        self._values: dict[K, V] = {}
        self._places: dict[K, int] = {}
        self._keys: dict[int, K] = {}
        self._count = 0
        self._changed: dict[K, None] = {}
        self._rows: Rows | None = None

    # -- a mapping ---------------------------------------------------------------------------

    def __getitem__(self, key: K) -> V:
        if key in self._values:
            return self._values[key]
        row = None
        if self._rows is not None:
            row = self._rows.by_key(self.form.section, self.form.write_key(key))
        if row is None:
            raise KeyError(key)
        return self.form.read(row.data)

    def __setitem__(self, key: K, value: V) -> None:
        if key not in self._values:
            self._place(key)
        self._values[key] = value
        self._changed[key] = None

    def __delitem__(self, key: K) -> None:
        raise TypeError("what was on a shelf stays there")

    def __contains__(self, key: object) -> bool:
        if key in self._values:
            return True
        if self._rows is None:
            return False
        written = self.form.write_key(key)  # type: ignore[arg-type]
        return self._rows.by_key(self.form.section, written) is not None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[K]:
        return (key for _, key, _ in self.placed())

    def __reversed__(self) -> Iterator[K]:
        return (key for _, key, _ in self.placed_back())

    def values(self) -> ShelfValues[K, V]:
        """In order of coming; `reversed` works."""
        return ShelfValues(self)

    # -- by place ----------------------------------------------------------------------------

    def placed(self, first: int = 0) -> Iterator[tuple[int, K, V]]:
        """Everything from a place on, with its place and key, as it is when it is reached."""
        for begin in range(first - first % _PAGE_LEN, self._count, _PAGE_LEN):
            for found in self._page(begin):
                if found[0] >= first:
                    yield found

    def placed_back(self, below: int | None = None) -> Iterator[tuple[int, K, V]]:
        """As `placed`, backwards, from below a place."""
        end = self._count if below is None else min(below, self._count)
        last = (end - 1) - (end - 1) % _PAGE_LEN
        for begin in range(last, -1, -_PAGE_LEN):
            for found in reversed(self._page(begin)):
                if found[0] < end:
                    yield found

    def at(self, place: int) -> V:
        """What is in a place. Raises IndexError."""
        if not 0 <= place < self._count:
            raise IndexError(place)
        if place in self._keys:
            return self._values[self._keys[place]]
        return self._read(place, 1)[place][1]

    def in_memory(self) -> list[tuple[int, V]]:
        """What is in memory, with its place, in order; all that `keeps` wants is among it."""
        return [(place, self._values[key]) for place, key in sorted(self._keys.items())]

    def keys_like(self, prefix: str) -> list[K]:
        """All keys that are written with this beginning."""
        written = dict.fromkeys(map(self.form.write_key, self._values))
        if self._rows is not None:
            written |= dict.fromkeys(self._rows.keys(self.form.section, prefix))
        return [self.form.read_key(one) for one in written if one.startswith(prefix)]

    def _place(self, key: K) -> None:
        row = None
        if self._rows is not None:
            row = self._rows.by_key(self.form.section, self.form.write_key(key))
        place = self._count if row is None else row.place
        if row is None:
            self._count += 1
        self._places[key], self._keys[place] = place, key

    def _page(self, begin: int) -> list[tuple[int, K, V]]:
        end = min(begin + _PAGE_LEN, self._count)
        missing = [place for place in range(begin, end) if place not in self._keys]
        read = self._read(missing[0], missing[-1] - missing[0] + 1) if missing else {}
        page = []
        for place in range(begin, end):
            if place in self._keys:
                key = self._keys[place]
                page.append((place, key, self._values[key]))
            else:
                page.append((place, *read[place]))
        return page

    def _read(self, first: int, count: int) -> dict[int, tuple[K, V]]:
        assert self._rows is not None, "what is not in memory is in rows"
        found = {
            row.place: (self.form.read_key(row.key), self.form.read(row.data))
            for row in self._rows.places(self.form.section, first, count)
            if row.place < first + count and row.place not in self._keys
        }
        expected = sum(1 for place in range(first, first + count) if place not in self._keys)
        if len(found) != expected:
            raise SnapshotUnusable(f"rows of {self.form.section} are missing")
        return found

    # -- snapshots ---------------------------------------------------------------------------

    def take_changes(self) -> ShelfChanges[K, V]:
        """What has changed since this was called last, as values that don't change any more."""
        changed, self._changed = self._changed, {}
        kept = [key for key, value in self._values.items() if self.form.keeps(value)]
        values = {key: (self._places[key], self._values[key]) for key in changed}
        return ShelfChanges(self, values, self._count, kept)

    def take_back(self, changes: ShelfChanges[K, V]) -> None:
        """They could not be saved: have them among the next changes, as they are then."""
        self._changed = {**dict.fromkeys(changes.values), **self._changed}

    def load(self, rows: Rows, count: int, kept: list[str]) -> None:
        """Be what a snapshot says: `count` things in rows, those with the keys `kept` at hand."""
        self._rows, self._count = rows, count
        for written in kept:
            row = rows.by_key(self.form.section, written)
            if row is None or row.place >= count:
                raise SnapshotUnusable(f"{self.form.section} {written} is missing")
            key = self.form.read_key(written)
            self._values[key] = self.form.read(row.data)
            self._places[key], self._keys[row.place] = row.place, key

    def let_go(self, saved: ShelfChanges[K, V], rows: Rows) -> None:
        """A snapshot has these now: of them only what must be at hand stays in memory."""
        self._rows = rows
        for key, (place, value) in saved.values.items():
            is_as_saved = self._values.get(key) is value and key not in self._changed
            if is_as_saved and not self.form.keeps(value):
                del self._values[key], self._places[key], self._keys[place]


@dataclass(slots=True)
class ShelfChanges(Generic[K, V]):
    """What a shelf has to have saved: values with their places, and which keys stay at hand."""

    shelf: Shelf[K, V]
    values: dict[K, tuple[int, V]]
    count: int
    kept: list[K]

    def rows(self) -> Iterator[Row]:
        """The rows to be written, one by one."""
        form = self.shelf.form
        for key, (place, value) in self.values.items():
            yield Row(form.section, place, form.write_key(key), form.write(value))


class ShelfValues(ValuesView[V], Generic[K, V]):
    """The values of a shelf, both ways."""

    def __init__(self, shelf: Shelf[K, V]) -> None:
        super().__init__(shelf)
        self._shelf = shelf

    def __iter__(self) -> Iterator[V]:
        return (value for _, _, value in self._shelf.placed())

    def __reversed__(self) -> Iterator[V]:
        return (value for _, _, value in self._shelf.placed_back())
