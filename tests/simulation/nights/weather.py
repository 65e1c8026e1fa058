"""How long it has been fair: can the Gateway be reached, and is the adapter in sync by then?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from simulators.ib_gateway.settings import SIMULATED_ACCOUNT
from tests.simulation.nights.faults import Troubles
from tests.simulation.nights.stand import Stand

_TICK_S: Final = 0.25
READY_WITHIN_S: Final = 60.0


class Weather:
    """Looks every quarter of a second; `run` until canceled.

    It is fair while the Gateway takes connections and is logged in, reaches IB, the adapter's
    process runs, and no fault has struck. `late` says when the adapter was not ready after a minute
    of that; `slowest_s` is the longest that it took from the Gateway's return on.
    """

    def __init__(self, stand: Stand, troubles: Troubles, now: Callable[[], float]) -> None:
        self._stand = stand
        self._troubles = troubles
        self._now = now
        self._fair_since: float | None = None
        self._struck = 0
        self._was_ready = False
        self._lost_s = 0.0
        self._session: tuple[str, float] = ("", 0.0)
        self._seen: tuple[int, str] = (0, "")
        self._seen_since = 0.0
        self.late: list[str] = []
        self.slowest_s = 0.0
        self.sessions = 0

    async def run(self) -> None:
        """Until canceled."""
        while True:
            self._look()
            await asyncio.sleep(_TICK_S)

    def unchanged_s(self, entries: int, session_id: str) -> float:
        """For how long the ledger has had so many entries, and the session been this one."""
        if (entries, session_id) != self._seen:
            self._seen, self._seen_since = (entries, session_id), self._now()
        return self._now() - self._seen_since

    @property
    def in_sync_for_s(self) -> float:
        """How long the adapter has been in the session in which it is; 0 if it is in none."""
        session_id, since_s = self._session
        return self._now() - since_s if session_id else 0.0

    def _look(self) -> None:
        now, writes = self._now(), self._stand.writes
        uplink = self._stand.simulated.gateway.uplink
        link_up = uplink.is_up
        if not uplink.lost_by:  # nobody was told of a loss
            writes.link_lost_s = None
        elif writes.link_lost_s is None:
            writes.link_lost_s = now
        struck = self._troubles.touched
        if not self._is_fair(link_up=link_up) or struck != self._struck:
            self._struck, self._fair_since = struck, None
        elif self._fair_since is None:
            self._fair_since = now
        self._look_at_session(now)

    def _is_fair(self, *, link_up: bool) -> bool:
        simulated = self._stand.simulated
        is_open = simulated.frontend.doors.closure is None and simulated.gateway.login.is_in
        is_ours = simulated.gateway.account_id == SIMULATED_ACCOUNT
        is_free = self._now() > self._troubles.id_in_use_until_s
        return link_up and is_open and is_ours and is_free and self._stand.adapter.is_up

    def _look_at_session(self, now: float) -> None:
        if self._stand.session_id != self._session[0]:
            self._session = (self._stand.session_id, now)
        is_ready = bool(self._stand.session_id)
        if self._was_ready and not is_ready:
            self._lost_s = now
        since = now if self._fair_since is None else max(self._fair_since, self._lost_s)
        if is_ready and not self._was_ready:
            self.sessions += 1
            self.slowest_s = max(self.slowest_s, now - since)
        if not is_ready and now - since > READY_WITHIN_S:
            self.late.append(f"not ready although the Gateway has been up since {since:.3f} s")
            self._lost_s = now  # told once
        self._was_ready = is_ready
