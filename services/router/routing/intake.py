"""What venues say, made into records: each word is checked against its order before it counts.

Known things change nothing, illegal ones and those of orders that we don't know go to quarantine
with an alert, and nothing is dropped. Everything here is synchronous: the books are read, the
record is made, and no other task comes between.
"""

from __future__ import annotations

from collections.abc import Callable

from services.common.domain.executions import Execution
from services.common.domain.order_events import (
    IllegalEvent,
    Placement,
    PlacementSignaled,
    TwoVenueOrders,
    Verdict,
)
from services.common.domain.order_status import (
    PLAINLY_WORKING,
    TERMINAL,
    WORKING,
    OrderStatus,
    Signal,
)
from services.common.domain.order_terms import OptionCombo
from services.common.domain.reports import OrderReport
from services.common.domain.revisions import REFUSED
from services.router.books.books import Books
from services.router.books.entries import OrderEntry, OrderKey
from services.router.journal.journal import Journal
from services.router.journal.records import (
    AlertRaised,
    OrderAdopted,
    PlacementReported,
    Record,
    Severity,
)
from services.router.routing.booking import Booking
from services.router.routing.doubt_alerts import doubt_alerts
from services.router.routing.quarantine import Quarantine, QuarantineRules
from services.router.routing.quarantine_takeover import TakeOver
from services.router.routing.twin_orders import TwinOrders
from services.router.routing.unclaimed import Unclaimed


