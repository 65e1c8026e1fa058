"""Which order an exit or leg belongs to: shown by nesting only, so kept from where it was seen."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.wire_fields import Record

KEPT_MAX: Final = 20_000


class Family:
    """Remembers the parents of at most `KEPT_MAX` orders; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._parents: OrderedDict[str, str] = OrderedDict()

    def learn(self, order: Record) -> None:
        """Take from an order which orders are nested in it. Raises Unreadable for odd legs."""
        parent = wire_fields.text(order, "id")
        for leg in wire_fields.records(order, "legs"):
            child = wire_fields.text(leg, "id")
            if parent and child:
                self._parents[child] = parent
                self._parents.move_to_end(child)
        while len(self._parents) > KEPT_MAX:
            self._parents.popitem(last=False)

    def parent_of(self, order: Record) -> str:
        """The id of the order that this one belongs to, "" if none is known.

        What takes the place of an exit belongs where that one did.
        """
        known = self._parents.get(wire_fields.text(order, "id"))
        return known or self._parents.get(wire_fields.text(order, "replaces"), "")
