"""Watching the room that the journal has left: warned of early, entries refused before it is full.

A full disk stops the router. Exits and cancels need room, too, so entries stop first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.common.runtime.clock import Clock
from services.router.books.books import Books
from services.router.journal.journal import Journal, RunBlocking
from services.router.journal.records import (
    AlertRaised,
    Record,
    Severity,
    TradingState,
    TradingStateSet,
)
from services.router.journal.store import JournalError, JournalStore

MIB: Final = 1024 * 1024
_BACK: Final = 1.1


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """Below `low_mib` a warning, below `reduce_mib` no entries; 0 turns either off."""

    check_s: float = 30.0
    low_mib: int = 1024
    reduce_mib: int = 256


class JournalRoom:
    """Looks at the store's free space at intervals. `run` is its task.

    `on_gone(error)` is called when the store is not where it was: nothing may be sent any more.
    """

    def __init__(
        self,
        store: JournalStore,
        journal: Journal,
        books: Books,
        clock: Clock,
        settings: RoomSettings,
        run_blocking: RunBlocking,
        on_gone: Callable[[JournalError], None],
    ) -> None:
        self._store = store
        self._journal = journal
        self._books = books
        self._clock = clock
        self._settings = settings
        self._run_blocking = run_blocking
        self._on_gone = on_gone
        self._is_low = False
        self._is_reduced = False

    async def run(self) -> None:
        """Look at once and then at intervals; ends by cancellation, or when the store is gone."""
        while True:
            try:
                room_bytes = await self._read()
            except JournalError as error:
                self._on_gone(error)
                return
            if room_bytes is not None and self._journal.is_leading:
                self._take(room_bytes)
            await self._clock.sleep(self._settings.check_s)

    async def _read(self) -> int | None:
        found: list[int | None] = []
        await self._run_blocking(lambda: found.append(self._store.room_bytes()))
        return found[0]

    def _take(self, room_bytes: int) -> None:
        low, reduce = (self._settings.low_mib * MIB, self._settings.reduce_mib * MIB)
        text = f"{self._store.path}: {room_bytes // MIB} MiB are left"
        records: list[Record] = []
        if room_bytes < reduce and not self._is_reduced:
            self._is_reduced = self._is_low = True
            records.append(AlertRaised("JOURNAL_SPACE_LOW", Severity.CRITICAL, text))
            if self._books.trading_state("") is TradingState.ACTIVE:
                records.append(TradingStateSet("", TradingState.REDUCING, text, "tandem"))
        elif room_bytes < low and not self._is_low:
            self._is_low = True
            records.append(AlertRaised("JOURNAL_SPACE_LOW", Severity.WARNING, text))
        # Somewhat more than the limit, or each small file around it would warn anew.
        self._is_reduced = self._is_reduced and room_bytes < reduce * _BACK
        self._is_low = self._is_low and room_bytes < low * _BACK
        if records:
            self._journal.record(*records)
