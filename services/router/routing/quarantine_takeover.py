"""Taking an order that was found into the books, with what is in quarantine of it."""

from __future__ import annotations

from services.common.domain.order_events import IllegalEvent
from services.common.domain.reports import OrderReport
from services.router.books.books import Books
from services.router.books.entries import OrderEntry, OrderKey, QuarantineEntry
from services.router.journal.journal import Journal
from services.router.journal.records import AlertRaised, OrderAdopted, Severity
from services.router.routing.adopting import NotAdoptable, on_new_terms
from services.router.routing.booking import Booking
from services.router.routing.quarantine import Quarantine


class TakeOver:
    """Synchronous: what it records goes to the disk in one commit."""

    def __init__(
        self, journal: Journal, books: Books, quarantine: Quarantine, booking: Booking
    ) -> None:
        self._journal = journal
        self._books = books
        self._quarantine = quarantine
        self._booking = booking

    def adopt(self, adopted: OrderAdopted) -> OrderEntry:
        """As `Intake.adopt`."""
        key = adopted.account_id, adopted.spec.client_order_id
        known = self._books.orders.get(key)
        placement_id = adopted.placement.placement_id
        is_new = known is None or known.order.placement(placement_id) is None
        if known is not None and is_new and (adopted.external or known.order.external):
            raise NotAdoptable(f"the books have an order {key[1]} without it")
        if is_new:
            what = f"{placement_id}, {adopted.spec.side.value} {adopted.spec.order_qty}"
            text = f"{what} of {adopted.spec.instrument.key}, is in the books: {adopted.reason}"
            where = (adopted.account_id, adopted.placement.venue, key[1])
            alert = AlertRaised("ORDER_ADOPTED", Severity.INFO, text, *where)
            self._journal.record(adopted, alert)
        self._take_over(key, adopted, is_new=is_new)
        return self._books.orders[key]

    def follow(self, entry: OrderEntry, report: OrderReport) -> OrderEntry:
        """An external order on the terms that its owner has given it by now; others as they are."""
        changed = on_new_terms(entry.order, report)
        if changed is not None:
            self._journal.record(changed)
            self._take_over(entry.key, changed, is_new=False)  # what had not fitted the old terms
        return self._books.orders[entry.key]

    def _take_over(self, key: OrderKey, adopted: OrderAdopted, *, is_new: bool) -> None:
        """Book the order's executions that are kept, and close their records; those of the order
        itself are closed when it is new, what is there later are words that don't fit it."""
        where = (key[0], adopted.placement.venue, adopted.placement.venue_order_id)
        left = [
            kept
            for kept in self._books.quarantine.of_order(*where)
            if (kept.closed is None or not kept.closed.adopted)
            and (is_new or kept.record.execution is not None)
        ]
        done = [kept for kept in left if self._is_booked(key, adopted, kept)]
        self._quarantine.close(done, reason=adopted.reason, actor=adopted.actor, adopted_as=key[1])

    def _is_booked(self, key: OrderKey, adopted: OrderAdopted, kept: QuarantineEntry) -> bool:
        """Whether nothing is left of a record: it was the order, or its execution is booked."""
        execution, entry = kept.record.execution, self._books.orders[key]
        if execution is None:
            return True
        try:
            self._booking.book(entry, adopted.placement.placement_id, execution)
        except IllegalEvent as error:
            self._quarantine.take_misfit_execution(execution, f"{error} ({key[1]})")
            return False
        return True
