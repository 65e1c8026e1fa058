"""Replaces: a new order takes the place of an old one, unless that has ended by then.

While it is pending both are on the books under one claim, and the old one can still fill. The new
one is for what the old one has left of the new quantity, so both together never fill more than
was asked for.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from simulators.venue import refusals
from simulators.venue.order_desk import OrderDesk
from simulators.venue.order_status import REPLACEABLE, TERMINAL
from simulators.venue.orders import (
    EventKind,
    Fate,
    NewOrder,
    Order,
    OrderClass,
    OrderStatus,
    OrderType,
    TimeInForce,
)

_LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_STOPPED = (OrderType.STOP, OrderType.STOP_LIMIT)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a replace asks for; None leaves it as it is. `order_qty` includes what has filled."""

    order_qty: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str = ""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A replace under way: how the old order stood, and what it had filled then."""

    old_id: str
    was: OrderStatus
    cum_qty: Decimal
    fate: Fate


def asked_anew(order: Order, changes: Changes, fate: Fate) -> NewOrder:
    """The order that is to take the old one's place.

    Raises:
        NotReplaceable: Not in its status.
        BadReplace, BadQuantity: The changes don't fit the order.
    """
    if order.status is OrderStatus.REPLACED:
        raise refusals.BadReplace("order already replaced")
    if order.status in TERMINAL:
        raise refusals.NotCancelable(order.status.value)
    if order.status not in REPLACEABLE:
        raise refusals.NotReplaceable(order.status.value)
    if order.is_combo_leg:
        raise refusals.BadReplace("a leg of a multi-leg order cannot be replaced")
    _check_fit(order, changes)
    asked = order.asked
    total = changes.order_qty if changes.order_qty is not None else asked.order_qty
    anew = replace(
        asked,
        order_qty=total,
        limit_price=asked.limit_price if changes.limit_price is None else changes.limit_price,
        stop_price=asked.stop_price if changes.stop_price is None else changes.stop_price,
        time_in_force=changes.time_in_force or asked.time_in_force,
        trail_price=_changed(asked.trail_price, changes.trail),
        trail_percent=_changed(asked.trail_percent, changes.trail),
    )
    if anew == asked and changes.client_order_id in ("", order.client_order_id):
        raise refusals.BadReplace("order parameters are not changed")
    if total <= order.cum_qty:
        raise refusals.BadReplace("qty must be > filled_qty")
    left = total if fate is Fate.OVERFILLED else total - order.cum_qty
    return replace(
        anew,
        order_qty=left,
        client_order_id=changes.client_order_id,
        position_intent=order.position_intent,
        by_hand=False,
    )


def _check_fit(order: Order, changes: Changes) -> None:
    asked = order.asked
    kind = asked.order_type.value
    if changes.limit_price is not None and asked.order_type not in _LIMITED:
        raise refusals.BadReplace(f"{kind} orders must not have limit_price")
    if changes.stop_price is not None and asked.order_type not in _STOPPED:
        raise refusals.BadReplace(f"{kind} orders must not have stop_price")
    if changes.trail is not None and asked.order_type is not OrderType.TRAILING_STOP:
        raise refusals.BadReplace(f"{kind} orders must not have trail")
    if changes.order_qty is not None:
        if asked.notional is not None:
            raise refusals.BadReplace("notional orders cannot be replaced")
        if asked.order_class in (OrderClass.BRACKET, OrderClass.OCO, OrderClass.OTO):
            raise refusals.BadReplace(f"qty of {asked.order_class.value} orders cannot be replaced")
    if asked.notional is not None:
        raise refusals.BadReplace("notional orders cannot be replaced")


def _changed(was: Decimal | None, wanted: Decimal | None) -> Decimal | None:
    """A trail keeps its unit: dollars stay dollars, percent stay percent."""
    return wanted if wanted is not None and was is not None else was


class Replacements:
    """The replaces that are under way."""

    def __init__(self, desk: OrderDesk) -> None:
        self._desk = desk
        self._pending: dict[str, _Pending] = {}

    def begin(self, old: Order, new: Order, legs: list[Order], at: datetime, fate: Fate) -> Order:
        """Marks the old order and enters the new one with its legs; returns that."""
        self._pending[new.venue_order_id] = _Pending(
            old.venue_order_id, old.status, old.cum_qty, fate
        )
        self._desk.change(old, OrderStatus.PENDING_REPLACE, at)
        return self._desk.enter(new, legs)[0]

    def finish(self, new: Order, at: datetime) -> Order | None:
        """Carries the replace out, or turns it down; returns the order to work, if there is one."""
        pending = self._pending.pop(new.venue_order_id)
        old = self._desk.get(pending.old_id)
        since = old.cum_qty - pending.cum_qty
        left = new.asked.order_qty - since
        if (
            old.status is not OrderStatus.PENDING_REPLACE
            or left <= 0
            or pending.fate is Fate.REPLACE_REJECTED
        ):
            return self._turn_down(old, new, pending, at)
        if since and new.is_open:
            new = self._desk.restate(new, left, at)
        new = self._take_place(old, new, at)
        if new.status is not OrderStatus.PENDING_NEW:
            return None
        return self._desk.change(
            new, OrderStatus.HELD if pending.was is OrderStatus.HELD else OrderStatus.NEW, at
        )

    def _turn_down(self, old: Order, new: Order, pending: _Pending, at: datetime) -> Order:
        """The old order goes on as it was, if it didn't end meanwhile."""
        kind = EventKind.ORDER_REPLACE_REJECTED
        if old.status is OrderStatus.PENDING_REPLACE:
            was = pending.was if not old.cum_qty else OrderStatus.PARTIALLY_FILLED
            old = self._desk.change(old, was, at, kind)
        else:
            self._desk.tell(old, kind, at)
        if new.is_open:
            self._desk.change(new, OrderStatus.REJECTED, at)
        return old

    def _take_place(self, old: Order, new: Order, at: datetime) -> Order:
        """The old order ends, and what hung on it hangs on the new one from now on."""
        new_id, old_id = new.venue_order_id, old.venue_order_id
        if old.is_combo:
            for leg_id, new_leg_id in zip(old.links.leg_ids, new.links.leg_ids, strict=True):
                self._desk.note(self._desk.get(leg_id).linked(replaced_by=new_leg_id))
        elif old.links.leg_ids:
            for leg_id in old.links.leg_ids:
                self._desk.note(self._desk.get(leg_id).linked(parent_id=new_id))
            new = self._desk.note(new.linked(leg_ids=old.links.leg_ids))
            old = old.linked(leg_ids=())
        if old.links.parent_id is not None:
            parent = self._desk.get(old.links.parent_id)
            ids = tuple(new_id if leg == old_id else leg for leg in parent.links.leg_ids)
            self._desk.note(parent.linked(leg_ids=ids))
        self._desk.change(old.linked(replaced_by=new_id), OrderStatus.REPLACED, at)
        return self._desk.get(new_id)
