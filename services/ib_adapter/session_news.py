"""What a connection says of itself and of the Gateway's link to IB; orders are passed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from services.common.adapter.pacer import Pacer
from services.common.domain.executions import Fee
from services.ib_adapter.codes import Kind, Said
from services.ib_adapter.order_news import OrderNews
from services.ib_adapter.session_state import Standing
from services.ib_adapter.states import State
from services.ib_adapter.words import ExecutionWord, OrderWord, StatusWord

_log = structlog.stdlib.get_logger(__name__)


class SessionNews:
    """Takes what a connection says (see `News`). Used on the event loop's thread only.

    `note` is what the Gateway said last about why it does not let us in, "" for nothing;
    `is_id_in_use`: that was 326, another connection has our client id. `on_accounts` is called
    with the accounts that the Gateway names after it had let us in.
    """

    def __init__(self, standing: Standing, orders: OrderNews, pacer: Pacer) -> None:
        self._standing = standing
        self._orders = orders
        self._pacer = pacer
        self.note = ""
        self.is_id_in_use = False
        self.on_accounts: Callable[[Sequence[str]], None] | None = None

    def on_connecting(self) -> None:
        """A new connection is made: what an earlier one said of itself is past."""
        self.note, self.is_id_in_use = "", False

    def on_accounts_named(self, accounts: Sequence[str]) -> None:
        """See `News`."""
        if self.on_accounts is not None:
            self.on_accounts(accounts)

    def on_positions_moved(self) -> None:
        """See `News`."""
        self._orders.on_positions_moved()

    def on_order(self, word: OrderWord) -> None:
        """See `News`."""
        self._orders.on_order(word)

    def on_status(self, word: StatusWord) -> None:
        """See `News`."""
        self._orders.on_status(word)

    def on_execution(self, word: ExecutionWord, *, is_live: bool) -> None:
        """See `News`."""
        self._orders.on_execution(word, is_live=is_live)

    def on_commission(self, exec_id: str, fee: Fee | None) -> None:
        """See `News`."""
        self._orders.on_commission(exec_id, fee)

    def on_said(self, said: Said) -> None:
        """See `News`."""
        kind = said.kind
        if kind is Kind.LINK_LOST:
            self._link_is_lost(said)
        elif kind in (Kind.LINK_RESET, Kind.LINK_KEPT, Kind.FARM_OK):
            self._link_is_back(said)
        elif kind is Kind.CLIENT_ID_IN_USE:
            self.note, self.is_id_in_use = str(said), True
        elif kind is Kind.OPERATOR:
            self.note = str(said)
            _log.error("gateway_needs_attention", said=str(said))
        elif kind is Kind.PACING and said.code:
            self._pacer.throttled(None)
            _log.warning("too_many_messages", said=str(said))
        if said.ref_id > 0:
            self._orders.on_said(said)
        elif kind is Kind.UNLISTED:
            _log.warning("code_not_listed", said=str(said))

    def _link_is_lost(self, said: Said) -> None:
        is_usable = self._standing.link.lost(said.code)
        self._standing.heard_of_link()
        self._standing.gap(str(said))
        self._standing.set(State.LINK_LOST, str(said))
        if not is_usable:
            self._standing.drop(str(said))

    def _link_is_back(self, said: Said) -> None:
        if said.kind is Kind.LINK_RESET:
            self._standing.gap(str(said))
            self._standing.data_lost(str(said))
        is_back = self._standing.link.restored(said)
        self._standing.heard_of_link()
        if is_back and self._standing.state is State.LINK_LOST:
            self._standing.set(State.SYNCING, str(said))

    def on_lost_message(self, reason: str, *, is_framing: bool) -> None:
        """See `News`."""
        self._standing.gap(reason)
        if is_framing:
            self._standing.drop(reason)

    def on_closed(self, reason: str) -> None:
        """See `News`."""
        self._standing.gap(f"the connection was lost: {reason}")
        self._orders.waiters.lost(reason)
        self._standing.data_lost(reason)
        if self._standing.state not in (State.CONNECTING, State.WRONG_ACCOUNT):
            self._standing.down(State.DISCONNECTED, self.note or reason)
