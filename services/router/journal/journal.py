"""The journal at work: record now, durable soon, tell only then.

`record` links a record into the chain at once and applies it to the books in the same breath, so
a decision and its trace can't be torn apart by another task. One writer task makes whatever has
gathered durable with a single fsync. `durable` waits for that. Nobody may be told, and nothing
may be sent, before it; readers wait for the head they have seen.

If a commit fails, everyone who waits gets CommitFailed (effect NONE, since nothing was sent and
replay never sends), `on_failure` is called once, and the process must stop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import islice
from typing import Protocol

from services.router.journal import codec
from services.router.journal.records import Record
from services.router.journal.store import (
    CommitFailed,
    Entry,
    Head,
    JournalError,
    JournalStore,
    link,
)

Apply = Callable[[int, datetime, Record], None]


class Now(Protocol):
    """The wall clock, as aware UTC."""

    def now(self) -> datetime: ...


class RunBlocking(Protocol):
    """Runs a blocking call off the event loop."""

    def __call__(self, call: Callable[[], None], /) -> Awaitable[None]: ...


class Journal:
    """The one writer of a store. Use from one event loop.

    `apply` is the fold; it must not raise for a record that was checked before `record`.
    `on_durable(seq)` is called after each commit, before waiters wake.
    """

    def __init__(
        self,
        store: JournalStore,
        clock: Now,
        run_blocking: RunBlocking,
        apply: Apply,
        on_durable: Callable[[int], None],
        on_failure: Callable[[JournalError], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._run_blocking = run_blocking
        self._apply = apply
        self._on_durable = on_durable
        self._on_failure = on_failure
        self._epoch = 0
        self._head = Head()
        self._durable = Head()
        self._pending: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._failure: JournalError | None = None
        self._resigned = False
        self._closing = False
        self._holds: Callable[[], bool] = lambda: True

    @property
    def head(self) -> Head:
        """The last record made, durable or not yet."""
        return self._head

    @property
    def epoch(self) -> int:
        """The epoch in which this writer leads."""
        return self._epoch

    @property
    def durable_head(self) -> Head:
        """Up to here everything is on disk. Only this head may be named to others."""
        return self._durable

    @property
    def failure(self) -> JournalError | None:
        """What ended the writing (an end in good order, too), None while it works."""
        return self._failure

    @property
    def is_leading(self) -> bool:
        """Whether this router may still send: no failure, not overtaken, not stopping."""
        ended = self._failure is not None or self._resigned or self._closing
        return not ended and self._holds()

    def start(self, head: Head, epoch: int) -> None:
        """Begin after replay: continue the chain at `head`, write in `epoch`.

        Epoch 0 is of one who only reads along: no store takes anything from it.
        """
        self._head = head
        self._durable = head
        self._epoch = epoch

    def record(self, *records: Record) -> int:
        """Link and apply records, all in one commit; answers with the last one's sequence.

        Synchronous: between reading the books and this call no await is needed. Raises
        JournalError if the journal has failed or is closed.
        """
        if self._failure is not None:
            raise self._failure
        at = self._clock.now()
        try:
            for record in records:
                seq = self._head.seq + 1
                data = codec.encode(seq, at, record)
                self._apply(seq, at, record)
                self._head = Head(seq, link(self._head.hash, data))
                self._pending.append(Entry(seq, data, self._head.hash))
        finally:  # what was applied is written, also if a later record did not fit
            self._wake.set()
        return self._head.seq

    async def durable(self, seq: int | None = None) -> None:
        """Wait until `seq` (None: the head as it is now) is on disk. Raises JournalError.

        Canceling the wait changes nothing of the commit.
        """
        wanted = self._head.seq if seq is None else seq
        if wanted <= self._durable.seq:
            return
        if self._failure is not None:
            raise self._failure
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((wanted, future))
        await future

    async def hash_at(self, seq: int) -> bytes | None:
        """The chain's hash at a durable record, read from the store; None if it is not there."""
        found: list[Entry] = []

        def read() -> None:
            found.extend(islice(self._store.entries(after_seq=seq - 1), 1))

        await self._run_blocking(read)
        return found[0].hash if found and found[0].seq == seq else None

    async def run(self) -> None:
        """Write until `close`; the one task that appends. Ends after a failure, too.

        However it ends, nobody is left waiting, and nothing can be recorded any more. Canceled,
        a commit under way may still take place.
        """
        try:
            await self._write()
        except asyncio.CancelledError:
            self._end(JournalError(f"{self._store.path}: its writer was stopped"))
            raise
        except Exception as error:  # noqa: BLE001 - nobody knows what is on disk
            failure = error if isinstance(error, JournalError) else CommitFailed(repr(error))
            self._end(failure)
            self._on_failure(failure)
        else:
            self._end(JournalError(f"{self._store.path}: it is closed"))

    async def _write(self) -> None:
        while True:
            if not self._pending:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = list(self._pending)
            await asyncio.shield(
                asyncio.ensure_future(
                    self._run_blocking(lambda batch=batch: self._commit(batch))  # type: ignore[misc]
                )
            )
            for _ in batch:
                self._pending.popleft()
            self._durable = Head(batch[-1].seq, batch[-1].hash)
            self._on_durable(self._durable.seq)
            self._wake_waiters()

    def lead_while(self, holds: Callable[[], bool]) -> None:
        """Lead only for as long as this says so: at once, whoever else is late to know it."""
        self._holds = holds

    def resign(self) -> None:
        """Lead no more: what comes back is still recorded, and nothing is sent from now on."""
        self._resigned = True

    def close(self) -> None:
        """Let `run` end once everything recorded so far is durable."""
        self._closing = True
        self._wake.set()

    def _commit(self, batch: list[Entry]) -> None:
        try:
            self._store.append(batch, self._epoch)
        except JournalError:
            raise
        except Exception as error:  # whatever it was, nobody knows what is on disk
            raise CommitFailed(f"{self._store.path}: {error!r}") from error

    def _wake_waiters(self) -> None:
        still: deque[tuple[int, asyncio.Future[None]]] = deque()
        for wanted, future in self._waiters:
            if wanted > self._durable.seq:
                still.append((wanted, future))
            elif not future.done():
                future.set_result(None)
        self._waiters = still

    def _end(self, error: JournalError) -> None:
        self._failure = error
        for _, future in self._waiters:
            if not future.done():
                future.set_exception(error)
        self._waiters.clear()
