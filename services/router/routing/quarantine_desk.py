"""The operator's hand on quarantine: a record is adopted into the books, or dismissed.

Both are journaled with who asked and why, and both may be asked for again: the answer is then the
record as it is. An adoption sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from services.common.domain.errors import (
    NotFound,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.external_orders import ExternalId
from services.common.domain.order_spec import PlacementId
from services.common.domain.reports import OrderReport
from services.router.books.books import Books
from services.router.books.entries import QuarantineEntry
from services.router.journal.records import OrderAdopted
from services.router.routing.accounts import AccountLinks
from services.router.routing.adopting import NotAdoptable, external_order, own_order, reduces
from services.router.routing.intake import Intake

Now = Callable[[], datetime]


class QuarantineDesk:
    """Takes what the operator decides. Journal errors are raised as they are."""

    def __init__(
        self,
        books: Books,
        intake: Intake,
        accounts: Mapping[str, AccountLinks],
        now: Now,
    ) -> None:
        self._books = books
        self._intake = intake
        self._accounts = accounts
        self._now = now

    async def adopt(self, quarantine_id: str, *, reason: str, actor: str) -> QuarantineEntry:
        """Take an order into the books with all its executions, and answer with its record.

        Of an execution without its order the order is looked up first. What was dismissed can
        still be adopted. Raises NotFound; Refused NOT_PERMITTED for what the books can't express or
        explain; ReadFailed or Unavailable if a look-up fails.
        """
        entry = self._entry(quarantine_id)
        if entry.closed is not None and entry.closed.adopted:
            return entry
        report = await self._order_of(entry)
        entry = self._entry(quarantine_id)  # it may have been closed while the venue was asked
        if entry.closed is not None and entry.closed.adopted:
            return entry
        try:
            adopted = self._adoption(entry, report, reason, actor)
            self._intake.adopt(adopted)
        except NotAdoptable as error:
            raise Refused(Reason.NOT_PERMITTED, f"it can't be adopted: {error}") from error
        entry = self._entry(quarantine_id)
        if entry.closed is None or not entry.closed.adopted:
            raise Refused(
                Reason.NOT_PERMITTED,
                f"its order is in the books as {adopted.spec.client_order_id}, and it does not fit "
                f"that: {entry.record.reason}",
            )
        return entry

    def dismiss(self, quarantine_id: str, *, reason: str, actor: str) -> QuarantineEntry:
        """Keep a record out of the books, an order with its executions; answer with the record.

        Raises NotFound, and Refused NOT_PERMITTED for what was adopted.
        """
        entry = self._entry(quarantine_id)
        if entry.closed is not None:
            if entry.closed.adopted:
                text = f"it was adopted as {entry.closed.client_order_id}"
                raise Refused(Reason.NOT_PERMITTED, text)
            return entry
        report, of_one = entry.record.order, [entry]
        if report is not None and report.venue_order_id and not self._is_in_the_books(report):
            siblings = self._intake.quarantine.of_order(report)
            of_one += [e for e in siblings if e.record.execution and e.closed is None]
        self._intake.quarantine.close(of_one, reason=reason, actor=actor)
        return self._entry(quarantine_id)

    def _entry(self, quarantine_id: str) -> QuarantineEntry:
        entry = self._books.quarantine.get(quarantine_id)
        if entry is None:
            text = f"quarantine_id: no record {quarantine_id!r}"
            raise NotFound(Reason.ORDER_NOT_FOUND, text)
        return entry

    def _is_in_the_books(self, report: OrderReport) -> bool:
        return self._intake.owner_of(report) is not None

    def _adoption(
        self, entry: QuarantineEntry, report: OrderReport, reason: str, actor: str
    ) -> OrderAdopted:
        owner = self._intake.owner_of(report)
        is_tried_again = entry.record.execution is not None
        if owner is not None and not (owner.order.external and is_tried_again):
            name = owner.order.client_order_id
            raise NotAdoptable(f"it is a word on {name}, which the books have: dismiss it")
        make = external_order
        if self._is_ours(report):
            make = own_order
            name = report.client_id.partition("~")[0]
            if self._books.find(report.account_id, name) is not None:
                raise NotAdoptable(
                    f"the books have {name}, and this placement is not among its own"
                )
        closes = reduces(report, self._books)
        return make(report, at=self._now(), reason=reason, actor=actor, closes=closes)

    def _is_ours(self, report: OrderReport) -> bool:
        """Whether it bears a placement id of this very venue account: the journal lost it, or
        another Tandem uses the same tag."""
        placed = PlacementId.parse(report.client_id)
        account = self._accounts.get(report.account_id)
        link = None if account is None else account.link(report.venue)
        return placed is not None and link is not None and placed.account_tag == link.account_tag

    async def _order_of(self, entry: QuarantineEntry) -> OrderReport:
        """The order that a record is, or is about, as it is known or else looked up."""
        if entry.record.order is not None:
            return entry.record.order
        execution = entry.record.execution
        assert execution is not None, "a record is about one or the other"
        known = [e.record.order for e in self._intake.quarantine.of_order(execution)]
        reports = [report for report in known if report is not None]
        if reports:
            return reports[-1]
        if not execution.venue_order_id:
            raise Refused(Reason.NOT_PERMITTED, "the venue shows no id of its order")
        account = self._accounts.get(execution.account_id)
        link = None if account is None else account.link(execution.venue)
        if link is None or not link.is_fenced:
            why = "it is no venue of the account" if link is None else link.view().why_not
            text = f"{execution.venue} can't be asked for the order: {why}"
            raise Unavailable(Reason.VENUE_UNAVAILABLE, text)
        vid = execution.venue_order_id
        placed = ExternalId(execution.account_id, execution.venue, vid)
        found = await link.port.find_order(str(placed))
        if found.report is None:
            why = found.reason or "it has none such"
            text = f"{execution.venue} does not show order {vid!r} of the execution: {why}"
            raise Refused(Reason.NOT_PERMITTED, text)
        self._intake.take_report(found.report, fresh=True)
        return found.report
