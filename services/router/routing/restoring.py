"""After a restore: what the venues have that the journal lacks is read and taken into the books.

A journal that was restored from a copy ends before what its adapters have seen. Trading is HALTED
until every venue of the account was read: its orders and executions since the journal's last
record. An order that bears a placement id of ours is one that this router sent and does not know
any more. It is adopted under the client's own id, as the venue tells of it, so that a client's
repeat finds it and nothing is sent a second time. Whatever else is unknown goes where strangers go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.common.domain.amounts import add, format_decimal, sub
from services.common.domain.errors import Cause, ReadFailed, Reason
from services.common.domain.executions import Execution
from services.common.domain.order import Order
from services.common.domain.order_events import PlacementSignaled
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.order_status import IN_FLIGHT, Signal
from services.common.domain.order_terms import NO_CHANGE, OrderChange
from services.common.domain.reports import Lookup, OrderReport, VenuePosition
from services.common.runtime.clock import Clock
from services.router.books.books import Books
from services.router.books.entries import OrderKey
from services.router.journal.journal import Journal
from services.router.journal.records import (
    AlertRaised,
    OrderAdopted,
    RestoreFound,
    RestoreRead,
    Severity,
)
from services.router.routing.adopting import NotAdoptable, own_order, reduces, shown_hash
from services.router.routing.intake import Intake
from services.router.routing.link import VenueLink

_REASON: Final = "the journal was restored, and this is an order of ours that it lacks"
_LOOKS_MAX: Final = 3
_BETWEEN_LOOKS_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class RestoreSettings:
    """`overlap_s` is how far before the journal's last record reading begins."""

    overlap_s: float = 300.0


