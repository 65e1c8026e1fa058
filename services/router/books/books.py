"""All state of the router: the fold of the journal, and nothing else.

`apply` is called with each record exactly once and in order, live as in replay, and asks nobody:
two folds of the same journal are equal. It trusts that a record was checked before it was made;
one that does not fit is a fault of ours and stops the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from services.common.domain.errors import NotFound, Reason
from services.common.domain.executions import Execution, RecordTimes
from services.common.domain.order import Order
from services.common.domain.order_events import (
    CancelRequested,
    ExecutionReported,
    FeesReported,
    OrderEvent,
    PlacementPlanned,
    ReplaceRequested,
)
from services.common.domain.order_status import WORKING
from services.router.books import fill_sequence
from services.router.books.entries import (
    AlertEntry,
    BookedActivity,
    BookedExecution,
    BookEvent,
    GateEntry,
    InstructionEntry,
    OrderEntry,
    OrderKey,
    QuarantineEntry,
    Told,
    VenueEntry,
)
from services.router.books.fill_sequence import FillSeqs
from services.router.books.positions import Position
from services.router.journal.records import (
    NO_VENUE,
    ActivityBooked,
    AlertRaised,
    CancelIntended,
    EpochTaken,
    ExecutionBooked,
    FailedOver,
    FeesBooked,
    InstructionAnswered,
    InstructionIntended,
    JournalCreated,
    OrderIntended,
    PlacementFreed,
    PlacementIntended,
    PlacementReported,
    Quarantined,
    Record,
    ReplaceIntended,
    TradingState,
    TradingStateSet,
    VenueStateChanged,
)

PositionKey = tuple[str, str, str]
"""(account_id, venue, instrument key)."""


class Books:
    """Orders, executions, activities, positions, gate, venues, quarantine. Read them, set none.

    `outages` names accounts of which it was alarmed that no venue takes their orders, until one
    can be used again or takes one.
    """

    def __init__(self) -> None:
        self.journal_id = ""
        self.created: datetime | None = None
        self.generation = 0
        self.epoch = 0
        self.orders: dict[OrderKey, OrderEntry] = {}
        self.open_orders: dict[OrderKey, None] = {}  # insertion-ordered set
        self.by_placement: dict[str, OrderKey] = {}
        self.by_venue_order: dict[tuple[str, str, str], OrderKey] = {}
        self.executions: list[BookedExecution] = []
        self.fill_seqs: FillSeqs = {}
        self.activities: list[BookedActivity] = []
        self.activity_keys: set[tuple[str, str, str]] = set()
        self.positions: dict[PositionKey, Position] = {}
        self.gates: dict[str, GateEntry] = {}
        self.venues: dict[tuple[str, str], VenueEntry] = {}
        self.quarantine: dict[str, QuarantineEntry] = {}
        self.instructions: dict[OrderKey, InstructionEntry] = {}
        self.failover_count = 0
        self.last_failover: datetime | None = None
        self.last_exec_time: dict[tuple[str, str], datetime] = {}
        self.last_activity_time: dict[tuple[str, str], datetime] = {}
        self.least_offset_s: dict[tuple[str, str], float] = {}
        self.outages: dict[str, None] = {}  # insertion-ordered set

    # -- reading -----------------------------------------------------------------------------

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
        for key, position in self.positions.items():
            if key[0] == account_id and position.lots:
                yield position

    def trading_state(self, account_id: str) -> TradingState:
        """The stricter of the account's state and the state for all; HALTED if none is known."""
        states = [self.gates[a].state for a in ("", account_id) if a in self.gates]
        if "" not in self.gates:
            return TradingState.HALTED
        order = (TradingState.HALTED, TradingState.REDUCING, TradingState.ACTIVE)
        return min(states, key=order.index)

    # -- the fold ----------------------------------------------------------------------------

    def apply(self, seq: int, at: datetime, record: Record) -> list[BookEvent]:
        """Fold one record in; answers with what it gives to tell."""
        account_id = getattr(record, "account_id", "")
        told = list(self._fold(seq, at, record))
        return [
            BookEvent(seq, at, account_id, one, part=part % len(told))
            for part, one in enumerate(told, start=1)
        ]

    def _fold(self, seq: int, at: datetime, record: Record) -> Iterable[Told]:
        match record:
            case JournalCreated():
                self.journal_id, self.created = record.journal_id, at
            case EpochTaken():
                self.generation, self.epoch = record.generation, record.epoch
            case TradingStateSet():
                return [self._set_gate(at, record)]
            case OrderIntended():
                entry = self._intend(seq, at, record)
                return [] if record.placed else [entry]
            case PlacementIntended():
                return [self._plan(seq, at, record)]
            case PlacementFreed():
                key = (record.account_id, record.client_order_id)
                return [self._change(seq, at, key, record.freed, RecordTimes())]
            case PlacementReported():
                key = (record.account_id, record.client_order_id)
                entry = self._change(seq, at, key, record.signaled, record.times)
                if entry.order.status in WORKING:
                    self.outages.pop(record.account_id, None)
                return [entry]
            case ExecutionBooked():
                return self._book(seq, at, record)
            case FeesBooked():
                return self._book_fees(seq, at, record)
            case ActivityBooked():
                return self._book_activity(seq, at, record)
            case CancelIntended():
                key = (record.account_id, record.client_order_id)
                return [self._change(seq, at, key, CancelRequested(), RecordTimes())]
            case ReplaceIntended():
                key = (record.account_id, record.client_order_id)
                asked = ReplaceRequested(record.replace_id, record.change)
                return [self._change(seq, at, key, asked, self.orders[key].updated)]
            case InstructionIntended():
                self.instructions[record.account_id, record.client_order_id] = InstructionEntry(
                    record, seq
                )
            case InstructionAnswered():
                key = (record.account_id, record.client_order_id)
                known = self.instructions[key]
                self.instructions[key] = replace(
                    known, status=record.status, cause=record.cause, seq=seq
                )
            case FailedOver():
                self.failover_count += 1
                self.last_failover = at
            case Quarantined():
                self.quarantine[record.quarantine_id] = QuarantineEntry(record, at)
                return [self.quarantine[record.quarantine_id]]
            case VenueStateChanged():
                if record.ready:
                    self.outages.pop(record.account_id, None)
                return [self._set_venue(at, record)]
            case AlertRaised():
                if record.kind == NO_VENUE:
                    self.outages[record.account_id] = None
                return [AlertEntry(record, at)]
        return []

    def _set_gate(self, at: datetime, record: TradingStateSet) -> GateEntry:
        known = self.gates.get(record.account_id)
        previous = known.state if known else TradingState.HALTED
        gate = GateEntry(record.account_id, record.state, previous, record.reason, record.actor, at)
        self.gates[record.account_id] = gate
        return gate

    def _set_venue(self, at: datetime, record: VenueStateChanged) -> VenueEntry:
        key = (record.account_id, record.venue)
        offset_s = record.clock_offset_s
        if offset_s is not None:
            self.least_offset_s[key] = min(offset_s, self.least_offset_s.get(key, offset_s))
        entry = VenueEntry(
            record.account_id,
            record.venue,
            record.state,
            record.reason,
            record.ready,
            record.session_id,
            at,
        )
        self.venues[key] = entry
        return entry

    def _intend(self, seq: int, at: datetime, record: OrderIntended) -> OrderEntry:
        order = Order(record.account_id, record.spec, record.content_hash)
        times = RecordTimes(received_time=record.received, journal_time=at)
        entry = OrderEntry(order, times, times, seq, seq, record.traceparent)
        self.orders[entry.key] = entry
        return entry

    def _plan(self, seq: int, at: datetime, record: PlacementIntended) -> OrderEntry:
        key = (record.account_id, record.client_order_id)
        entry = self._change(seq, at, key, PlacementPlanned(record.placement), RecordTimes())
        self.by_placement[record.placement.placement_id] = key
        return entry

    def _change(
        self, seq: int, at: datetime, key: OrderKey, event: OrderEvent, times: RecordTimes
    ) -> OrderEntry:
        entry = self.orders[key]
        order, _ = entry.order.apply(event)
        entry = replace(entry, order=order, updated=replace(times, journal_time=at), seq=seq)
        self.orders[key] = entry
        if order.is_open:
            self.open_orders[key] = None
        else:
            self.open_orders.pop(key, None)
        for placement in order.placements:
            if placement.venue_order_id:
                at_venue = (key[0], placement.venue, placement.venue_order_id)
                self.by_venue_order[at_venue] = key
        return entry

    def _book(self, seq: int, at: datetime, record: ExecutionBooked) -> list[Told]:
        key = (record.account_id, record.client_order_id)
        before = self.orders[key].order
        event = ExecutionReported(record.placement_id, record.execution)
        entry = self._change(seq, at, key, event, record.execution.times)
        execution = _newly_told(before, entry.order)
        if execution is None:
            return []
        execution = replace(execution, times=replace(execution.times, journal_time=at))
        booked = BookedExecution(seq, record.client_order_id, execution)
        self.executions.append(booked)
        at_venue = (execution.account_id, execution.venue)
        _note_latest(self.last_exec_time, at_venue, execution.times.venue_time)
        is_plain = fill_sequence.note(self.fill_seqs, seq, before, entry.order)
        position = self._hold(execution) if is_plain else self._reckon(execution)
        return [booked, entry, position]

    def _reckon(self, execution: Execution) -> Position:
        """The position anew, from all executions that count: one of them was taken back."""
        key = (execution.account_id, execution.venue, execution.instrument.key)
        fills = [e for entry in self.orders.values() for e in entry.order.executions]
        moved = [e for e in fills if (e.account_id, e.venue, e.instrument.key) == key]
        position = Position(key[0], key[1], execution.instrument)
        for fill in fill_sequence.in_sequence(self.fill_seqs, moved):
            position = position.book(fill)
        self.positions[key] = position
        return position

    def _book_fees(self, seq: int, at: datetime, record: FeesBooked) -> list[Told]:
        key = (record.account_id, record.client_order_id)
        event = FeesReported(record.placement_id, record.exec_id, record.fees)
        entry = self._change(seq, at, key, event, self.orders[key].updated)
        for number in reversed(range(len(self.executions))):  # most are told soon after
            booked = self.executions[number]
            known = booked.execution
            if (known.client_id, known.exec_id) == (record.placement_id, record.exec_id):
                costed = replace(booked, execution=replace(known, fees=record.fees))
                self.executions[number] = costed
                return [costed, entry]
        raise AssertionError("its order has the execution, so the books have it")

    def _book_activity(self, seq: int, at: datetime, record: ActivityBooked) -> list[Told]:
        activity = record.activity
        if activity.key in self.activity_keys:
            return []
        activity = replace(activity, times=replace(activity.times, journal_time=at))
        booked = BookedActivity(seq, activity)
        self.activities.append(booked)
        self.activity_keys.add(activity.key)
        at_venue = (activity.account_id, activity.venue)
        _note_latest(self.last_activity_time, at_venue, activity.times.venue_time)
        return [booked]

    def _hold(self, execution: Execution) -> Position:
        key = (execution.account_id, execution.venue, execution.instrument.key)
        held = self.positions.get(key) or Position(key[0], key[1], execution.instrument)
        self.positions[key] = held.book(execution)
        return self.positions[key]


def _newly_told(before: Order, after: Order) -> Execution | None:
    """The execution that a report added to its order, whether it counts or not."""
    known = {id(e) for e in (*before.executions, *before.set_aside)}
    new = [e for e in (*after.executions, *after.set_aside) if id(e) not in known]
    return new[-1] if new else None


def _note_latest(
    latest: dict[tuple[str, str], datetime], key: tuple[str, str], moment: datetime | None
) -> None:
    """Keep the latest venue time of a venue account; late ones with older times don't move it."""
    if moment is not None:
        latest[key] = max(moment, latest.get(key, moment))
