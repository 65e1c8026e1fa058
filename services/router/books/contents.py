"""What the books hold, and how it is looked up; what changes it is in `books.py`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from services.common.domain.errors import NotFound, Reason
from services.router.books import shelves
from services.router.books.entries import (
    GateEntry,
    OrderEntry,
    OrderKey,
    VenueEntry,
)
from services.router.books.failovers import FailoverTally
from services.router.books.fill_sequence import FillSeqs
from services.router.books.positions import Position
from services.router.books.quarantine_book import QuarantineBook
from services.router.books.shelf import Shelf
from services.router.journal.records import RestoreFound, TradingState

PositionKey = tuple[str, str, str]
"""(account_id, venue, instrument key)."""


class BookContents:
    """Orders, executions, activities, positions, gate, venues, quarantine. Read them, set none.

    `outages` names accounts of which it was alarmed that no venue takes their orders, until one
    can be used again or takes one. `restores` are the venues that are still to be read since the
    journal was restored from a copy.
    """

    def __init__(self) -> None:
        self.journal_id = ""
        self.created: datetime | None = None
        self.generation = 0
        self.epoch = 0
        self.orders = shelves.orders()
        self.open_orders: dict[OrderKey, None] = {}  # insertion-ordered set
        self.by_placement = shelves.keys_by_placement()
        self.by_venue_order = shelves.keys_by_venue_order()
        self.executions = shelves.executions()
        self.execution_places = shelves.numbers("execution_place")
        self.fill_seqs: FillSeqs = shelves.numbers("fill_seq")
        self.activities = shelves.activities()
        self.activity_keys: Shelf[tuple[str, str, str], bool] = shelves.marks("activity_key")
        self.positions = shelves.positions()
        self.moved_by: Shelf[tuple[str, str, str, str], bool] = shelves.marks("moved_by")
        self.gates: dict[str, GateEntry] = {}
        self.venues: dict[tuple[str, str], VenueEntry] = {}
        self.quarantine = QuarantineBook()
        self.instructions = shelves.instructions()
        self.failovers = FailoverTally()
        self.last_exec_time: dict[tuple[str, str], datetime] = {}
        self.last_activity_time: dict[tuple[str, str], datetime] = {}
        self.least_offset_s: dict[tuple[str, str], float] = {}
        self.outages: dict[str, None] = {}  # insertion-ordered set
        self.restores: dict[tuple[str, str], RestoreFound] = {}

    def empty(self) -> None:
        """Be as new."""
        vars(self).update(vars(type(self)()))

    @property
    def failover_count(self) -> int:
        """Failovers since the journal began."""
        return self.failovers.total

    @property
    def last_failover(self) -> datetime | None:
        """When the last one was, None if there was none."""
        return self.failovers.last

    def find(self, account_id: str, client_order_id: str) -> OrderEntry | None:
        """The order under a client_order_id or one of its placement ids; None if none."""
        key = (account_id, client_order_id)
        if key not in self.orders:
            placed = self.by_placement.get(client_order_id)
            if placed is None or placed[0] != account_id:
                return None
            key = placed
        return self.orders[key]

    def get(self, account_id: str, client_order_id: str) -> OrderEntry:
        """As `find`; raises NotFound ORDER_NOT_FOUND."""
        entry = self.find(account_id, client_order_id)
        if entry is None:
            raise NotFound(Reason.ORDER_NOT_FOUND, f"no order {client_order_id!r} in {account_id}")
        return entry

    def open_entries(self, account_id: str) -> Iterator[OrderEntry]:
        """Orders of an account of which something is, or may be, live."""
        for key in self.open_orders:
            if key[0] == account_id:
                yield self.orders[key]

    def held(self, account_id: str) -> Iterator[Position]:
        """Positions of an account that are not flat."""
        for _, position in self.positions.in_memory():
            if position.account_id == account_id and position.lots:
                yield position

    def to_be_read(self, account_id: str) -> list[str]:
        """Venues of an account (empty: of all) that are to be read after a restore."""
        return [venue for owner, venue in self.restores if account_id in ("", owner)]

    def trading_state(self, account_id: str) -> TradingState:
        """The stricter of the account's state and the state for all; HALTED if none is known, and
        while one of its venues is to be read after a restore."""
        if self.to_be_read(account_id):
            return TradingState.HALTED
        states = [self.gates[a].state for a in ("", account_id) if a in self.gates]
        if "" not in self.gates:
            return TradingState.HALTED
        order = (TradingState.HALTED, TradingState.REDUCING, TradingState.ACTIVE)
        return min(states, key=order.index)
