"""All state of the router: the fold of the journal, and nothing else.

`apply` is called with each record exactly once and in order, live as in replay, and asks nobody:
two folds of the same journal are equal. It trusts that a record was checked before it was made;
one that does not fit is a fault of ours and stops the process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from services.common.domain.executions import RecordTimes
from services.common.domain.order_events import CancelRequested, ReplaceRequested
from services.common.domain.order_status import WORKING
from services.router.books.entries import (
    AlertEntry,
    BookedActivity,
    BookEvent,
    GateEntry,
    InstructionEntry,
    Told,
    VenueEntry,
    note_latest,
    venue_after,
)
from services.router.books.fill_fold import FillFold
from services.router.journal.records import (
    NO_VENUE,
    ActivityBooked,
    AlertRaised,
    CancelIntended,
    DoubtResolved,
    EpochTaken,
    ExecutionBooked,
    FailedOver,
    FeesBooked,
    InstructionAnswered,
    InstructionIntended,
    JournalCreated,
    OrderAdopted,
    OrderIntended,
    PlacementFreed,
    PlacementIntended,
    PlacementReported,
    QuarantineClosed,
    Quarantined,
    Record,
    ReplaceIntended,
    RestoreFound,
    RestoreRead,
    TradingState,
    TradingStateSet,
    VenueStateChanged,
)


class Books(FillFold):
    """The contents with the fold: what each kind of record changes."""

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
            case OrderIntended():
                entry = self._intend(seq, at, record)
                return [] if record.placed else [entry]
            case PlacementIntended():
                return self._plan(seq, at, record)
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
            case DoubtResolved():
                return [self._overrule(seq, at, record)]
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
            case OrderAdopted():
                return [self._adopt(seq, at, record)]
            case _:
                return self._fold_around(at, record)
        return []

    def _fold_around(self, at: datetime, record: Record) -> Iterable[Told]:
        """What is about no order of ours: the journal itself, the gate, venues, strangers."""
        match record:
            case JournalCreated():
                self.journal_id, self.created = record.journal_id, at
            case EpochTaken():
                self.generation, self.epoch = record.generation, record.epoch
            case TradingStateSet():
                return [self._set_gate(at, record)]
            case FailedOver():
                self.failovers.count(record.account_id, at)
            case Quarantined():
                return [self.quarantine.keep(record, at)]
            case QuarantineClosed():
                return [self.quarantine.close(record, at)]
            case RestoreFound():
                self.restores[record.account_id, record.venue] = record
            case RestoreRead():
                self.restores.pop((record.account_id, record.venue), None)
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
        self.venues[key] = venue_after(self.venues.get(key), record, at, self.epoch)
        return self.venues[key]

    def _book_activity(self, seq: int, at: datetime, record: ActivityBooked) -> list[Told]:
        activity = record.activity
        if activity.key in self.activity_keys:
            return []
        activity = replace(activity, times=replace(activity.times, journal_time=at))
        booked = BookedActivity(seq, activity)
        self.activities.append(booked)
        self.activity_keys[activity.key] = True
        at_venue = (activity.account_id, activity.venue)
        note_latest(self.last_activity_time, at_venue, activity.times.venue_time)
        return [booked]
