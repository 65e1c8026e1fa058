"""What venues say, made into records: each word is checked against its order before it counts.

Known things change nothing, illegal ones and those of orders that we don't know go to quarantine
with an alert, and nothing is dropped. Everything here is synchronous: the books are read, the
record is made, and no other task comes between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.common.domain.amounts import format_decimal
from services.common.domain.executions import ExecType, Execution
from services.common.domain.order import Order
from services.common.domain.order_events import (
    ExecutionReported,
    FeesReported,
    IllegalEvent,
    Placement,
    PlacementSignaled,
    TwoVenueOrders,
    Verdict,
)
from services.common.domain.order_spec import PlacementId
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
    ExecutionBooked,
    FeesBooked,
    PlacementReported,
    Quarantined,
    Record,
    Severity,
    TradingState,
    TradingStateSet,
)
from services.router.routing.doubt_alerts import doubt_alerts
from services.router.routing.twin_orders import TwinOrders
from services.router.routing.unclaimed import Unclaimed

_ALERTS = {
    Verdict.CONTRADICTION: ("VENUE_CONTRADICTION", Severity.CRITICAL),
    Verdict.LATE_FILL: ("LATE_FILL", Severity.WARNING),
    Verdict.CORRECTED: ("EXECUTION_CORRECTED", Severity.CRITICAL),
    Verdict.OVERFILL: ("OVERFILL", Severity.CRITICAL),
}


class Intake:
    """Takes reports and executions of all venues of all accounts."""

    def __init__(self, journal: Journal, books: Books, on_attention: Callable[[], None]) -> None:
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
                self._quarantine_order(report, "an order that this router did not place")
            return
        if self._is_old_news(entry, placement_id, report):
            if not fresh:
                self._to_look_up.add(placement_id)
                return
            if report.status not in PLAINLY_WORKING:
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
            self._quarantine_order(report, f"{error} ({entry.order.client_order_id})")
        except IllegalEvent as error:
            self._quarantine_order(report, f"{error} ({entry.order.client_order_id})")

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

    def is_doubled(self, placement_id: str) -> bool:
        """Whether the venue works a second order under this placement."""
        return self._twins.are_live(placement_id)

    def _is_old_news(self, entry: OrderEntry, placement_id: str, report: OrderReport) -> bool:
        """A revision that was turned down had been shown as pending before: the stream's word of
        that can come after the answer. It counts only once the old order has been replaced, or
        if a look-up shows the revision at work."""
        order = entry.order
        revision = order.placement(placement_id)
        old = None if revision is None else order.placement(revision.replaces)
        if revision is None or old is None or revision.status not in REFUSED:
            return False
        return report.status not in TERMINAL and old.status is not OrderStatus.REPLACED

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
        records += self._alerts(verdict, entry, signaled.placement_id, signaled.raw_status)
        records += doubt_alerts(order, changed)
        self._journal.record(*records)
        self._look_after(entry.key, signaled)
        for leg in self._unclaimed.to_judge():
            self.take_report(leg)

    def take_contradiction(self, entry: OrderEntry, placement_id: str, what: str) -> None:
        """Alarm that somebody's word was wrong which the evidence had refuted before it came."""
        self._journal.record(*self._alerts(Verdict.CONTRADICTION, entry, placement_id, what))

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
            self._quarantine_execution(execution, "an execution of an order that is not ours")
            return
        order = entry.order
        try:
            _, verdict = order.apply(ExecutionReported(placement_id, execution))
            if verdict is Verdict.DUPLICATE:
                self._take_fees(order, placement_id, execution)
                return
        except IllegalEvent as error:
            self._quarantine_execution(execution, f"{error} ({order.client_order_id})")
            return
        records: list[Record] = [
            ExecutionBooked(order.account_id, order.client_order_id, placement_id, execution)
        ]
        records += self._alerts(verdict, entry, placement_id, execution.exec_id)
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

    def _owner(
        self, account_id: str, venue: str, client_id: str, venue_order_id: str
    ) -> tuple[OrderEntry | None, str]:
        """The order that a placement id or a venue order id belongs to, and the placement."""
        key = self._books.by_placement.get(client_id)
        if key is None and not client_id:  # some reports carry only the venue's own id
            key = self._books.by_venue_order.get((account_id, venue, venue_order_id))
        if key is None or key[0] != account_id:
            return None, ""
        entry = self._books.orders[key]
        for placement in entry.order.placements:
            if placement.venue != venue:
                continue
            if placement.placement_id == client_id or (
                not client_id and placement.venue_order_id == venue_order_id
            ):
                return entry, placement.placement_id
        return None, ""

    def _alerts(
        self, verdict: Verdict, entry: OrderEntry, placement_id: str, what: str
    ) -> list[Record]:
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
        if verdict in (Verdict.LATE_FILL, Verdict.CORRECTED):
            return [alert]
        return [alert, *self.reduced(order.account_id, f"{kind} of {placement_id}")]

    def reduced(self, account_id: str, reason: str) -> list[Record]:
        """The records of a venue fault: no new entries until a person has looked."""
        if self._books.trading_state(account_id) is not TradingState.ACTIVE:
            return []
        return [TradingStateSet(account_id, TradingState.REDUCING, reason, "tandem")]

    def _quarantine_order(self, report: OrderReport, reason: str) -> None:
        quarantine_id = f"order:{report.account_id}:{report.venue}:{report.venue_order_id}"
        if _is_ours(report):
            quarantine_id += f":{report.client_id}:{report.signal.value}"
        elif not report.venue_order_id:
            quarantine_id += f":{report.client_id}"
        self._quarantine(
            Quarantined(
                quarantine_id,
                report.account_id,
                report.venue,
                reason,
                order=report,
            ),
            report.client_id,
        )

    def _quarantine_execution(self, execution: Execution, reason: str) -> None:
        self._quarantine(
            Quarantined(
                f"execution:{execution.account_id}:{execution.venue}:"
                f"{execution.venue_order_id}:{_place(execution)}",
                execution.account_id,
                execution.venue,
                reason,
                execution=execution,
            ),
            execution.client_id,
        )

    def _quarantine(self, record: Quarantined, client_id: str) -> None:
        if record.quarantine_id in self._books.quarantine:
            return
        alert = AlertRaised(
            "QUARANTINED",
            Severity.CRITICAL,
            f"{record.quarantine_id}: {record.reason}",
            record.account_id,
            record.venue,
            client_id if PlacementId.parse(client_id) is None else client_id.split("~")[0],
        )
        self._journal.record(record, alert)


