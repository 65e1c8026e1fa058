"""Orders that no venue took: what their client is answered, and what a person is told.

An entry that is taken nowhere means that no broker can be used: that is told once, until one can be
again. An exit that can't leave for its holder, and an order whose cover is where nothing can go,
are told as well, since they go to no other venue; while that lasts, once a minute at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from services.common.domain.errors import Effect, Reason, TandemError, Unavailable, VenueCause
from services.common.domain.order import Order
from services.common.domain.order_status import OrderStatus
from services.common.runtime.clock import Clock
from services.router.books.books import Books
from services.router.books.entries import OrderEntry, OrderKey
from services.router.journal.journal import Journal
from services.router.journal.records import AlertRaised, Record, Severity
from services.router.journal.store import JournalError
from services.router.risk.gate import Role
from services.router.routing.placing import no_venue
from services.router.routing.policy import REJECTIONS

_log = structlog.stdlib.get_logger(__name__)

AGAIN_S: Final = 60.0
_AT_ONE_PLACE: Final = {
    Reason.HOLDER_UNAVAILABLE: ("HOLDER_UNAVAILABLE", Severity.CRITICAL),
    Reason.COVER_ELSEWHERE: ("COVER_ELSEWHERE", Severity.WARNING),
}
_OF_THE_ACCOUNT: Final = frozenset(
    {Reason.CREDENTIALS_REFUSED, Reason.ACCOUNT_BLOCKED, Reason.WRONG_ACCOUNT_MODE}
)
# One of these says that the order was at fault, or its moment, and no broker is.
_OF_THE_ORDER: Final = (REJECTIONS - _OF_THE_ACCOUNT) | {
    Reason.CHANGE_IN_PROGRESS,
    Reason.INVALID_FIELD,
    Reason.JOURNAL_UNAVAILABLE,
    Reason.NOT_AFTER_PASSED,
    Reason.NOT_IMPLEMENTED,
    Reason.NOT_LEADER,
    Reason.NO_COVER,
    Reason.ORDER_ENDED,
    Reason.RESOLVED_BY_OPERATOR,
    Reason.STALE_EPOCH,
    Reason.TRADING_HALTED,
    Reason.TRADING_REDUCING,
    Reason.UNSUPPORTED_FIELD,
}


def causes_of(order: Order, passed_over: Sequence[VenueCause]) -> tuple[VenueCause, ...]:
    """Why each venue did not take the order: its latest word, or why it was not asked."""
    tried = [
        VenueCause(p.venue, p.cause.reason, p.cause.message, Effect.NONE, p.placement_id)
        for p in order.placements
        if p.cause is not None
    ]
    latest = {cause.venue: cause for cause in (*tried, *passed_over)}
    return tuple(latest.values())


def unplaced(
    order: Order, passed_over: Sequence[VenueCause], retry_after_s: float | None
) -> TandemError:
    """The answer for an order of which nothing is at any venue, with each one's cause."""
    causes = causes_of(order, passed_over)
    shown = "; ".join(f"{c.venue}: {c.message}" for c in causes) or "no venue is configured"
    return Unavailable(
        Reason.ALL_VENUES_UNAVAILABLE,
        f"no venue took {order.client_order_id}, nothing is at any venue: {shown}",
        venue_causes=causes,
        retry_after_s=retry_after_s,
    )


@dataclass(slots=True)
class Untaken:
    """Tells of what was taken nowhere. Its methods wait for nothing and never raise."""

    journal: Journal
    books: Books
    clock: Clock
    _told_at: dict[tuple[str, Reason, frozenset[str]], float] = field(default_factory=dict)

    def refused(self, key: OrderKey, error: TandemError) -> None:
        """An order was refused before anything was journaled."""
        if error.reason in _AT_ONE_PLACE:
            self._tell_at_one_place(key, error.reason, error.venue_causes)

    def ended(self, entry: OrderEntry, role: Role, passed_over: Sequence[VenueCause]) -> None:
        """The work on an order has ended; nothing is told of one that is somewhere, or for whose
        own sake it was refused."""
        order = entry.order
        causes = causes_of(order, passed_over)
        if not _is_nowhere(order) or any(cause.reason in _OF_THE_ORDER for cause in causes):
            return
        if role is Role.EXIT or order.spec.venue_pin:
            self._tell_at_one_place(entry.key, Reason.HOLDER_UNAVAILABLE, causes)
        else:
            self._record(entry.key, no_venue(self.books, entry.key, causes))

    def _tell_at_one_place(
        self, key: OrderKey, reason: Reason, causes: tuple[VenueCause, ...]
    ) -> None:
        where = (key[0], reason, frozenset(cause.venue for cause in causes))
        now = self.clock.monotonic()
        if now - self._told_at.get(where, -AGAIN_S) < AGAIN_S:
            return
        self._told_at[where] = now
        shown = "; ".join(f"{cause.venue}: {cause.message}" for cause in causes)
        message = f"{key[1]} can go to no other venue, and was not taken: {shown}"
        venue = causes[0].venue if causes else ""
        kind, severity = _AT_ONE_PLACE[reason]
        alert = AlertRaised(kind, severity, message, key[0], venue, key[1], venue_causes=causes)
        self._record(key, [alert])

    def _record(self, key: OrderKey, records: list[Record]) -> None:
        try:
            if self.journal.is_leading:
                self.journal.record(*records)
        except JournalError as failed:  # what the client is told is none the less true
            _log.error("alert_not_recorded", client_order_id=key[1], error=str(failed))


def _is_nowhere(order: Order) -> bool:
    """Whether the order is at no venue for what is wrong with venues, or with its account there."""
    if order.status is OrderStatus.UNPLACED:
        return True
    last = order.placements[-1] if order.placements else None
    if last is None or last.cause is None or last.was_accepted:
        return False
    return order.status is OrderStatus.REJECTED and last.cause.reason in _OF_THE_ACCOUNT
