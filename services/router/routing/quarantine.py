"""Quarantine: what venues tell that the books can't explain, kept once, shown as it stands now.

Three kinds of things come here. Strangers: orders that this router did not place, and their
executions; a person adopts or dismisses them, or the account's policy adopts them at once.
Placements that bear an id as ours do and are not in the journal: another Tandem's, or ours from
before a restore. And misfits: words on orders in the books that can't be true.

A person is told of a stranger once; what the venue says of it later is the same record anew. After
a dismissal what it does further is a record of its own. Everything here is synchronous.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from services.common.domain.amounts import format_decimal
from services.common.domain.executions import ExecType, Execution
from services.common.domain.order_spec import PlacementId
from services.common.domain.order_status import TERMINAL, OrderStatus, advance
from services.common.domain.order_terms import OrderType
from services.common.domain.reports import OrderReport
from services.router.books.books import Books
from services.router.books.entries import QuarantineEntry
from services.router.journal.journal import Journal
from services.router.journal.records import (
    AlertRaised,
    OrderAdopted,
    QuarantineClosed,
    Quarantined,
    Severity,
)
from services.router.routing.adopting import (
    NotAdoptable,
    external_order,
    is_leg,
    reduces,
    rough_spec,
)

_Told = tuple[str, Severity]
_STRANGER: Final = ("EXTERNAL_ORDER", Severity.WARNING)
_UNEXPLAINED: Final = ("QUARANTINED", Severity.CRITICAL)
_SOON_ADOPTED: Final = ("QUARANTINED", Severity.WARNING)
_POLICY: Final = "unknown orders of this account are adopted"


@dataclass(frozen=True, slots=True)
class QuarantineRules:
    """The account_tag of each (account_id, venue), and the accounts that adopt strangers."""

    tags: Mapping[tuple[str, str], str] = field(default_factory=dict)
    adopting: frozenset[str] = frozenset()


class Quarantine:
    """Keeps what it is given, alarms what a person should know, closes what is settled."""

    def __init__(self, journal: Journal, books: Books, rules: QuarantineRules) -> None:
        self._journal = journal
        self._books = books
        self._rules = rules

    # -- orders ------------------------------------------------------------------------------

    def take_stranger(self, report: OrderReport) -> OrderAdopted | None:
        """Keep an order that the books don't have, or the latest word on it.

        Where the account's policy adopts it, nothing is kept: the record that does is given back.
        """
        number = self._count(report)
        if not number:
            adopted, why = self._by_policy(report)
            if adopted is None:
                self._begin(report, _order_id(report, 1), why)
            return adopted
        known = self._books.quarantine[_order_id(report, number)]
        shown = known.record.order
        assert shown is not None, "the id is that of an order"
        if known.closed is not None and _goes_on(shown, report):
            self._begin(report, _order_id(report, number + 1), "it was dismissed, and goes on")
        elif _is_news(shown, report):
            self._journal.record(_kept(known.record.quarantine_id, report, known.record.reason))
        return None

    def take_misfit(self, report: OrderReport, reason: str) -> None:
        """Keep a word on an order in the books that can't be true; each one once."""
        quarantine_id = f"{_order_id(report, 1)}:{report.client_id}:{report.signal.value}"
        if quarantine_id not in self._books.quarantine:
            record = _kept(quarantine_id, report, reason)
            self._journal.record(record, _alert(record, report.client_id))

    def _count(self, report: OrderReport) -> int:
        """How many records there were of this very order."""
        number = 0
        while _order_id(report, number + 1) in self._books.quarantine:
            number += 1
        return number

    def _begin(self, report: OrderReport, quarantine_id: str, why: str) -> None:
        reason, told = self._judged(report)
        record = _kept(quarantine_id, report, f"{reason}: {why}" if why else reason)
        if told is _STRANGER and self._is_told_with_its_parent(report):
            self._journal.record(record)
        else:
            self._journal.record(record, _alert(record, report.client_id, told))

    def _judged(self, report: OrderReport) -> tuple[str, _Told]:
        """Why an order is kept, and what of that is told to a person."""
        ours = self._as_ours(report)
        if ours is not None:
            return ours, _UNEXPLAINED
        text = "an order that this router did not place"
        if rough_spec(report) is None and report.status not in TERMINAL:
            return f"{text}, and that nobody can reckon with", _UNEXPLAINED
        return text, _STRANGER

    def _as_ours(self, subject: OrderReport | Execution) -> str | None:
        """What to say of an order with a placement id as ours; None of any other."""
        placed = PlacementId.parse(subject.client_id)
        if placed is None:
            return None
        own_tag = self._rules.tags.get((subject.account_id, subject.venue))
        if own_tag is not None and placed.account_tag != own_tag:
            return f"an order of another Tandem, whose account_tag is {placed.account_tag}"
        if self._books.find(subject.account_id, placed.client_order_id) is not None:
            return f"a placement of {placed.client_order_id} that this journal does not know"
        return (
            "an order with a placement id as ours that this journal does not know: another "
            "Tandem has the same account_tag, or the journal was restored from a copy"
        )

    def _is_told_with_its_parent(self, report: OrderReport) -> bool:
        return is_leg(report) and bool(self.of_order(report, report.parent))

    def _by_policy(self, report: OrderReport) -> tuple[OrderAdopted | None, str]:
        """The record that adopts it, or None and why the policy can't, if there is a policy."""
        adopts = report.account_id in self._rules.adopting
        if not adopts or PlacementId.parse(report.client_id) is not None:
            return None, ""
        at = report.times.received_time or self._books.created
        assert at is not None, "a journal begins with its creation"
        try:
            closes = reduces(report, self._books)
            made = external_order(report, at=at, reason=_POLICY, actor="tandem", closes=closes)
        except NotAdoptable as error:
            return None, f"not adopted, {error}"
        return made, ""

    # -- executions --------------------------------------------------------------------------

    def take_execution(self, execution: Execution) -> None:
        """Keep an execution of an order that the books don't have; its order's first is told."""
        ours = self._as_ours(execution)
        what = "an order that is not ours" if ours is None else ours
        record = _kept_execution(execution, f"an execution of {what}")
        if record.quarantine_id in self._books.quarantine:
            return
        first = not any(e.record.execution for e in self.of_order(execution))
        adopts = execution.account_id in self._rules.adopting
        told = _SOON_ADOPTED if adopts and ours is None else _UNEXPLAINED
        alerts = [_alert(record, execution.client_id, told)] if first else []
        self._journal.record(record, *alerts)

    def take_misfit_execution(self, execution: Execution, reason: str) -> None:
        """Keep an execution that can't be one of its order; or say why it stays here."""
        record = _kept_execution(execution, reason)
        known = self._books.quarantine.get(record.quarantine_id)
        if known is None:
            self._journal.record(record, _alert(record, execution.client_id))
        elif known.closed is None and known.record.reason != reason:
            self._journal.record(record)

    # -- the end -----------------------------------------------------------------------------

    def of_order(
        self, subject: OrderReport | Execution, venue_order_id: str = ""
    ) -> list[QuarantineEntry]:
        """All records of the subject's order (or of another at its venue), oldest first."""
        vid = venue_order_id or subject.venue_order_id
        return self._books.quarantine.of_order(subject.account_id, subject.venue, vid)

    def close(
        self,
        entries: Iterable[QuarantineEntry],
        *,
        reason: str,
        actor: str,
        adopted_as: str = "",
    ) -> None:
        """Record that these need nobody any more: adopted under that id, or dismissed."""
        for entry in entries:
            record = entry.record
            self._journal.record(
                QuarantineClosed(
                    record.quarantine_id,
                    record.account_id,
                    bool(adopted_as),
                    reason,
                    actor,
                    adopted_as,
                )
            )


