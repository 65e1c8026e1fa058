"""An operator's word on a doubt: what they must have looked up at the venue themselves.

It is the one way to end an order without the venue's word or proof. So it ends only what is in
doubt, it is journaled with who said it and why, the quantity stays in the order's bound, and the
venue's evidence still wins if it comes.
"""

from __future__ import annotations

from dataclasses import replace

from services.common.domain.errors import NotFound, Reason, Refused
from services.common.domain.order_status import OrderStatus
from services.router.books.books import Books
from services.router.books.entries import OrderEntry
from services.router.journal.journal import Journal
from services.router.journal.records import AlertRaised, DoubtResolved, Severity


def resolve_doubt(journal: Journal, books: Books, said: DoubtResolved) -> OrderEntry:
    """Record the word, unless the placement was resolved so before, and give the order.

    Not durable yet when it returns. Raises NotFound ORDER_NOT_FOUND, Refused NOT_IN_DOUBT (effect
    NONE), JournalError.
    """
    entry = books.get(said.account_id, said.client_order_id)
    placement = entry.order.placement(said.placement_id)
    if placement is None:
        text = f"placement_id: {entry.order.client_order_id} has no placement {said.placement_id!r}"
        raise NotFound(Reason.ORDER_NOT_FOUND, text)
    if placement.is_suspect:
        return entry
    if placement.status is not OrderStatus.IN_DOUBT:
        status = entry.order.placement_status(placement).value
        raise Refused(Reason.NOT_IN_DOUBT, f"{said.placement_id} is not in doubt: it is {status}")
    text = (
        f"{said.placement_id}: {said.actor} says {said.verdict.value}: {said.reason}. Its "
        f"quantity of {placement.order_qty} stays in the order's bound"
    )
    where = (said.account_id, placement.venue, entry.order.client_order_id)
    said = replace(said, client_order_id=entry.order.client_order_id)
    journal.record(said, AlertRaised("DOUBT_RESOLVED", Severity.WARNING, text, *where))
    return books.orders[entry.key]
