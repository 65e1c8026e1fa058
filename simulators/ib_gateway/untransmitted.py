"""Orders that their clients have not transmitted: they wait in the Gateway, and IB knows nothing.

An order that is transmitted takes its family along: its parent, its children, their siblings.
"""

from dataclasses import dataclass

from simulators.ib_gateway.call import Call
from simulators.ib_gateway.order_request import PlaceOrder


@dataclass(frozen=True, slots=True)
class Kept:
    """An order that waits, and the call that brought it."""

    call: Call
    asked: PlaceOrder

    @property
    def client_id(self) -> int:
        return self.call.session.client_id

    @property
    def root_id(self) -> int:
        """The order id of the family's parent."""
        return self.asked.parent_id or self.asked.order_id


class Untransmitted:
    """What waits, by client and order id; a restart of the Gateway loses it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], Kept] = {}

    def keep(self, kept: Kept) -> None:
        """Keeps an order, in the place of one with the same id."""
        self._kept[kept.client_id, kept.asked.order_id] = kept

    def has(self, client_id: int, order_id: int) -> bool:
        """Whether that order waits."""
        return (client_id, order_id) in self._kept

    def take_family(self, client_id: int, root_id: int) -> list[Kept]:
        """Takes out the orders of a family, the parent first, else as they came."""
        family = [
            kept
            for kept in self._kept.values()
            if (kept.client_id, kept.root_id) == (client_id, root_id)
        ]
        return self._take(sorted(family, key=lambda kept: kept.asked.parent_id != 0))

    def take(self, client_id: int, order_id: int) -> list[Kept]:
        """Takes out an order, and its children if it is a parent."""
        found = self._kept.get((client_id, order_id))
        if found is None:
            return []
        if found.asked.parent_id:
            return self._take([found])
        return self.take_family(client_id, order_id)

    def take_all(self) -> list[Kept]:
        """Takes out everything, of every client."""
        return self._take(list(self._kept.values()))

    def _take(self, family: list[Kept]) -> list[Kept]:
        for kept in family:
            del self._kept[kept.client_id, kept.asked.order_id]
        return family