class Intake:
    """Takes reports and executions of all venues of all accounts."""

    def __init__(
        self,
        journal: Journal,
        books: Books,
        on_attention: Callable[[], None],
        rules: QuarantineRules | None = None,
    ) -> None:
        self.quarantine = Quarantine(journal, books, rules or QuarantineRules())
        self._booking = Booking(journal, books, on_attention)
        self._takeover = TakeOver(journal, books, self.quarantine, self._booking)
        self._journal = journal
        self._books = books
        self._on_attention = on_attention
        self._to_look_up: set[str] = set()
        self._unclaimed = Unclaimed(books)
        self._twins = TwinOrders(books)

    def take_report(self, report: OrderReport, *, fresh: bool = False) -> None:
        """Apply a venue's word on an order; quarantine it if it is not ours or does not fit.

        `fresh` is the answer to a look-up: how the order stands now.
        """
        entry, placement_id = self._owner(
            report.account_id, report.venue, report.client_id, report.venue_order_id
        )
        if entry is None:
            if not self._is_leg(report) and not self._unclaimed.keeps(report):
                self._take_stranger(report)
            return
        entry = self._takeover.follow(entry, report)
        if self._is_old_news(entry, placement_id, report):
            if not fresh:
                self._to_look_up.add(placement_id)
                return
            if report.status not in PLAINLY_WORKING:
                return
        if not fresh and _is_older_word(entry, placement_id, report):
            self._to_look_up.add(placement_id)
            self._on_attention()
            return
        signaled = PlacementSignaled(
            placement_id,
            report.signal,
            venue_order_id=report.venue_order_id,
            raw_status=report.raw_status,
            cum_qty=report.cum_qty,
            cause=report.cause,
            order_qty=report.order_qty if _is_revision(entry, placement_id) else None,
        )
        try:
            _check_terms(report, entry, placement_id)
            self.take_signal(entry, signaled, report)
        except TwoVenueOrders as error:
            self._take_twin(entry, placement_id, report, str(error))
            self.quarantine.take_misfit(report, f"{error} ({entry.order.client_order_id})")
        except IllegalEvent as error:
            self.quarantine.take_misfit(report, f"{error} ({entry.order.client_order_id})")
            if not fresh:  # what was told of it is not true; what is?
                self._to_look_up.add(placement_id)

    def _take_stranger(self, report: OrderReport) -> None:
        adopted = self.quarantine.take_stranger(report)
        if adopted is not None:
            self.adopt(adopted)

    def adopt(self, adopted: OrderAdopted) -> OrderEntry:
        """Record an order that was found, with what is in quarantine of it, all in one commit.

        Done again it changes nothing. Executions that don't fit the order stay where they are.
        Raises NotAdoptable if the books have the id, and not this placement under it.
        """
        entry = self._takeover.adopt(adopted)
        self._on_attention()  # for fills that it had before
        return entry

    def _take_twin(
        self, entry: OrderEntry, placement_id: str, report: OrderReport, what: str
    ) -> None:
        """A venue fault: its second order is told to a person, and all of them are ended."""
        if self._twins.take(report):
            placement = entry.order.placement(placement_id)
            assert placement is not None, "its owner was found by it"
            self._journal.record(*self.doubled(entry.key, placement, what))
            self._on_attention()

    def doubled(self, key: OrderKey, placement: Placement, what: str) -> list[Record]:
        """The records of a venue that works two orders for one."""
        where = (key[0], placement.venue, key[1])
        alert = AlertRaised("ORDER_DOUBLED", Severity.CRITICAL, what, *where)
        return [alert, *self.reduced(key[0], what)]

    def reduced(self, account_id: str, reason: str) -> list[Record]:
        """The records of a venue fault: no new entries until a person has looked."""
        return self._booking.reduced(account_id, reason)

    def is_doubled(self, placement_id: str) -> bool:
        """Whether the venue works a second order under this placement."""
        return self._twins.are_live(placement_id)

    def is_risen(self, report: OrderReport) -> bool:
        """Whether it shows a revision at work that came to nothing, as the books have it."""
        entry, placement_id = self._owner(
            report.account_id, report.venue, report.client_id, report.venue_order_id
        )
        if entry is None or report.status not in PLAINLY_WORKING:
            return False
        return self._is_old_news(entry, placement_id, report)

    def _is_old_news(self, entry: OrderEntry, placement_id: str, report: OrderReport) -> bool:
        """A revision that was turned down had been shown as pending before: the stream's word of
        that can come after the answer. It counts only once the old order has been replaced, or
        if a look-up shows the revision at work."""
        order = entry.order
        revision = order.placement(placement_id)
        old = None if revision is None else order.placement(revision.replaces)
        if revision is None or old is None or revision.status not in REFUSED:
            return False
        had_effect = TERMINAL - {OrderStatus.REJECTED}
        return report.status not in had_effect and old.status is not OrderStatus.REPLACED

    def to_look_up(self, venue: str) -> list[Placement]:
        """Placements at the venue that must be asked for, since what was said of them does not
        fit: a revision was refused, and then it was shown, or its order was replaced."""
        found = []
        for placement_id in list(self._to_look_up):
            entry = self._books.orders[self._books.by_placement[placement_id]]
            placement = entry.order.placement(placement_id)
            if placement is not None and placement.venue == venue:
                found.append(placement)
        return found

    def looked_up(self, placement_id: str) -> None:
        """The venue has answered for it."""
        self._to_look_up.discard(placement_id)

    def _is_leg(self, report: OrderReport) -> bool:
        """Whether it is a leg of a multi-leg order of ours, which says no more than its parent."""
        key = self._books.by_venue_order.get((report.account_id, report.venue, report.parent))
        if key is None or not report.parent:
            return False
        return isinstance(self._books.orders[key].order.spec.instrument, OptionCombo)

    def take_signal(
        self, entry: OrderEntry, signaled: PlacementSignaled, report: OrderReport | None = None
    ) -> None:
        """Record a signal that changes the order. Raises IllegalEvent if it can't be."""
        changed, verdict = entry.order.apply(signaled)
        if verdict is Verdict.DUPLICATE:
            return
        order = entry.order
        times = report.times if report is not None else entry.updated
        records: list[Record] = [
            PlacementReported(order.account_id, order.client_order_id, signaled, times)
        ]
        records += self._booking.alerts(verdict, entry, signaled.placement_id, signaled.raw_status)
        records += doubt_alerts(order, changed)
        self._journal.record(*records)
        self._look_after(entry.key, signaled)
        for leg in self._unclaimed.to_judge():
            self.take_report(leg)

    def take_contradiction(self, entry: OrderEntry, placement_id: str, what: str) -> None:
        """Alarm that somebody's word was wrong which the evidence had refuted before it came."""
        self._journal.record(
            *self._booking.alerts(Verdict.CONTRADICTION, entry, placement_id, what)
        )

    def _look_after(self, key: OrderKey, signaled: PlacementSignaled) -> None:
        """Call for care if fills are missing or a standing cancel can be passed on."""
        order = self._books.orders[key].order
        placement = order.placement(signaled.placement_id)
        assert placement is not None
        stands = order.cancel_requested and placement.status in WORKING
        # Refused just now: asked again at once, it would be refused again, without an end.
        waits = signaled.signal is Signal.CANCEL_REJECTED
        pending = placement.status is OrderStatus.PENDING_CANCEL
        doubted: set[str] = set()
        if placement.status is OrderStatus.REPLACED:
            revisions = (p for p in order.placements if p.replaces == placement.placement_id)
            in_question = (p for p in revisions if p.status in REFUSED | {OrderStatus.IN_DOUBT})
            doubted = {p.placement_id for p in in_question}
            self._to_look_up |= doubted
        if signaled.signal is Signal.REOPENED:  # its end may have come since that was said
            doubted = {placement.placement_id}
            self._to_look_up |= doubted
        missing = order.missing_fills(placement) > 0
        if missing or doubted or order.is_exceeded or (stands and not pending and not waits):
            self._on_attention()

    def take_execution(self, execution: Execution) -> None:
        """Book an execution once, and its fees when they are told; quarantine what is not ours
        or does not fit."""
        entry, placement_id = self._owner(
            execution.account_id, execution.venue, execution.client_id, execution.venue_order_id
        )
        if entry is None:
            self.quarantine.take_execution(execution)
            return
        try:
            self._booking.book(entry, placement_id, execution)
        except IllegalEvent as error:
            reason = f"{error} ({entry.order.client_order_id})"
            self.quarantine.take_misfit_execution(execution, reason)

    def owner_of(self, subject: OrderReport | Execution) -> OrderEntry | None:
        """The order in the books that a venue speaks of, None if there is none."""
        ids = (subject.account_id, subject.venue, subject.client_id, subject.venue_order_id)
        return self._owner(*ids)[0]

    def _owner(
        self, account_id: str, venue: str, client_id: str, venue_order_id: str
    ) -> tuple[OrderEntry | None, str]:
        """The order that a placement id or a venue order id belongs to, and the placement."""
        key = self._books.by_placement.get(client_id)
        is_named = key is not None
        if key is None:  # some reports carry only the venue's own id
            key = self._books.by_venue_order.get((account_id, venue, venue_order_id))
        if key is None or key[0] != account_id:
            return None, ""
        entry = self._books.orders[key]
        if not is_named and client_id and not entry.order.external:
            return None, ""  # a strange id, and an order that has one of ours
        for placement in entry.order.placements:
            own_id = placement.placement_id if is_named else placement.venue_order_id
            told_id = client_id if is_named else venue_order_id
            if placement.venue == venue and own_id == told_id:
                return entry, placement.placement_id
        return None, ""


