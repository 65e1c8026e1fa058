"""Which order an exit or leg belongs to: shown by nesting only, so kept from where it was seen.

Its executions are told under the client id of the order that it belongs to.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.order_words import ORDER_CLASSES, WITH_EXITS
from services.alpaca_adapter.wire_fields import Record
from services.common.domain.order_terms import OrderClass

KEPT_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Parent:
    """The order that another belongs to, by both its ids; empty ones if nobody could find it."""

    venue_order_id: str
    client_id: str


NOBODY: Final = Parent("", "")


class Family:
    """Remembers the parents of at most `KEPT_MAX` orders; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._parents: OrderedDict[str, Parent] = OrderedDict()
        self._heads: OrderedDict[str, None] = OrderedDict()

    def learn(self, order: Record) -> None:
        """Take from an order what is nested in it, and what it took the place of.

        Raises Unreadable for odd legs.
        """
        venue_order_id = wire_fields.text(order, "id")
        parent = Parent(venue_order_id, wire_fields.text(order, "client_order_id"))
        legs = wire_fields.records(order, "legs")
        for leg in legs:
            self.adopt(wire_fields.text(leg, "id"), parent)
        if legs:
            self._heads[venue_order_id] = None
            self._heads.move_to_end(venue_order_id)
        before = self._parents.get(wire_fields.text(order, "replaces"))
        if before is not None and venue_order_id not in self._parents:
            self.adopt(venue_order_id, before)

    def adopt(self, child: str, parent: Parent) -> None:
        """Keep whose order `child` is."""
        if child and child != parent.venue_order_id:
            self._parents[child] = parent
            self._parents.move_to_end(child)
        while len(self._parents) > KEPT_MAX:
            self._parents.popitem(last=False)
        while len(self._heads) > KEPT_MAX:
            self._heads.popitem(last=False)

    def parent_of(self, order: Record) -> Parent | None:
        """The order that this one belongs to; None if it belongs to none, or is not known to."""
        return self._parents.get(wire_fields.text(order, "id"))

    def is_orphan(self, order: Record) -> bool:
        """Whether it must belong to an order, and nobody has told to which."""
        is_head = wire_fields.text(order, "id") in self._heads
        return looks_like_a_part(order) and not is_head and self.parent_of(order) is None

    def client_id_of(self, order: Record) -> str:
        """The client id under which the executions of an order are told."""
        parent = self.parent_of(order)
        own = wire_fields.text(order, "client_order_id")
        return own if parent is None else parent.client_id or own


def looks_like_a_part(order: Record) -> bool:
    """Whether an order, read with its legs, is an exit or a leg: of such a class, and has none."""
    order_class = ORDER_CLASSES.get(wire_fields.text(order, "order_class"))
    if order.get("legs"):
        return False
    if order_class is OrderClass.MULTI_LEG:
        return bool(wire_fields.text(order, "symbol"))
    # An OCO order on its own, and an order that shows its exits only if asked, have our ids.
    return order_class in WITH_EXITS and "~" not in wire_fields.text(order, "client_order_id")
