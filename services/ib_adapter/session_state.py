"""Where the session stands now, and what that permits: see `states` for the machine itself.

A session id stands for "in sync without a gap since". Everything that could hide an event ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from services.common.adapter.port import EventSink, SessionChanged
from services.common.domain.errors import ReadFailed, Reason, Refused, Unavailable
from services.common.runtime.clock import Clock
from services.ib_adapter.link import Link
from services.ib_adapter.requests import Requests
from services.ib_adapter.session_restart import Restart
from services.ib_adapter.states import State
from services.ib_adapter.telling import Telling
from services.ib_adapter.wire import Wire

_log = structlog.stdlib.get_logger(__name__)


class Standing:
    """State, session and connection. Used on the event loop's thread only.

    `on_change` is called after state or session have changed, `on_data_lost` when what was
    subscribed on the connection is gone, with the reason: it must be asked for anew.
    """

    def __init__(
        self,
        telling: Telling,
        sink: EventSink,
        clock: Clock,
        restart: Restart,
        *,
        new_session_id: Callable[[], str],
    ) -> None:
        self._telling = telling
        self._sink = sink
        self._clock = clock
        self._new_session_id = new_session_id
        self.restart = restart
        self.on_change: Callable[[], None] = _nothing
        self.on_data_lost: list[Callable[[str], None]] = []
        self.state = State.DISCONNECTED
        self.reason = "not connected yet"
        self.session_id = ""
        self.session_since: datetime | None = None
        self.in_sync_since = 0.0
        self.gaps = 0
        self.link = Link()
        self.link_confirmed_at: float | None = None
        self._wire: Wire | None = None
        self._requests: Requests | None = None
        self._changed = asyncio.Event()

    # -- the connection ----------------------------------------------------------------------

    def new_connection(self, wire: Wire) -> None:
        """From here on this is the connection; of its link to IB nothing was said yet."""
        self._wire, self._requests, self.link = wire, None, Link()
        self.link_confirmed_at = None

    def now_reads_by(self, requests: Requests) -> None:
        """The connection was let in, with the right account."""
        self._requests = requests

    @property
    def is_let_in(self) -> bool:
        """Whether the connection was found to be one with the right account."""
        return self._requests is not None

    @property
    def is_connected(self) -> bool:
        """Whether cancels can be sent."""
        return self._wire is not None and self._wire.is_open

    @property
    def is_link_up(self) -> bool:
        """Whether, as far as is known, the Gateway reaches IB."""
        return self.is_connected and self.link.is_up

    def wire(self) -> Wire:
        """The connection. Raises Unavailable (effect NONE) if there is none, or a wrong one."""
        self.require_right_account()
        if self._wire is None or not self._wire.is_open:
            raise Unavailable(
                Reason.VENUE_UNAVAILABLE, f"there is no connection with the Gateway: {self.reason}"
            )
        return self._wire

    def ready_wire(self) -> Wire:
        """The connection, in sync. Raises Unavailable (effect NONE) otherwise."""
        self.require_right_account()
        if not self.session_id:
            raise Unavailable(
                Reason.VENUE_NOT_READY, f"not in sync with IB: {self.state.value}, {self.reason}"
            )
        return self.wire()

    def requests(self) -> Requests:
        """What can be read over the connection. Raises ReadFailed if there is none."""
        if self._requests is None or not self.is_connected:
            raise ReadFailed(f"there is no connection with the Gateway: {self.reason}")
        return self._requests

    def require_right_account(self) -> None:
        """Raise Refused if the Gateway was found to be logged in to another account."""
        if self.state is State.WRONG_ACCOUNT:
            raise Refused(Reason.WRONG_ACCOUNT_MODE, f"nothing is sent: {self.reason}")

    def drop(self, reason: str) -> None:
        """End the connection, if there is one."""
        if self._wire is not None:
            self._wire.drop(reason)

    # -- state and session -------------------------------------------------------------------

    def set(self, state: State, reason: str) -> None:
        """The machine is in this state now."""
        if (state, reason) != (self.state, self.reason):
            _log.info("ib_state", state=state.value, reason=reason)
        self.state, self.reason = state, reason
        self.on_change()
        self.wake()

    def heard_of_link(self) -> None:
        """The Gateway has said how its link to IB is."""
        is_confirmed = self.link.is_confirmed
        self.link_confirmed_at = self._clock.monotonic() if is_confirmed else None

    def down(self, state: State, reason: str) -> None:
        """There is no connection: expected, if it is the time of the Gateway's restart."""
        self.set(State.RESTARTING if self.restart.is_expected else state, reason)

    def data_lost(self, reason: str) -> None:
        """What was subscribed on this connection is gone."""
        for tell in list(self.on_data_lost):
            tell(reason)

    def begin_session(self, account: str) -> None:
        """In sync from now on."""
        self._telling.open()
        self.session_id = self._new_session_id()
        self.session_since, self.in_sync_since = self._clock.now(), self._clock.monotonic()
        self._sink.publish(SessionChanged(self.session_id, "in sync"))
        _log.info("session_began", session_id=self.session_id, account=account)
        self.set(State.READY, "in sync")

    def gap(self, reason: str) -> None:
        """End the session at once: from here on something may be missing."""
        self.gaps += 1
        self._telling.shut()
        if self.session_id:
            _log.info("session_ended", session_id=self.session_id, reason=reason)
            self.session_id, self.session_since = "", None
            self._sink.publish(SessionChanged("", reason))
        if self.state is State.READY:
            self.set(State.SYNCING, reason)
        self.wake()

    async def wait_change(self, timeout_s: float) -> bool:
        """Wait until something has changed; False if nothing did in time."""
        changed = self._changed
        try:
            async with asyncio.timeout(timeout_s):
                await changed.wait()
        except TimeoutError:
            return False
        return True

    def wake(self) -> None:
        """Something has changed."""
        self._changed.set()
        self._changed = asyncio.Event()


def _nothing() -> None:
    """Nobody listens yet."""
