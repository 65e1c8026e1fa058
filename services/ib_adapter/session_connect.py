"""Connects to the Gateway, and lets nothing be sent before the account is the right one."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Where and as whom to connect, and how long to wait for an account (seconds).

    `id_in_use_s`: so long our own old connection may hold the client id; then somebody else does.
    """

    host: str
    port: int
    client_id: int
    identity: Identity
    market_data_type: int
    connect_s: float
    id_in_use_s: float
    messages_per_s: int
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
        self._id_in_use_since: float | None = None
        self._is_told = False
        self.account = ""
        said.on_accounts = self._named_anew

    async def connect(self) -> None:
        """Connect and check the account, unless connected already.

        Raises Refused WRONG_ACCOUNT_MODE for good, and ReadFailed for what may pass.
        """
        standing, terms = self._standing, self._terms
        standing.require_right_account()
        if standing.is_connected:
            return
        self._said.on_connecting()
        standing.set(State.CONNECTING, f"connecting to {terms.host}:{terms.port}")
        pending = Pending()
        wire = Wire(Hearing(pending, self._said), messages_per_s=terms.messages_per_s)
        standing.new_connection(wire)
        await self._open(wire)
        self._id_in_use_since, self._is_told = None, False
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
            text = self._id_in_use() or self._said.note or str(error)
            is_up = error.was_open and not self._said.note
            self._standing.down(State.LOGIN_AWAITED if is_up else State.DISCONNECTED, text)
            raise ReadFailed(f"no connection with the Gateway: {text}") from error

    def _id_in_use(self) -> str:
        """Why the client id may be taken; "" if the Gateway did not say that it is.

        After a broken connection the Gateway may hold the old one for a while: it will see. What
        holds it for longer is another program, and a person must end that: orders can be canceled
        under this id only, so no other is tried.
        """
        if not self._said.is_id_in_use:
            self._id_in_use_since = None
            return ""
        now = self._clock.monotonic()
        if self._id_in_use_since is None:
            self._id_in_use_since = now
        held_s, client_id = now - self._id_in_use_since, self._terms.client_id
        if held_s < self._terms.id_in_use_s:
            return f"client id {client_id} is in use (326): our last connection may hold it still"
        text = (
            f"client id {client_id} is in use (326) since {held_s:.0f} s: another program has it; "
            "end that program, since only this id can cancel our orders"
        )
        if not self._is_told:
            self._is_told = True
            _log.error("client_id_in_use", client_id=client_id, held_s=round(held_s))
        return text

    def _named_anew(self, accounts: Sequence[str]) -> None:
        """The Gateway named its accounts once more: if ours is not among them, or one is of the
        other kind, it was logged in as somebody else under us. Those of a new connection are
        checked once it is open."""
        if not self._standing.is_let_in:
            return
        try:
            account = check_accounts(self._terms.identity, accounts)
            if self.account and account != self.account:
                raise WrongAccount(f"the Gateway has account {account}, and had {self.account}")
        except WrongAccount as error:
            self._end_trading(error)

    def _end_trading(self, error: WrongAccount) -> None:
        _log.error("wrong_account_mode", reason=str(error))
        self._standing.set(State.WRONG_ACCOUNT, str(error))
        self._standing.drop("wrong account")

    async def _check_account(self, wire: Wire) -> None:
        """The right kind, and the account that the send log is of: no other's, ever."""
        try:
            account = check_accounts(self._terms.identity, wire.accounts)
            check_log(account, await self._send_log.bind(account))
        except Unavailable as error:
            wire.drop(error.message)
            raise ReadFailed(error.message, reason=error.reason) from error
        except WrongAccount as error:
            self._end_trading(error)
            raise Refused(Reason.WRONG_ACCOUNT_MODE, f"nothing is sent: {error}") from error
        self.account = self._orders.account = account
