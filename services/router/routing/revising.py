"""A replace's own task: one revision sent, or cancel, proof and a new placement.

A placement without fills is replaced as a whole: the venue gets a revision that takes its place,
and until the venue's word is there, both may be live. One with fills is never patched, since venues
are known to add the whole new quantity to what was filled: it is canceled, its end is proven, and
what is left of the new quantity is sent as a new placement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import structlog

from services.common.domain.amounts import sub
from services.common.domain.errors import (
    Cause,
    Effect,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
)
from services.common.domain.order import Order
from services.common.domain.order_events import (
    IllegalEvent,
    Placement,
    PlacementReleased,
    PlacementSignaled,
)
from services.common.domain.order_status import WORKING, OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import OrderReport
from services.common.domain.revisions import REFUSED
from services.common.runtime import telemetry
from services.router.books.books import Books
from services.router.books.entries import OrderKey
from services.router.journal.journal import Journal
from services.router.journal.records import AlertRaised, PlacementFreed, Severity
from services.router.journal.store import JournalError
from services.router.risk.gate import Role, check_gate
from services.router.routing.accounts import AccountLinks
from services.router.routing.intake import Intake
from services.router.routing.link import VenueLink
from services.router.routing.placing import intended, new_placement
from services.router.routing.plan import role_of, role_where
from services.router.routing.planned import Plan
from services.router.routing.work import OrderWork, WorkTools, not_durable

_log = structlog.stdlib.get_logger(__name__)
_PROOF_WAITS_S = (0.05, 0.1, 0.2, 0.5)
_PROOF_WAIT_MAX_S = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A replace as asked for: the client's key, the change, and when it may leave at the latest."""

    replace_id: str
    change: OrderChange
    not_after: datetime | None = None


def has_fills(order: Order, placement: Placement) -> bool:
    """Whether anything of it is filled, if only a leg, as booked or by the venue's word."""
    booked = any(e.client_id == placement.placement_id for e in order.executions)
    return booked or order.missing_fills(placement) > 0


