"""The orders of the venue and the one place where they change: each change is an event."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from simulators.venue import refusals
from simulators.venue.accounts import Account
from simulators.venue.fees import FeeSchedule
from simulators.venue.ids import Ids
from simulators.venue.instruments import Instrument
from simulators.venue.ledger import CashMovement, Ledger
from simulators.venue.orders import (
    NO_LINKS,
    Booking,
    ComboFill,
    EventKind,
    Execution,
    Links,
    NewOrder,
    Order,
    OrderEvent,
    OrderStatus,
    PositionIntent,
)

Listener = Callable[[OrderEvent], None]
Follower = Callable[[Order], None]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the venue adds to an order when it takes it."""

    instrument: Instrument
    intent: PositionIntent
    status: OrderStatus
    at: datetime
    expires_at: datetime
    links: Links = NO_LINKS


class OrderDesk:
    """Keeps every order for ever and books its fills; listeners hear of each event in order."""

    def __init__(self, ids: Ids, ledger: Ledger, fees: FeeSchedule) -> None:
        self._ids = ids
        self._fees = fees
        self._ledger = ledger
        self._orders: dict[str, Order] = {}
        self._open: dict[str, None] = {}
        self._by_client_id: dict[tuple[str, str], str] = {}
        self._listeners: list[Listener] = []
        self._followers: list[Follower] = []
        self._events = 0

    def subscribe(self, listener: Listener) -> None:
        """Calls the listener with every event from now on, at once and in order."""
        self._listeners.append(listener)

    def follow(self, follower: Follower) -> None:
        """Calls the follower with each order that changed, after all listeners heard of it.

        It may change other orders: what hangs together changes together.
        """
        self._followers.append(follower)

    def __iter__(self) -> Iterator[Order]:
        """All orders, oldest first, as they are now."""
        return iter(self._orders.values())

    def get(self, venue_order_id: str) -> Order:
        """The order as it is now.

        Raises:
            NoSuchOrder: There is none with this id.
        """
        order = self._orders.get(venue_order_id)
        if order is None:
            raise refusals.NoSuchOrder(venue_order_id)
        return order

    def find_by_client_id(self, account_id: str, client_order_id: str) -> Order | None:
        """The order with this client id, open or not."""
        found = self._by_client_id.get((account_id, client_order_id))
        return self._orders[found] if found is not None else None

    def open_orders(self, account_id: str | None = None) -> list[Order]:
        """The open orders, oldest first; of one account if it is given."""
        orders = (self._orders[order_id] for order_id in self._open)
        return [order for order in orders if account_id in (None, order.account_id)]

    def draw_up(self, asked: NewOrder, acceptance: Acceptance) -> Order:
        """The order that was asked for, without keeping it."""
        return Order(
            venue_order_id=self._ids.venue_order_id(),
            order_no=len(self._orders) + 1,
            asked=asked,
            instrument=acceptance.instrument,
            position_intent=acceptance.intent,
            client_order_id=asked.client_order_id or self._ids.client_order_id(),
            status=acceptance.status,
            submitted_at=acceptance.at,
            expires_at=acceptance.expires_at,
            updated_at=acceptance.at,
            links=acceptance.links,
        )

    def take(self, asked: NewOrder, acceptance: Acceptance) -> Order:
        """Makes an order of what was asked for and keeps it for ever."""
        return self.enter(self.draw_up(asked, acceptance))[0]

    def enter(self, order: Order, legs: Sequence[Order] = ()) -> list[Order]:
        """Keeps an order that was drawn up, and its legs, for ever; numbers and links them."""
        ids = tuple(leg.venue_order_id for leg in legs)
        first = order.linked(leg_ids=ids) if ids else order
        linked = [first, *(leg.linked(parent_id=order.venue_order_id) for leg in legs)]
        entered = []
        for number, taken in enumerate(linked, start=len(self._orders) + 1):
            taken = replace(taken, order_no=number)
            key = (taken.account_id, taken.client_order_id)
            self._by_client_id.setdefault(key, taken.venue_order_id)
            self._orders[taken.venue_order_id] = taken
            self._open[taken.venue_order_id] = None
            self._ledger.order_taken(taken)
            entered.append(taken)
        for taken in entered:
            self._publish(EventKind(taken.status.value), taken, taken.submitted_at)
        return entered

    def change(
        self, order: Order, status: OrderStatus, at: datetime, kind: EventKind | None = None
    ) -> Order:
        """Puts the order into another status; the table in `order_status` must allow it.

        Args:
            kind: What is told of it, if that is not the name of the status.
        """
        changed = order.became(status, at)
        self._keep(changed)
        self._publish(kind or _kind_of(status), changed, at)
        self._changed(changed)
        return changed

    def tell(self, order: Order, kind: EventKind, at: datetime) -> None:
        """Tells of something that left the order as it was."""
        self._publish(kind, order, at)

    def restate(self, order: Order, order_qty: Decimal, at: datetime) -> Order:
        """Gives the order another quantity without its client's asking."""
        changed = order.resized(order_qty, at)
        self._keep(changed)
        self._publish(EventKind.RESTATED, changed, at)
        self._changed(changed)
        return changed

    def amend(self, order: Order, at: datetime) -> Order:
        """Keeps an order with other terms, as its client asked."""
        self._keep(order)
        self._publish(EventKind.RESTATED, order, at)
        self._changed(order)
        return order

    def note(self, order: Order) -> Order:
        """Keeps an order whose links or trigger changed; nobody is told."""
        self._keep(order)
        return order

    def fill(
        self, order: Order, account: Account, last_qty: Decimal, last_px: Decimal, at: datetime
    ) -> Booking:
        """Books one fill in the order and in the account."""
        filled = order.filled(last_qty, last_px, at)
        execution = Execution(
            exec_id=self._ids.exec_id(),
            exec_no=len(self._ledger.executions) + 1,
            order=filled,
            last_qty=last_qty,
            last_px=last_px,
            cum_qty=filled.cum_qty,
            leaves_qty=filled.asked.order_qty - filled.cum_qty,
            at=at,
            fee=self._fees.of_fill(order.instrument, order.cum_qty, last_qty),
        )
        self._keep(filled)
        self._ledger.execution(execution)
        realised_before = account.realised_net
        moved = account.book(execution)
        realised = account.realised_net - realised_before
        movement = CashMovement(account.account_id, moved, account.cash, "fill", execution.exec_id)
        self._ledger.cash(at, movement)
        complete = filled.cum_qty == filled.asked.order_qty
        position_qty = account.position_qty(order.symbol)
        kind = EventKind.FILL if complete else EventKind.PARTIAL_FILL
        booking = Booking(execution, position_qty, realised)
        self._publish(kind, filled, at, booking)
        self._changed(filled)
        return booking

    def fill_combo(self, order: Order, fill: ComboFill, at: datetime) -> Order:
        """Notes in a multi-leg order that its legs were filled."""
        filled = order.filled(fill.last_qty, fill.last_px, at)
        self._keep(filled)
        complete = filled.cum_qty == filled.asked.order_qty
        kind = EventKind.FILL if complete else EventKind.PARTIAL_FILL
        self._publish(kind, filled, at, combo=fill)
        self._changed(filled)
        return filled

    def _changed(self, order: Order) -> None:
        for follower in self._followers:
            follower(order)

    def _keep(self, order: Order) -> None:
        self._orders[order.venue_order_id] = order
        if not order.is_open:
            self._open.pop(order.venue_order_id, None)

    def _publish(
        self,
        kind: EventKind,
        order: Order,
        at: datetime,
        booking: Booking | None = None,
        combo: ComboFill | None = None,
    ) -> None:
        self._events += 1
        event = OrderEvent(self._events, kind, at, order, booking, combo)
        self._ledger.event(event)
        for listener in self._listeners:
            listener(event)


def _kind_of(status: OrderStatus) -> EventKind:
    """What is told of a status; being partly filled again is none of the fills' events."""
    if status is OrderStatus.PARTIALLY_FILLED:
        return EventKind.RESTATED
    return EventKind(status.value)
