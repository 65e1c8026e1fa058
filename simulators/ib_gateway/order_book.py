"""The Gateway's own view of orders: who placed each under what id, and how it was last seen.

The Gateway knows what the venue told it. While the link to the venue is down nothing comes, and
its lists show what they showed before; that is why they are kept here and not read at the venue.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from simulators.ib_gateway.fills import ApiFill
from simulators.ib_gateway.order_request import PlaceOrder
from simulators.ib_gateway.order_terms import terms_by_hand
from simulators.ib_gateway.untransmitted import Untransmitted
from simulators.venue.orders import NewOrder, Order, OrderStatus, Side

MANUAL = (0, 0)
S = OrderStatus
_STATUS = {
    S.PENDING_NEW: "PreSubmitted",
    S.ACCEPTED: "PreSubmitted",
    S.HELD: "PreSubmitted",
    S.NEW: "Submitted",
    S.PARTIALLY_FILLED: "Submitted",
    S.PENDING_CANCEL: "PendingCancel",
    S.FILLED: "Filled",
    S.CANCELED: "Cancelled",
    S.EXPIRED: "Cancelled",
    S.REJECTED: "Inactive",
}
_AT_MARKET = (S.NEW, S.PARTIALLY_FILLED)


@dataclass(slots=True)
class ApiOrder:
    """An order as the Gateway knows it; order_id and client_id are 0 for one placed by hand.

    `echo` is what the Gateway shows it as, while IB has not refused that yet (a fault).
    """

    order: Order
    client_id: int
    order_id: int
    is_inactive: bool = False
    last_fill: ApiFill | None = None
    echo: NewOrder | None = None
    _is: Order | None = None

    def saw(self, order: Order) -> None:
        """It is so now; an echo is shown for as long as it can be true."""
        echo = self.echo
        self._is = order
        if echo is not None and order.is_open and order.cum_qty < echo.order_qty:
            self.order = replace(order, asked=echo)
        else:
            self.order, self.echo = order, None

    def show_as(self, asked: NewOrder | None) -> None:
        """Shows it on these terms from now on; None: as it is."""
        self.echo = asked
        self.saw(self._is or self.order)

    @property
    def perm_id(self) -> str:
        return self.order.venue_order_id

    @property
    def terms(self) -> PlaceOrder:
        """What its client asked for, last."""
        tag = self.order.asked.tag
        return tag if isinstance(tag, PlaceOrder) else terms_by_hand(self.order)

    @property
    def awaits_trigger(self) -> bool:
        """Whether it is a stop that the market has not reached."""
        return self.order.asked.order_type.has_trigger and not self.order.triggered

    @property
    def status(self) -> str:
        """IB's word for where it stands; a stop is PreSubmitted until it is triggered."""
        if self.is_inactive and self.order.is_open and self.order.status is not S.PENDING_CANCEL:
            return "Inactive"
        if self.order.status in _AT_MARKET and self.awaits_trigger:
            return "PreSubmitted"
        return _STATUS.get(self.order.status, "PreSubmitted")

    @property
    def why_held(self) -> str:
        """What keeps it from the market: a parent, a stop that is not reached."""
        if not self.order.is_open:
            return ""
        child = ["child"] if self.order.status is S.HELD else []
        return ",".join([*child, "trigger"] if self.awaits_trigger else child)

    @property
    def px_sign(self) -> int:
        """What turns the venue's net price of a combination into IB's: a sale is quoted as one."""
        return -1 if self.order.is_combo and self.terms.action == "SELL" else 1

    @property
    def avg_px(self) -> Fraction:
        """The average price of its fills as IB shows it, 0 before the first."""
        return (self.order.avg_px or Fraction(0)) * self.px_sign

    @property
    def side(self) -> Side:
        return Side.BUY if self.terms.action == "BUY" else Side.SELL


class GatewayOrders:
    """All orders that the Gateway has heard of, and the ids that its clients have used."""

    def __init__(self) -> None:
        self._by_perm_id: dict[str, ApiOrder] = {}
        self._by_order_id: dict[tuple[int, int], str] = {}
        self._highest: dict[int, int] = {}
        self._fills: list[ApiFill] = []
        self._orderless: dict[str, ApiOrder] = {}
        self.untransmitted = Untransmitted()
        """Orders that clients have not transmitted yet: only this Gateway knows of them."""
        self.modifies_to_double = 0
        """How many of the next modifies leave the old order live beside a new one (a fault)."""
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
        """The id is used from now on, whatever becomes of its order.

        One that is issued again after a roll-back no longer means the order that it meant.
        """
        if self.is_above_highest(client_id, order_id):
            self._by_order_id.pop((client_id, order_id), None)
        self._highest[client_id] = max(order_id, self._highest.get(client_id, 0))

    def roll_back_ids(self, by: int) -> None:
        """Forgets that so many ids were used, of every client: they will be issued again."""
        for client_id, highest in self._highest.items():
            self._highest[client_id] = max(0, highest - by)

    def bind(self, client_id: int, order_id: int, perm_id: str) -> None:
        """The id now means that order; an earlier one keeps its number, and only its number."""
        self._by_order_id[client_id, order_id] = perm_id

    def takes_second_order(self) -> bool:
        """Whether a modify that reaches IB now becomes a second order; counts it."""
        if not self.modifies_to_double:
            return False
        self.modifies_to_double -= 1
        return True

    def find(self, client_id: int, order_id: int) -> ApiOrder | None:
        """What the client's id means now."""
        perm_id = self._by_order_id.get((client_id, order_id))
        return self._by_perm_id.get(perm_id) if perm_id is not None else None

    def find_perm_id(self, perm_id: str) -> ApiOrder | None:
        """The order with that permId, if the Gateway has heard of it."""
        return self._by_perm_id.get(perm_id)

    def saw(self, order: Order, owner: tuple[int, int] = MANUAL) -> ApiOrder:
        """Keeps the order as it is now; `owner` counts when it is seen for the first time."""
        found = self._by_perm_id.get(order.venue_order_id)
        if found is None:
            found = ApiOrder(order, *owner)
            self._by_perm_id[order.venue_order_id] = found
        found.saw(order)
        return found

    def forget_echoes(self) -> None:
        """Shows every order as it is."""
        for api_order in self:
            api_order.show_as(None)

    def saw_fill(self, api_order: ApiOrder, fill: ApiFill) -> None:
        """Keeps an execution."""
        if fill.is_of_order:
            api_order.last_fill = fill
        self._fills.append(fill)

    def saw_orderless(self, stand_in: ApiOrder, fill: ApiFill) -> None:
        """Keeps an execution that belongs to no order, with what stands where that would."""
        self._orderless[fill.exec_id] = stand_in
        self._fills.append(fill)

    def owner_of(self, fill: ApiFill) -> ApiOrder | None:
        """The order of an execution, or what stands in its place."""
        return self._by_perm_id.get(fill.perm_id) or self._orderless.get(fill.exec_id)

    def fills(self, since: datetime) -> list[ApiFill]:
        """The executions from that instant on, in the order in which they were told."""
        first = max(since, self.forgotten_before or since)
        return [fill for fill in self._fills if fill.at >= first]

    def completed(self, since: datetime) -> list[ApiOrder]:
        """The orders that ended from that instant on, oldest first."""
        first = max(since, self.forgotten_before or since)
        return [o for o in self if o.order.ended_at is not None and o.order.ended_at >= first]

    def open(self) -> list[ApiOrder]:
        """The orders that have not ended, oldest first."""
        return [api_order for api_order in self if api_order.order.is_open]
