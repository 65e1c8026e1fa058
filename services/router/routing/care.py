"""Care for orders that are out: look up what is in doubt, fetch missing fills, pass cancels on.

Care never sends an order. It looks up, it asks for proof of what is in doubt, it books what the
venue says, and it passes on cancels that stand; all of it may be done twice without harm. It runs
after each (re)connect of a venue, right after a doubt, at intervals, and when proof may be had.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.common.domain.errors import NotFound, ReadFailed, Reason, Refused, TandemError
from services.common.domain.order import Order
from services.common.domain.order_events import Placement, PlacementSignaled
from services.common.domain.order_status import (
    IN_FLIGHT,
    PLAINLY_WORKING,
    WORKING,
    OrderStatus,
    Signal,
)
from services.common.domain.reports import Lookup, LookupResult
from services.common.runtime.clock import Clock
from services.common.runtime.telemetry import continued
from services.router.books.books import Books
from services.router.books.entries import OrderKey
from services.router.journal.journal import Journal
from services.router.journal.records import AlertRaised, Severity
from services.router.routing.doubles import Doubles
from services.router.routing.doubts import Doubts
from services.router.routing.intake import Intake
from services.router.routing.link import VenueLink
from services.router.routing.overdue import Overdue

_log = structlog.stdlib.get_logger(__name__)
_RISEN_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class CareSettings:
    """Waits before the look-ups right after a doubt, and between rounds; in seconds.

    After `cancel_again_s` a cancel that a venue calls pending is asked for again if a look-up shows
    the order working; what a venue owes for `alarm_s` is told to a person.
    """

    lookup_waits_s: Sequence[float] = (0.1, 0.5, 1.5)
    round_s: float = 15.0
    cancel_again_s: float = 15.0
    alarm_s: float = 60.0


class Nudge:
    """Wakes the care of every venue: fills are missing, or a standing cancel can be passed on."""

    def __init__(self) -> None:
        self._listeners: list[asyncio.Event] = []

    def listener(self) -> asyncio.Event:
        """An event of one's own, set at each call."""
        self._listeners.append(asyncio.Event())
        return self._listeners[-1]

    def __call__(self) -> None:
        for listener in self._listeners:
            listener.set()


