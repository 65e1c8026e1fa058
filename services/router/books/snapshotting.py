"""Snapshots taken while the books go on: a view at once, its rows in slices, its file by a thread.

A view of the books is taken every so many records; that copies no order, since what is in the books
is never changed in place. It is written when the journal has gone on by as many records as events
are kept, and not before: a start replays from the snapshot, and the replay fills the ring of events
again from which watchers resume. What is written leaves the memory, but for what must be at hand.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import structlog

from services.router.books.books import Books
from services.router.books.snapshot_form import BooksView, form_of_the_code, load, view_of
from services.router.journal import codec
from services.router.journal.journal import RunBlocking
from services.router.journal.snapshots import Row, SnapshotStore, SnapshotUnusable
from services.router.journal.store import Head, JournalError, JournalStore

_log = structlog.stdlib.get_logger(__name__)
_SLICE_LEN = 20


@dataclass(frozen=True, slots=True)
class SnapshotSettings:
    """A view every `every` records, written when the journal is `behind` records further."""

    every: int = 5_000
    behind: int = 10_000


class Snapshots:
    """Keeps the snapshot of one router's books. Without a usable store nothing is kept, and the
    books stay in memory. Used from one event loop."""

    def __init__(
        self,
        store: SnapshotStore,
        books: Books,
        settings: SnapshotSettings,
        run_blocking: RunBlocking,
        on_damage: Callable[[SnapshotUnusable], None],
    ) -> None:
        self._store = store
        self._on_damage = on_damage
        self._books = books
        self._settings = settings
        self._run_blocking = run_blocking
        self._form = ""
        self._last_seq = 0
        self._seen_seq = 0
        self._views: deque[BooksView] = deque()
        self._due = asyncio.Event()

    # -- the start ---------------------------------------------------------------------------

    def restore(self, journal: JournalStore) -> tuple[Head, datetime | None]:
        """Make the empty books what the snapshot says, if it is of this journal and this code;
        answers up to which record, and its time. What does not fit is forgotten. Blocks."""
        head, at = Head(), None
        try:
            self._form = form_of_the_code()
            head, at = self._restored(journal)
        except (OSError, SnapshotUnusable, JournalError) as error:
            _log.warning("snapshot_ignored", path=self._store.path, error=str(error))
            self._books.empty()  # nothing of it may stay
        if not head.seq:
            self._forget()
        self._last_seq = self._seen_seq = head.seq
        return head, at

    def _restored(self, journal: JournalStore) -> tuple[Head, datetime | None]:
        found = self._store.latest()
        if found is None:
            return Head(), None
        if found.form != self._form:
            raise SnapshotUnusable("it was written by another version of the code")
        entry = next(journal.entries(after_seq=found.head.seq - 1), None)
        if entry is None or Head(entry.seq, entry.hash) != found.head:
            raise SnapshotUnusable(f"the journal has another record {found.head.seq}, or none")
        load(self._books, found, _Guarded(self._store, self._damaged))
        return found.head, codec.decode(entry.data)[1]

    def _forget(self) -> None:
        try:
            self._store.forget()
        except SnapshotUnusable as error:
            _log.warning("snapshot_failed", path=self._store.path, error=str(error))
            self._form = ""

    # -- while it goes on --------------------------------------------------------------------

    def note(self, head: Head) -> None:
        """Take a view if it is time; to be called after the record `head` and before the next."""
        if not self._form:
            return
        self._seen_seq = head.seq
        if head.seq >= self._last_seq + self._settings.every:
            self._views.append(view_of(self._books, head))
            self._last_seq = head.seq
        if self._views and self._is_due(head.seq):
            self._due.set()

    def save_due(self) -> None:
        """Write what is due, at once: while nothing is served yet, or any more. Blocks."""
        while self._views and self._is_due(self._seen_seq):
            view = self._views[0]
            try:
                self._store.save(view.snapshot(self._form), view.rows())
            except SnapshotUnusable as error:
                self._failed(view, error)
                return
            except Exception:  # noqa: BLE001 - logged; a cache stops nobody
                self._off()
                return
            self._saved(view)

    async def run(self, durable: Callable[[int], Awaitable[None]]) -> None:
        """Write views as they become due, in slices beside all else; ends by cancellation.

        `durable` waits until a record is on disk; a snapshot never names one that is not.
        """
        while True:
            await self._due.wait()
            self._due.clear()
            while self._views and self._is_due(self._seen_seq):
                try:
                    await self._save(self._views[0], durable)
                except JournalError:
                    raise
                except Exception:  # noqa: BLE001 - logged; a cache stops nobody
                    self._off()

    async def _save(self, view: BooksView, durable: Callable[[int], Awaitable[None]]) -> None:
        await durable(view.head.seq)
        rows: list[Row] = []
        made = view.rows()
        while page := list(islice(made, _SLICE_LEN)):
            rows += page
            await asyncio.sleep(0)
        snapshot = view.snapshot(self._form)
        failed: list[Exception] = []

        def write() -> None:
            try:
                self._store.save(snapshot, rows)
            except SnapshotUnusable as error:
                failed.append(error)

        try:
            await self._run_blocking(write)
        except JournalError as error:  # it took too long
            failed.append(error)
        if failed:
            self._failed(view, failed[0])
        else:
            self._saved(view)

    def _is_due(self, seq: int) -> bool:
        return seq >= self._views[0].head.seq + self._settings.behind

    def _saved(self, view: BooksView) -> None:
        self._views.popleft()
        view.let_go(_Guarded(self._store, self._damaged))
        _log.info("snapshot_saved", path=self._store.path, sequence=view.head.seq)

    def _failed(self, view: BooksView, error: Exception) -> None:
        """It is a cache: what could not be written is written with the next one."""
        _log.warning("snapshot_failed", path=self._store.path, error=str(error))
        self._views.popleft()
        if self._views:
            view.merged_into(self._views[0])
        else:
            view.given_back()

    def _off(self) -> None:
        """A fault of ours: no more snapshots in this life, and what is in memory stays there."""
        _log.exception("snapshots_off", path=self._store.path)
        self._form = ""
        self._views.clear()

    def _damaged(self, error: SnapshotUnusable) -> None:
        """Something that left the memory can't be read any more: the next start reads the journal
        from its beginning."""
        _log.critical("snapshot_damaged", path=self._store.path, error=str(error))
        self._forget()
        self._on_damage(error)

    def close(self) -> None:
        """Write what is due, and release the store."""
        self.save_due()
        self._store.close()


class _Guarded:
    """The rows of a store for the shelves; what can't be read is told before it is raised."""

    def __init__(self, store: SnapshotStore, on_damage: Callable[[SnapshotUnusable], None]) -> None:
        self._store = store
        self._on_damage = on_damage

    def by_key(self, section: str, key: str) -> Row | None:
        try:
            return self._store.by_key(section, key)
        except SnapshotUnusable as error:
            self._on_damage(error)
            raise

    def keys(self, section: str, prefix: str) -> list[str]:
        try:
            return self._store.keys(section, prefix)
        except SnapshotUnusable as error:
            self._on_damage(error)
            raise

    def places(self, section: str, first: int, count: int) -> list[Row]:
        try:
            return list(self._store.places(section, first, count))
        except SnapshotUnusable as error:
            self._on_damage(error)
            raise
