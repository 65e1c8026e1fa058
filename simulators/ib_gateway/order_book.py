"""The Gateway's own view of orders: who placed each under what id, and how it was last seen.

The Gateway knows what the venue told it. While the link to the venue is down nothing comes, and
its lists show what they showed before; that is why they are kept here and not read at the venue.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from simulators.venue.orders import Booking, Order, OrderStatus

MANUAL = (0, 0)
S = OrderStatus
_STATUS = {
    S.PENDING_NEW: "PreSubmitted",
    S.ACCEPTED: "PreSubmitted",
    S.NEW: "Submitted",
    S.PARTIALLY_FILLED: "Submitted",
    S.PENDING_CANCEL: "PendingCancel",
    S.FILLED: "Filled",
    S.CANCELED: "Cancelled",
    S.EXPIRED: "Cancelled",
    S.REJECTED: "Inactive",
}


@dataclass(slots=True)
class ApiOrder:
    """An order as the Gateway knows it; order_id and client_id are 0 for one placed by hand."""

    order: Order
    client_id: int
    order_id: int
    is_inactive: bool = False
    last_fill: Booking | None = None

    @property
    def perm_id(self) -> str:
        return self.order.venue_order_id

    @property
    def status(self) -> str:
        """IB's word for where it stands."""
        if self.is_inactive and self.order.is_open and self.order.status is not S.PENDING_CANCEL:
            return "Inactive"
        return _STATUS[self.order.status]


class GatewayOrders:
    """All orders that the Gateway has heard of, and the ids that its clients have used."""

    def __init__(self) -> None:
        self._by_perm_id: dict[str, ApiOrder] = {}
        self._by_order_id: dict[tuple[int, int], str] = {}
        self._highest: dict[int, int] = {}
        self._fills: list[tuple[ApiOrder, Booking]] = []
        self.forgotten_before: datetime | None = None
        """Executions and completed orders from before are no longer listed (a fault)."""

    def __iter__(self) -> Iterator[ApiOrder]:
        return iter(self._by_perm_id.values())

    def next_valid_id(self, client_id: int) -> int:
        """The id to announce: one above the highest that the client has used."""
        return self._highest.get(client_id, 0) + 1

    def is_above_highest(self, client_id: int, order_id: int) -> bool:
        """Whether the id may be used for a new order."""
        return order_id > self._highest.get(client_id, 0)

    def use(self, client_id: int, order_id: int) -> None:
        """The id is used from now on, whatever becomes of its order."""
        self._highest[client_id] = max(order_id, self._highest.get(client_id, 0))

    def roll_back_ids(self, by: int) -> None:
        """Forgets that so many ids were used, of every client: they will be issued again."""
        for client_id, highest in self._highest.items():
            self._highest[client_id] = max(0, highest - by)

    def bind(self, client_id: int, order_id: int, perm_id: str) -> None:
        """The id now means that order; an earlier one keeps its number, and only its number."""
        self._by_order_id[client_id, order_id] = perm_id

    def find(self, client_id: int, order_id: int) -> ApiOrder | None:
        """What the client's id means now."""
        perm_id = self._by_order_id.get((client_id, order_id))
        return self._by_perm_id.get(perm_id) if perm_id is not None else None

    def saw(self, order: Order, owner: tuple[int, int] = MANUAL) -> ApiOrder:
        """Keeps the order as it is now; `owner` counts when it is seen for the first time."""
        found = self._by_perm_id.get(order.venue_order_id)
        if found is None:
            found = ApiOrder(order, *owner)
            self._by_perm_id[order.venue_order_id] = found
        found.order = order
        return found

    def saw_fill(self, api_order: ApiOrder, booking: Booking) -> None:
        """Keeps a fill."""
        api_order.last_fill = booking
        self._fills.append((api_order, booking))

    def fills(self, since: datetime) -> list[tuple[ApiOrder, Booking]]:
        """The fills from that instant on, oldest first."""
        first = max(since, self.forgotten_before or since)
        return [(o, booking) for o, booking in self._fills if booking.execution.at >= first]

    def completed(self, since: datetime) -> list[ApiOrder]:
        """The orders that ended from that instant on, oldest first."""
        first = max(since, self.forgotten_before or since)
        return [o for o in self if o.order.ended_at is not None and o.order.ended_at >= first]

    def open(self) -> list[ApiOrder]:
        """The orders that have not ended, oldest first."""
        return [api_order for api_order in self if api_order.order.is_open]
