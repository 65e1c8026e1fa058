"""An order of ours: what was asked for, its placements at venues, its executions, one `apply`.

An `Order` is a value: `apply` answers with the next one and never changes it. It is the fold of
its events; the same event twice gives the same order and the verdict DUPLICATE. What it shows
(status, cum_qty, leaves_qty, avg_px) is derived from placements and executions, never stored:
see `order_shown.py`.

The exposure of an order, `cum_qty + leaves_qty`, never exceeds `asked_qty` by our doing; what a
venue overfills is booked and flagged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from services.common.domain import corrections, revisions
from services.common.domain.booking import check_execution, costed, is_same_execution, is_same_order
from services.common.domain.executions import ExecType, Execution
from services.common.domain.fills import begun_qty
from services.common.domain.order_events import (
    CancelRequested,
    DoubtOverruled,
    ExecutionReported,
    FeesReported,
    IllegalEvent,
    OrderEvent,
    Placement,
    PlacementPlanned,
    PlacementReleased,
    PlacementSignaled,
    ReplaceRequested,
    TwoVenueOrders,
    Verdict,
)
from services.common.domain.order_shown import ZERO, ShownOrder
from services.common.domain.order_status import (
    ABSENT,
    CONTRADICTIONS,
    IN_FLIGHT,
    TERMINAL,
    WORKING,
    OrderStatus,
    Signal,
    advance,
)
from services.common.domain.order_terms import OptionCombo

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Order(ShownOrder):
    """One order of a client. Build it with `Order(...)`, then only `apply`."""

    # -- events ----------------------------------------------------------------------------

    def apply(self, event: OrderEvent) -> tuple[Order, Verdict]:
        """The order after `event`, and what was made of it. Raises IllegalEvent."""
        match event:
            case PlacementPlanned():
                return self._plan(event.placement)
            case PlacementSignaled():
                return self._signal(event)
            case DoubtOverruled():
                return self._overrule(event)
            case ExecutionReported():
                return self._execute(event)
            case FeesReported():
                return self._take_fees(event)
            case CancelRequested():
                if self.cancel_requested:
                    return self, Verdict.DUPLICATE
                return replace(self, cancel_requested=True), Verdict.CHANGED
            case ReplaceRequested():
                return self._request_replace(event)
            case PlacementReleased():
                return self._release(event)

    def _release(self, event: PlacementReleased) -> tuple[Order, Verdict]:
        held = self._known(event.placement_id)
        if not held.is_held:
            return self, Verdict.DUPLICATE
        if held.status is not OrderStatus.PENDING_NEW:
            raise IllegalEvent(f"{event.placement_id} is {held.status.value} and can't be released")
        freed = replace(
            held,
            is_held=False,
            order_qty=event.order_qty,
            attempted_at=event.attempted_at,
            session_id=event.session_id,
        )
        return self._with(freed), Verdict.CHANGED

    def _request_replace(self, event: ReplaceRequested) -> tuple[Order, Verdict]:
        known = next((r for r in self.replaces if r.replace_id == event.replace_id), None)
        if known is None:
            return replace(self, replaces=(*self.replaces, event)), Verdict.CHANGED
        if known != event:
            raise IllegalEvent(f"replace {event.replace_id} asked for anew otherwise")
        return self, Verdict.DUPLICATE

    def _plan(self, placement: Placement) -> tuple[Order, Verdict]:
        known = self.placement(placement.placement_id)
        if known is not None:
            if (known.venue, known.order_qty) != (placement.venue, placement.order_qty):
                raise IllegalEvent(f"placement {placement.placement_id} planned anew otherwise")
            return self, Verdict.DUPLICATE
        if self.cancel_requested:
            raise IllegalEvent("a placement was planned after a cancel")
        planned = replace(self, placements=(*self.placements, placement))
        if placement.replaces:
            old = self._known(placement.replaces)
            has_fills = self.filled_by(old) > 0 or self.missing_fills(old) > 0
            asked_qty = self.terms_of(placement).order_qty
            revisions.check(self.placements, old, placement, asked_qty, has_fills=has_fills)
        elif planned.committed_qty > planned.asked_qty:
            raise IllegalEvent("a placement would exceed the order's quantity")
        return planned, Verdict.CHANGED

    def _overrule(self, event: DoubtOverruled) -> tuple[Order, Verdict]:
        doubted = self._known(event.placement_id)
        if doubted.is_suspect:
            return self, Verdict.DUPLICATE
        if doubted.status is not OrderStatus.IN_DOUBT:
            raise IllegalEvent(f"{event.placement_id} is {doubted.status.value}, not in doubt")
        # UNPLACED, so that the venue's word still wins, and is alarmed, should it come.
        ended = replace(doubted, status=OrderStatus.UNPLACED, is_suspect=True, cause=event.cause)
        return self._with(ended), Verdict.CHANGED

    def _known(self, placement_id: str) -> Placement:
        placement = self.placement(placement_id)
        if placement is None:
            raise IllegalEvent(f"the order has no placement {placement_id}")
        return placement

    def _signal(self, event: PlacementSignaled) -> tuple[Order, Verdict]:
        old = self._known(event.placement_id)
        if old.is_suspect and event.signal in ABSENT:
            return self, Verdict.DUPLICATE  # the operator's word stands
        status = advance(old.status, event.signal)
        if status is None:
            raise IllegalEvent(f"{event.signal.value} of an order that is {old.status.value}")
        disproved = event.signal is Signal.DISPROVED and old.status is OrderStatus.IN_DOUBT
        if disproved and not self.is_left_behind(old):
            raise IllegalEvent(f"{old.placement_id} may be in force and can't be disproved")
        self._check_identity(old, event)
        new = self._signaled(old, event, status)
        if new == old:
            return self, Verdict.DUPLICATE
        changed = self._with(new)._doubting_refusals()
        grown = new.reported_cum_qty != old.reported_cum_qty and bool(new.reported_cum_qty)
        if (old.status, event.signal) in CONTRADICTIONS or (
            grown and old.status in revisions.REFUSED
        ):
            return changed, Verdict.CONTRADICTION
        if grown and old.status in TERMINAL:
            return changed, Verdict.LATE_FILL
        return changed, Verdict.CHANGED

    def _doubting_refusals(self) -> Order:
        """The order with each revision in doubt that was called "not sent" while the venue says
        that its order was replaced: by it, or by somebody else."""
        return replace(
            self,
            placements=tuple(
                replace(p, status=OrderStatus.IN_DOUBT, is_suspect=False)
                if revisions.is_called_in_question(self.placements, p)
                else p
                for p in self.placements
            ),
        )

    def _check_identity(self, old: Placement, event: PlacementSignaled) -> None:
        if event.venue_order_id and old.venue_order_id not in ("", event.venue_order_id):
            raise TwoVenueOrders(
                f"two venue orders under {old.placement_id}: "
                f"{old.venue_order_id} and {event.venue_order_id}"
            )

    def _signaled(self, old: Placement, event: PlacementSignaled, status: OrderStatus) -> Placement:
        order_qty = old.order_qty
        told_qty = event.order_qty
        if event.signal is Signal.FILLED and not told_qty:
            told_qty = event.cum_qty
        if old.replaces and told_qty:
            order_qty = min(order_qty, told_qty)
        reported = old.reported_cum_qty
        if event.cum_qty is not None:  # a cumulative quantity only grows; older news has less
            reported = max(reported or ZERO, event.cum_qty)
        if status is OrderStatus.FILLED:  # "filled" says how much even where no figure came
            reported = max(reported or ZERO, order_qty)
        stale = status is old.status and old.status not in IN_FLIGHT
        return replace(
            old,
            status=status,
            order_qty=order_qty,
            venue_order_id=event.venue_order_id or old.venue_order_id,
            raw_status=old.raw_status if stale else event.raw_status or old.raw_status,
            reported_cum_qty=reported,
            cause=old.cause if stale else event.cause,
            is_suspect=old.is_suspect and status is OrderStatus.UNPLACED,
            was_accepted=old.was_accepted or status in WORKING,
        )

    def _execute(self, event: ExecutionReported) -> tuple[Order, Verdict]:
        placement = self._known(event.placement_id)
        execution = replace(event.execution, client_id=placement.placement_id)
        check_execution(execution, self.terms_of(placement))
        heard = (*self.executions, *self.set_aside)
        is_news = not any(e.is_told_as(execution) for e in heard)
        if is_news and corrections.is_superseded(execution, heard):
            if execution.exec_type is ExecType.TRADE:  # it had been corrected before it came
                return replace(self, set_aside=(*self.set_aside, execution)), Verdict.CHANGED
            return self._correct(placement, execution)
        if self.booked(execution) is not None:
            return self, Verdict.DUPLICATE
        if execution.exec_type in corrections.REVISIONS:
            about = self._corrected_by(execution)
            if about is not None or execution.exec_type is ExecType.BUST:
                return self._correct(placement, execution)
        return self._add(placement, execution)

    def _corrected_by(self, told: Execution) -> Execution | None:
        return corrections.corrected_by(told, self.executions, self.set_aside)

    def _correct(self, placement: Placement, told: Execution) -> tuple[Order, Verdict]:
        about = self._corrected_by(told)
        counting, set_aside = corrections.revised((self.executions, self.set_aside), told, about)
        corrected = replace(self, executions=counting, set_aside=set_aside)
        grown = max(placement.reported_cum_qty or ZERO, corrected.filled_by(placement))
        corrected = corrected._with(replace(placement, reported_cum_qty=grown))
        if corrected._is_overfilled(placement) and counting != self.executions:
            return corrected, Verdict.OVERFILL
        return corrected, Verdict.CHANGED if counting == self.executions else Verdict.CORRECTED

    def _is_overfilled(self, placement: Placement) -> bool:
        begun = begun_qty(self.spec.instrument, self._executions_of(placement))
        return begun > placement.order_qty or self.cum_qty > self.asked_qty

    def _add(self, placement: Placement, execution: Execution) -> tuple[Order, Verdict]:
        """Book an execution that is not one of those that are booked."""
        is_combo = isinstance(self.spec.instrument, OptionCombo)
        expected = ONE if is_combo else execution.last_qty  # units are missing until the last leg
        late = placement.status in TERMINAL and self.missing_fills(placement) < expected
        execution = replace(execution, late=late)
        booked = replace(self, executions=(*self.executions, execution))
        grown = booked.filled_by(placement)
        # The legs of an order are orders of their own at the venue.
        its_order = "" if is_combo else execution.venue_order_id
        alive = placement
        if placement.status in IN_FLIGHT or placement.status is OrderStatus.UNPLACED:
            # A fill is the venue's word that it has the order.
            alive = replace(
                alive,
                status=OrderStatus.ACCEPTED,
                cause=None,
                is_suspect=False,
                was_accepted=True,
            )
        booked = booked._with(
            replace(
                alive,
                venue_order_id=placement.venue_order_id or its_order,
                reported_cum_qty=max(placement.reported_cum_qty or ZERO, grown),
            )
        )
        if placement.status is OrderStatus.UNPLACED:
            return booked, Verdict.CONTRADICTION
        if booked._is_overfilled(placement):
            return booked, Verdict.OVERFILL
        if not is_same_order(placement.venue_order_id, its_order):
            return booked, Verdict.CONTRADICTION  # the venue works two orders for one
        return booked, Verdict.LATE_FILL if late else Verdict.CHANGED

    def booked(self, execution: Execution) -> Execution | None:
        """The same execution as booked, None if it is not; IllegalEvent if it is and differs.

        One that was corrected differs from what is booked in its place.
        """
        heard = (*self.executions, *self.set_aside)
        known = next((e for e in heard if e.is_told_as(execution)), None)
        if known is None and execution.exec_type not in corrections.REVISIONS:
            known = next((e for e in self.executions if self._is_same(e, execution)), None)
            known = known or corrections.twin(execution, self.set_aside)
            if known is not None and known.exec_type is ExecType.CORRECT:
                return known
        if known is not None and (known.last_qty, known.last_px) != (
            execution.last_qty,
            execution.last_px,
        ):
            raise IllegalEvent(f"execution {execution.exec_id} differs from what is booked")
        return known

    def _is_same(self, known: Execution, told: Execution) -> bool:
        """Whether they are one. Once something was taken back the venue comes to the same
        cumulative quantity again: two ids from one source are two fills then."""
        if not is_same_execution(known, told):
            return False
        if known.key == told.key or known.source is not told.source:
            return True
        return not corrections.taken_back(self.spec.instrument, self.executions, self.set_aside)

    def _take_fees(self, event: FeesReported) -> tuple[Order, Verdict]:
        heard = (*self.executions, *self.set_aside)
        named = (e for e in heard if e.client_id == event.placement_id)
        known = next((e for e in named if e.exec_id == event.exec_id), None)
        if known is None:
            raise IllegalEvent(f"fees of execution {event.exec_id}, which is not booked")
        charged = replace(
            self,
            executions=costed(self.executions, event, known),
            set_aside=costed(self.set_aside, event, known),
        )
        return charged, Verdict.DUPLICATE if charged == self else Verdict.CHANGED

    def _with(self, changed: Placement) -> Order:
        """The order with one placement exchanged."""
        return replace(
            self,
            placements=tuple(
                changed if p.placement_id == changed.placement_id else p for p in self.placements
            ),
        )
