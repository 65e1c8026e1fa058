"""The exposure bound from the ledgers alone: never more filled and live than was asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from tests.oracle.finding import Finding, Kind
from tests.oracle.sides import Json, VenueOrder, is_ours, venue_order, venue_orders

_NONE: Final = Decimal(0)
_OF_ORDERS: Final = frozenset({"order", "order_event"})


@dataclass(frozen=True, slots=True)
class _Moment:
    """A venue's word on an order, on the common clock; `unsure_s` either way."""

    at_s: float
    unsure_s: float
    order: VenueOrder


def may_be_worked(orders: Iterable[VenueOrder]) -> Decimal:
    """Filled plus what may still fill, over all venues and chains of one client order.

    Of the revisions of a chain a venue works one, so the largest counts. One that is pending is for
    what its order has left, or will be turned down.
    """
    chains: dict[tuple[str, str], list[VenueOrder]] = defaultdict(list)
    for order in orders:
        chains[order.chain].append(order)
    return sum((_of_chain(chain) for chain in chains.values()), _NONE)


def _of_chain(chain: list[VenueOrder]) -> Decimal:
    filled = sum((order.cum_qty for order in chain), _NONE)
    return filled + max(_live(order, filled) for order in chain)


def _live(order: VenueOrder, filled: Decimal) -> Decimal:
    if not order.is_open:
        return _NONE
    if order.is_revision and order.status == "pending_new":
        return max(order.leaves_qty - filled, _NONE)
    return order.leaves_qty


def check_exposure(
    ledgers: Mapping[str, Json],
    asked: Mapping[str, Decimal],
    clocks: Mapping[str, Json],
    within: str,
) -> Iterator[Finding]:
    """Every order that was, at some moment, filled and live for more than was asked, once each.

    Ledgers without `entries` are judged as they stand.
    """
    told: dict[str, list[_Moment]] = defaultdict(list)
    for moment in _moments(ledgers, clocks, within):
        told[moment.order.client_order_id].append(moment)
    for client_order_id, moments in told.items():
        bound = asked.get(client_order_id, _NONE)
        most = max(_most_at_once(moments), _most_at_one_venue(moments))
        if most > bound:
            text = f"{most} filled or live at venues at one moment, asked were {bound}"
            yield Finding(Kind.EXPOSURE, client_order_id, text)


def _moments(
    ledgers: Mapping[str, Json], clocks: Mapping[str, Json], within: str
) -> Iterator[_Moment]:
    for venue, ledger in ledgers.items():
        clock = clocks.get(venue, {})
        ahead_s, unsure_s = clock.get("ahead_s", 0.0), clock.get("unsure_s", 0.0)
        if "entries" not in ledger:
            now: dict[str, Any] = {venue: ledger}
            for order in venue_orders(now, within):
                yield _Moment(0.0, unsure_s, order)
            continue
        for entry in ledger["entries"]:
            if entry["kind"] not in _OF_ORDERS or not is_ours(entry):
                continue
            if entry["client_order_id"].startswith(within):
                at_s = datetime.fromisoformat(entry["at"]).timestamp() - ahead_s
                yield _Moment(at_s, unsure_s, venue_order(venue, entry))


def _most_at_one_venue(moments: list[_Moment]) -> Decimal:
    """Exact: one venue's entries are in the order in which they happened."""
    return max((after for _, _, after in _changes(moments)), default=_NONE)


def _most_at_once(moments: list[_Moment]) -> Decimal:
    """Over all venues. As their clocks are not sure, what rose is taken to have risen later, and
    what fell to have fallen earlier: none of what comes of that is more than there was."""
    shifts = []
    for moment, before, after in _changes(moments):
        later_s = moment.unsure_s if after > before else -moment.unsure_s
        shifts.append((moment.at_s + later_s, after - before))
    most = total = _NONE
    for _, change in sorted(shifts):  # at one time what fell goes before what rose
        total += change
        most = max(most, total)
    return most


def _changes(moments: list[_Moment]) -> Iterator[tuple[_Moment, Decimal, Decimal]]:
    """What there was at the moment's venue before and after it, wherever that has changed."""
    known: dict[str, dict[str, VenueOrder]] = defaultdict(dict)
    for moment in moments:
        there = known[moment.order.venue]
        before = may_be_worked(there.values())
        there[moment.order.venue_order_id] = moment.order
        after = may_be_worked(there.values())
        if before != after:
            yield moment, before, after
