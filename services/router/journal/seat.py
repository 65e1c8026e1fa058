"""The one seat from which a journal is written: whoever has it leads, others wait for it.

A seat decides who leads when all is well, and quickly. It proves nothing: its holder may sleep and
not know that it was taken away. That nobody writes or sends who was overtaken is the epoch's doing,
in each append and at each adapter.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Protocol

from services.router.journal.store import JournalError


class Seat(Protocol):
    """All methods block, for a bounded time; used from one thread at a time."""

    @property
    def lease_s(self) -> float | None:
        """How long a holder that doesn't renew keeps it; None if it never has to."""

    def take(self) -> bool:
        """Try to take it, once. False while another has it. Raises JournalError: nobody can say."""

    def renew(self) -> None:
        """Say that its holder is alive. Raises SeatLost for good, JournalError to try again."""

    def release(self) -> None:
        """Give it to whoever waits; does nothing if it is not held."""


class SeatLost(JournalError):
    """The seat is gone, or nobody can say that it isn't: this router must stop."""


class FileSeat:
    """A locked file beside the journal: the kernel gives it back when the process ends, however it
    ends. It holds on one host, and a process that stands still keeps it."""

    lease_s: float | None = None

    def __init__(self, journal_path: str | os.PathLike[str]) -> None:
        path = Path(journal_path)
        self._path = path.with_name(path.name + ".lock")
        self._held: IO[bytes] | None = None

    def take(self) -> bool:
        if self._held is not None:
            return True
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = self._path.open("wb")
        except OSError as error:
            raise JournalError(f"{self._path}: can't be opened: {error}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return False
        self._held = handle
        return True

    def renew(self) -> None:
        return

    def release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