def _order_id(report: OrderReport, number: int) -> str:
    """The id of the n-th record of an order."""
    quarantine_id = f"order:{report.account_id}:{report.venue}:{report.venue_order_id}"
    if not report.venue_order_id:
        quarantine_id += f":{report.client_id}"
    return quarantine_id if number == 1 else f"{quarantine_id}#{number}"


def _kept(quarantine_id: str, report: OrderReport, reason: str) -> Quarantined:
    return Quarantined(quarantine_id, report.account_id, report.venue, reason, order=report)


def _kept_execution(execution: Execution, reason: str) -> Quarantined:
    where = f"{execution.account_id}:{execution.venue}:{execution.venue_order_id}"
    return Quarantined(
        f"execution:{where}:{_place(execution)}",
        execution.account_id,
        execution.venue,
        reason,
        execution=execution,
    )


def _place(execution: Execution) -> str:
    """What tells one fill from another though stream and query may name it differently: its place
    in its order, with its own terms; for busts and corrections, and without a place, its id."""
    if execution.cum_qty is None or execution.exec_type is not ExecType.TRADE:
        return execution.exec_id
    last_qty, last_px = format_decimal(execution.last_qty), format_decimal(execution.last_px)
    return f"{format_decimal(execution.cum_qty)}:{last_qty}@{last_px}"


def _alert(record: Quarantined, client_id: str, told: _Told = _UNEXPLAINED) -> AlertRaised:
    kind, severity = told
    placed = PlacementId.parse(client_id)
    return AlertRaised(
        kind,
        severity,
        f"{record.quarantine_id}: {record.reason}",
        record.account_id,
        record.venue,
        client_id if placed is None else placed.client_order_id,
    )


def _plain(status: OrderStatus) -> OrderStatus:
    return OrderStatus.ACCEPTED if status is OrderStatus.PARTIALLY_FILLED else status


def _is_news(known: OrderReport, report: OrderReport) -> bool:
    """Whether a report says more than is shown, and is not older than that."""
    if report.cum_qty < known.cum_qty or _shown(report) == _shown(known):
        return False
    stays = advance(_plain(known.status), report.signal) is _plain(known.status)
    ended = known.status in TERMINAL
    return report.cum_qty > known.cum_qty or not (ended and stays)


def _shown(report: OrderReport) -> tuple[object, ...]:
    # The stop price of a trailing stop moves with the market, and is no news.
    trails = report.order_type is OrderType.TRAILING_STOP
    stop_price = None if trails else report.stop_price
    terms = (report.order_qty, report.limit_price, stop_price, report.replaced_by)
    return (report.status, report.cum_qty, *terms)


def _goes_on(known: OrderReport, report: OrderReport) -> bool:
    """Whether an order does more than it did when it was dismissed: it has filled, or come back."""
    if report.cum_qty > known.cum_qty:
        return True
    return known.status in TERMINAL and report.status not in TERMINAL and _is_news(known, report)
