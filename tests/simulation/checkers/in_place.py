"""Venues that change orders in place: one order there is several placements of the router's.

Before the two are compared, the revisions of each such order are made one again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.checkers.settlement import Account, Booked, Fill, Placed

_HAD_NO_EFFECT: Final = frozenset({"UNPLACED", "REJECTED"})


def first_of(placement_id: str) -> str:
    """The id under which the venue has a placement: that of its first revision."""
    return f"{placement_id.rpartition('.')[0]}.0"


def as_there(account: Account, venues: Collection[str]) -> Account:
    """The books with one placement for each order of these venues, and its fills under its id.

    A venue counts the fills of its order, the books those of each revision: where there are
    several, neither says after which quantity a fill came.
    """
    revised = revised_in_place(account, venues)
    return replace(
        account,
        orders=[replace(o, placements=tuple(_merged(o, venues))) for o in account.orders],
        fills=[_renamed(fill, venues, revised) for fill in account.fills],
    )


def revised_in_place(account: Account, venues: Collection[str]) -> frozenset[tuple[str, str]]:
    """Venue and first id of each order there that has revisions."""
    return frozenset(
        (chain[0].venue, first_of(chain[0].placement_id))
        for order in account.orders
        for chain in _chains(order, venues)
        if len(chain) > 1
    )


def check_chains(account: Account, venues: Collection[str]) -> Iterator[Finding]:
    """Of the revisions of an order only the last can work; those before it are replaced."""
    for order in account.orders:
        for chain in _chains(order, venues):
            *earlier, _ = [p for p in chain if p.status not in _HAD_NO_EFFECT] or chain
            for placed in earlier:
                if placed.status not in {"REPLACED", *_HAD_NO_EFFECT}:
                    text = f"{placed.placement_id} is {placed.status}, and there is a later one"
                    yield Finding(Kind.WRONG, text)


def _chains(order: Booked, venues: Collection[str]) -> list[list[Placed]]:
    chains: dict[str, list[Placed]] = {}
    for placed in order.placements:
        if placed.venue in venues:
            chains.setdefault(first_of(placed.placement_id), []).append(placed)
    return list(chains.values())


def _merged(order: Booked, venues: Collection[str]) -> Iterator[Placed]:
    yield from (placed for placed in order.placements if placed.venue not in venues)
    for chain in _chains(order, venues):
        counting = [p for p in chain if p.status not in _HAD_NO_EFFECT]
        last = (counting or chain[:1])[-1]
        yield replace(
            last,
            placement_id=first_of(last.placement_id),
            venue_order_id=last.venue_order_id.partition(".")[0],
        )


def _renamed(fill: Fill, venues: Collection[str], revised: Collection[tuple[str, str]]) -> Fill:
    if fill.venue not in venues:
        return fill
    first = first_of(fill.placement_id)
    known = None if (fill.venue, first) in revised else fill.cum_qty
    return replace(fill, placement_id=first, cum_qty=known)
