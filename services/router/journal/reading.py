"""The journal read while it is written: checks and exports, beside the writer and off the loop.

Each has a reader of its own and reads in slices, so that neither a commit nor the event loop waits
for it. How many run at once is bounded; one more is refused. Canceled, they end with their slice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final, TypeVar

from services.router.journal.journal import RunBlocking
from services.router.journal.store import Entry, Head, JournalReader, JournalStore
from services.router.journal.verification import Verification, Verified

T = TypeVar("T")

CHECKS_MAX: Final = 1
EXPORTS_MAX: Final = 2
READS_MAX: Final = CHECKS_MAX + EXPORTS_MAX
"""Blocking calls that these readers make at once."""
_SLICE_LEN: Final = 500


class TooManyReaders(Exception):
    """As many checks or exports run already as may; the message says so."""


class JournalReads:
    """Checks and exports of one journal. Used from one event loop."""

    def __init__(self, store: JournalStore, run_blocking: RunBlocking) -> None:
        self._store = store
        self._run_blocking = run_blocking
        self._running = {"check": 0, "export": 0}

    async def verify(self, *, from_seq: int, anchors: Sequence[Head], until_seq: int) -> Verified:
        """Check the records from one to another. Raises TooManyReaders, JournalError."""
        async with self._reader("check", CHECKS_MAX) as reader:
            check = Verification(reader, from_seq=from_seq, anchors=anchors, until_seq=until_seq)
            while await self._off_loop(check.advance):
                pass
            return check.result

    async def export(self, *, from_seq: int, until_seq: int) -> AsyncIterator[Entry]:
        """Each record from one to another. Raises TooManyReaders, JournalError."""
        async with self._reader("export", EXPORTS_MAX) as reader:
            entries = reader.entries(after_seq=max(from_seq - 1, 0))
            while page := await self._off_loop(lambda: _slice(entries)):
                for entry in page:
                    if entry.seq > until_seq:
                        return
                    yield entry

    @asynccontextmanager
    async def _reader(self, kind: str, at_once_max: int) -> AsyncIterator[JournalReader]:
        if self._running[kind] >= at_once_max:
            raise TooManyReaders(f"{at_once_max} {kind} of the journal at a time")
        self._running[kind] += 1
        try:
            reader = await self._off_loop(self._store.reader)
            try:
                yield reader
            finally:
                await self._off_loop(reader.close)
        finally:
            self._running[kind] -= 1

    async def _off_loop(self, call: Callable[[], T]) -> T:
        """A blocking call's result. A cancellation waits for its end: the next call is by another
        thread, and a connection is not to be used by two at once."""
        results: list[T] = []
        running = asyncio.ensure_future(self._run_blocking(lambda: results.append(call())))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running})
            raise
        return results[0]


def _slice(entries: Iterator[Entry]) -> list[Entry]:
    return list(islice(entries, _SLICE_LEN))
