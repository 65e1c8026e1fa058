"""Connects to the Gateway, and lets nothing be sent before the account is the right one."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from services.common.adapter.pacer import Pacer
from services.common.domain.errors import ReadFailed, Reason, Refused, Unavailable
from services.common.runtime.clock import Clock
from services.ib_adapter.account_mode import (
    Identity,
    WrongAccount,
    check_accounts,
    check_log,
)
from services.ib_adapter.hearing import Hearing
from services.ib_adapter.order_news import OrderNews
from services.ib_adapter.pending import Pending
from services.ib_adapter.requests import Requests, RequestTerms
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.session_news import SessionNews
from services.ib_adapter.session_state import Standing
from services.ib_adapter.states import State
from services.ib_adapter.wire import NotConnected, Wire

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectTerms:
    """Where and as whom to connect, and how long to wait for an account (seconds)."""

    host: str
    port: int
    client_id: int
    identity: Identity
    market_data_type: int
    connect_s: float
    requests: RequestTerms


class Connector:
    """Makes connections, one after the other. `account` is "" until it is known."""

    def __init__(
        self,
        terms: ConnectTerms,
        standing: Standing,
        said: SessionNews,
        orders: OrderNews,
        send_log: SendLog,
        pacer: Pacer,
        clock: Clock,
    ) -> None:
        self._terms = terms
        self._standing = standing
        self._said = said
        self._orders = orders
        self._send_log = send_log
        self._pacer = pacer
        self._clock = clock
        self.account = ""

    async def connect(self) -> None:
        """Connect and check the account, unless connected already.

        Raises Refused WRONG_ACCOUNT_MODE for good, and ReadFailed for what may pass.
        """
        standing, terms = self._standing, self._terms
        standing.require_right_account()
        if standing.is_connected:
            return
        self._said.note = ""
        standing.set(State.CONNECTING, f"connecting to {terms.host}:{terms.port}")
        pending = Pending()
        wire = Wire(Hearing(pending, self._said))
        standing.new_connection(wire)
        await self._open(wire)
        await self._check_account(wire)
        # Requests are numbered as orders are: none may have the number of an order.
        wire.raise_next_id(self._send_log.high_water + 1)
        requests = Requests(wire, pending, self._pacer, self._clock, terms.requests)
        requests.market_data_type(terms.market_data_type)
        standing.now_reads_by(requests)
        if standing.is_link_up:
            standing.set(State.SYNCING, "connected, reading what happened")

    async def _open(self, wire: Wire) -> None:
        terms = self._terms
        try:
            await wire.open(terms.host, terms.port, terms.client_id, within_s=terms.connect_s)
        except NotConnected as error:
            text = self._said.note or str(error)
            is_up = error.was_open and not self._said.note
            self._standing.set(State.LOGIN_AWAITED if is_up else State.DISCONNECTED, text)
            raise ReadFailed(f"no connection with the Gateway: {text}") from error

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
            self._standing.set(State.WRONG_ACCOUNT, str(error))
            wire.drop("wrong account")
            raise Refused(Reason.WRONG_ACCOUNT_MODE, f"nothing is sent: {error}") from error
        self.account = self._orders.account = account
