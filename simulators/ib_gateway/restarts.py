"""Restarts of the Gateway, at once or each night: what it loses, how long it is away, what it says.

A Gateway that restarts cuts everybody off, refuses connections, then takes them and says nothing,
then waits for its login, and then may still be without its link to IB. Orders, executions and ids
are IB's, and survive; what clients had sent and IB had not got yet is lost.
"""

import asyncio
from datetime import datetime, time, timedelta

from simulators.ib_gateway.frontend import Frontend
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.restart import Restart
from simulators.venue.trading_calendar import NEW_YORK

_LINK_LOST = 1100


class Restarts:
    """Restarts the Gateway; a second restart takes the first one's place."""

    def __init__(self, gateway: Gateway, frontend: Frontend) -> None:
        self._gateway = gateway
        self._frontend = frontend
        self._coming_back: asyncio.Task[None] | None = None
        self._nightly: tuple[time, Restart] | None = None

    @property
    def nightly_at(self) -> time | None:
        """The time of day in New York at which it restarts by itself."""
        return self._nightly[0] if self._nightly is not None else None

    def restart(self, asked: Restart) -> dict[str, int]:
        """Restarts now; says how many clients were cut off and how many messages were lost."""
        gateway = self._gateway
        gateway.venue.advance()
        gateway.ghosts.clear()
        disconnected = self._frontend.disconnect_all()
        lost = gateway.forget_sent()
        gateway.orders.roll_back_ids(asked.roll_back_ids)
        self._frontend.doors.close(asked.refuse_s, asked.silent_s)
        if asked.login_s:
            gateway.login.lose()
        if asked.restored:
            gateway.lose_link(_LINK_LOST)
        self._forget_coming_back()
        if asked.login_s or asked.restored:
            self._coming_back = self._frontend.own(self._come_back(asked))
        return {"disconnected": disconnected, "lost": lost}

    def await_login(self, seconds: float | None) -> int:
        """Cuts everybody off and waits for a login: for so long, or until `logged_in`."""
        disconnected = self._frontend.disconnect_all()
        self._gateway.login.lose()
        self._forget_coming_back()
        if seconds is not None:
            asked = Restart(refuse_s=0, login_s=seconds)
            self._coming_back = self._frontend.own(self._come_back(asked))
        return disconnected

    def log_in(self, account_id: str) -> int:
        """Somebody logs in at that account; to another one than before, all are cut off."""
        disconnected = 0
        if account_id != self._gateway.account_id:
            disconnected = self._frontend.disconnect_all()
        self._gateway.log_in(account_id)
        return disconnected

    def schedule(self, at: time | None, restart: Restart) -> None:
        """From now on it restarts so each day at that time in New York; None ends that."""
        plan = None if at is None else (at, restart)
        self._nightly = plan
        if plan is not None:
            self._gateway.venue.repeat(
                lambda after: next_at(after, plan[0]) if self._nightly is plan else None,
                lambda: self._restart_nightly(plan),
            )

    def _restart_nightly(self, plan: tuple[time, Restart]) -> None:
        if self._nightly is plan:
            self.restart(plan[1])

    async def _come_back(self, asked: Restart) -> None:
        await asyncio.sleep(asked.refuse_s + asked.silent_s + asked.login_s)
        self._gateway.login.enter()
        if asked.restored:
            await asyncio.sleep(asked.link_s)
            if not self._gateway.uplink.is_up:
                self._gateway.venue.advance()
                self._gateway.restore_link(asked.restored)
                self._frontend.wake()

    def _forget_coming_back(self) -> None:
        if self._coming_back is not None:
            self._coming_back.cancel()
            self._coming_back = None


def next_at(after: datetime, at: time) -> datetime:
    """The next time that it is so late in New York."""
    day = after.astimezone(NEW_YORK).date()
    found = datetime.combine(day, at, NEW_YORK)
    if found <= after:
        found = datetime.combine(day + timedelta(days=1), at, NEW_YORK)
    return found
