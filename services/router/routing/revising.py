"""A replace's own task: one revision sent, or cancel, proof and a new placement.

A placement without fills is replaced as a whole: the venue gets a revision that takes its place,
and until the venue's word is there, both may be live. One with fills is never patched, since venues
are known to add the whole new quantity to what was filled: it is canceled, its end is proven, and
what is left of the new quantity is sent as a new placement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

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
from services.common.domain.order_events import IllegalEvent, Placement, PlacementSignaled
from services.common.domain.order_status import WORKING, OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import OrderReport
from services.common.runtime import telemetry
from services.router.books.entries import OrderKey
from services.router.journal.store import JournalError
from services.router.risk.gate import Role, check_gate
from services.router.routing.accounts import AccountLinks
from services.router.routing.link import VenueLink
from services.router.routing.placing import intended, new_placement
from services.router.routing.plan import Plan
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
        if old.status not in WORKING or order.filled_by(old) > 0 or order.missing_fills(old) > 0:
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
        check_gate(tools.books, self.key[0], self.role)
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
        return old.status in WORKING and order.filled_by(old) > 0

    # -- cancel, proof, new placement --------------------------------------------------------

    async def _cancel_and_place(self) -> TandemError | None:
        self._check_may_go_on()
        error = await self.tools.care.cancel(self.key, self.old.placement_id, self.link)
        if error is not None and error.effect is Effect.NONE:
            return error
        await self._prove_end()
        # From here to the record nothing waits.
        order = self._order
        old = self._known_old()
        change = old.change.then(self.asked.change)
        left = sub(order.spec.changed_by(change).order_qty, order.cum_qty)
        if old.status is not OrderStatus.CANCELED or order.cancel_requested or left <= 0:
            return None
        self._check_new_may_be_sent()
        tools, view = self.tools, self.link.view()
        planned = new_placement(tools.books, self.key, order.spec, view, tools.clock.now())
        placement = replace(
            planned, order_qty=left, change=change, replace_id=self.asked.replace_id
        )
        tools.journal.record(intended(self.key, placement))
        work = OrderWork(tools, self.account, self.key, Plan(self.role, (view,)))
        return await work.run(placement)

    async def _prove_end(self) -> None:
        """Wait until the venue has shown that the old placement is dead and all its fills are
        booked; OutcomeUnknown if it has not in time."""
        clock, care = self.tools.clock, self.tools.care
        ends_at = clock.monotonic() + self.proof_s
        waits = iter(_PROOF_WAITS_S)
        while self._order.may_be_live(self._known_old()) > 0:
            if clock.monotonic() >= ends_at:
                raise OutcomeUnknown(
                    f"{self.old.placement_id} was canceled for the replace, and its end is not "
                    "proven: nothing new was sent"
                )
            await clock.sleep(next(waits, _PROOF_WAIT_MAX_S))
            try:
                await care.look_up(self.old, self.link)
            except TandemError as error:
                _log.info("look_up_failed", placement_id=self.old.placement_id, error=error.message)
            await care.settle(self.key, self.old.placement_id, self.link)

    def _check_new_may_be_sent(self) -> None:
        """The old terms are dead: what forbids the new ones now leaves the order canceled."""
        try:
            self._check_may_go_on()
        except TandemError as error:
            raise OutcomeUnknown(
                f"the old terms were canceled and the new ones not sent: {error.message}"
            ) from error
