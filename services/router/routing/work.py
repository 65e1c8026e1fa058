"""An order's own task: send to one venue, record what came back, and go on only with proof.

Four things can come back. A report: recorded, done (a rejection for the venue's own sake lets the
next venue try). Effect NONE by the other side's own word: the next venue. No word: in doubt, a
few look-ups, and nothing is sent anywhere until the adapter has proven that it never will be. And
the death of this process: the journal has the placement, and what has no answer after a restart
is in doubt.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field, replace

import structlog

from services.common.domain.errors import (
    Cause,
    Effect,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
    VenueCause,
)
from services.common.domain.order_events import IllegalEvent, Placement, PlacementSignaled
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import OrderReport
from services.common.runtime import telemetry
from services.common.runtime.clock import Clock
from services.router.books.books import Books
from services.router.books.entries import OrderKey
from services.router.journal.journal import Journal
from services.router.journal.store import JournalError
from services.router.risk.gate import Role, check_gate
from services.router.routing.accounts import AccountLinks, read_facts
from services.router.routing.care import Care
from services.router.routing.intake import Intake
from services.router.routing.link import VenueLink
from services.router.routing.placing import failed_over, intended, left_out, new_placement
from services.router.routing.plan import plan_order
from services.router.routing.planned import Facts, Plan
from services.router.routing.policy import may_try_next
from services.router.routing.together import all_done, of_all
from services.router.routing.trading_day import is_same_day

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkTools:
    """What working an order needs, made once per process."""

    journal: Journal
    books: Books
    intake: Intake
    care: Care
    clock: Clock


@dataclass(slots=True)
class OrderWork:
    """The work on one order. `run` is its task; `passed_over` says why venues were left out.

    `attempts` counts the venues that were asked. `retry_after_s` is the shortest wait that a venue
    asked for when it took nothing, if one did.
    """

    tools: WorkTools
    account: AccountLinks
    key: OrderKey
    plan: Plan
    passed_over: list[VenueCause] = field(default_factory=list)
    retry_after_s: float | None = None
    attempts: int = 0

    async def run(self, *placements: Placement) -> TandemError | None:
        """Work the order to its first outcome; the error, if this router could not.

        Several placements are parts that are sent at once: none waits for another, and this for
        all. The error is Unavailable (effect NONE) if the journal failed before anything was sent,
        OutcomeUnknown if it failed after.
        """
        rest = [view.name for view in self.plan.candidates[1:]]
        return await self._traced(*(self._work(placement, rest) for placement in placements))

    async def go_on(self, fenced: Placement, proof: PlacementSignaled) -> TandemError | None:
        """A doubt of an earlier attempt has ended: record the proof of its absence and, in the same
        commit, the next attempt, if there is a venue that was not tried and the rules still let
        one follow. A restart finds both or neither. Errors as `run`."""
        with telemetry.continued(self.tools.books.orders[self.key].traceparent):
            return await self._traced(self._go_on(fenced, proof))

    async def _traced(self, *works: Coroutine[None, None, None]) -> TandemError | None:
        whose = telemetry.order_attributes(account_id=self.key[0], client_order_id=self.key[1])
        with telemetry.span("order", attributes=whose) as span:
            error = of_all(await all_done([self._run(work) for work in works]))
            self._tell_of_what_is_left_out()
            status = self.tools.books.orders[self.key].order.status
            span.set_attribute(telemetry.ORDER_STATUS, status.value)
            if error is not None:
                telemetry.set_failed(span, error.reason.value)
            return error

    def _tell_of_what_is_left_out(self) -> None:
        records = left_out(self.tools.books.orders[self.key].order)
        if records and self.tools.journal.is_leading:
            self.tools.journal.record(*records)

    async def _run(self, work: Coroutine[None, None, None]) -> TandemError | None:
        try:
            await work
        except TandemError as error:
            return error
        except JournalError as error:  # between two sends: the first one's outcome is recorded
            return OutcomeUnknown(f"the journal has failed: {error}")
        return None

    async def _go_on(self, fenced: Placement, proof: PlacementSignaled) -> None:
        rest = self._untried()
        facts = await read_facts(self.account, self._spec(), self.tools.books) if rest else {}
        # From here to the record nothing waits.
        cause = proof.cause or Cause(Reason.PLACEMENT_FENCED, "")
        self._signal(fenced, proof.signal, cause)
        following = self._follow(rest, facts, fenced) if rest else None
        await self.tools.journal.durable()
        if following is not None:
            await self._work(following, rest)

    def _untried(self) -> list[str]:
        """Venues that had no attempt of this order, if it may still be sent to another at all."""
        entry, now = self.tools.books.orders[self.key], self.tools.clock.now()
        if self.plan.role is not Role.ENTRY:
            return []
        taken_at = entry.created.received_time or now
        tried = {placement.venue for placement in entry.order.placements}
        self.attempts = len(tried)
        links = (link for link in self.account.links if link.name not in tried)
        return [link.name for link in links if is_same_day(link, taken_at, now)]

    async def _work(self, placement: Placement, rest: list[str]) -> None:
        """Send; go on to the next venue while the one before provably has nothing."""
        following: Placement | None = placement
        while following is not None:
            link = self.account.link(following.venue)
            assert link is not None, "planned from this account's links"
            self.attempts += 1
            await self._send(link, following)
            if self._why_next(following) is None or not rest:
                return
            following = await self._next(rest, following)

    async def _send(self, link: VenueLink, placement: Placement) -> None:
        """One send of one placement; whatever comes back is recorded."""
        tools = self.tools
        try:
            await tools.journal.durable()
        except JournalError as error:
            raise not_durable(error) from error
        try:
            answer = await self._ask(link, placement)
            if isinstance(answer, TandemError):
                self._without_report(link, placement, answer)
            else:
                tools.intake.take_report(answer)
                self._require_answer(placement)
            await tools.journal.durable()
        except JournalError as error:
            raise OutcomeUnknown(f"the journal failed while the order was sent: {error}") from error
        if self._known(placement).status is OrderStatus.IN_DOUBT:
            await tools.care.look_up_soon(self.key, placement.placement_id, link)

    async def _ask(self, link: VenueLink, placement: Placement) -> OrderReport | TandemError:
        """Check for the last time and send; the call starts without a wait in between."""
        spec = self._spec_of(placement)
        try:
            self._last_check(link, placement)
            return await link.port.submit(spec, link.claim(), placement.session_id)
        except TandemError as error:
            return error
        except Exception as fault:  # noqa: BLE001 - whatever it is, the order may be out
            _log.error("send_fault", placement_id=placement.placement_id, exc_info=fault)
            return OutcomeUnknown(f"a fault while the order was sent: {fault!r}")

    def _spec_of(self, placement: Placement) -> OrderSpec:
        """What this placement asks the venue for: its own terms, quantity and id."""
        terms = self.tools.books.orders[self.key].order.terms_of(placement)
        latest = [at for at in (terms.not_after, placement.not_after) if at is not None]
        return replace(
            terms,
            client_order_id=placement.placement_id,
            order_qty=placement.order_qty,
            hedge=False,  # a venue has one position, and nothing that it could hedge
            not_after=min(latest, default=None),
        )

    def _spec(self) -> OrderSpec:
        return self.tools.books.orders[self.key].order.spec

    def _known(self, placement: Placement) -> Placement:
        known = self.tools.books.orders[self.key].order.placement(placement.placement_id)
        assert known is not None, "recorded before it was sent"
        return known

    def _last_check(self, link: VenueLink, placement: Placement) -> None:
        """Raise Refused, effect NONE, if the order may not be sent by now."""
        tools = self.tools
        if not tools.journal.is_leading:
            raise Refused(Reason.NOT_LEADER, "this router is stopping")
        order = tools.books.orders[self.key].order
        if order.cancel_requested:
            raise Refused(Reason.ORDER_ENDED, "the order was canceled before it was sent")
        if order.committed_qty > order.asked_qty:
            raise Refused(
                Reason.CHANGE_IN_PROGRESS, "an earlier placement of the order has come to light"
            )
        check_gate(tools.books, self.key[0], self.plan.role)
        check_not_after(order.spec, tools.clock)
        view = link.view()
        if not view.ready or view.session_id != placement.session_id:
            raise Refused(
                Reason.STALE_SESSION, f"{link.name} was reconnected before the order was sent"
            )

    def _without_report(self, link: VenueLink, placement: Placement, error: TandemError) -> None:
        """The send ended in an error: not sent if the error itself says so, else in doubt."""
        # A read that failed inside a send may have been the reading of its answer.
        none = error.effect is Effect.NONE and not isinstance(error, ReadFailed)
        link.was_overtaken(error)
        waits_s = [s for s in (self.retry_after_s, error.retry_after_s) if s is not None]
        self.retry_after_s = min(waits_s, default=None)
        self._signal(placement, Signal.NOT_SENT if none else Signal.DOUBTED, error.cause)

    def _require_answer(self, placement: Placement) -> None:
        """A report that went to quarantine has answered nothing: the order is in doubt."""
        if self._known(placement).status is OrderStatus.PENDING_NEW:
            cause = Cause(Reason.OUTCOME_UNKNOWN, "the venue's answer does not fit the order")
            self._signal(placement, Signal.DOUBTED, cause)

    def _signal(self, placement: Placement, signal: Signal, cause: Cause) -> None:
        books = self.tools.books
        signaled = PlacementSignaled(placement.placement_id, signal, cause=cause)
        try:
            self.tools.intake.take_signal(books.orders[self.key], signaled)
        except IllegalEvent as illegal:
            # The venue's stream has shown the order already, and its word stands.
            self.tools.intake.take_contradiction(
                books.orders[self.key], placement.placement_id, str(illegal)
            )

    def _why_next(self, placement: Placement) -> VenueCause | None:
        """Why another venue may be tried: this one provably has nothing. None if it may not.

        Nor may it if any other placement has come to light, or this router leads no more.
        """
        known, order = self._known(placement), self.tools.books.orders[self.key].order
        if order.is_open or order.cum_qty > 0 or not self.tools.journal.is_leading:
            return None
        if known.is_suspect:  # an operator has said so, nobody has proven it
            return None
        if not may_try_next(
            self.account.policy.failover,
            self.plan.role,
            known.status,
            known.cause,
            is_pinned=bool(order.spec.venue_pin),
            was_accepted=known.was_accepted,
            attempts=self.attempts,
        ):
            return None
        cause = known.cause or Cause(Reason.UNSPECIFIED, "")
        return VenueCause(known.venue, cause.reason, cause.message, Effect.NONE, known.placement_id)

    async def _next(self, rest: list[str], failed: Placement) -> Placement | None:
        """Plan the order anew over the venues that are left, by the same rules; None to stop."""
        facts = await read_facts(self.account, self._spec(), self.tools.books)
        # From here to the record nothing waits. News may have come while the facts were read.
        return self._follow(rest, facts, failed)

    def _follow(self, rest: list[str], facts: Facts, failed: Placement) -> Placement | None:
        """Plan and record the next attempt; None if there is to be none."""
        tools, key = self.tools, self.key
        spec = self._spec()
        cause = self._why_next(failed)
        if cause is None:
            return None
        views = [view for view in self.account.views() if view.name in rest]
        try:
            again = plan_order(
                spec,
                key[0],
                tools.books,
                views,
                facts,
                allow_uncovered=self.account.allow_uncovered,
                policy=self.account.policy,
            )
            check_gate(tools.books, key[0], again.role)
            check_not_after(spec, tools.clock)
        except TandemError as error:
            self.passed_over += error.venue_causes
            return None
        self.passed_over += again.passed_over
        canceled = tools.books.orders[key].order.cancel_requested
        if canceled or not again.candidates or again.role is not self.plan.role:
            return None
        view = again.candidates[0]
        rest.remove(view.name)
        placement = new_placement(tools.books, key, spec, view, tools.clock.now(), again.role)
        tools.journal.record(
            *failed_over(tools.books, key, cause, view.name, tools.clock.now()),
            intended(key, placement),
        )
        return placement


def check_not_after(spec: OrderSpec, clock: Clock) -> None:
    """Raise Refused NOT_AFTER_PASSED, effect NONE, if the order may not leave any more."""
    if spec.not_after is not None and clock.now() > spec.not_after:
        raise Refused(Reason.NOT_AFTER_PASSED, "order.not_after has passed")


def not_durable(error: JournalError) -> TandemError:
    """The journal failed before anything was sent, and replay never sends: effect NONE."""
    return Unavailable(Reason.JOURNAL_UNAVAILABLE, f"the journal has failed: {error}")
