"""Where orders stand on their path, so that a fault can be put at each of its boundaries.

Every operation on an order (entry, exit, replace, cancel) passes eight boundaries: before and after
its intent is on the journal's disk, before it leaves the router and after it has left the adapter
for the venue, before the venue's answer is heard and after it is recorded, and the same for a fill.
Whoever follows is called at each, before anything else happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

BOUNDARIES: Final = (
    "before journal",
    "after journal",
    "before send",
    "after send",
    "before ack",
    "after ack",
    "before fill",
    "after fill",
)
REQUESTED, JOURNALED, SENT, WRITTEN, TAKEN, ANSWERED, FILLED, BOOKED = range(len(BOUNDARIES))
_FRESH_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Passing:
    """An operation has come to a boundary. `venue` is where its order is, "" before that."""

    at_s: float
    boundary: str
    operation: str
    client_order_id: str
    venue: str


@dataclass(slots=True)
class _Operation:
    name: str
    reached: int
    placements: set[str] = field(default_factory=set)


class Progress:
    """Told of each step of each order; `on_pass` is called when one is the first at a boundary."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._operations: dict[str, list[_Operation]] = {}
        self._venues: dict[str, str] = {}
        self._passed: list[Passing] = []
        self.on_pass: Callable[[Passing], None] = lambda _: None

    def requested(self, client_order_id: str, operation: str) -> None:
        """A request is at the router, which has done nothing with it yet."""
        known = self._operations.setdefault(client_order_id, [])
        if all(one.name != operation for one in known):
            known.append(_Operation(operation, -1))
            self._reach(client_order_id, REQUESTED)

    def journaled(self, client_order_id: str) -> None:
        """Its intent is on the disk, and nobody was told."""
        self._reach(client_order_id, JOURNALED)

    def leaves_router(self, client_order_id: str, placement_id: str, venue: str) -> None:
        """It is about to leave for an adapter; at a second venue it begins anew there."""
        operation = self._latest(client_order_id)
        self._venues[client_order_id] = venue
        if operation is not None and placement_id not in operation.placements:
            operation.placements.add(placement_id)
            operation.reached = min(operation.reached, JOURNALED)
            self._reach(client_order_id, SENT)

    def leaves_adapter(self, client_order_id: str) -> None:
        """Its bytes leave for the venue."""
        self._reach(client_order_id, WRITTEN)

    def venue_event(self, client_order_id: str, *, is_fill: bool) -> None:
        """The venue has done something with it, and has told nobody yet."""
        self._reach(client_order_id, FILLED if is_fill else TAKEN)

    def recorded(self, client_order_id: str, *, is_fill: bool) -> None:
        """The router has recorded what the venue has done."""
        operation = self._latest(client_order_id)
        if operation is not None and operation.reached >= WRITTEN:
            self._reach(client_order_id, BOOKED if is_fill else ANSWERED)

    def of_order(self, client_order_id: str) -> Passing | None:
        """What an order has passed last."""
        passed = (p for p in reversed(self._passed) if p.client_order_id == client_order_id)
        return next(passed, None)

    def requested_s(self, client_order_id: str) -> float:
        """When an order was first asked for."""
        passed = (p for p in self._passed if p.client_order_id == client_order_id)
        return next(passed).at_s

    def latest(self, venue: str = "") -> Passing | None:
        """What was passed last just now, by an order that is or may come to be at the venue."""
        for passed in reversed(self._passed):
            if self._now_s() - passed.at_s > _FRESH_S:
                return None
            if not venue or passed.venue in ("", venue):
                return passed
        return None

    def _latest(self, client_order_id: str) -> _Operation | None:
        known = self._operations.get(client_order_id)
        return known[-1] if known else None

    def _reach(self, client_order_id: str, boundary: int) -> None:
        operation = self._latest(client_order_id)
        if operation is None or operation.reached >= boundary:
            return
        operation.reached = boundary
        venue = self._venues.get(client_order_id, "")
        passing = Passing(
            self._now_s(), BOUNDARIES[boundary], operation.name, client_order_id, venue
        )
        self._passed.append(passing)
        self.on_pass(passing)
