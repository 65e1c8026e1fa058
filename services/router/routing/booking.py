"""Booking what an order has executed, and the records of what is wrong about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.common.domain.executions import Execution
from services.common.domain.order import Order
from services.common.domain.order_events import ExecutionReported, FeesReported, Verdict
from services.router.books.books import Books
from services.router.books.entries import OrderEntry
from services.router.journal.journal import Journal
from services.router.journal.records import (
    AlertRaised,
    ExecutionBooked,
    FeesBooked,
    Record,
    Severity,
    TradingState,
    TradingStateSet,
)

_ALERTS = {
    Verdict.CONTRADICTION: ("VENUE_CONTRADICTION", Severity.CRITICAL),
    Verdict.LATE_FILL: ("LATE_FILL", Severity.WARNING),
    Verdict.CORRECTED: ("EXECUTION_CORRECTED", Severity.CRITICAL),
    Verdict.OVERFILL: ("OVERFILL", Severity.CRITICAL),
}


class Booking:
    """Books executions of orders that the books have. Calls `on_attention` for an excess."""

    def __init__(self, journal: Journal, books: Books, on_attention: Callable[[], None]) -> None:
        self._journal = journal
        self._books = books
        self._on_attention = on_attention

    def book(self, entry: OrderEntry, placement_id: str, execution: Execution) -> None:
        """Book an execution if it is news, or its fees if they are. Raises IllegalEvent."""
        order = entry.order
        _, verdict = order.apply(ExecutionReported(placement_id, execution))
        if verdict is Verdict.DUPLICATE:
            self._take_fees(order, placement_id, execution)
            return
        records: list[Record] = [
            ExecutionBooked(order.account_id, order.client_order_id, placement_id, execution)
        ]
        records += self.alerts(verdict, entry, placement_id, execution.exec_id)
        self._journal.record(*records)
        if self._books.orders[entry.key].order.is_exceeded:
            self._on_attention()

    def _take_fees(self, order: Order, placement_id: str, execution: Execution) -> None:
        """Book the fees of a known execution if they are news. Raises IllegalEvent."""
        known = order.booked(replace(execution, client_id=placement_id))
        assert known is not None, "the order has just said that it knows it"
        told = FeesReported(placement_id, known.exec_id, execution.fees)
        if order.apply(told)[1] is Verdict.CHANGED:
            key = order.account_id, order.client_order_id
            self._journal.record(FeesBooked(*key, placement_id, known.exec_id, execution.fees))

    def alerts(
        self, verdict: Verdict, entry: OrderEntry, placement_id: str, what: str
    ) -> list[Record]:
        """The records of a verdict that a person should know of."""
        if verdict not in _ALERTS:
            return []
        kind, severity = _ALERTS[verdict]
        order = entry.order
        placement = order.placement(placement_id)
        alert = AlertRaised(
            kind,
            severity,
            f"{placement_id}: {what} while the order was {order.status.value}",
            order.account_id,
            placement.venue if placement else "",
            order.client_order_id,
        )
        if verdict in (Verdict.LATE_FILL, Verdict.CORRECTED) or order.external:
            return [alert]  # what others do with their orders is no fault of the venue's
        return [alert, *self.reduced(order.account_id, f"{kind} of {placement_id}")]

    def reduced(self, account_id: str, reason: str) -> list[Record]:
        """The records of a venue fault: no new entries until a person has looked."""
        if self._books.trading_state(account_id) is not TradingState.ACTIVE:
            return []
        return [TradingStateSet(account_id, TradingState.REDUCING, reason, "tandem")]
