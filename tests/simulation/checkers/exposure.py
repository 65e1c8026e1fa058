"""The exposure bound, watched at every step: never more filled or live than was asked for.

Once from the venues' own events (what is really there, over all venues), once from what the router
believes. The router must never believe less than is there by its own doing, and neither may exceed
the order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal

from simulators.venue.orders import Order, OrderEvent, OrderStatus
from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.checkers.foreign import is_foreign


class ExposureChecker:
    """Told of every venue event and of every change of an order in the router.

    `venue_faults` is what a venue has filled of an order after it had called it ended, or has taken
    of it later than it had settled: by the word of the promise counted apart, for what followed the
    end, or the proof of absence, may be filled as well. `asked` gives the quantity of a client
    order, None if it was never sent; `is_late` tells of a venue and a placement that has just
    appeared there whether it was taken for absent by rights. Every breach is found once. `now_s`
    tells the time of a finding.
    """

    def __init__(
        self,
        asked: Callable[[str], Decimal | None],
        now_s: Callable[[], float],
        is_late: Callable[[str, str], bool] = lambda *_: False,
    ) -> None:
        self._asked = asked
        self._now_s = now_s
        self._is_late = is_late
        self._at_venues: dict[str, dict[tuple[str, str], Order]] = {}
        self._found: dict[str, Finding] = {}
        self.venue_faults: dict[str, Decimal] = {}

    @property
    def findings(self) -> list[Finding]:
        """All breaches so far."""
        return list(self._found.values())

    def venue_event(self, venue: str, event: OrderEvent) -> None:
        """An order at a venue has changed."""
        order = event.order
        if is_foreign(order):
            return
        client_order_id = order.client_order_id.partition("~")[0]
        known = self._at_venues.setdefault(client_order_id, {})
        before = known.get((venue, order.venue_order_id))
        if before is None and self._is_late(venue, order.client_order_id):
            taken = order.cum_qty + order.leaves_qty
            self.venue_faults[client_order_id] = taken + self._excess(client_order_id)
        if before is not None and not before.is_open and order.cum_qty > before.cum_qty:
            filled = order.cum_qty - before.cum_qty
            self.venue_faults[client_order_id] = filled + self._excess(client_order_id)
        known[(venue, order.venue_order_id)] = order
        self._one_order_a_placement(client_order_id, known)
        self._bound(client_order_id, known)

    def router_order(
        self, client_order_id: str, order_qty: Decimal, cum_qty: Decimal, leaves_qty: Decimal
    ) -> None:
        """An order in the router's books has changed."""
        if cum_qty + leaves_qty > order_qty + self._excess(client_order_id):
            self._breach(
                Kind.EXPOSURE,
                f"the router counts {cum_qty} filled + {leaves_qty} live of {client_order_id}, "
                f"asked were {order_qty}",
            )

    def _excess(self, client_order_id: str) -> Decimal:
        return self.venue_faults.get(client_order_id, Decimal(0))

    def _one_order_a_placement(
        self, client_order_id: str, known: dict[tuple[str, str], Order]
    ) -> None:
        placements = [(venue, order.client_order_id) for (venue, _), order in known.items()]
        for venue, placement_id in placements:
            if placements.count((venue, placement_id)) > 1:
                self._breach(Kind.DUPLICATE, f"two orders at {venue} under {placement_id}")

    def _bound(self, client_order_id: str, known: dict[tuple[str, str], Order]) -> None:
        asked = self._asked(client_order_id)
        there = sum((o.cum_qty for o in known.values()), Decimal(0)) + _live(known.values())
        if asked is None:
            self._breach(Kind.EXPOSURE, f"{client_order_id} is at a venue and was never sent")
        elif there > asked + self._excess(client_order_id):
            shown = ", ".join(f"{o.client_order_id} {o.status.value}" for o in known.values())
            self._breach(
                Kind.EXPOSURE,
                f"{there} of {client_order_id} filled or live at venues, asked were {asked}: "
                f"{shown}",
            )

    def _breach(self, kind: Kind, text: str) -> None:
        self._found.setdefault(text, Finding(kind, text, self._now_s()))


def _live(orders: Collection[Order]) -> Decimal:
    """What may still fill: of an order and its revisions one, since a venue works only one.

    A revision that is pending will be for what its order has left, or be turned down.
    """
    most: dict[str, Decimal] = {}
    filled: dict[str, Decimal] = {}
    for order in orders:
        placement = order.client_order_id.rpartition(".")[0]
        filled[placement] = filled.get(placement, Decimal(0)) + order.cum_qty
    for order in orders:
        placement = order.client_order_id.rpartition(".")[0]
        live = order.leaves_qty
        if order.status is OrderStatus.PENDING_NEW and not order.client_order_id.endswith(".0"):
            live = max(live - filled[placement], Decimal(0))
        most[placement] = max(live, most.get(placement, Decimal(0)))
    return sum(most.values(), Decimal(0))
