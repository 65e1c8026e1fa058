"""What a router gives out for the checkers, in plain values; and what only its own code can check.

The checkers that count losses and duplicates know nothing of `services`. Whether the journal is
whole, and gives the state that was live, is asked here of the product's own fold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from services.common.domain.amounts import total
from services.common.domain.executions import Execution
from services.common.domain.instruments import multiplier_of
from services.common.domain.order_events import Placement
from services.router.books.books import Books
from services.router.books.digest import digest
from services.router.books.entries import OrderEntry
from services.router.core import RouterCore
from services.router.journal import codec
from services.router.journal.records import AlertRaised, FailedOver, PlacementIntended, Record
from services.router.journal.store import Entry, JournalCorrupt, JournalStore, check_chain
from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.checkers.settlement import Account, Booked, Charged, Fill, Held, Placed
from tests.simulation.checkers.telling import Standing

# Words that say that somebody lied, which no fault of a schedule makes anybody do.
_UNEXPLAINED = frozenset({"VENUE_CONTRADICTION", "OVERFILL", "JOURNAL_BEHIND"})


def account_of(books: Books) -> Account:
    """The books in plain values."""
    return Account(
        orders=[_order(entry) for entry in books.orders.values()],
        fills=[_fill(booked.execution) for booked in books.executions],
        positions=[
            Held(p.venue, p.instrument.key, p.qty, p.realized_pnl) for p in books.positions.values()
        ],
        charges=[_charged(booked.execution) for booked in books.executions],
    )


def standing_of(books: Books) -> Standing:
    """What a watcher must have been told by now."""
    return Standing(
        executions=[(b.execution.venue, b.execution.exec_id) for b in books.executions],
        orders={
            e.order.client_order_id: (e.order.status.value, e.order.cum_qty)
            for e in books.orders.values()
        },
        positions={(p.venue, p.instrument.key): p.qty for p in books.positions.values()},
    )


def known_of(books: Books) -> set[str]:
    """All that the books say of orders, fills and strangers, a line each."""
    account = account_of(books)
    lines = [*account.orders, *account.fills, *account.positions, *account.charges]
    kept = [f"{key}: {entry.record.reason}" for key, entry in books.quarantine.items()]
    return {*map(repr, lines), *kept}


def multipliers_of(books: Books) -> dict[str, int]:
    """Shares per unit of every instrument that was traded."""
    return {
        booked.execution.instrument.key: int(multiplier_of(booked.execution.instrument))
        for booked in books.executions
    }


def _order(entry: OrderEntry) -> Booked:
    order = entry.order
    return Booked(
        order.client_order_id,
        order.status.value,
        order.cancel_requested,
        tuple(_placed(p, order.placement_status(p).value) for p in order.placements),
    )


def _placed(placement: Placement, status: str) -> Placed:
    return Placed(placement.placement_id, placement.venue, status, placement.venue_order_id)


def _fill(execution: Execution) -> Fill:
    return Fill(
        execution.venue,
        execution.client_id,
        execution.instrument.key,
        execution.side.value,
        execution.last_qty,
        execution.last_px,
        execution.cum_qty,
    )


def _charged(execution: Execution) -> Charged:
    fees = [fee.amount.amount for fee in execution.fees if not fee.estimated]
    return Charged(execution.venue, execution.exec_id, total(fees) if fees else None)


def check_journal(core: RouterCore, store: JournalStore) -> Iterator[Finding]:
    """The chain holds, and the fold of what is stored is what is live."""
    replayed = Books()
    try:
        for entry in check_chain(store.entries()):
            replayed.apply(*codec.decode(entry.data))
    except JournalCorrupt as error:
        yield Finding(Kind.REPLAY, f"the chain is broken: {error}")
        return
    if digest(replayed) != digest(core.books):
        yield Finding(Kind.REPLAY, "the journal gives other books than the live ones")


def check_alarms(records: list[Record], lied_to: Collection[str]) -> Iterator[Finding]:
    """Nothing was alarmed that says that a venue or an adapter had lied, unless a venue had: it
    filled these orders after it had called them ended."""
    for record in records:
        if not isinstance(record, AlertRaised) or record.client_order_id in lied_to:
            continue
        if record.kind in _UNEXPLAINED:
            yield Finding(Kind.NOISE, f"{record.kind}: {record.message}")


def check_failovers(
    records: list[Record], counted: int, is_exit: Callable[[str], bool]
) -> Iterator[Finding]:
    """Each failover is counted and alarmed once, and leads to the venue that it names.

    `counted` is what the router tells. An order that closes a position never fails over.
    """
    pending: dict[str, str] = {}
    for record in records:
        if isinstance(record, FailedOver):
            pending[record.client_order_id] = record.to_venue
            if is_exit(record.client_order_id):
                yield Finding(Kind.WRONG, f"the exit {record.client_order_id} failed over")
        elif isinstance(record, PlacementIntended):
            venue = record.placement.venue
            if pending.pop(record.client_order_id, venue) != venue:
                yield Finding(Kind.WRONG, f"{record.client_order_id} failed over elsewhere")
    for client_order_id in pending:
        yield Finding(Kind.WRONG, f"{client_order_id} failed over, and was placed nowhere")
    recorded = sum(isinstance(record, FailedOver) for record in records)
    alarmed = sum(isinstance(r, AlertRaised) and r.kind == "FAILOVER" for r in records)
    if not counted == alarmed == recorded:
        text = f"{recorded} failovers, {counted} were counted, {alarmed} alarmed"
        yield Finding(Kind.WRONG, text)


@dataclass(frozen=True, slots=True)
class Stranger:
    """An order that the router did not send; `is_nothing` if it ended with nothing filled."""

    status: str
    is_nothing: bool


def check_quarantine(
    books: Books, strangers: Mapping[str, Stranger], lied_about: Collection[str]
) -> Iterator[Finding]:
    """In quarantine is what others placed, what was told falsely of our orders, and nothing else.

    `strangers` are such orders by the venue's ids. One that is live must be there as an order; of
    one that has filled unseen, the execution is enough; one that ended unseen with nothing filled
    has changed nothing.
    """
    shown = set()
    for kept in books.quarantine.values():
        about = kept.record.order or kept.record.execution
        if about is not None and about.client_id.partition("~")[0] in lied_about:
            continue
        if about is None or about.venue_order_id not in strangers:
            yield Finding(Kind.NOISE, f"{kept.record.quarantine_id}: {kept.record.reason}")
        else:
            shown.add(about.venue_order_id)
    for venue_order_id in sorted(strangers.keys() - shown):
        stranger = strangers[venue_order_id]
        if not stranger.is_nothing:
            text = f"{venue_order_id}, placed by others and {stranger.status}, is not shown"
            yield Finding(Kind.LOSS, text)


def records_of(entries: list[Entry]) -> list[Record]:
    """The journal's records."""
    return [codec.decode(entry.data)[2] for entry in entries]


def journal_digest(entries: list[Entry], books: Books) -> str:
    """One figure for a journal's bytes and the books that live over it."""
    made = hashlib.sha256()
    for entry in entries:
        made.update(entry.data + entry.hash)
    made.update(digest(books).encode())
    return made.hexdigest()
