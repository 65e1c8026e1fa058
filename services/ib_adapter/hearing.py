"""Everything that comes in on one connection: facts about orders, answers to requests, codes.

This is the object that the library calls its wrapper; the names of its methods are the library's.
A row of an answer that tells of an order or an execution is a fact like any other, so it goes to
`News` as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from types import SimpleNamespace
from typing import Any, Final, Protocol

import structlog

from services.common.domain.executions import Fee
from services.ib_adapter import figures, words
from services.ib_adapter.codes import Kind, Said
from services.ib_adapter.hearing_data import DataHearing
from services.ib_adapter.pending import Named, Pending, RequestRefused
from services.ib_adapter.wire import ORDER_MESSAGES, TICK_MESSAGES
from services.ib_adapter.words import ExecutionWord, OrderWord, StatusWord

_log = structlog.stdlib.get_logger(__name__)

# Ticks may have been missed, or none come any more, by the link or by a farm for market data.
_STOPS_TICKS: Final = frozenset({Kind.LINK_LOST, Kind.LINK_RESET})
_DATA_FARM_BROKEN: Final = 2103


class News(Protocol):
    """Who is told of what nobody has to ask for."""

    def on_order(self, word: OrderWord) -> None:
        """An order was shown."""

    def on_status(self, word: StatusWord) -> None:
        """An order's status was told."""

    def on_execution(self, word: ExecutionWord, *, is_live: bool) -> None:
        """An execution was told; `is_live` if nobody had asked."""

    def on_commission(self, exec_id: str, fee: Fee | None) -> None:
        """The commission of an execution was told."""

    def on_said(self, said: Said) -> None:
        """A code came that is no answer to a request."""

    def on_accounts_named(self, accounts: Sequence[str]) -> None:
        """The Gateway named its accounts after it had let us in: it may be another login."""

    def on_positions_moved(self) -> None:
        """A position has changed."""

    def on_lost_message(self, reason: str, *, is_framing: bool) -> None:
        """A message about orders could not be read; with `is_framing`, nor what follows it."""

    def on_closed(self, reason: str) -> None:
        """The connection is gone."""


class Hearing(DataHearing):
    """The ears of one connection."""

    def __init__(self, pending: Pending, news: News) -> None:
        super().__init__(pending)
        self._news = news
        # The decoder asks here for the zone of times that come without one; ib_async's also for
        # the zone in which to give them.
        self.ib = SimpleNamespace(TimezoneTWS=figures.NEW_YORK.key)
        self.defaultTimezone = UTC

    def positions_moved(self) -> None:
        """See `DataHearing`."""
        self._news.on_positions_moved()

    # -- what went wrong ---------------------------------------------------------------------

    def unread(self, message_id: str, error: BaseException | None) -> None:
        """See `Ears`. It may have been a part of any answer, so none of them is whole; a tick is
        part of a quote only."""
        text = f"message {message_id or '?'} could not be read: {type(error).__name__}"
        _log.warning("message_not_read", message_id=message_id, error=str(error)[:300])
        if message_id in TICK_MESSAGES:
            self._pending.fail_lines(text)
        else:
            self._pending.fail_all(text)
        if message_id in ORDER_MESSAGES or not message_id.isdigit():
            self._news.on_lost_message(text, is_framing=not message_id)

    def closed(self, reason: str) -> None:
        """See `Ears`."""
        self._pending.fail_all(f"the connection is gone: {reason}")
        self._news.on_closed(reason)

    def error(self, reqId: int, errorCode: int, errorString: str, _advanced: str = "") -> None:
        said = Said(reqId, errorCode, errorString)
        if reqId in self._pending:
            # A farm that is broken (10197, another session has the data) ends a request as well.
            if said.ends_request or said.kind is Kind.FARM_BROKEN:
                self._pending.fail(reqId, RequestRefused(said))
            if said.kind is Kind.PACING:
                self._news.on_said(said)
            return
        if said.kind in _STOPS_TICKS or errorCode == _DATA_FARM_BROKEN:
            self._pending.fail_lines(str(said))
        self._news.on_said(said)

    # -- orders ------------------------------------------------------------------------------

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
        if order.whatIf:
            self._pending.row(orderId, orderState)
            self._pending.end(orderId)
            return
        word = words.open_order(orderId, contract, order, orderState)
        self._news.on_order(word)
        self._pending.row(Named.OPEN_ORDERS, word)

    def openOrderEnd(self) -> None:
        self._pending.end(Named.OPEN_ORDERS)

    def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:
        word = words.completed_order(contract, order, orderState)
        self._news.on_order(word)
        self._pending.row(Named.COMPLETED_ORDERS, word)

    def completedOrdersEnd(self) -> None:
        self._pending.end(Named.COMPLETED_ORDERS)

    def orderStatus(
        self,
        orderId: int,
        status: str,
        filled: float,
        _remaining: float,
        avgFillPrice: float,
        permId: int,
        _parentId: int,
        _lastFillPrice: float,
        clientId: int,
        *_more: Any,
    ) -> None:
        cum_qty = figures.required_decimal(filled, "filled")
        avg_px = figures.decimal(avgFillPrice)
        self._news.on_status(
            StatusWord(permId, orderId, clientId, status, cum_qty, avg_px if cum_qty else None)
        )

    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:
        word = words.execution(contract, execution)
        self._news.on_execution(word, is_live=reqId not in self._pending)
        self._pending.row(reqId, word)

    def execDetailsEnd(self, reqId: int) -> None:
        self._pending.end(reqId)

    def commissionReport(self, commissionReport: Any) -> None:
        self._news.on_commission(commissionReport.execId, words.commission(commissionReport))

    # -- the connection ----------------------------------------------------------------------

    def managedAccounts(self, accountsList: str) -> None:
        self._news.on_accounts_named([name for name in accountsList.split(",") if name])

    def nextValidId(self, reqId: int) -> None:
        self._pending.row(Named.NEXT_ID, reqId)
        self._pending.end(Named.NEXT_ID)

    # -- what the library tells for its own sake ---------------------------------------------

    def connectAck(self) -> None:
        """The handshake is done."""

    def setEventsDone(self) -> None:
        """The library would end its subscriptions here."""

    def connectionClosed(self) -> None:
        """Told by `closed`."""
