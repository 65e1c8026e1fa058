"""The session with the Gateway, and the Gateway's with IB, as one state machine: see `states`.

A session id stands for "in sync without a gap since": let in with the right account, order ids
known, the link to IB up, and executions, open and completed orders read to their ends and told.
Everything that could hide an event ends it. Orders need it, cancels only a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

import structlog

from services.common.adapter.pacer import Pacer
from services.common.adapter.port import EventSink, SessionChanged
from services.common.domain.errors import ReadFailed, Reason, Refused, Unavailable
from services.common.domain.executions import Fee
from services.common.runtime.clock import Clock, VenueClock
from services.ib_adapter.account_mode import (
    Identity,
    WrongAccount,
    check_accounts,
    check_log,
)
from services.ib_adapter.codes import Kind, Said
from services.ib_adapter.hearing import Hearing
from services.ib_adapter.link import Link
from services.ib_adapter.order_news import OrderNews
from services.ib_adapter.pending import Pending
from services.ib_adapter.recovery import read_all, read_missed
from services.ib_adapter.requests import Requests, RequestTerms
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.states import State
from services.ib_adapter.wire import NotConnected, Wire
from services.ib_adapter.words import ExecutionWord, OrderWord, StatusWord

_log = structlog.stdlib.get_logger(__name__)

MARKET_DATA_TYPES: Final = {"realtime": 1, "frozen": 2, "delayed": 3, "delayed_frozen": 4}


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """Where and as whom to connect, and how long to wait for what (seconds)."""

    host: str
    port: int
    client_id: int
    identity: Identity
    market_data_type: int
    connect_s: float
    heartbeat_s: float
    silence_s: float
    backoff_min_s: float
    backoff_max_s: float
    requests: RequestTerms


class Session:
    """Connects, keeps in sync, and says how far it is. Used on the event loop's thread only.

    `on_change` is called after state or session have changed.
    """

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
        self._news = news
        self._send_log = send_log
        self._sink = sink
        self._pacer = pacer
        self._clock = clock
        self._random = random
        self._new_session_id = new_session_id
        self.on_change: Callable[[], None] = _nothing
        self.venue_clock = venue_clock
        self.state = State.DISCONNECTED
        self.reason = "not connected yet"
        self.account = ""
        self.session_id = ""
        self.session_since: datetime | None = None
        self.in_sync_since = 0.0
        self._wire: Wire | None = None
        self._requests: Requests | None = None
        self._link = Link()
        self._gaps = 0
        self._note = ""
        self._changed = asyncio.Event()

    # -- what others ask ---------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """Whether cancels can be sent."""
        return self._wire is not None and self._wire.is_open

    @property
    def is_link_up(self) -> bool:
        """Whether, as far as is known, the Gateway reaches IB."""
        return self.is_connected and self._link.is_up

    def wire(self) -> Wire:
        """The connection. Raises Unavailable (effect NONE) if there is none, or a wrong one."""
        self._require_right_account()
        if self._wire is None or not self._wire.is_open:
            raise Unavailable(
                Reason.VENUE_UNAVAILABLE, f"there is no connection with the Gateway: {self.reason}"
            )
        return self._wire

    def ready_wire(self) -> Wire:
        """The connection, in sync. Raises Unavailable (effect NONE) otherwise."""
        self._require_right_account()
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

    def _require_right_account(self) -> None:
        if self.state is State.WRONG_ACCOUNT:
            raise Refused(Reason.WRONG_ACCOUNT_MODE, f"nothing is sent: {self.reason}")

    # -- connecting --------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect and check the account, unless connected already.

        Raises Refused WRONG_ACCOUNT_MODE for good, and ReadFailed for what may pass.
        """
        self._require_right_account()
        if self.is_connected:
            return
        self._note = ""
        self._set_state(State.CONNECTING, f"connecting to {self._terms.host}:{self._terms.port}")
        pending = Pending()
        wire = Wire(Hearing(pending, self))
        self._wire, self._link = wire, Link()
        try:
            await wire.open(
                self._terms.host,
                self._terms.port,
                self._terms.client_id,
                within_s=self._terms.connect_s,
            )
        except NotConnected as error:
            text = self._note or str(error)
            is_up = error.was_open and not self._note
            self._set_state(State.LOGIN_AWAITED if is_up else State.DISCONNECTED, text)
            raise ReadFailed(f"no connection with the Gateway: {text}") from error
        await self._check_account(wire)
        # Requests are numbered as orders are: none may have the number of an order.
        wire.raise_next_id(self._send_log.high_water + 1)
        self._requests = Requests(wire, pending, self._pacer, self._clock, self._terms.requests)
        self._requests.market_data_type(self._terms.market_data_type)
        if self.is_link_up:
            self._set_state(State.SYNCING, "connected, reading what happened")

    async def _check_account(self, wire: Wire) -> None:
        """The right kind, and the account that the send log is of: no other's, ever."""
        try:
            account = check_accounts(self._terms.identity, wire.accounts)
            check_log(account, await self._send_log.bind(account))
        except Unavailable as error:
            wire.drop(error.message)
            raise ReadFailed(error.message, reason=error.reason) from error
        except WrongAccount as error:
            _log.error("wrong_account_mode", reason=str(error))
            self._set_state(State.WRONG_ACCOUNT, str(error))
            wire.drop("wrong account")
            raise Refused(Reason.WRONG_ACCOUNT_MODE, f"nothing is sent: {error}") from error
        self.account = self._news.account = account

    async def run(self) -> None:
        """Keep the session until canceled. Raises Refused WRONG_ACCOUNT_MODE for good."""
        failures = 0
        try:
            while True:
                try:
                    await self.connect()
                except ReadFailed as error:
                    failures += 1
                    _log.warning("not_connected", state=self.state.value, error=error.message)
                    await self._clock.sleep(self._backoff_s(failures))
                    continue
                failures = 0 if await self._stay() else failures + 1
                await self._clock.sleep(self._backoff_s(failures))
        finally:
            self.drop("the adapter stopped")

    def drop(self, reason: str) -> None:
        """End the connection, if there is one."""
        if self._wire is not None:
            self._wire.drop(reason)

    def _backoff_s(self, failures: int) -> float:
        """Half of it by chance, so that many clients don't come back as one."""
        whole_s = self._terms.backoff_min_s * 2.0 ** min(max(failures - 1, 0), 16)
        return min(whole_s, self._terms.backoff_max_s) * (0.5 + self._random.random() / 2)

    # -- staying -----------------------------------------------------------------------------

    async def _stay(self) -> bool:
        """Return when the connection is gone: whether it ever was in sync."""
        async with asyncio.TaskGroup() as tasks:
            others = [
                tasks.create_task(self._beat(), name="ib.heartbeat"),
                tasks.create_task(self._news.telling.run(self._gap), name="ib.telling"),
            ]
            was_in_sync = await self._keep()
            for task in others:
                task.cancel()
        return was_in_sync

    async def _keep(self) -> bool:
        was_in_sync, failures = False, 0
        while self.is_connected:
            if not self._link.is_up or self.session_id:
                if not await self._wait_change(self._terms.silence_s) and self.session_id:
                    await self._look_again()
                continue
            try:
                await self._sync()
            except ReadFailed as error:
                failures += 1
                _log.warning("not_in_sync", error=error.message, reason=error.reason.value)
                await self._wait_change(self._backoff_s(failures))
                continue
            if self.session_id:
                was_in_sync, failures = True, 0
        return was_in_sync

    async def _sync(self) -> None:
        """Read what was missed and begin a session, unless a gap comes in between."""
        gaps, requests = self._gaps, self.requests()
        lowest = await requests.next_order_id()
        self.wire().raise_next_id(max(lowest, self._send_log.high_water + 1))
        await self._read_time()
        await read_missed(requests, self._news.telling, self._clock)
        if gaps == self._gaps and self.is_link_up:
            self._begin_session()

    async def read_all(self) -> None:
        """Read executions, open and completed orders, each to its end; what they say is heard.

        Raises ReadFailed if one of them could not be read whole.
        """
        await read_all(self.requests())

    async def _look_again(self) -> None:
        """Read everything after a while: orders of other clients are told by lists only."""
        try:
            await self.read_all()
        except ReadFailed as error:
            _log.warning("not_read_again", error=error.message)

    async def _read_time(self) -> float:
        at, asked, answered = await self.requests().current_time()
        self.venue_clock.observe(at, asked, answered, resolution_s=1.0)
        return answered - asked

    async def round_trip(self) -> float:
        """Ask for the time; how long that took, in seconds. Raises ReadFailed."""
        return await self._read_time()

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(self._terms.heartbeat_s)
            try:
                await self._read_time()
            except ReadFailed as error:
                _log.info("no_round_trip", error=error.message)

    # -- the session -------------------------------------------------------------------------

    def _begin_session(self) -> None:
        self._news.telling.open()
        self.session_id = self._new_session_id()
        self.session_since, self.in_sync_since = self._clock.now(), self._clock.monotonic()
        self._sink.publish(SessionChanged(self.session_id, "in sync"))
        _log.info("session_began", session_id=self.session_id, account=self.account)
        self._set_state(State.READY, "in sync")

    def _gap(self, reason: str) -> None:
        """End the session at once: from here on something may be missing."""
        self._gaps += 1
        self._news.telling.shut()
        if self.session_id:
            _log.info("session_ended", session_id=self.session_id, reason=reason)
            self.session_id, self.session_since = "", None
            self._sink.publish(SessionChanged("", reason))
        if self.state is State.READY:
            self._set_state(State.SYNCING, reason)
        self._wake()

    def _set_state(self, state: State, reason: str) -> None:
        if (state, reason) != (self.state, self.reason):
            _log.info("ib_state", state=state.value, reason=reason)
        self.state, self.reason = state, reason
        self.on_change()
        self._wake()

    async def _wait_change(self, timeout_s: float) -> bool:
        changed = self._changed
        try:
            async with asyncio.timeout(timeout_s):
                await changed.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # -- what the connection says (News) -----------------------------------------------------

    def on_order(self, word: OrderWord) -> None:
        """See `News`."""
        self._news.on_order(word)

    def on_status(self, word: StatusWord) -> None:
        """See `News`."""
        self._news.on_status(word)

    def on_execution(self, word: ExecutionWord, *, is_live: bool) -> None:
        """See `News`."""
        self._news.on_execution(word, is_live=is_live)

    def on_commission(self, exec_id: str, fee: Fee | None) -> None:
        """See `News`."""
        self._news.on_commission(exec_id, fee)

    def on_said(self, said: Said) -> None:
        """See `News`."""
        kind = said.kind
        if kind is Kind.LINK_LOST:
            is_usable = self._link.lost(said.code)
            self._gap(str(said))
            self._set_state(State.LINK_LOST, str(said))
            if not is_usable:
                self.drop(str(said))
        elif kind in (Kind.LINK_RESET, Kind.LINK_KEPT, Kind.FARM_OK):
            self._link_is_back(said)
        elif kind in (Kind.CLIENT_ID_IN_USE, Kind.OPERATOR):
            self._note = str(said)
            _log.error("gateway_needs_attention", said=str(said))
        elif kind is Kind.PACING and said.code:
            self._pacer.throttled(None)
            _log.warning("too_many_messages", said=str(said))
        if said.ref_id > 0:
            self._news.on_said(said)
        elif kind is Kind.UNLISTED:
            _log.warning("code_not_listed", said=str(said))

    def _link_is_back(self, said: Said) -> None:
        if said.kind is Kind.LINK_RESET:
            self._gap(str(said))
        if self._link.restored(said) and self.state is State.LINK_LOST:
            self._set_state(State.SYNCING, str(said))

    def on_lost_message(self, reason: str, *, is_framing: bool) -> None:
        """See `News`."""
        self._gap(reason)
        if is_framing:
            self.drop(reason)

    def on_closed(self, reason: str) -> None:
        """See `News`."""
        self._gap(f"the connection was lost: {reason}")
        self._news.waiters.lost(reason)
        if self.state not in (State.CONNECTING, State.WRONG_ACCOUNT):
            self._set_state(State.DISCONNECTED, self._note or reason)


def _nothing() -> None:
    """Nobody listens yet."""
