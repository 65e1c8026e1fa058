"""The session with the Gateway, and the Gateway's with IB, as one state machine: see `states`.

A session id stands for "in sync without a gap since": let in with the right account, order ids
known, the link to IB up, and executions, open and completed orders read to their ends and told.
Everything that could hide an event ends it. Orders need it, cancels only a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

import structlog

from services.common.adapter.pacer import Pacer
from services.common.adapter.port import EventSink
from services.common.domain.errors import ReadFailed
from services.common.runtime.clock import Clock, VenueClock
from services.ib_adapter.held_notes import HeldNotes
from services.ib_adapter.order_news import OrderNews
from services.ib_adapter.recovery import read_all
from services.ib_adapter.requests import Requests
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.session_connect import Connector, ConnectTerms
from services.ib_adapter.session_news import SessionNews
from services.ib_adapter.session_restart import Restart, RestartTerms
from services.ib_adapter.session_state import Standing
from services.ib_adapter.session_sync import Sync, SyncTerms
from services.ib_adapter.states import State
from services.ib_adapter.wire import Wire

_log = structlog.stdlib.get_logger(__name__)

MARKET_DATA_TYPES: Final = {"realtime": 1, "frozen": 2, "delayed": 3, "delayed_frozen": 4}


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """How to connect, how to stay in sync, and how long to wait in between (seconds)."""

    connect: ConnectTerms
    sync: SyncTerms
    restart: RestartTerms
    backoff_min_s: float
    backoff_max_s: float


class Session:
    """Connects, keeps in sync, and says how far it is. Used on the event loop's thread only."""

    def __init__(
        self,
        terms: SessionTerms,
        news: OrderNews,
        send_log: SendLog,
        sink: EventSink,
        pacer: Pacer,
        clock: Clock,
        venue_clock: VenueClock,
        random: Random,
        *,
        new_session_id: Callable[[], str],
    ) -> None:
        self._terms = terms
        self._clock = clock
        self._random = random
        self.venue_clock = venue_clock
        restart = Restart(terms.restart, lambda: venue_clock.now() or clock.now())
        standing = Standing(news.telling, sink, clock, restart, new_session_id=new_session_id)
        said = SessionNews(standing, news, pacer)
        self._standing = standing
        held = HeldNotes(send_log)
        news.evidence.on_held = held.note
        self._connector = Connector(terms.connect, standing, said, news, send_log, pacer, clock)
        self._sync = Sync(
            terms.sync,
            standing,
            news,
            send_log,
            held,
            clock,
            venue_clock,
            account=lambda: self.account,
            backoff_s=self._backoff_s,
        )

    def call_on_change(self, on_change: Callable[[], None]) -> None:
        """Call this after state or session have changed."""
        self._standing.on_change = on_change

    def call_on_data_lost(self, on_data_lost: Callable[[str], None]) -> None:
        """Call this, with the reason, when what was subscribed on the connection is gone: after
        1101, and with the connection. It must be asked for anew, once in sync again."""
        self._standing.on_data_lost.append(on_data_lost)

    def call_while_connected(self, run: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run this in a task of its own on each connection, until that is gone."""
        self._sync.beside.append(run)

    # -- what others ask ---------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the machine is."""
        return self._standing.state

    @property
    def reason(self) -> str:
        """Why it is there."""
        return self._standing.reason

    @property
    def account(self) -> str:
        """The account's number, "" until it is known."""
        return self._connector.account

    @property
    def session_id(self) -> str:
        """The session, "" while not in sync."""
        return self._standing.session_id

    @property
    def session_since(self) -> datetime | None:
        """When the session began, by our clock."""
        return self._standing.session_since

    @property
    def in_sync_since(self) -> float:
        """When the session began, in monotonic seconds."""
        return self._standing.in_sync_since

    @property
    def is_connected(self) -> bool:
        """Whether cancels can be sent."""
        return self._standing.is_connected

    @property
    def is_link_up(self) -> bool:
        """Whether, as far as is known, the Gateway reaches IB."""
        return self._standing.is_link_up

    @property
    def link_confirmed_at(self) -> float | None:
        """When the Gateway said last on this connection that it reaches IB, in monotonic seconds;
        None if it did not, or has lost IB since."""
        return self._standing.link_confirmed_at if self.is_connected else None

    def wire(self) -> Wire:
        """The connection. Raises Unavailable (effect NONE) if there is none, or a wrong one."""
        return self._standing.wire()

    def ready_wire(self) -> Wire:
        """The connection, in sync. Raises Unavailable (effect NONE) otherwise."""
        return self._standing.ready_wire()

    def requests(self) -> Requests:
        """What can be read over the connection. Raises ReadFailed if there is none."""
        return self._standing.requests()

    async def read_all(self) -> None:
        """Read executions, open and completed orders, each to its end; what they say is heard.

        Raises ReadFailed if one of them could not be read whole.
        """
        await read_all(self.requests())

    async def round_trip(self) -> float:
        """Ask for the time; how long that took, in seconds. Raises ReadFailed."""
        return await self._sync.round_trip()

    # -- the run of it -----------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect and check the account, unless connected already.

        Raises Refused WRONG_ACCOUNT_MODE for good, and ReadFailed for what may pass.
        """
        await self._connector.connect()

    async def run(self) -> None:
        """Keep the session until canceled. Raises Refused WRONG_ACCOUNT_MODE for good."""
        failures, restart = 0, self._standing.restart
        try:
            while True:
                try:
                    await self.connect()
                except ReadFailed as error:
                    failures += 1
                    state = self.state.value
                    restart.log(_log, "not_connected", state=state, error=error.message)
                    await self._clock.sleep(self._backoff_s(failures))
                    continue
                failures = 0 if await self._sync.stay() else failures + 1
                await self._clock.sleep(self._backoff_s(failures))
        finally:
            self.drop("the adapter stopped")

    def drop(self, reason: str) -> None:
        """End the connection, if there is one."""
        self._standing.drop(reason)

    def _backoff_s(self, failures: int) -> float:
        """Half of it by chance, so that many clients don't come back as one."""
        whole_s = self._terms.backoff_min_s * 2.0 ** min(max(failures - 1, 0), 16)
        longest_s = self._standing.restart.backoff_max_s(self._terms.backoff_max_s)
        return min(whole_s, longest_s) * (0.5 + self._random.random() / 2)
