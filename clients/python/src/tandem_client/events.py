"""What the event stream tells, and the states of venues and of trading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from tandem_client.accounts import Activity, Position, Venue
from tandem_client.enums import AlertSeverity, TradingState, VenueState
from tandem_client.orders import Execution, Order
from tandem_client.reasons import VenueCause


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The stream is alive. `session_id` is an adapter's venue session."""

    time: datetime | None
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueStatus:
    """State of one venue. `ready` says whether orders may be sent to it.

    `requests_remaining` and `requests_limit` are the venue's own word on its present window;
    `probe_s` and `clock_offset_s` are seconds.
    """

    venue: Venue
    state: VenueState
    reason: str
    since: datetime | None
    ready: bool
    session_id: str
    session_since: datetime | None
    requests_remaining: int | None
    requests_limit: int | None
    requests_reset: datetime | None
    probe_s: float | None
    clock_offset_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingStateChange:
    """A trading state, since when, why and by whom; for all accounts if `account_id` is empty."""

    account_id: str
    state: TradingState
    previous_state: TradingState
    reason: str
    actor: str
    time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that a person should know."""

    kind: str
    severity: AlertSeverity
    message: str
    account_id: str
    venue: str
    client_order_id: str
    venue_causes: tuple[VenueCause, ...]
    time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRecord:
    """Something at a venue that the books can't explain, kept aside until it is adopted.

    `subject` is as the venue showed it last, at `updated`. Adopted, it belongs to the order
    `client_order_id` of the books; dismissed, that is empty.
    """

    quarantine_id: str
    account_id: str
    venue: str
    reason: str
    subject: Order | Execution | None
    time: datetime | None
    closed: bool
    updated: datetime | None
    closed_time: datetime | None
    closed_reason: str
    closed_by: str
    client_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """Whether orders can be sent now. `trading_state` is None at an adapter."""

    venues: tuple[VenueStatus, ...]
    trading_state: TradingStateChange | None
    as_of: datetime | None
    failover_count: int
    last_failover: datetime | None
    in_doubt_count: int
    quarantined_count: int
    failover_count_today: int


Happening: TypeAlias = (
    Heartbeat
    | Order
    | Execution
    | Position
    | Activity
    | VenueStatus
    | TradingStateChange
    | Alert
    | QuarantineRecord
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream.

    `sequence` only grows (0 in a heartbeat); `token` resumes after this event. `what` is None if
    a newer server told something that this client has no type for.
    """

    sequence: int
    token: str
    what: Happening | None
