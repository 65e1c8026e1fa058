"""Events, venue states, trading states and quarantine records from the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tandem_client.enums import AlertSeverity, TradingState, VenueState
from tandem_client.events import (
    Alert,
    Event,
    Happening,
    Heartbeat,
    QuarantineRecord,
    StatusReport,
    TradingStateChange,
    VenueStatus,
)
from tandem_client.orders import Execution, Order
from tandem_client.pb import broker_service_pb2, errors_pb2, events_pb2
from tandem_client.reasons import Reason, VenueCause
from tandem_client.wire.accounts import read_activity, read_position, read_venue
from tandem_client.wire.orders import read_effect, read_execution, read_order
from tandem_client.wire.values import read_enum, time_or_none


def read_event(message: events_pb2.Event) -> Event:
    """Read an event; one of a kind that is not known here has no content."""
    kind = message.WhichOneof("kind")
    what = None if kind is None else _READERS[kind](getattr(message, kind))
    return Event(message.sequence, message.token, what)


def read_venue_cause(message: errors_pb2.VenueCause) -> VenueCause:
    """Read why one venue did not take an order."""
    return VenueCause(
        venue=message.venue,
        reason=read_enum(Reason, errors_pb2.ErrorReason, message.reason),
        message=message.message,
        effect=read_effect(message.effect),
        placement_id=message.placement_id,
    )


def read_status(message: broker_service_pb2.GetStatusResponse) -> StatusReport:
    """Read whether orders can be sent."""
    has_state = message.HasField("trading_state")
    return StatusReport(
        venues=tuple(read_venue_status(venue) for venue in message.venues),
        trading_state=read_trading_state(message.trading_state) if has_state else None,
        as_of=time_or_none(message, "as_of"),
        failover_count=message.failover_count,
        last_failover=time_or_none(message, "last_failover"),
        in_doubt_count=message.in_doubt_count,
        quarantined_count=message.quarantined_count,
        failover_count_today=message.failover_count_today,
    )


def read_venue_status(message: events_pb2.VenueStatus) -> VenueStatus:
    """Read the state of a venue."""
    return VenueStatus(
        venue=read_venue(message.venue),
        state=read_enum(VenueState, events_pb2.VenueState, message.state),
        reason=message.reason,
        since=time_or_none(message, "since"),
        ready=message.ready,
        session_id=message.session_id,
        session_since=time_or_none(message, "session_since"),
        requests_remaining=_optional(message, "requests_remaining"),
        requests_limit=_optional(message, "requests_limit"),
        requests_reset=time_or_none(message, "requests_reset"),
        probe_s=_optional(message, "probe_s"),
        clock_offset_s=_optional(message, "clock_offset_s"),
    )


def _optional(message: Any, field: str) -> Any:
    return getattr(message, field) if message.HasField(field) else None


def read_trading_state(message: events_pb2.TradingStateChange) -> TradingStateChange:
    """Read a trading state."""
    return TradingStateChange(
        account_id=message.account_id,
        state=read_enum(TradingState, events_pb2.TradingState, message.state),
        previous_state=read_enum(TradingState, events_pb2.TradingState, message.previous_state),
        reason=message.reason,
        actor=message.actor,
        time=time_or_none(message, "time"),
    )


def read_quarantine(message: events_pb2.QuarantineRecord) -> QuarantineRecord:
    """Read a quarantine record."""
    subject: Order | Execution | None = None
    if message.WhichOneof("subject") == "order":
        subject = read_order(message.order)
    elif message.WhichOneof("subject") == "execution":
        subject = read_execution(message.execution)
    return QuarantineRecord(
        quarantine_id=message.quarantine_id,
        account_id=message.account_id,
        venue=message.venue,
        reason=message.reason,
        subject=subject,
        time=time_or_none(message, "time"),
        closed=message.closed,
        updated=time_or_none(message, "updated"),
        closed_time=time_or_none(message, "closed_time"),
        closed_reason=message.closed_reason,
        closed_by=message.closed_by,
        client_order_id=message.client_order_id,
    )


def _read_alert(message: events_pb2.Alert) -> Alert:
    return Alert(
        kind=message.kind,
        severity=read_enum(AlertSeverity, events_pb2.AlertSeverity, message.severity),
        message=message.message,
        account_id=message.account_id,
        venue=message.venue,
        client_order_id=message.client_order_id,
        venue_causes=tuple(read_venue_cause(cause) for cause in message.venue_causes),
        time=time_or_none(message, "time"),
    )


def _read_heartbeat(message: events_pb2.Heartbeat) -> Heartbeat:
    return Heartbeat(time_or_none(message, "time"), message.session_id)


_READERS: Final[dict[str, Callable[[Any], Happening]]] = {
    "heartbeat": _read_heartbeat,
    "order": read_order,
    "execution": read_execution,
    "position": read_position,
    "activity": read_activity,
    "venue_status": read_venue_status,
    "trading_state": read_trading_state,
    "alert": _read_alert,
    "quarantine": read_quarantine,
}