def _is_revision(entry: OrderEntry, placement_id: str) -> bool:
    placement = entry.order.placement(placement_id)
    return placement is not None and bool(placement.replaces)


def _check_terms(report: OrderReport, entry: OrderEntry, placement_id: str) -> None:
    """The venue must speak of the order that we sent: instrument, side and quantity."""
    spec, placement = entry.order.spec, entry.order.placement(placement_id)
    if report.instrument is not None and report.instrument.key != spec.instrument.key:
        raise IllegalEvent(f"the venue's order is for {report.instrument.key}")
    is_combo = isinstance(spec.instrument, OptionCombo)
    if report.side is not None and report.side is not spec.side and not is_combo:
        raise IllegalEvent(f"the venue's order is a {report.side.value}")
    if report.order_qty is None or placement is None or report.order_qty == placement.order_qty:
        return
    # A fill of the old order may be off a revision's quantity, or not be yet by older news.
    if not placement.replaces or report.order_qty > entry.order.terms_of(placement).order_qty:
        raise IllegalEvent(f"the venue's order is for a quantity of {report.order_qty}")


def _place(execution: Execution) -> str:
    """What tells one fill from another though stream and query may name it differently: its place
    in its order, with its own terms; for busts and corrections, and without a place, its id."""
    if execution.cum_qty is None or execution.exec_type is not ExecType.TRADE:
        return execution.exec_id
    last_qty, last_px = format_decimal(execution.last_qty), format_decimal(execution.last_px)
    return f"{format_decimal(execution.cum_qty)}:{last_qty}@{last_px}"


def _is_ours(report: OrderReport) -> bool:
    """Illegal words on one of our orders are kept one by one, a stranger's order once."""
    return PlacementId.parse(report.client_id) is not None
