"""Orders that no single venue can take whole: which may be split, and into what parts.

Each part is an order of its own at its venue, with the whole order's type, prices and time in
force, and none of them waits for another. So an order whose promise is about all of it at once is
never split: fill or kill, orders with exits of their own, orders by amount, and those with legs.
Immediate or cancel promises nothing of that kind: each part takes at once what it can get, and
together they do what one order would.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

from services.common.domain.amounts import add, sub, total
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo, OrderClass, TimeInForce

ZERO = Decimal(0)


def why_whole(spec: OrderSpec) -> str | None:
    """Why the order is never split, in words; None if it may be."""
    if isinstance(spec.instrument, OptionCombo):
        return "an order with legs"
    if spec.order_class is not OrderClass.SIMPLE:
        return f"a {spec.order_class.value} order"
    if spec.notional is not None:
        return "an order by amount"
    if spec.time_in_force is TimeInForce.FOK:
        return "a fill-or-kill order"
    return None


def divide(order_qty: Decimal, free: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """What each venue gets of a quantity, in the order of `free`; as little as possible in
    fractions, since not every venue takes them.

    The parts add up to the quantity and none is more than is free there; venues that get nothing
    are left out. No less than the quantity must be free in all.
    """
    parts = _in_turn(_whole(order_qty), {venue: _whole(qty) for venue, qty in free.items()})
    left = sub(order_qty, total(parts.values()))
    room = {venue: sub(qty, parts[venue]) for venue, qty in free.items()}
    roomy = next((venue for venue, qty in room.items() if qty >= left), None)
    rest = _in_turn(left, room if roomy is None else {roomy: left})
    added = {venue: add(qty, rest.get(venue, ZERO)) for venue, qty in parts.items()}
    assert total(added.values()) == order_qty, "enough is free in all"
    return {venue: qty for venue, qty in added.items() if qty > 0}


def _in_turn(order_qty: Decimal, free: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """As much as there is of each, one after the other."""
    parts, left = {}, order_qty
    for venue, qty in free.items():
        parts[venue] = min(qty, left)
        left = sub(left, parts[venue])
    return parts


def _whole(qty: Decimal) -> Decimal:
    return qty.to_integral_value(rounding=ROUND_FLOOR)
