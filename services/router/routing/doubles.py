"""Two orders that a venue works for one: found, told to a person, and one of them ended.

A venue breaks this, never we: a change that became a second order beside the one that it was to
change, or a second order under one placement. While a replace goes on a venue may show both for a
moment, so both must work by its word at two look-ups some time apart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.common.domain.order import Order
from services.common.domain.order_events import Placement
from services.common.domain.order_status import PLAINLY_WORKING
from services.router.books.books import Books
from services.router.books.entries import OrderKey
from services.router.journal.journal import Journal
from services.router.routing.intake import Intake
from services.router.routing.overdue import Overdue

LookUp = Callable[[Placement], Awaitable[None]]


class Doubles:
    """Finds them among the placements of an order; kept in memory, a restart looks anew."""

    def __init__(
        self,
        journal: Journal,
        books: Books,
        intake: Intake,
        monotonic: Callable[[], float],
        *,
        apart_s: float,
    ) -> None:
        self._journal = journal
        self._books = books
        self._intake = intake
        self._seen = Overdue(monotonic, alarm_s=apart_s)
        self._told: set[str] = set()

    async def is_excess(self, key: OrderKey, placement: Placement, look_up: LookUp) -> bool:
        """Whether the venue works this one besides the order that it belongs to, so that it is to
        be ended. Then a person was told, and entries have stopped. `look_up` asks the venue."""
        placement_id = placement.placement_id
        if self._intake.is_doubled(placement_id):
            return True
        if placement_id in self._told:
            return replaced_and_working(self._order(key), placement) is not None
        old = replaced_and_working(self._order(key), placement)
        if old is not None:
            await look_up(old)
            await look_up(placement)
            old = replaced_and_working(self._order(key), placement)
        if old is None:
            self._seen.settled(placement_id)
            return False
        self._seen.asked(placement_id)
        if not self._seen.is_to_be_alarmed(placement_id) or not self._journal.is_leading:
            return False
        self._told.add(placement_id)
        text = f"{placement_id} works at the venue, and so does {old.placement_id}, which it was to"
        self._journal.record(*self._intake.doubled(key, placement, f"{text} replace"))
        return True

    def _order(self, key: OrderKey) -> Order:
        return self._books.orders[key].order


def replaced_and_working(order: Order, placement: Placement) -> Placement | None:
    """What a revision was to take the place of, if the venue works both."""
    known, old = order.placement(placement.placement_id), order.placement(placement.replaces)
    if known is None or old is None or known.venue_order_id == old.venue_order_id:
        return None
    working = {known.status, old.status} <= PLAINLY_WORKING
    return old if working and known.venue_order_id and old.venue_order_id else None