class Care:
    """Looks after open orders of all accounts, each venue in a task of its own."""

    def __init__(
        self,
        journal: Journal,
        books: Books,
        intake: Intake,
        clock: Clock,
        settings: CareSettings,
        nudge: Nudge,
    ) -> None:
        self._journal = journal
        self._books = books
        self._intake = intake
        self._clock = clock
        self._settings = settings
        self._busy: dict[str, asyncio.Lock] = {}
        self._nudge = nudge
        self._cancels = Overdue(clock.monotonic, alarm_s=settings.alarm_s)
        self._missing = Overdue(clock.monotonic, alarm_s=settings.alarm_s)
        self._unshown = Overdue(clock.monotonic, alarm_s=settings.alarm_s)
        self._excesses: set[str] = set()
        self._doubles = Doubles(
            journal, books, intake, clock.monotonic, apart_s=settings.cancel_again_s
        )
        self.doubts = Doubts(books, intake, clock.monotonic)

    async def run(self, link: VenueLink) -> None:
        """Look after a venue at intervals and when nudged; ends only by cancellation."""
        nudged = self._nudge.listener()
        while True:
            in_doubt = [p.placement_id for _, p in self._placements(link) if _is_in_doubt(p)]
            wait_s = self.doubts.wait_s(in_doubt, self._settings.round_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await nudged.wait()
            nudged.clear()
            if link.is_fenced:
                await self.review(link)

    async def after_connect(self, link: VenueLink) -> None:
        """After a (re)connect: every open order there is looked up, settled or not.

        Raises ReadFailed if one can't be: then the venue is not known well enough for entries.
        """
        for key, placement in self._placements(link):
            await self._look_after(key, placement, link, looks_up=True)

    async def review(self, link: VenueLink) -> None:
        """Look after what is unsettled at a venue. A failure for one order stops no other."""
        entries = (self._books.orders[key] for key in self._books.open_orders)
        still_open = {p.placement_id for entry in entries for p in entry.order.placements}
        for kept in (self._cancels, self._missing, self._unshown, self.doubts):
            kept.keep_only(still_open)
        for placement in self._intake.to_look_up(link.name):
            await self._look_up_again(placement, link)
        for key, placement in self._placements(link):
            unsettled = (
                placement.status in IN_FLIGHT
                or placement.status is OrderStatus.PENDING_REPLACE
                or self._unshown.stands(placement.placement_id)
                or self._books.orders[key].order.is_being_replaced(placement)
            )
            try:
                await self._look_after(key, placement, link, looks_up=unsettled)
            except TandemError as error:
                _log.warning(
                    "review_failed",
                    venue=link.name,
                    placement_id=placement.placement_id,
                    error=error.message,
                )

    async def _look_up_again(self, placement: Placement, link: VenueLink) -> None:
        try:
            await self.look_up(placement, link)
        except TandemError as error:
            _log.warning("look_up_failed", placement_id=placement.placement_id, error=error.message)

    async def _look_after(
        self, key: OrderKey, placement: Placement, link: VenueLink, *, looks_up: bool
    ) -> None:
        # What is asked for an order belongs to its trace, also after a restart.
        with continued(self._books.orders[key].traceparent):
            if _is_in_doubt(placement) and self.doubts.is_due(placement.placement_id):
                await self._settle_doubt(key, placement, link)
            elif looks_up and placement.status is not OrderStatus.PENDING_NEW:
                await self.look_up(placement, link)
            await self._fetch_fills(key, placement.placement_id, link)
            await self._pass_cancel_on(key, placement.placement_id, link)

    async def _settle_doubt(self, key: OrderKey, placement: Placement, link: VenueLink) -> None:
        """Ask for proof; if the adapter can't be asked for that, a look-up tells at least whether
        it can be read."""
        try:
            await self.doubts.settle(key, placement, link)
        except ReadFailed as error:
            _log.warning("proof_failed", placement_id=placement.placement_id, error=error.message)
            await self.look_up(placement, link)

    def _placements(self, link: VenueLink) -> list[tuple[OrderKey, Placement]]:
        """Placements at the venue that are, or may be, live or not fully booked."""
        return [
            (entry.key, placement)
            for entry in self._books.open_entries(link.account_id)
            for placement in entry.order.placements
            if placement.venue == link.name and entry.order.may_be_live(placement) > 0
        ]

    async def look_up_soon(self, key: OrderKey, placement_id: str, link: VenueLink) -> None:
        """Right after a doubt: a few look-ups; it stays in doubt if none finds it."""
        for wait_s in self._settings.lookup_waits_s:
            await self._clock.sleep(wait_s)
            placement = self._books.orders[key].order.placement(placement_id)
            if placement is None or placement.status is not OrderStatus.IN_DOUBT:
                break
            try:
                await self.look_up(placement, link)
            except TandemError as error:
                _log.info("look_up_failed", placement_id=placement_id, error=error.message)
        else:
            return
        await self.settle(key, placement_id, link)

    async def settle(self, key: OrderKey, placement_id: str, link: VenueLink) -> None:
        """Fetch fills that the venue says it has, and pass a standing cancel on; best effort."""
        try:
            await self._fetch_fills(key, placement_id, link)
            await self._pass_cancel_on(key, placement_id, link)
        except TandemError as error:
            _log.info("settling_failed", placement_id=placement_id, error=error.message)

    async def look_up(self, placement: Placement, link: VenueLink) -> None:
        """Ask the venue for one placement. Absence is information, it ends nothing."""
        found = await link.port.find_order(placement.placement_id)
        if found.report is not None and self._intake.is_risen(found.report):
            # A replace that lost the race with a fill shows as pending before it is turned down.
            await self._clock.sleep(_RISEN_WAIT_S)
            found = await link.port.find_order(placement.placement_id)
        self._intake.looked_up(placement.placement_id)
        if found.lookup is Lookup.FOUND and found.report is not None:
            self._unshown.settled(placement.placement_id)
            if found.report.status in PLAINLY_WORKING:
                self._leave_pending_replace(placement)
            self._intake.take_report(found.report, fresh=True)
        elif placement.status in WORKING:
            self._not_shown(placement, link, found)

    def _leave_pending_replace(self, asked_for: Placement) -> None:
        """Its replace has come to nothing if it works and no revision of it can be in force: the
        venue's word of that was lost."""
        entry = self._books.orders[self._books.by_placement[asked_for.placement_id]]
        known = entry.order.placement(asked_for.placement_id)
        assert known is not None, "placements are never forgotten"
        statuses = {asked_for.status, known.status}
        if statuses == {OrderStatus.PENDING_REPLACE} and not entry.order.is_being_replaced(known):
            rejected = PlacementSignaled(known.placement_id, Signal.REPLACE_REJECTED)
            self._intake.take_signal(entry, rejected)

    def _not_shown(self, placement: Placement, link: VenueLink, found: LookupResult) -> None:
        """A venue no longer shows what it had: it may have ended while nobody listened."""
        placement_id = placement.placement_id
        self._unshown.asked(placement_id)
        if self._unshown.is_to_be_alarmed(placement_id):
            why = found.reason or "it does not have it"
            text = f"{placement_id} worked when last heard of, and the venue says: {why}"
            where = _where(self._books.by_placement[placement_id], link)
            self._alarm(AlertRaised("ORDER_NOT_SHOWN", Severity.CRITICAL, text, *where))

    async def _fetch_fills(self, key: OrderKey, placement_id: str, link: VenueLink) -> None:
        order = self._books.orders[key].order
        placement = order.placement(placement_id)
        if placement is None or order.missing_fills(placement) <= 0:
            return
        for execution in reversed(await link.port.executions(placement_id=placement_id)):
            self._intake.take_execution(execution)
        missing = self._books.orders[key].order.missing_fills(placement)
        if missing <= 0:
            self._missing.settled(placement_id)
            return
        self._missing.asked(placement_id)
        if self._missing.is_to_be_alarmed(placement_id):
            text = f"{placement_id}: the venue says that {missing} more is filled and lists no fill"
            where = _where(key, link)
            self._alarm(AlertRaised("FILLS_MISSING", Severity.CRITICAL, text, *where))

    async def _pass_cancel_on(self, key: OrderKey, placement_id: str, link: VenueLink) -> None:
        order = self._books.orders[key].order
        placement = order.placement(placement_id)
        if placement is None or placement.status not in WORKING:
            return
        pending = placement.status is OrderStatus.PENDING_CANCEL
        if not order.cancel_requested and not await self._is_excess(key, placement, link):
            if pending:
                await self._mind_pending_cancel(key, placement, link)
            return
        self._alarm_if_overdue(key, placement_id, link)
        if not pending or await self._was_asked_in_vain(placement, link):
            await self.cancel(key, placement_id, link)

    def _alarm_if_overdue(self, key: OrderKey, placement_id: str, link: VenueLink) -> None:
        if self._cancels.is_to_be_alarmed(placement_id):
            text = f"{placement_id}: a cancel was asked for and the order has not ended"
            where = _where(key, link)
            self._alarm(AlertRaised("CANCEL_OVERDUE", Severity.CRITICAL, text, *where))

    async def _mind_pending_cancel(
        self, key: OrderKey, placement: Placement, link: VenueLink
    ) -> None:
        """A cancel that is not to be asked for again, as that of a replace: if the order works on
        by the venue's present word, it was refused."""
        placement_id = placement.placement_id
        self._alarm_if_overdue(key, placement_id, link)
        in_vain = await self._was_asked_in_vain(placement, link)
        if not self._cancels.stands(placement_id):  # asked for by somebody else, or long ago
            self._cancels.asked(placement_id)
        entry = self._books.orders[key]
        known = entry.order.placement(placement_id)
        if not in_vain or entry.order.cancel_requested or known is None:
            return
        if known.status is OrderStatus.PENDING_CANCEL:
            self._cancels.settled(placement_id)
            rejected = PlacementSignaled(placement_id, Signal.CANCEL_REJECTED)
            self._intake.take_signal(entry, rejected)

    async def _is_excess(self, key: OrderKey, placement: Placement, link: VenueLink) -> bool:
        """Whether the latest placement works more than is left, by the venue's present word: a
        fill has raced what took the old one's place, or came late. That is alarmed, entries stop,
        and the placement is canceled."""
        if await self._doubles.is_excess(key, placement, lambda one: self.look_up(one, link)):
            return True
        if not _exceeds(self._books.orders[key].order, placement):
            return False
        await self.look_up(placement, link)
        order = self._books.orders[key].order
        if not order.is_exceeded:
            return False
        if placement.placement_id not in self._excesses:
            self._excesses.add(placement.placement_id)
            text = (
                f"{placement.placement_id}: the venue works {order.may_be_live(placement)} besides "
                f"the {order.cum_qty} that are filled of {order.asked_qty}; it is canceled"
            )
            self._alarm(AlertRaised("REPLACE_EXCESS", Severity.CRITICAL, text, *_where(key, link)))
            if self._journal.is_leading:
                self._journal.record(*self._intake.reduced(key[0], text))
        return True

    async def _was_asked_in_vain(self, placement: Placement, link: VenueLink) -> bool:
        """Whether a cancel that should be pending is not, by the venue's present word."""
        if self._cancels.since_asked_s(placement.placement_id) < self._settings.cancel_again_s:
            return False
        found = await link.port.find_order(placement.placement_id)
        if found.lookup is not Lookup.FOUND or found.report is None:
            return False
        self._intake.take_report(found.report, fresh=True)
        return found.report.status in WORKING - {OrderStatus.PENDING_CANCEL}

    def _alarm(self, alert: AlertRaised) -> None:
        if self._journal.is_leading:
            self._journal.record(alert)

    async def cancel(self, key: OrderKey, placement_id: str, link: VenueLink) -> TandemError | None:
        """Ask the venue for the end of a placement; the error if the request did not get through.

        A lost answer is harmless: the cancel stands and is asked for again.
        """
        await self._journal.durable()
        lock = self._busy.setdefault(placement_id, asyncio.Lock())
        try:
            async with lock:
                if not self._journal.is_leading:
                    return Refused(Reason.NOT_LEADER, "this router is stopping")
                self._cancels.asked(placement_id)
                report = await link.port.cancel(placement_id, link.claim(), link.session_id)
        except NotFound as error:
            return error
        except TandemError as error:
            if error.reason is Reason.ORDER_ENDED:  # it ended before the cancel: learn how
                return await self._learn_end(key, placement_id, link)
            link.was_overtaken(error)
            _log.info("cancel_not_passed_on", placement_id=placement_id, error=error.message)
            return error
        finally:
            if not lock.locked():
                self._busy.pop(placement_id, None)
        self._intake.take_report(report)
        return None

    async def _learn_end(
        self, key: OrderKey, placement_id: str, link: VenueLink
    ) -> TandemError | None:
        placement = self._books.orders[key].order.placement(placement_id)
        assert placement is not None
        try:
            await self.look_up(placement, link)
            await self._fetch_fills(key, placement_id, link)
        except TandemError as error:
            return error
        return None


def _exceeds(order: Order, placement: Placement) -> bool:
    """Whether it is what works too much: the latest of several that work, or have worked."""
    working = [p for p in order.placements if p.status in WORKING and order.may_be_live(p) > 0]
    is_latest = bool(working) and working[-1].placement_id == placement.placement_id
    return order.is_exceeded and is_latest and len(order.placements) > 1


def _is_in_doubt(placement: Placement) -> bool:
    return placement.status is OrderStatus.IN_DOUBT


def _where(key: OrderKey, link: VenueLink) -> tuple[str, str, str]:
    return key[0], link.name, key[1]
