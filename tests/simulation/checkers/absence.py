"""Unknown is not empty: what a venue has had since before it was asked is never told as absent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from simulators.venue.orders import Execution, Order, OrderEvent
from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.checkers.foreign import is_foreign
from tests.simulation.checkers.in_place import first_of

_LISTED_S: Final = 6 * 3600.0  # and for longer on the same day; a Gateway forgets with the day


@dataclass(slots=True)
class _Known:
    order: Order
    since_s: float


@dataclass(frozen=True, slots=True)
class Listing:
    """What an adapter gave for all executions: placement and cumulative quantity of each, and ids.

    Asked for were those from a time on (None for all) of one placement ("" for all).
    """

    venue: str
    after: datetime | None
    placement_id: str
    asked_at_s: float
    listed: frozenset[tuple[str, Decimal | None]]
    exec_ids: frozenset[str] = frozenset()


class AbsenceChecker:
    """Told of every venue event, and of what adapters say is not there.

    At the venues that change orders `in_place` an order is told as its latest revision, and fills
    as those of one or the other.
    """

    def __init__(self, now_s: Callable[[], float], in_place: Collection[str] = ()) -> None:
        self._now_s = now_s
        self._in_place = in_place
        self._there: dict[tuple[str, str], _Known] = {}
        self._fills: list[tuple[str, Execution, float]] = []
        self._found: dict[str, Finding] = {}

    @property
    def findings(self) -> list[Finding]:
        """All so far, each once."""
        return list(self._found.values())

    def venue_event(self, venue: str, event: OrderEvent) -> None:
        """An order at a venue has changed."""
        order = event.order
        if not is_foreign(order):
            key = venue, order.client_order_id
            since_s = self._there[key].since_s if key in self._there else self._now_s()
            self._there[key] = _Known(order, since_s)
            if event.booking is not None:
                self._fills.append((venue, event.booking.execution, self._now_s()))

    def said_absent(self, venue: str, placement_id: str, asked_at_s: float) -> None:
        """An adapter that was asked then says that its venue has no such order."""
        known = self._there.get((venue, placement_id))
        if known is not None and known.since_s < asked_at_s:
            self._wrong(f"{venue} is said not to have {placement_id}, which it has")

    def said_all_open(self, venue: str, listed: Collection[str], asked_at_s: float) -> None:
        """An adapter that was asked then gives all orders that are open at its venue."""
        if venue in self._in_place:
            listed = {first_of(placement_id) for placement_id in listed}
        for (name, placement_id), known in self._there.items():
            is_there = name == venue and known.order.is_open and known.since_s < asked_at_s
            if is_there and placement_id not in listed:
                self._wrong(f"{placement_id} is open at {venue}, and left out of its open orders")

    def said_all_executions(self, told: Listing) -> None:
        """An adapter gives the executions at its venue."""
        for venue, execution, since_s in self._fills:
            placement_id = execution.order.client_order_id
            is_wanted = (
                venue == told.venue
                and told.asked_at_s - _LISTED_S < since_s < told.asked_at_s
                and told.placement_id in ("", placement_id)
                and (told.after is None or execution.at >= told.after)
            )
            if is_wanted and not self._is_listed(execution, told):
                self._wrong(f"{execution.exec_id} at {venue} is left out of its executions")

    def _is_listed(self, execution: Execution, told: Listing) -> bool:
        if told.venue not in self._in_place:
            return (execution.order.client_order_id, execution.cum_qty) in told.listed
        # Of one placement are those of its first revision only.
        return bool(told.placement_id) or execution.exec_id in told.exec_ids

    def _wrong(self, text: str) -> None:
        self._found.setdefault(text, Finding(Kind.WRONG, text, self._now_s()))