@dataclass(slots=True)
class ReplaceWork:
    """The work on one replace. `run` is its task; `old` is the placement that it is about."""

    tools: WorkTools
    account: AccountLinks
    link: VenueLink
    key: OrderKey
    asked: Asked
    old: Placement
    role: Role
    proof_s: float

    async def run(self, revision: Placement | None) -> TandemError | None:
        """Work it to its first outcome: None if other terms stand, or may (in doubt).

        An error with effect NONE says that the old terms stand; OutcomeUnknown that nobody knows.
        """
        whose = telemetry.order_attributes(account_id=self.key[0], client_order_id=self.key[1])
        with telemetry.span("replace", attributes=whose) as span:
            error = await self._run(revision)
            if error is not None:
                telemetry.set_failed(span, error.reason.value)
            return error

    async def _run(self, revision: Placement | None) -> TandemError | None:
        try:
            if revision is not None:
                error = await self._revise(revision)
                if error is None or not await self._met_fills(error):
                    return error
            return await self._cancel_and_place()
        except TandemError as error:
            return error
        except JournalError as error:
            return OutcomeUnknown(f"the journal has failed: {error}")

    @property
    def _order(self) -> Order:
        return self.tools.books.orders[self.key].order

    def _known_old(self) -> Placement:
        old = self._order.placement(self.old.placement_id)
        assert old is not None, "placements are never forgotten"
        return old

    # -- one revision ------------------------------------------------------------------------

    async def _revise(self, revision: Placement) -> TandemError | None:
        """Send the revision once; whatever comes back is recorded."""
        try:
            await self.tools.journal.durable()
        except JournalError as failed:
            raise not_durable(failed) from failed
        answer = await self._ask(revision)
        if isinstance(answer, TandemError):
            error = self._without_report(revision, answer)
        else:
            error = self._take(revision, answer)
        await self.tools.journal.durable()
        known = self._order.placement(revision.placement_id)
        if known is not None and known.status is OrderStatus.IN_DOUBT:
            await self.tools.care.look_up_soon(self.key, revision.placement_id, self.link)
        await self._look_at_old()
        return error

    async def _ask(self, revision: Placement) -> OrderReport | TandemError:
        """Check for the last time and send; the call starts without a wait in between."""
        try:
            self._last_check(revision)
            return await self.link.port.replace(
                self.old.placement_id,
                revision.placement_id,
                self._change_of(revision),
                self.link.claim(),
                revision.session_id,
                not_after=self.asked.not_after,
            )
        except TandemError as error:
            return error
        except Exception as fault:  # noqa: BLE001 - whatever it is, the change may be out
            _log.error("replace_fault", placement_id=revision.placement_id, exc_info=fault)
            return OutcomeUnknown(f"a fault while the replace was sent: {fault!r}")

    def _change_of(self, revision: Placement) -> OrderChange:
        """What the venue is asked to change: a quantity is what this placement is to have."""
        if self.asked.change.order_qty is None:
            return self.asked.change
        return replace(self.asked.change, order_qty=revision.order_qty)

    def _last_check(self, revision: Placement) -> None:
        """Raise Refused, effect NONE, if the change may not be sent by now."""
        self._check_may_go_on()
        order = self._order
        old = self._known_old()
        if old.status not in WORKING or has_fills(order, old):
            raise Refused(
                Reason.CHANGE_IN_PROGRESS, f"{old.placement_id} has fills or has ended by now"
            )
        view = self.link.view()
        if not view.ready or view.session_id != revision.session_id:
            raise Refused(
                Reason.STALE_SESSION, f"{self.link.name} was reconnected before it was sent"
            )

    def _check_may_go_on(self) -> None:
        """Raise Refused, effect NONE, if nothing of this replace may be sent any more."""
        tools = self.tools
        if not tools.journal.is_leading:
            raise Refused(Reason.NOT_LEADER, "this router is stopping")
        if self._order.cancel_requested:
            raise Refused(Reason.CHANGE_IN_PROGRESS, "the order was canceled before it was sent")
        check_gate(tools.books, self.key[0], self._role_now())
        if self.asked.not_after is not None and tools.clock.now() > self.asked.not_after:
            raise Refused(Reason.NOT_AFTER_PASSED, "not_after has passed")

    def _take(self, revision: Placement, report: OrderReport) -> TandemError | None:
        """The venue's word: on the revision, or, if it was refused, on the old placement."""
        self.tools.intake.take_report(report)
        if report.signal is Signal.REPLACE_REJECTED:
            cause = report.cause or Cause(Reason.VENUE_REJECTED, "the venue refused the replace")
            self._signal(revision, Signal.NOT_SENT, cause)
            return Refused(cause.reason, cause.message)
        known = self._order.placement(revision.placement_id)
        if known is not None and known.status is OrderStatus.PENDING_NEW:
            cause = Cause(Reason.OUTCOME_UNKNOWN, "the venue's answer does not fit the revision")
            self._signal(revision, Signal.DOUBTED, cause)
        if known is not None and known.status is OrderStatus.REJECTED:
            cause = known.cause or Cause(Reason.VENUE_REJECTED, "the venue rejected the revision")
            return Refused(cause.reason, cause.message)
        return None

    def _without_report(self, revision: Placement, error: TandemError) -> TandemError | None:
        """The send ended in an error: no effect if the error itself says so, else in doubt."""
        none = error.effect is Effect.NONE and not isinstance(error, ReadFailed)
        self.link.was_overtaken(error)
        self._signal(revision, Signal.NOT_SENT if none else Signal.DOUBTED, error.cause)
        return error if none else None

    def _signal(self, revision: Placement, signal: Signal, cause: Cause) -> None:
        intake, entry = self.tools.intake, self.tools.books.orders[self.key]
        try:
            intake.take_signal(entry, PlacementSignaled(revision.placement_id, signal, cause=cause))
        except IllegalEvent as illegal:
            # The venue's stream has shown the revision already, and its word stands.
            intake.take_contradiction(entry, revision.placement_id, str(illegal))

    async def _look_at_old(self) -> None:
        """Learn how the old placement ended, or that it works on; its own events may be late."""
        try:
            await self.tools.care.look_up(self.old, self.link)
        except TandemError as error:
            _log.info("look_up_failed", placement_id=self.old.placement_id, error=error.message)
        await self.tools.care.settle(self.key, self.old.placement_id, self.link)

    async def _met_fills(self, error: TandemError) -> bool:
        """Whether nothing was changed because the old placement has fills by now."""
        if error.reason is not Reason.CHANGE_IN_PROGRESS or self._order.cancel_requested:
            return False
        order = self._order
        old = self._known_old()
        return old.status in WORKING and has_fills(order, old)

    # -- cancel, proof, new placement --------------------------------------------------------

    async def _cancel_and_place(self) -> TandemError | None:
        """A held placement reserves what is to come, and keeps the order open meanwhile."""
        self._check_may_go_on()
        held = self._hold()
        try:
            error = await self._end_old()
        except JournalError:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, what is held is never sent
            _log.error("replace_fault", placement_id=held.placement_id, exc_info=fault)
            error = OutcomeUnknown(f"a fault while the old terms were ended: {fault!r}")
        # From here to the record nothing waits.
        error = error or self._why_not_anew()
        if error is not None:
            self._signal(held, Signal.NOT_SENT, error.cause)
            return self._left_undone(error)
        freed = self._free(held)
        work = OrderWork(self.tools, self.account, self.key, Plan(self.role, (self.link.view(),)))
        return await work.run(freed) or self._not_taken(held)

    def _hold(self) -> Placement:
        """Record the placement that takes over once the old one is dead; it can't be sent yet."""
        tools, order, view = self.tools, self._order, self.link.view()
        change = self._known_old().change.then(self.asked.change)
        planned = new_placement(tools.books, self.key, order.spec, view, tools.clock.now())
        held = replace(
            planned,
            order_qty=sub(order.spec.changed_by(change).order_qty, order.cum_qty),
            change=change,
            replace_id=self.asked.replace_id,
            is_held=True,
            not_after=self.asked.not_after,
        )
        tools.journal.record(intended(self.key, held))
        return held

    async def _end_old(self) -> TandemError | None:
        """Cancel the old placement and see it dead; the error if that can't be shown."""
        error = await self.tools.care.cancel(self.key, self.old.placement_id, self.link)
        if error is not None and error.effect is Effect.NONE:
            return error
        return await self._prove_end()

    async def _prove_end(self) -> TandemError | None:
        """Wait until the venue has shown that the old placement is dead and all its fills are
        booked; OutcomeUnknown if it has not in time."""
        clock, care = self.tools.clock, self.tools.care
        ends_at = clock.monotonic() + self.proof_s
        waits = iter(_PROOF_WAITS_S)
        while self._order.may_be_live(self._known_old()) > 0:
            if clock.monotonic() >= ends_at:
                return OutcomeUnknown(
                    f"{self.old.placement_id} was canceled for the replace, and its end is not "
                    "proven: nothing new was sent"
                )
            await clock.sleep(next(waits, _PROOF_WAIT_MAX_S))
            try:
                await care.look_up(self.old, self.link)
            except TandemError as error:
                _log.info("look_up_failed", placement_id=self.old.placement_id, error=error.message)
            await care.settle(self.key, self.old.placement_id, self.link)
        return None

    def _why_not_anew(self) -> TandemError | None:
        """Why nothing new is to be sent, now that the old placement is dead; None if it is."""
        order, old = self._order, self._known_old()
        if old.status is not OrderStatus.CANCELED:
            return Refused(Reason.ORDER_ENDED, f"it is {old.status.value}")
        if self._left() <= 0:
            return Refused(Reason.ORDER_ENDED, f"{order.cum_qty} was filled before its end")
        try:
            self._check_may_go_on()
            terms = order.spec.changed_by(old.change.then(self.asked.change))
            if role_of(terms, self.key[0], self.tools.books) is not self.role:
                raise Refused(Reason.INTENT_MISMATCH, "the position is another one by now")
            if not self.link.view().ready:
                raise Refused(Reason.HOLDER_UNAVAILABLE, self.link.view().why_not)
        except TandemError as error:
            return error
        return None

    def _role_now(self) -> Role:
        """What it is by now: an exit that outgrew its position is none. Raises Refused."""
        if self.role is not Role.EXIT:
            return self.role
        terms = self._order.spec.changed_by(self._known_old().change.then(self.asked.change))
        return role_where(terms, self._left(), self.old.venue, self.key[0], self.tools.books)

    def _left(self) -> Decimal:
        order = self._order
        change = self._known_old().change.then(self.asked.change)
        return sub(order.spec.changed_by(change).order_qty, order.cum_qty)

    def _free(self, held: Placement) -> Placement:
        """Record that the held placement goes out now, for what is left."""
        now, session_id = self.tools.clock.now(), self.link.view().session_id
        released = PlacementReleased(held.placement_id, self._left(), now, session_id)
        self.tools.journal.record(PlacementFreed(*self.key, released))
        freed = self._order.placement(held.placement_id)
        assert freed is not None, "recorded before"
        return freed

    def _left_undone(self, error: TandemError) -> TandemError | None:
        """What the client is told if nothing new was sent; who canceled by our hand is alarmed."""
        order, old = self._order, self._known_old()
        if order.cancel_requested or order.may_be_live(old) > 0:
            return error  # a cancel of the client's, or the old terms may work on
        if old.status is not OrderStatus.CANCELED or self._left() <= 0:
            return None  # it has ended by itself, as the order shows
        return self._interrupted(error.message)

    def _not_taken(self, held: Placement) -> TandemError | None:
        """The venue did not take what was to follow: nothing works any more."""
        placement = self._order.placement(held.placement_id)
        if placement is None or placement.status not in REFUSED:
            return None
        why = placement.cause.message if placement.cause is not None else placement.status.value
        return self._interrupted(why)

    def _interrupted(self, why: str) -> TandemError:
        text = (
            f"{self.old.placement_id} was canceled for a replace, and what is left not sent: {why}"
        )
        if self.tools.journal.is_leading:
            self.tools.journal.record(interrupted(self.key, self.link.name, text))
        return OutcomeUnknown(text)


def interrupted(key: OrderKey, venue: str, text: str) -> AlertRaised:
    """The alert that an order was canceled by our own hand and its rest not placed."""
    return AlertRaised("REPLACE_INTERRUPTED", Severity.CRITICAL, text, key[0], venue, key[1])


def drop_held(books: Books, intake: Intake, journal: Journal) -> None:
    """On start: what was held was not sent, and a restart never goes on with a replace."""
    held = [
        (entry, placement)
        for entry in (books.orders[key] for key in books.open_orders)
        for placement in entry.order.placements
        if placement.is_held and placement.status is OrderStatus.PENDING_NEW
    ]
    for entry, placement in held:
        text = f"{placement.placement_id} was not sent: the router was restarted during a replace"
        cause = Cause(Reason.CHANGE_IN_PROGRESS, text)
        intake.take_signal(
            entry, PlacementSignaled(placement.placement_id, Signal.NOT_SENT, cause=cause)
        )
        journal.record(interrupted(entry.key, placement.venue, text))