def _is_revision(entry: OrderEntry, placement_id: str) -> bool:
    placement = entry.order.placement(placement_id)
    return placement is not None and bool(placement.replaces)


def _is_older_word(entry: OrderEntry, placement_id: str, report: OrderReport) -> bool:
    """Whether it can be what was true before, told late: that a change was asked of an order which
    the venue has rejected since, or the quantity that a revision has changed. A look-up tells."""
    placement = entry.order.placement(placement_id)
    if placement is None:
        return False
    if placement.status is OrderStatus.REJECTED:
        return report.status in WORKING - PLAINLY_WORKING
    old = entry.order.placement(placement.replaces)
    if old is None or report.order_qty is None:
        return False
    asked_qty = entry.order.terms_of(placement).order_qty
    return report.order_qty == old.order_qty and report.order_qty > asked_qty


def _check_terms(report: OrderReport, entry: OrderEntry, placement_id: str) -> None:
    """The venue must speak of the order that we sent: instrument, side and quantity."""
    spec, placement = entry.order.spec, entry.order.placement(placement_id)
    if report.instrument is not None and report.instrument.key != spec.instrument.key:
        raise IllegalEvent(f"the venue's order is for {report.instrument.key}")
    is_combo = isinstance(spec.instrument, OptionCombo)
    if report.side is not None and report.side is not spec.side and not is_combo:
        raise IllegalEvent(f"the venue's order is a {report.side.value}")
    if entry.order.external:
        return  # its quantity is its owner's
    if report.order_qty is None or placement is None or report.order_qty == placement.order_qty:
        return
    # A fill of the old order may be off a revision's quantity, or not be yet by older news.
    if not placement.replaces or report.order_qty > entry.order.terms_of(placement).order_qty:
        raise IllegalEvent(f"the venue's order is for a quantity of {report.order_qty}")
