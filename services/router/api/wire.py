"""The books' entries as messages of the contract."""

from __future__ import annotations

from datetime import datetime

from services.common.contract.convert import (
    activity_to_wire,
    decimal_to_wire,
    execution_to_wire,
    instrument_to_wire,
    money_to_wire,
    optional_decimal_to_wire,
    optional_timestamp_to_wire,
    order_to_wire,
    report_to_wire,
    timestamp_to_wire,
    venue_cause_to_wire,
)
from services.common.contract.convert.enums import VENUE_STATES
from services.common.contract.pb import accounts_pb2, events_pb2, orders_pb2, types_pb2
from services.common.domain.amounts import Money
from services.common.domain.instruments import multiplier_of
from services.router.books.entries import (
    AlertEntry,
    BookedActivity,
    BookedExecution,
    BookEvent,
    GateEntry,
    OrderEntry,
    QuarantineEntry,
    VenueEntry,
)
from services.router.books.positions import Position
from services.router.journal.records import TradingState


def entry_to_wire(entry: OrderEntry) -> orders_pb2.Order:
    """An order of the books."""
    return order_to_wire(
        entry.order, created=entry.created, updated=entry.updated, sequence=entry.seq
    )


def booked_to_wire(booked: BookedExecution) -> orders_pb2.Execution:
    """An execution of the books."""
    return execution_to_wire(
        booked.execution, client_order_id=booked.client_order_id, sequence=booked.seq
    )


def booked_activity_to_wire(booked: BookedActivity) -> accounts_pb2.Activity:
    """An activity of the books."""
    return activity_to_wire(booked.activity)


def held_to_wire(position: Position) -> accounts_pb2.Position:
    """A position of the books; prices and market values are the venues' business."""
    instrument = position.instrument
    return accounts_pb2.Position(
        account_id=position.account_id,
        venue=position.venue,
        instrument=instrument_to_wire(instrument),
        qty=decimal_to_wire(position.qty),
        avg_entry_price=optional_decimal_to_wire(position.avg_entry_price),
        multiplier=decimal_to_wire(multiplier_of(instrument)),
        realized_pnl=money_to_wire(Money(position.realized_pnl, instrument.currency)),
        source=accounts_pb2.POSITION_SOURCE_BOOKS,
    )


def gate_to_wire(gate: GateEntry) -> events_pb2.TradingStateChange:
    """A trading state."""
    return events_pb2.TradingStateChange(
        account_id=gate.account_id,
        state=trading_state_to_wire(gate.state),
        previous_state=trading_state_to_wire(gate.previous),
        reason=gate.reason,
        actor=gate.actor,
        time=timestamp_to_wire(gate.since),
    )


def trading_state_to_wire(state: TradingState) -> events_pb2.TradingState.ValueType:
    """A trading state's enum value."""
    return events_pb2.TradingState.Value(f"TRADING_STATE_{state.value}")


def venue_entry_to_wire(entry: VenueEntry, account_tag: str) -> events_pb2.VenueStatus:
    """A venue's state as last journaled."""
    return events_pb2.VenueStatus(
        venue=types_pb2.Venue(name=entry.venue, account_tag=account_tag),
        state=VENUE_STATES.to_wire(entry.state),
        reason=entry.reason,
        since=timestamp_to_wire(entry.since),
        ready=entry.ready,
        session_id=entry.session_id,
    )


def quarantined_to_wire(kept: QuarantineEntry) -> events_pb2.QuarantineRecord:
    """A quarantine record as it stands."""
    record = kept.record
    return events_pb2.QuarantineRecord(
        quarantine_id=record.quarantine_id,
        account_id=record.account_id,
        venue=record.venue,
        reason=record.reason,
        order=None if record.order is None else report_to_wire(record.order),
        execution=None if record.execution is None else execution_to_wire(record.execution),
        time=timestamp_to_wire(kept.at),
        updated=timestamp_to_wire(kept.updated),
        closed=kept.closed is not None,
        closed_time=optional_timestamp_to_wire(kept.closed_at),
        closed_reason="" if kept.closed is None else kept.closed.reason,
        closed_by="" if kept.closed is None else kept.closed.actor,
        client_order_id="" if kept.closed is None else kept.closed.client_order_id,
    )


def alert_to_wire(alert: AlertEntry) -> events_pb2.Alert:
    """An alert."""
    record = alert.record
    return events_pb2.Alert(
        kind=record.kind,
        severity=events_pb2.AlertSeverity.Value(f"ALERT_SEVERITY_{record.severity.value}"),
        message=record.message,
        account_id=record.account_id,
        venue=record.venue,
        client_order_id=record.client_order_id,
        venue_causes=map(venue_cause_to_wire, record.venue_causes),
        time=timestamp_to_wire(alert.at),
    )


def event_to_wire(event: BookEvent, token: str, account_tag: str) -> events_pb2.Event:
    """An event of the books, with the token to resume after it."""
    message = events_pb2.Event(sequence=event.seq, token=token)
    match event.told:
        case OrderEntry():
            message.order.CopyFrom(entry_to_wire(event.told))
        case BookedExecution():
            message.execution.CopyFrom(booked_to_wire(event.told))
        case BookedActivity():
            message.activity.CopyFrom(booked_activity_to_wire(event.told))
        case Position():
            message.position.CopyFrom(held_to_wire(event.told))
        case VenueEntry():
            message.venue_status.CopyFrom(venue_entry_to_wire(event.told, account_tag))
        case GateEntry():
            message.trading_state.CopyFrom(gate_to_wire(event.told))
        case QuarantineEntry():
            message.quarantine.CopyFrom(quarantined_to_wire(event.told))
        case AlertEntry():
            message.alert.CopyFrom(alert_to_wire(event.told))
    return message


def heartbeat(time: datetime, token: str) -> events_pb2.Event:
    """The stream is alive; its token is as good as the last event's."""
    message = events_pb2.Event(token=token)
    message.heartbeat.time.CopyFrom(timestamp_to_wire(time))
    return message
