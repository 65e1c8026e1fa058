"""How executions and their fees change orders and positions in the books."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.common.domain.executions import Execution
from services.common.domain.order import Order
from services.common.domain.order_events import ExecutionReported, FeesReported
from services.router.books import fill_sequence
from services.router.books.entries import BookedExecution, Told, note_latest
from services.router.books.order_fold import OrderFold
from services.router.books.positions import Position
from services.router.books.shelves import PositionKey, moved_prefix
from services.router.journal.records import ExecutionBooked, FeesBooked


class FillFold(OrderFold):
    """Executions, each once, and the positions that they come to."""

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
        self.execution_places[execution.client_id, execution.exec_id] = len(self.executions)
        self.executions.append(booked)
        self.moved_by[(*_position_of(execution), key[1])] = True
        at_venue = (execution.account_id, execution.venue)
        note_latest(self.last_exec_time, at_venue, execution.times.venue_time)
        is_plain = fill_sequence.note(self.fill_seqs, seq, before, entry.order)
        position = self._hold(execution) if is_plain else self._reckon(execution)
        return [booked, entry, position]

    def _reckon(self, execution: Execution) -> Position:
        """The position anew, from all executions that count: one of them was taken back."""
        key = _position_of(execution)
        movers = self.moved_by.keys_like(moved_prefix(key))
        fills = [e for mover in movers for e in self.orders[key[0], mover[-1]].order.executions]
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
        place = self.execution_places[record.placement_id, record.exec_id]
        booked = self.executions[place]
        costed = replace(booked, execution=replace(booked.execution, fees=record.fees))
        self.executions[place] = costed
        return [costed, entry]

    def _hold(self, execution: Execution) -> Position:
        key = _position_of(execution)
        held = self.positions.get(key) or Position(key[0], key[1], execution.instrument)
        self.positions[key] = held.book(execution)
        return self.positions[key]


def _position_of(execution: Execution) -> PositionKey:
    return (execution.account_id, execution.venue, execution.instrument.key)


def _newly_told(before: Order, after: Order) -> Execution | None:
    """The execution that a report added to its order, whether it counts or not."""
    known = {id(e) for e in (*before.executions, *before.set_aside)}
    new = [e for e in (*after.executions, *after.set_aside) if id(e) not in known]
    return new[-1] if new else None
