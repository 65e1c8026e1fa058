"""Orders tied together by their clients: children of a parent, groups of which one is wanted.

A follower of the desk, like that of the venue's own brackets: what hangs together changes together.
"""

from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from simulators.venue import refusals
from simulators.venue.entry import OrderEntry
from simulators.venue.floor import Floor
from simulators.venue.order_desk import OrderDesk
from simulators.venue.orders import Order, OrderStatus

_GAVE_UP = (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
_DECIDES = (OrderStatus.CANCELED, OrderStatus.FILLED)


class TiedOrders:
    """Carries over from one order to those tied to it.

    - A parent that is filled lets its children go to market, each only with the means for it; one
      that ends otherwise cancels them.
    - In a group, one order that is canceled or filled cancels the others, a part that fills
      shrinks them in proportion or cancels them too. One that expires or is rejected leaves them.
    """

    def __init__(self, desk: OrderDesk, floor: Floor, entry: OrderEntry) -> None:
        self._desk = desk
        self._floor = floor
        self._entry = entry
        self._seen: dict[str, Decimal] = {}
        self._taken_along: set[str] = set()
        desk.follow(self._changed)

    def _changed(self, order: Order) -> None:
        if order.status is OrderStatus.FILLED:
            for child in self._children(order):
                self._let_go(child)
        elif order.status in _GAVE_UP:
            for child in self._children(order):
                self._cancel(child)
        if order.asked.ties.group and order.venue_order_id not in self._taken_along:
            self._carry_to_group(order)

    def _children(self, parent: Order) -> list[Order]:
        return [
            order
            for order in self._desk.open_orders(parent.account_id)
            if order.asked.ties.parent_id == parent.venue_order_id
        ]

    def _let_go(self, child: Order) -> None:
        if self._desk.get(child.venue_order_id).status is not OrderStatus.HELD:
            return
        active = replace(child, status=OrderStatus.NEW)
        try:
            intent = self._entry.check_amended(active, child.asked)
        except refusals.Refusal:
            self._desk.change(child, OrderStatus.REJECTED, self._floor.now)
            return
        self._floor.let_go(replace(child, position_intent=intent))

    def _cancel(self, order: Order) -> None:
        if (order := self._desk.get(order.venue_order_id)).is_open:
            self._desk.change(order, OrderStatus.CANCELED, self._floor.now)

    def _carry_to_group(self, order: Order) -> None:
        ties, order_id = order.asked.ties, order.venue_order_id
        news = order.cum_qty - self._seen.get(order_id, Decimal(0))
        if order.is_open:
            self._seen[order_id] = order.cum_qty
        else:
            self._seen.pop(order_id, None)
        if order.status in _DECIDES or (news and not ties.reduces):
            self._take_along(self._others(order))
        elif news and order.is_open:
            for other in self._others(order):
                self._shrink(other, order.leaves_qty / (order.leaves_qty + news))

    def _take_along(self, others: list[Order]) -> None:
        """Cancels them; that they end so ends nothing else of their group."""
        self._taken_along = {other.venue_order_id for other in others}
        try:
            for other in others:
                self._cancel(other)
        finally:
            self._taken_along = set()

    def _shrink(self, other: Order, part: Decimal) -> None:
        left = (other.leaves_qty * part).quantize(Decimal(1), ROUND_CEILING)
        if left < other.leaves_qty:
            self._desk.restate(other, other.cum_qty + left, self._floor.now)

    def _others(self, order: Order) -> list[Order]:
        return [
            other
            for other in self._desk.open_orders(order.account_id)
            if other.asked.ties.group == order.asked.ties.group
            and other.venue_order_id != order.venue_order_id
        ]
