"""Taking the seat of a journal, at once or when another leaves it, and keeping it.

While another has it the journal is followed, so that what is left to do at the take-over does not
grow with history. Who can't say that he still has it stops: a restart costs seconds, a router that
is wrong about leading costs more. What he may still do until then is held back by the epoch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from services.common.runtime.clock import Clock
from services.router.journal.journal import RunBlocking
from services.router.journal.seat import Seat, SeatLost
from services.router.journal.store import JournalCorrupt, JournalError, JournalLocked

_POLL_S: Final = 0.2
_BEATS_PER_LEASE: Final = 4
_PATIENCE_S: Final = 1.0
"""Beyond the lease of a dead one, which must have run out before its seat can be taken."""

_log = structlog.stdlib.get_logger(__name__)


class Leadership:
    """One router's claim to a seat. Used from one event loop.

    `run_blocking` is for the seat alone: it must not wait for a commit. `on_lost` is called once,
    when a seat that was taken is not held any more, or may not be.
    """

    def __init__(
        self,
        seat: Seat,
        run_blocking: RunBlocking,
        clock: Clock,
        on_lost: Callable[[str], None],
    ) -> None:
        self._seat = seat
        self._run_blocking = run_blocking
        self._clock = clock
        self._on_lost = on_lost
        self._renewed_s = 0.0
        self._is_taken = False
        self._is_lost = False
        self._trouble = ""

    async def take(self) -> None:
        """Take the seat now. Raises JournalLocked if another has it and is alive.

        One that died a moment ago may seem to have it still: that is waited for.
        """
        patience_s = 0.0 if self._seat.lease_s is None else self._seat.lease_s + _PATIENCE_S
        ends_at = self._clock.monotonic() + patience_s
        while not await self._try():
            if self._clock.monotonic() >= ends_at:
                raise JournalLocked("another router has this journal open")
            await self._clock.sleep(_POLL_S)

    async def wait(self, follow: Callable[[], Awaitable[None]]) -> None:
        """Wait until the seat can be taken, and take it; `follow` reads on in the journal.

        Raises JournalCorrupt, and what `follow` raises besides JournalError: who can't read the
        journal may not lead. A journal that can't be reached is asked again.
        """
        while True:
            try:
                await follow()
                if await self._try():
                    return
                self._trouble = ""
            except JournalCorrupt:
                raise
            except JournalError as error:
                self._tell_trouble(error)
            await self._clock.sleep(_POLL_S)

    async def _try(self) -> bool:
        taken: list[bool] = []
        asked_s = self._clock.monotonic()
        await self._run_blocking(lambda: taken.append(self._seat.take()))
        if taken[0]:
            self._is_taken, self._renewed_s = True, asked_s
        return taken[0]

    def _tell_trouble(self, error: JournalError) -> None:
        """Once for the same trouble, not with each attempt."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            _log.warning("standby_waits_for_journal", error=self._trouble)

    async def keep(self) -> None:
        """Renew the lease for as long as it is held; ends when the seat is lost."""
        lease_s = self._seat.lease_s
        if lease_s is None:
            return
        while self.holds():
            await self._clock.sleep(lease_s / _BEATS_PER_LEASE)
            asked_s = self._clock.monotonic()
            try:
                await self._run_blocking(self._seat.renew)
            except SeatLost as error:
                self._lose(str(error))
            except JournalError as error:
                _log.warning("lease_not_renewed", error=str(error))
            else:
                self._renewed_s = asked_s

    def holds(self) -> bool:
        """Whether nobody else can have the seat yet. Once False it stays so."""
        lease_s = self._seat.lease_s
        if self._is_taken and not self._is_lost and lease_s is not None:
            silent_s = self._clock.monotonic() - self._renewed_s
            if silent_s > lease_s:
                self._lose(f"the lease was not renewed for {silent_s:.1f} s, it lasts {lease_s:g}")
        return self._is_taken and not self._is_lost

    def _lose(self, why: str) -> None:
        if not self._is_lost:
            self._is_lost = True
            _log.critical("seat_lost", reason=why)
            self._on_lost(why)
