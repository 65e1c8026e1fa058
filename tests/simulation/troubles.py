"""What goes wrong in a schedule: which faults, and at which moment of which order.

Most faults are aimed at a boundary of an order's path, drawn so that in thousands of schedules each
fault comes to each boundary many times; some come at any time, and some as a day brings them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Final

from tests.simulation.catalogue import ANYWHERE, AT, Aim, kind_name
from tests.simulation.planned import PlannedFault, PlannedOrder

_AIMED: Final = (4, 6)
_AT_ANY_TIME: Final = (0, 1)
_OWN_SHARE: Final = {"alpaca": 0.2, "ib": 0.5}
"""How many of the aimed faults are those of the preferred venue's own kind."""

_HARD: Final[Mapping[str, float]] = {}
"""Kinds that often come to nothing, and how much more often they are drawn for that."""

_LATER: Final = {"replace": "replace_at_s", "cancel": "cancel_at_s"}


def make_faults(
    rng: random.Random,
    venues: tuple[str, ...],
    orders: tuple[PlannedOrder, ...],
    active: tuple[float, float],
) -> tuple[PlannedFault, ...]:
    """Three at least; `active` is when orders are sent, from its first second for so long."""
    start_s, for_s = active
    faults = [_aimed(rng, venues, orders) for _ in range(rng.randint(*_AIMED))]
    for _ in range(rng.randint(*_AT_ANY_TIME)):
        venue = rng.choice(venues)
        kind = rng.choice([kind for kind in (*ANYWHERE, *AT[kind_name(venue)]) if not _lies(kind)])
        at_s = rng.uniform(0.5, start_s + for_s)
        faults.append(PlannedFault(at_s, kind, venue, rng.getrandbits(32)))
    faults += _common_troubles(rng, venues, start_s, start_s + 0.4 * for_s)
    return tuple(sorted(faults, key=lambda fault: fault.at_s))


def _lies(kind: str) -> bool:
    """Of whose fill a false word is must be known, or nobody could tell it from a true one."""
    return kind.startswith("stream.wrong_")


def _aimed(
    rng: random.Random, venues: tuple[str, ...], orders: tuple[PlannedOrder, ...]
) -> PlannedFault:
    venue = venues[0]
    own = rng.random() < _OWN_SHARE[kind_name(venue)]
    aims = AT[kind_name(venue)] if own else ANYWHERE
    aimed = [(kind, at) for kind, aim in aims.items() for at in aim.at]
    weights = [
        _HARD.get(kind, 1.0) * len(aims[kind].strikes) / len(aims[kind].at) for kind, _ in aimed
    ]
    kind, boundary = rng.choices(aimed, weights)[0]
    if kind == "stream.wrong_price":  # a market order has no limit that it could be beyond
        orders = tuple(order for order in orders if order.limit)
    order, operation = rng.choice(list(_operations(orders, aims[kind], boundary)))
    at_s = getattr(order, _LATER.get(operation, "at_s"))
    salt = rng.getrandbits(32)
    return PlannedFault(at_s, kind, venue, salt, boundary, operation, order.client_order_id)


def _operations(
    orders: tuple[PlannedOrder, ...], aim: Aim, boundary: str
) -> Iterator[tuple[PlannedOrder, str]]:
    """Whatever may come to that boundary: what rests is not to fill, and what is canceled or
    replaced is."""
    fills = boundary.endswith("fill")
    for order in orders:
        submit = "exit" if order.closes else "entry"
        if submit in aim.operations and not (fills and order.cancel_at_s):
            yield order, submit
        if "replace" in aim.operations and order.replace_at_s and not fills:
            yield order, "replace"
        if "cancel" in aim.operations and order.cancel_at_s and not fills:
            yield order, "cancel"


def _common_troubles(
    rng: random.Random, venues: tuple[str, ...], first_s: float, last_s: float
) -> Iterator[PlannedFault]:
    """What a day brings: the preferred broker out while another stands in, a Gateway's restart."""
    early_s = first_s, last_s
    if len({kind_name(venue) for venue in venues}) > 1 and rng.random() < 0.3:
        yield PlannedFault(rng.uniform(*early_s), "net.outage", venues[0], rng.getrandbits(32))
    for venue in venues:
        if kind_name(venue) == "ib" and rng.random() < 0.15:
            yield PlannedFault(rng.uniform(*early_s), "ib.restart", venue, rng.getrandbits(32))
