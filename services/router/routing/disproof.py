"""Revisions in doubt whose order has ended without them: what it takes to call them refuted.

A venue replaces only what lives, and shows both orders then. If the old one has ended otherwise,
and two look-ups after that, a round of care apart, don't find the revision, there is none.
"""

from __future__ import annotations

from services.common.domain.errors import Cause, Reason
from services.common.domain.order_events import Placement, PlacementSignaled
from services.common.domain.order_status import Signal
from services.common.domain.reports import Lookup
from services.common.runtime.clock import Clock
from services.router.books.books import Books
from services.router.routing.intake import Intake


class Disproof:
    """Counts the look-ups that don't find a revision. Kept in memory: a restart counts anew."""

    def __init__(self, books: Books, intake: Intake, clock: Clock, *, apart_s: float) -> None:
        self._books = books
        self._intake = intake
        self._clock = clock
        self._apart_s = apart_s
        self._absent: dict[str, float] = {}

    def may_begin(self, placement: Placement) -> bool:
        """Whether a look-up that is made now would say something: its order has ended."""
        order = self._books.orders[self._books.by_placement[placement.placement_id]].order
        known = order.placement(placement.placement_id)
        return known is not None and order.is_left_behind(known)

    def take(self, revision: Placement, lookup: Lookup) -> None:
        """The answer to a look-up that was begun when `may_begin` said so."""
        placement_id, now = revision.placement_id, self._clock.monotonic()
        if lookup is not Lookup.ABSENT or not self.may_begin(revision):
            self._absent.pop(placement_id, None)
            return
        if now - self._absent.setdefault(placement_id, now) < self._apart_s:
            return
        del self._absent[placement_id]
        why = f"{revision.replaces} has ended without it, and the venue does not have it"
        cause = Cause(Reason.ORDER_ENDED, why)
        entry = self._books.orders[self._books.by_placement[placement_id]]
        disproved = PlacementSignaled(placement_id, Signal.DISPROVED, cause=cause)
        self._intake.take_signal(entry, disproved)
