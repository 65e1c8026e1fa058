"""The connection, as those see it who read the market: is it there, and may it be believed."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Final

from services.common.domain.errors import ReadFailed, Reason
from services.common.runtime.clock import Clock
from services.ib_adapter import figures
from services.ib_adapter.requests import Requests
from services.ib_adapter.session import Session

# The longest that a change goes unnoticed of which nobody was told.
_LOOK_AGAIN_S: Final = 5.0


class MarketLink:
    """A session's reads and times. `changed` must be called when the session's state changes."""

    def __init__(self, session: Session, clock: Clock, venue: str) -> None:
        self._session = session
        self._clock = clock
        self._changed = asyncio.Event()
        self.venue = venue

    def requests(self) -> Requests:
        """What can be read. Raises ReadFailed unless the Gateway reaches IB: what it says while
        it does not is not IB's word, "there is none" least of all."""
        requests = self._session.requests()
        self.require_up()
        return requests

    def require_up(self) -> None:
        """Raise ReadFailed unless the Gateway reaches IB, as far as is known."""
        if not self._session.is_link_up:
            raise ReadFailed(
                f"IB can't be reached: {self._session.state.value}, {self._session.reason}",
                reason=Reason.VENUE_UNAVAILABLE,
            )

    def now(self) -> datetime | None:
        """IB's time, None while it is not known."""
        return self._session.venue_clock.now()

    def require_now(self) -> datetime:
        """IB's time. Raises ReadFailed while it is not known."""
        now = self.now()
        if now is None:
            raise ReadFailed("IB's time is not known yet")
        return now

    def today(self) -> date | None:
        """The day at the exchanges, None while it is not known."""
        return figures.trading_date(self.now())

    async def round_trip(self) -> None:
        """Ask for the time. Raises ReadFailed."""
        await self._session.round_trip()

    def changed(self) -> None:
        """The session is in another state than before."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def in_sync(self, within_s: float) -> bool:
        """Wait for a session; False if there is none in time."""
        ends_at = self._clock.monotonic() + within_s
        while not self._session.session_id:
            left_s = ends_at - self._clock.monotonic()
            if left_s <= 0:
                return False
            changed = self._changed
            try:
                async with asyncio.timeout(min(left_s, _LOOK_AGAIN_S)):
                    await changed.wait()
            except TimeoutError:
                continue
        return True

    def why_not(self) -> str:
        """Why there is no session."""
        return f"{self._session.state.value}, {self._session.reason}"