class Restoring:
    """Reads each venue once after a restore, before anything else is taken from it."""

    def __init__(
        self,
        journal: Journal,
        books: Books,
        intake: Intake,
        clock: Clock,
        settings: RestoreSettings,
    ) -> None:
        self._journal = journal
        self._books = books
        self._intake = intake
        self._clock = clock
        self._settings = settings
        self._adopted: set[OrderKey] = set()
        self._heard: set[tuple[str, str]] = set()

    async def read(self, link: VenueLink) -> None:
        """Read a venue that has to be; nothing if it has been. Raises ReadFailed: then it is still
        to be read, and trading stays HALTED."""
        found = self._books.restores.get((link.account_id, link.name))
        if found is None:
            return
        since = link.in_venue_time(found.since)
        if since is not None:
            since -= timedelta(seconds=self._settings.overlap_s)
        listed = [*await link.port.orders(after=since), *await link.port.open_orders()]
        executions = await link.port.executions(after=since)
        listed += await self._look_up(link, listed, executions)
        count = self._take(link, listed)
        differences = await self._settle(link, since, executions)
        where = (link.account_id, link.name)
        if differences:
            text = f"{link.name}: after the restore it holds {'; '.join(differences)}"
            alert = AlertRaised("RESTORE_DIFFERS", Severity.CRITICAL, text, *where)
            self._journal.record(alert)
        text = f"{link.name}: read after the restore, {count} orders were taken into the books"
        alert = AlertRaised("RESTORE_READ", Severity.INFO, text, *where)
        self._journal.record(RestoreRead(*where, count), alert)

    async def _look_up(
        self, link: VenueLink, listed: Sequence[OrderReport], executions: Sequence[Execution]
    ) -> list[OrderReport]:
        """Orders of ours that have executions and that the venue's lists left out."""
        shown = {report.client_id for report in listed}
        missing = {e.client_id for e in executions if self._is_unknown(link, e.client_id)} - shown
        found = [await link.port.find_order(placement_id) for placement_id in sorted(missing)]
        return [f.report for f in found if f.lookup is Lookup.FOUND and f.report is not None]

    def _is_unknown(self, link: VenueLink, client_id: str) -> bool:
        placed = PlacementId.parse(client_id)
        if placed is None or placed.account_tag != link.account_tag:
            return False
        return client_id not in self._books.by_placement

    def _take(self, link: VenueLink, listed: Sequence[OrderReport]) -> int:
        """Take in what is said of known orders, then the unknown ones of ours, then the rest; how
        many were adopted. Raises ReadFailed if another venue's word is needed first."""
        unknown = {r.client_id: r for r in listed if self._is_unknown(link, r.client_id)}
        for report in reversed(listed):
            if report.client_id in self._books.by_placement:
                self._intake.take_report(report)
        self._heard.add((link.account_id, link.name))
        ours = sorted(unknown.values(), key=_place)
        for report in ours:
            self._end_earlier(report)
        count = sum(self._adopt(report) for report in ours)
        for report in reversed(listed):
            self._intake.take_report(report)
        return count

    def _end_earlier(self, report: OrderReport) -> None:
        """End the doubt of placements before this one, if it is no part of a split: this one was
        sent only with proof that they had had no effect. Their venue has been heard on them."""
        placed = PlacementId.parse(report.client_id)
        assert placed is not None, "it was found by its placement id"
        entry = self._books.orders.get((report.account_id, placed.client_order_id))
        for earlier in entry.order.placements if entry is not None else ():
            number = PlacementId.parse(earlier.placement_id)
            if earlier.status not in IN_FLIGHT or earlier.is_child or earlier.replaces:
                continue
            if number is None or number.number >= placed.number or entry is None:
                continue
            where = (report.account_id, earlier.venue)
            if where in self._books.restores and where not in self._heard:
                raise ReadFailed(f"{report.client_id} is taken in when {earlier.venue} was read")
            cause = Cause(
                Reason.PLACEMENT_FENCED,
                f"{report.client_id} was sent after it, so its absence had been proven",
            )
            fenced = PlacementSignaled(earlier.placement_id, Signal.FENCED, cause=cause)
            self._intake.take_signal(self._books.orders[entry.key], fenced)

    def _adopt(self, report: OrderReport) -> bool:
        """Whether it was adopted; what can't be goes into quarantine with the other reports."""
        try:
            self._intake.adopt(self._record_of(report))
        except NotAdoptable:
            return False
        return True

    def _record_of(self, report: OrderReport) -> OrderAdopted:
        closes = reduces(report, self._books)
        at = self._clock.now()
        alone = own_order(report, at=at, reason=_REASON, actor="tandem", closes=closes)
        placement = replace(alone.placement, replaces=self._replaced(report))
        key = (report.account_id, alone.spec.client_order_id)
        known = self._books.orders.get(key)
        if known is None:
            self._adopted.add(key)
            return replace(alone, placement=placement)
        order = known.order
        if placement.replaces:
            placement = replace(placement, change=_change(order.spec, alone.spec))
        whole = replace(order, placements=(*order.placements, placement))
        if key not in self._adopted:  # what the client asked for is known
            kept = order.content_hash
            return replace(alone, spec=order.spec, placement=placement, content_hash=kept)
        spec = _grown(whole)
        return replace(alone, spec=spec, placement=placement, content_hash=shown_hash(spec))

    def _replaced(self, report: OrderReport) -> str:
        """The placement that a revision took the place of, if the books have it."""
        placed = PlacementId.parse(report.client_id)
        assert placed is not None, "it was found by its placement id"
        for revision in reversed(range(placed.revision)):
            old = str(replace(placed, revision=revision))
            if old in self._books.by_placement:
                return old
        return ""

    async def _settle(
        self, link: VenueLink, since: datetime | None, executions: Sequence[Execution]
    ) -> list[str]:
        """Book the executions, and look until what the venue holds is what the books say; a fill
        may come while both are read."""
        differences: list[str] = []
        for look in range(_LOOKS_MAX):
            if look:
                await self._clock.sleep(_BETWEEN_LOOKS_S)
                executions = await link.port.executions(after=since)
            for execution in reversed(executions):
                self._intake.take_execution(execution)
            differences = self._differences(link, await link.port.positions())
            if not differences:
                break
        return differences

    def _differences(self, link: VenueLink, held: Sequence[VenuePosition]) -> list[str]:
        """Of what the books have ever had there; what else the account holds is not ours."""
        there = {position.instrument.key: position.qty for position in held}
        return [
            f"{format_decimal(there.get(key, sub(qty, qty)))} of {key}, by the books "
            f"{format_decimal(qty)}"
            for (account_id, venue, key), position in self._books.positions.items()
            if (account_id, venue) == (link.account_id, link.name)
            for qty in (position.qty,)
            if there.get(key, sub(qty, qty)) != qty
        ]


def restored(
    books: Books, links: Sequence[VenueLink], since: datetime | None, reason: str
) -> list[RestoreFound]:
    """The records that venues have to be read; none for those that already have to be."""
    return [
        RestoreFound(link.account_id, link.name, since, reason)
        for link in links
        if (link.account_id, link.name) not in books.restores
    ]


def _place(report: OrderReport) -> tuple[str, int, int]:
    placed = PlacementId.parse(report.client_id)
    assert placed is not None, "only orders of ours are asked for their place"
    return (placed.client_order_id, placed.number, placed.revision)


def _change(spec: OrderSpec, shown: OrderSpec) -> OrderChange:
    """What a revision's terms differ by from the order's; its quantity may be only the rest."""
    change = NO_CHANGE
    if shown.order_qty > spec.order_qty:
        change = replace(change, order_qty=shown.order_qty)
    for name in ("limit_price", "stop_price"):
        if getattr(shown, name) not in (None, getattr(spec, name)):
            change = replace(change, **{name: getattr(shown, name)})
    return change


def _grown(order: Order) -> OrderSpec:
    """The terms of an order that was found in parts: their sum is what was asked for."""
    found_qty = add(order.cum_qty, order.leaves_qty)
    return replace(order.spec, order_qty=max(order.spec.order_qty, found_qty))
