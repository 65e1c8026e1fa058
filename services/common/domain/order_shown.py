"""What an order shows: status, quantities and prices, derived from placements and executions.

The exposure of an order at any moment is `cum_qty + leaves_qty`, where leaves count everything
that may be live anywhere: in flight, in doubt, working, or filled but not yet booked; of a
placement and its revisions the largest, since a venue works one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.common.domain import revisions
from services.common.domain.amounts import add, sub, total
from services.common.domain.corrections import taken_back
from services.common.domain.errors import Cause
from services.common.domain.executions import Execution
from services.common.domain.fills import average_px, begun_qty, filled_qty
from services.common.domain.order_events import Placement, ReplaceRequested
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OPEN, TERMINAL, WORKING, OrderStatus

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class ShownOrder:
    """The contents of an order and what they come to; `Order` adds the events.

    `executions` are those that count; `set_aside` those that the venue has corrected or busted,
    and its busts. An `external` order was found at the venue: its terms are the venue's word, and
    it is never sent by us.
    """

    account_id: str
    spec: OrderSpec
    content_hash: str
    placements: tuple[Placement, ...] = ()
    executions: tuple[Execution, ...] = ()
    set_aside: tuple[Execution, ...] = ()
    cancel_requested: bool = False
    replaces: tuple[ReplaceRequested, ...] = ()
    external: bool = False

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

        A fill of the old order is off the new one's quantity, also before the venue has said so;
        but not once the new one is canceled as excess, since it works on all the same.
        """
        live = max(map(self.may_be_live, chain))
        if len(chain) == 1 or not live or any(map(self._is_ended_as_excess, chain)):
            return live
        asked_qty = max(self.terms_of(p).order_qty for p in chain if self.counts(p))
        return min(live, max(sub(asked_qty, self.cum_qty), ZERO))

    def _chains(self) -> list[list[Placement]]:
        return revisions.chains(self.placements)

    @property
    def leaves_sum(self) -> Decimal:
        """As `leaves_qty`, with every revision counted."""
        return total(map(self.may_be_live, self.placements))

    @property
    def committed_qty(self) -> Decimal:
        """What is filled, or may be live with every revision counted, or is suspect, because only
        an operator called it dead: with more than `asked_qty`, nothing more may be sent."""
        suspects = (p for p in self.placements if p.is_suspect)
        suspected = (max(sub(p.order_qty, self.filled_by(p)), ZERO) for p in suspects)
        return add(add(self.cum_qty, self.leaves_sum), total(suspected))

    @property
    def asked_qty(self) -> Decimal:
        """The largest quantity that was asked for, in terms that were not refused."""
        terms = (self.terms_of(p).order_qty for p in self.placements if self.counts(p))
        return max(self.spec.order_qty, *terms, ZERO)

    @property
    def terms(self) -> OrderSpec:
        """What the order asks for now: its latest terms that were not refused."""
        latest = self.latest
        return self.spec if latest is None else self.terms_of(latest)

    @property
    def latest(self) -> Placement | None:
        """The latest placement, refused revisions aside; None before the first."""
        return next((p for p in reversed(self.placements) if self.counts(p)), None)

    @property
    def is_exceeded(self) -> bool:
        """Whether the fills and what surely works besides come to more than was asked for.

        A fill had raced the replace, and the venue did not take it off the revision; until the old
        order has ended for sure, the venue may still do so. Or a fill came of a placement that had
        been called dead.
        """
        live = total(max(map(self._live_once_replaced, c)) for c in self._chains())
        return add(self.cum_qty, live) > self.asked_qty

    def _live_once_replaced(self, placement: Placement) -> Decimal:
        replaced = self.placement(placement.replaces)
        if replaced is None or replaced.status is OrderStatus.REPLACED:
            return self.may_be_live(placement)
        return self.may_be_live(placement) if self._outlives(placement) else ZERO

    def _is_ended_as_excess(self, revision: Placement) -> bool:
        # Before, the venue may still refuse it: its word on the old order can come first.
        return revision.status is OrderStatus.PENDING_CANCEL and self._outlives(revision)

    def _outlives(self, revision: Placement) -> bool:
        """Whether a revision works though its order ended, and not by being replaced."""
        old = self.placement(revision.replaces)
        if old is None or old.status not in TERMINAL or old.status is OrderStatus.REPLACED:
            return False
        return revision.status in WORKING

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
        if self.children and ended:
            return _ended_in_parts(shown)
        if ended:
            return ended[-1]
        return OrderStatus.CANCELED if self.cancel_requested else OrderStatus.UNPLACED

    @property
    def is_open(self) -> bool:
        """Whether anything is, or may be, live anywhere."""
        return any(self.placement_status(p) in OPEN for p in self.placements)

    @property
    def cause(self) -> Cause | None:
        """Why the latest placement stands as it does, or, of a split order, one of the parts."""
        causes = [p.cause for p in self.children if p.cause is not None]
        if causes:
            return causes[-1]
        return None if self.latest is None else self.latest.cause

    @property
    def children(self) -> list[Placement]:
        """The parts of a split order as it was last planned; empty if that was in one piece."""
        latest = self.latest
        if latest is None or not latest.is_child:
            return []
        # Those of one plan are journaled at one moment.
        return [p for p in self.placements if p.attempted_at == latest.attempted_at]

    # -- one placement ---------------------------------------------------------------------

    def placement(self, placement_id: str) -> Placement | None:
        """The placement of that id, None if the order has none such."""
        return revisions.find(self.placements, placement_id)

    def filled_by(self, placement: Placement) -> Decimal:
        """Quantity booked for one placement."""
        return filled_qty(self.spec.instrument, self._executions_of(placement))

    def _executions_of(self, placement: Placement) -> list[Execution]:
        return [e for e in self.executions if e.client_id == placement.placement_id]

    def _taken_back(self, placement: Placement) -> Decimal:
        aside = [e for e in self.set_aside if e.client_id == placement.placement_id]
        return taken_back(self.spec.instrument, self._executions_of(placement), aside)

    def missing_fills(self, placement: Placement) -> Decimal:
        """What the venue says is filled there and is not booked yet.

        A unit of a multi-leg order that one leg has begun is filled in whole, or an end of the
        order is no end: its other legs are missing. What a bust or a correction took away is not
        missing, though the venue's count may still have it.
        """
        begun = begun_qty(self.spec.instrument, self._executions_of(placement))
        reported = max(placement.reported_cum_qty or ZERO, min(begun, placement.order_qty))
        filled = add(self.filled_by(placement), self._taken_back(placement))
        return max(sub(reported, filled), ZERO)

    def placement_status(self, placement: Placement) -> OrderStatus:
        """Its status as shown: an end is believed only once its executions add up. What an
        operator has called ended shows as CANCELED.

        Executions that add up to the whole quantity are a fill in full, whatever was said.
        """
        status = OrderStatus.CANCELED if placement.is_suspect else placement.status
        filled = self.filled_by(placement)
        if filled and filled >= placement.order_qty:
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
        if placement.is_held:  # what it may add to what is there
            others = total(self.may_be_live(p) for p in self.placements if not p.is_held)
            asked_qty = self.terms_of(placement).order_qty
            return max(sub(sub(asked_qty, self.cum_qty), others), ZERO)
        return max(sub(placement.order_qty, self.filled_by(placement)), ZERO)

    # -- revisions -------------------------------------------------------------------------

    def counts(self, placement: Placement) -> bool:
        return revisions.counts(self.placements, placement)

    def is_being_replaced(self, placement: Placement) -> bool:
        """Whether a revision of it was sent that was not refused."""
        return any(p.replaces == placement.placement_id and self.counts(p) for p in self.placements)

    def is_left_behind(self, placement: Placement) -> bool:
        """Whether it is a revision in doubt of an order that has ended, and not by a replace: then
        the venue has either refused it or has both."""
        old = self.placement(placement.replaces)
        if old is None or placement.status is not OrderStatus.IN_DOUBT:
            return False
        return old.status in TERMINAL and old.status is not OrderStatus.REPLACED

    def _decides(self, placement: Placement) -> bool:
        """Whether the order stands as it does: not if refused, nor if its revision took over."""
        if self.placement_status(placement) is not OrderStatus.REPLACED:
            return self.counts(placement)
        return not self.is_being_replaced(placement)

    def _shown_status(self, placement: Placement) -> OrderStatus:
        status = self.placement_status(placement)
        follows = bool(placement.replaces) or placement.is_held
        if follows and status is OrderStatus.PENDING_NEW:
            return OrderStatus.PENDING_REPLACE
        return status


def _ended_in_parts(shown: list[OrderStatus]) -> OrderStatus:
    """How a split order ended that was not filled in full. It is REJECTED only if no part of it
    was ever worked; a part that nobody took is quantity that was canceled."""
    left = [s for s in shown if s is not OrderStatus.FILLED]
    if not left:
        return OrderStatus.FILLED
    worked = [s for s in shown if s in TERMINAL and s is not OrderStatus.REJECTED]
    if not worked:
        return OrderStatus.REJECTED
    ends = [s for s in worked if s is not OrderStatus.FILLED]
    return ends[-1] if ends else OrderStatus.CANCELED
