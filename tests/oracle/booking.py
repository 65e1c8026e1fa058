"""The ledgers against the books: each fill once, and every order of a venue known as it stands."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from tests.oracle.exposure import may_be_worked
from tests.oracle.finding import Finding, Kind
from tests.oracle.sides import (
    Json,
    VenueOrder,
    booked_fills,
    chain_of,
    client_order_id_of,
    ledger_fills,
    venue_orders,
)

ENDED: Final = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "REPLACED"})
_NEVER_THERE: Final = frozenset({"UNPLACED", "REJECTED", "IN_DOUBT"})
_SAID_OF: Final = {
    "filled": frozenset({"FILLED"}),
    "canceled": frozenset({"CANCELED"}),
    "expired": frozenset({"EXPIRED", "CANCELED"}),  # one of the brokers has one word for both
    "rejected": frozenset({"REJECTED", "CANCELED", "UNPLACED"}),
    "replaced": frozenset({"REPLACED"}),
}
"""What the books may say of an order that has ended at its venue."""

Chains = Mapping[tuple[str, str], list[VenueOrder]]


def check_fills(ledgers: Mapping[str, Json], books: Json, within: str) -> Iterator[Finding]:
    """A fill that is not booked is a loss, so is one of no venue; booked twice, a duplicate."""
    there = Counter(ledger_fills(ledgers, within))
    booked = Counter(booked_fills(books["executions"], within))
    for fill, count in (there - booked).items():
        yield Finding(Kind.LOSS, fill.client_order_id, f"{count} × not booked: {fill}")
    for fill, count in (booked - there).items():
        if there[fill]:
            text = f"booked {count} × too often: {fill}"
            yield Finding(Kind.DUPLICATE, fill.client_order_id, text)
        else:
            text = f"booked, and in no venue's ledger: {count} × {fill}"
            yield Finding(Kind.LOSS, fill.client_order_id, text)


def check_doubles(
    ledgers: Mapping[str, Json], asked: Mapping[str, Decimal], within: str
) -> Iterator[Finding]:
    """Two venue orders for one placement, or in all more filled or live than was asked."""
    by_order: dict[str, list[VenueOrder]] = defaultdict(list)
    for order in venue_orders(ledgers, within):
        by_order[order.client_order_id].append(order)
    for client_order_id, orders in by_order.items():
        for (venue, placement_id), count in Counter(
            (order.venue, order.placement_id) for order in orders
        ).items():
            if count > 1:
                text = f"{count} orders at {venue} under {placement_id}"
                yield Finding(Kind.DUPLICATE, client_order_id, text)
        there, bound = may_be_worked(orders), asked.get(client_order_id, Decimal(0))
        if there > bound:
            shown = ", ".join(f"{o.placement_id} {o.status} at {o.venue}" for o in orders)
            text = f"{there} filled or live in the end, asked were {bound}: {shown}"
            yield Finding(Kind.DUPLICATE, client_order_id, text)


def check_orders(ledgers: Mapping[str, Json], books: Json, within: str) -> Iterator[Finding]:
    """Every order of a venue is known, and what the books say of it is what the venue says."""
    there: dict[tuple[str, str], list[VenueOrder]] = defaultdict(list)
    for order in venue_orders(ledgers, within):
        there[order.chain].append(order)
    known, filled = set(), _filled(there)
    for booked in books["orders"]:
        if not booked["client_order_id"].startswith(within):
            continue
        for key, statuses in _booked_chains(booked).items():
            known.add(key)
            yield from _check_chain(booked, key, statuses, there.get(key, []))
        if Decimal(booked["cum_qty"]) != filled[booked["client_order_id"]]:
            at_venues = filled[booked["client_order_id"]]
            text = f"{booked['cum_qty']} filled in the books, {at_venues} at the venues"
            yield Finding(Kind.WRONG, booked["client_order_id"], text)
    for venue, chain in sorted(there.keys() - known):
        shown = ", ".join(order.status for order in there[venue, chain])
        text = f"{chain} is {shown} at {venue}, and the books have no such placement"
        yield Finding(Kind.LOSS, client_order_id_of(chain), text)


def _booked_chains(booked: Json) -> dict[tuple[str, str], list[str]]:
    chains: dict[tuple[str, str], list[str]] = defaultdict(list)
    for placement in booked["placements"]:
        key = (placement["venue"], chain_of(placement["placement_id"]))
        chains[key].append(placement["status"])
    return chains


def _check_chain(
    booked: Json, key: tuple[str, str], statuses: list[str], there: list[VenueOrder]
) -> Iterator[Finding]:
    client_order_id, (venue, chain) = booked["client_order_id"], key
    what = f"{chain} is {', '.join(statuses)}"
    if not there:
        if not _NEVER_THERE.issuperset(statuses):
            yield Finding(Kind.WRONG, client_order_id, f"{what}, {venue} has no such order")
        return
    shown = f"{', '.join(order.status for order in there)} at {venue}"
    if "IN_DOUBT" in statuses:
        yield Finding(Kind.UNFINISHED, client_order_id, f"{what}, and {shown}")
    elif any(order.is_open for order in there):
        if booked["status"] in ENDED or ENDED.union(_NEVER_THERE).issuperset(statuses):
            yield Finding(Kind.LOSS, client_order_id, f"{what}, and live: {shown}")
        elif booked.get("cancel_requested"):
            text = f"{what}, its cancel was not carried out: {shown}"
            yield Finding(Kind.UNFINISHED, client_order_id, text)
    elif not any(_SAID_OF[order.status].intersection(statuses) for order in _last(there)):
        yield Finding(Kind.WRONG, client_order_id, f"{what}, and {shown}")
    elif not ENDED.union(_NEVER_THERE).issuperset(statuses):
        yield Finding(Kind.WRONG, client_order_id, f"{what}, and it has ended: {shown}")


def _last(there: list[VenueOrder]) -> list[VenueOrder]:
    """What has ended otherwise than by a replace; all of them if there is none."""
    return [order for order in there if order.status != "replaced"] or there


def _filled(there: Chains) -> dict[str, Decimal]:
    """What the venues have filled of each client order."""
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for chain in there.values():
        for order in chain:
            filled[order.client_order_id] += order.cum_qty
    return filled
