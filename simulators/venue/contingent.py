"""Orders that hang together: entries that let their exits go, exits that end each other, legs.

A follower of the desk: when one of them has changed, the others change at once, at the same time.
"""

from collections.abc import Callable
from datetime import datetime

from simulators.venue.combos import ratio_of
from simulators.venue.order_desk import OrderDesk
from simulators.venue.orders import FOLLOWS, UNSENT, Order, OrderClass, OrderStatus

_GAVE_UP = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED})
_AT_MARKET = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
_ENTRIES = (OrderClass.BRACKET, OrderClass.OTO)


def lets_go(parent: Order) -> bool:
    """Whether the exits of that order go to market: an entry is filled, an oco is there itself."""
    if parent.asked.order_class in _ENTRIES:
        return parent.status is OrderStatus.FILLED
    return parent.status in _AT_MARKET


def waits(order: Order, desk: OrderDesk) -> bool:
    """Whether an exit may not trade yet, also while a cancel or replace of it is pending."""
    if order.asked.ties.parent_id:
        return desk.get(order.asked.ties.parent_id).status is not OrderStatus.FILLED
    if order.links.parent_id is None or order.is_combo_leg:
        return False
    parent = desk.get(order.links.parent_id)
    if parent.asked.order_class in _ENTRIES:
        return parent.status is not OrderStatus.FILLED
    return parent.status in UNSENT


class Contingencies:
    """Carries over from one order to those that depend on it.

    - An entry (bracket, oto) that is filled lets its exits go to market; one that ends otherwise
      takes them along.
    - Of two exits (bracket, oco) one that fills in part shrinks the other, one that ends ends it.
    - The legs of a multi-leg order stand where their parent stands.
    """

    def __init__(
        self, desk: OrderDesk, now: Callable[[], datetime], let_go: Callable[[Order], None]
    ) -> None:
        self._desk = desk
        self._now = now
        self._let_go = let_go
        desk.follow(self._changed)

    def _changed(self, order: Order) -> None:
        if order.is_combo:
            self._carry_to_legs(order)
        elif order.links.leg_ids:
            self._carry_to_exits(order)
        if order.links.exits:
            self._carry_to_other_exit(order)

    def _carry_to_legs(self, order: Order) -> None:
        for leg_id in order.links.leg_ids:
            leg = self._desk.get(leg_id)
            wanted = order.asked.order_qty * ratio_of(leg)
            if leg.is_open and leg.asked.order_qty != wanted:
                leg = self._desk.restate(leg, wanted, self._now())
            if order.status in FOLLOWS[leg.status] and order.status is not leg.status:
                self._desk.change(leg, order.status, self._now())

    def _carry_to_exits(self, order: Order) -> None:
        for leg_id in order.links.leg_ids:
            leg = self._desk.get(leg_id)
            if leg.status is OrderStatus.HELD and lets_go(order):
                self._let_go(leg)
            elif leg.is_open and order.status in _GAVE_UP:
                self._desk.change(leg, OrderStatus.CANCELED, self._now())

    def _carry_to_other_exit(self, order: Order) -> None:
        if order.status is OrderStatus.REJECTED and order.links.replaces is not None:
            return  # only the replacement was turned down: what it was to replace goes on
        for other in self._others(order):
            if order.status is OrderStatus.FILLED or order.status in _GAVE_UP:
                self._desk.change(other, OrderStatus.CANCELED, self._now())
            elif order.is_open and other.leaves_qty > order.leaves_qty:
                left = other.cum_qty + order.leaves_qty
                self._desk.restate(other, left, self._now())

    def _others(self, order: Order) -> list[Order]:
        chain = {order.venue_order_id, order.links.replaces, order.links.replaced_by}
        return [
            other
            for other in self._desk.open_orders(order.account_id)
            if other.links.exits
            and other.claim == order.claim
            and other.venue_order_id not in chain
            and other.links.replaces != order.venue_order_id
        ]
