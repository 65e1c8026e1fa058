"""An order of ours: what was asked for, its placements at venues, its executions, one `apply`.

An `Order` is a value: `apply` answers with the next one and never changes it. It is the fold of
its events; the same event twice gives the same order and the verdict DUPLICATE. What it shows
(status, cum_qty, leaves_qty, avg_px) is derived from placements and executions, never stored.

The exposure of an order at any moment is `cum_qty + leaves_qty`, where leaves count everything
that may be live anywhere: in flight, in doubt, working, or filled but not yet booked; of a
placement and its revisions the largest, since a venue works one of them. It never exceeds
`asked_qty` by our doing; what a venue overfills is booked and flagged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from services.common.domain import revisions
from services.common.domain.amounts import add, sub, total
from services.common.domain.booking import check_execution, costed, is_same_execution, is_same_order
from services.common.domain.errors import Cause
from services.common.domain.executions import Execution
from services.common.domain.fills import average_px, begun_qty, filled_qty
from services.common.domain.order_events import (
    CancelRequested,
    ExecutionReported,
    FeesReported,
    IllegalEvent,
    OrderEvent,
    Placement,
    PlacementPlanned,
    PlacementSignaled,
    ReplaceRequested,
    Verdict,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import (
    CONTRADICTIONS,
    IN_FLIGHT,
    OPEN,
    TERMINAL,
    WORKING,
    OrderStatus,
    advance,
)
from services.common.domain.order_terms import OptionCombo

ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a client. Build it with `Order(...)`, then only `apply`."""

    account_id: str
    spec: OrderSpec
    content_hash: str
    placements: tuple[Placement, ...] = ()
    executions: tuple[Execution, ...] = ()
    cancel_requested: bool = False
    replaces: tuple[ReplaceRequested, ...] = ()

    # -- what it shows ---------------------------------------------------------------------

    @property
    def client_order_id(self) -> str:
        """The client's id."""
        return self.spec.client_order_id

    @property
    def cum_qty(self) -> Decimal:
        """Quantity filled, as booked; of a multi-leg order the units of which every leg is."""
        return filled_qty(self.spec.instrument, self.executions)

    @property
    def leaves_qty(self) -> Decimal:
        """Quantity that may still fill or turn out to be filled, anywhere."""
        return total(self._live_of(chain) for chain in self._chains())

    def _live_of(self, chain: list[Placement]) -> Decimal:
        """What may be live of a placement and its revisions, the largest of which counts.

        A fill of the old order is off the new one's quantity, also before the venue has said so.
        """
        live = max(map(self.may_be_live, chain))
        if len(chain) == 1 or not live:
            return live
        asked_qty = max(self.terms_of(p).order_qty for p in chain if self._counts(p))
        return min(live, max(sub(asked_qty, self.cum_qty), ZERO))

    def _chains(self) -> list[list[Placement]]:
        return revisions.chains(self.placements)

    @property
    def leaves_sum(self) -> Decimal:
        """As `leaves_qty`, with every revision counted: by this it is decided what may be sent."""
        return total(map(self.may_be_live, self.placements))

    @property
    def asked_qty(self) -> Decimal:
        """The largest quantity that was asked for, in terms that were not refused."""
        terms = (self.terms_of(p).order_qty for p in self.placements if self._counts(p))
        return max(self.spec.order_qty, *terms, ZERO)

    @property
    def terms(self) -> OrderSpec:
        """What the order asks for now: its latest terms that were not refused."""
        latest = self.latest
        return self.spec if latest is None else self.terms_of(latest)

    @property
    def latest(self) -> Placement | None:
        """The latest placement, refused revisions aside; None before the first."""
        return next((p for p in reversed(self.placements) if self._counts(p)), None)

    @property
    def is_exceeded(self) -> bool:
        """Whether a replaced order's fills and its revision come to more than was asked for.

        A fill had raced the replace, and the venue did not take it off; until the old order has
        been replaced for sure, the venue may still do so.
        """
        live = total(max(map(self._live_once_replaced, c)) for c in self._chains())
        return add(self.cum_qty, live) > self.asked_qty

    def _live_once_replaced(self, placement: Placement) -> Decimal:
        replaced = self.placement(placement.replaces)
        if replaced is not None and replaced.status is not OrderStatus.REPLACED:
            return ZERO
        return self.may_be_live(placement)

    def terms_of(self, placement: Placement) -> OrderSpec:
        """The terms under which a placement works; its own quantity may be less."""
        return self.spec.changed_by(placement.change)

    @property
    def avg_px(self) -> Decimal | None:
        """Average price of the fills, None without fills; of a multi-leg order the net price."""
        return average_px(self.spec.instrument, self.executions)

    @property
    def status(self) -> OrderStatus:
        """Where the order stands, over all placements: the least certain one decides."""
        shown = [self._shown_status(p) for p in self.placements if self._decides(p)]
        for status in (
            OrderStatus.PENDING_NEW,
            OrderStatus.IN_DOUBT,
            OrderStatus.PENDING_REPLACE,
            OrderStatus.PENDING_CANCEL,
        ):
            if status in shown:
                return status
        live = [s for s in shown if s in WORKING]
        if live:
            return self._working_status(live)
        return self._ended_status(shown)

    def _working_status(self, live: list[OrderStatus]) -> OrderStatus:
        if all(s is OrderStatus.SUSPENDED for s in live):
            return OrderStatus.SUSPENDED
        return OrderStatus.PARTIALLY_FILLED if self.executions else OrderStatus.ACCEPTED

    def _ended_status(self, shown: list[OrderStatus]) -> OrderStatus:
        if self.cum_qty >= self.terms.order_qty:
            return OrderStatus.FILLED
        ended = [s for s in shown if s in TERMINAL]
        if ended:
            return ended[-1]
        return OrderStatus.CANCELED if self.cancel_requested else OrderStatus.UNPLACED

    @property
    def is_open(self) -> bool:
        """Whether anything is, or may be, live anywhere."""
        return any(self.placement_status(p) in OPEN for p in self.placements)

    @property
    def cause(self) -> Cause | None:
        """Why the latest placement stands as it does."""
        return None if self.latest is None else self.latest.cause

    # -- one placement ---------------------------------------------------------------------

    def placement(self, placement_id: str) -> Placement | None:
        """The placement of that id, None if the order has none such."""
        return revisions.find(self.placements, placement_id)

    def filled_by(self, placement: Placement) -> Decimal:
        """Quantity booked for one placement."""
        return filled_qty(self.spec.instrument, self._executions_of(placement))

    def _executions_of(self, placement: Placement) -> list[Execution]:
        return [e for e in self.executions if e.client_id == placement.placement_id]

    def missing_fills(self, placement: Placement) -> Decimal:
        """What the venue says is filled there and is not booked yet."""
        if placement.reported_cum_qty is None:
            return ZERO
        return max(sub(placement.reported_cum_qty, self.filled_by(placement)), ZERO)

    def placement_status(self, placement: Placement) -> OrderStatus:
        """Its status as shown: an end is believed only once its executions add up.

        Executions that add up to the whole quantity are a fill in full, whatever was said.
        """
        status = placement.status
        filled = self.filled_by(placement)
        if filled >= placement.order_qty:
            return OrderStatus.FILLED
        if status in TERMINAL and self.missing_fills(placement) > 0:
            status = OrderStatus.ACCEPTED
        if status is OrderStatus.ACCEPTED and filled > 0:
            return OrderStatus.PARTIALLY_FILLED
        return status

    def may_be_live(self, placement: Placement) -> Decimal:
        """What may be live there at most: 0 once proven dead and booked in full."""
        if placement.status in TERMINAL or placement.status is OrderStatus.UNPLACED:
            return self.missing_fills(placement)
        return max(sub(placement.order_qty, self.filled_by(placement)), ZERO)

    # -- revisions -------------------------------------------------------------------------

    def _counts(self, placement: Placement) -> bool:
        return revisions.counts(self.placements, placement)

    def is_being_replaced(self, placement: Placement) -> bool:
        """Whether a revision of it was sent that was not refused."""
        return any(
            p.replaces == placement.placement_id and self._counts(p) for p in self.placements
        )

    def _decides(self, placement: Placement) -> bool:
        """Whether the order stands as it does: not if refused, nor if its revision took over."""
        if self.placement_status(placement) is not OrderStatus.REPLACED:
            return self._counts(placement)
        return not self.is_being_replaced(placement)

    def _shown_status(self, placement: Placement) -> OrderStatus:
        status = self.placement_status(placement)
        if placement.replaces and status is OrderStatus.PENDING_NEW:
            return OrderStatus.PENDING_REPLACE
        return status

    # -- events ----------------------------------------------------------------------------

    def apply(self, event: OrderEvent) -> tuple[Order, Verdict]:
        """The order after `event`, and what was made of it. Raises IllegalEvent."""
        match event:
            case PlacementPlanned():
                return self._plan(event.placement)
            case PlacementSignaled():
                return self._signal(event)
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
        elif add(planned.cum_qty, planned.leaves_sum) > planned.asked_qty:
            raise IllegalEvent("a placement would exceed the order's quantity")
        return planned, Verdict.CHANGED

    def _known(self, placement_id: str) -> Placement:
        placement = self.placement(placement_id)
        if placement is None:
            raise IllegalEvent(f"the order has no placement {placement_id}")
        return placement

    def _signal(self, event: PlacementSignaled) -> tuple[Order, Verdict]:
        old = self._known(event.placement_id)
        status = advance(old.status, event.signal)
        if status is None:
            raise IllegalEvent(f"{event.signal.value} of an order that is {old.status.value}")
        self._check_identity(old, event)
        new = self._signaled(old, event, status)
        if new == old:
            return self, Verdict.DUPLICATE
        changed = self._with(new)
        grown = new.reported_cum_qty != old.reported_cum_qty and bool(new.reported_cum_qty)
        if (old.status, event.signal) in CONTRADICTIONS or (
            grown and old.status in revisions.REFUSED
        ):
            return changed, Verdict.CONTRADICTION
        if grown and old.status in TERMINAL:
            return changed, Verdict.LATE_FILL
        return changed, Verdict.CHANGED

    def _check_identity(self, old: Placement, event: PlacementSignaled) -> None:
        if event.venue_order_id and old.venue_order_id not in ("", event.venue_order_id):
            raise IllegalEvent(
                f"two venue orders under {old.placement_id}: "
                f"{old.venue_order_id} and {event.venue_order_id}"
            )

    def _signaled(self, old: Placement, event: PlacementSignaled, status: OrderStatus) -> Placement:
        order_qty = old.order_qty
        if old.replaces and event.order_qty is not None:
            order_qty = min(order_qty, event.order_qty)
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
        )

    def _execute(self, event: ExecutionReported) -> tuple[Order, Verdict]:
        placement = self._known(event.placement_id)
        execution = replace(event.execution, client_id=placement.placement_id)
        check_execution(execution, self.terms_of(placement))
        if self.booked(execution) is not None:
            return self, Verdict.DUPLICATE
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
            alive = replace(alive, status=OrderStatus.ACCEPTED, cause=None)
        booked = booked._with(
            replace(
                alive,
                venue_order_id=placement.venue_order_id or its_order,
                reported_cum_qty=max(placement.reported_cum_qty or ZERO, grown),
            )
        )
        if placement.status is OrderStatus.UNPLACED:
            return booked, Verdict.CONTRADICTION
        begun = begun_qty(self.spec.instrument, booked._executions_of(placement))
        if begun > placement.order_qty or booked.cum_qty > self.asked_qty:
            return booked, Verdict.OVERFILL
        if not is_same_order(placement.venue_order_id, its_order):
            return booked, Verdict.CONTRADICTION  # the venue works two orders for one
        return booked, Verdict.LATE_FILL if late else Verdict.CHANGED

    def booked(self, execution: Execution) -> Execution | None:
        """The same execution as booked, None if it is not; IllegalEvent if it is and differs."""
        known = next((e for e in self.executions if is_same_execution(e, execution)), None)
        if known is not None and (known.last_qty, known.last_px) != (
            execution.last_qty,
            execution.last_px,
        ):
            raise IllegalEvent(f"execution {execution.exec_id} differs from what is booked")
        return known

    def _take_fees(self, event: FeesReported) -> tuple[Order, Verdict]:
        executions = costed(self.executions, event)
        if executions == self.executions:
            return self, Verdict.DUPLICATE
        return replace(self, executions=executions), Verdict.CHANGED

    def _with(self, changed: Placement) -> Order:
        """The order with one placement exchanged."""
        return replace(
            self,
            placements=tuple(
                changed if p.placement_id == changed.placement_id else p for p in self.placements
            ),
        )
