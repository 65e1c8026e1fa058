"""What the books keep and tell: orders with their times, venue states, events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.common.domain.activities import Activity
from services.common.domain.errors import Cause
from services.common.domain.executions import Execution, RecordTimes
from services.common.domain.order import Order
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import VenueState
from services.router.books.positions import Position
from services.router.journal.records import (
    AlertRaised,
    InstructionIntended,
    QuarantineClosed,
    Quarantined,
    TradingState,
    VenueStateChanged,
)

OrderKey = tuple[str, str]
"""(account_id, client_order_id)."""


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """An order in the books; `seq` is the journal sequence of its latest change."""

    order: Order
    created: RecordTimes
    updated: RecordTimes
    first_seq: int
    seq: int
    traceparent: str

    @property
    def key(self) -> OrderKey:
        """Where the books keep it."""
        return (self.order.account_id, self.order.client_order_id)


@dataclass(frozen=True, slots=True)
class BookedExecution:
    """An execution in the books, with the journal's time in its `times`."""

    seq: int
    client_order_id: str
    execution: Execution


@dataclass(frozen=True, slots=True)
class BookedActivity:
    """An activity in the books, with the journal's time in its `times`."""

    seq: int
    activity: Activity


@dataclass(frozen=True, slots=True)
class InstructionEntry:
    """An instruction to a venue, PENDING_NEW until something came back."""

    record: InstructionIntended
    seq: int
    status: OrderStatus = OrderStatus.PENDING_NEW
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class VenueEntry:
    """The state of an account's venue as last journaled.

    `is_out`: entries could go there before, and can't now. `recovered` is when the last outage
    ended, None while it lasts and if there was none. `ready_epoch` is that of the router for which
    the venue was ready last, 0 if it never was: a router that only looks orders up after its own
    start has seen no outage.
    """

    account_id: str
    venue: str
    state: VenueState
    reason: str
    ready: bool
    session_id: str
    since: datetime
    is_out: bool = False
    recovered: datetime | None = None
    ready_epoch: int = 0


def venue_after(
    known: VenueEntry | None, record: VenueStateChanged, at: datetime, epoch: int
) -> VenueEntry:
    """A venue's entry after a change of its state. That one was never there yet is no outage."""
    ready_epoch = known.ready_epoch if known is not None else 0
    recovered = known.recovered if known is not None else None
    was_out = known is not None and known.is_out
    only_looks_up = record.state is VenueState.DEGRADED and ready_epoch != epoch
    is_out = not record.ready and (was_out or (ready_epoch > 0 and not only_looks_up))
    if is_out or was_out:
        recovered = None if is_out else at
    return VenueEntry(
        record.account_id,
        record.venue,
        record.state,
        record.reason,
        record.ready,
        record.session_id,
        at,
        is_out,
        recovered,
        epoch if record.ready else ready_epoch,
    )


@dataclass(frozen=True, slots=True)
class GateEntry:
    """The trading state of an account, or (empty account) of all."""

    account_id: str
    state: TradingState
    previous: TradingState
    reason: str
    actor: str
    since: datetime


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A quarantine record as last told, when it was made, and how it was closed, if it was."""

    record: Quarantined
    at: datetime
    updated: datetime
    closed: QuarantineClosed | None = None
    closed_at: datetime | None = None

    @property
    def venue_order_id(self) -> str:
        """The venue's id of the order that it is, or is about; empty if it showed none."""
        subject = self.record.order or self.record.execution
        return "" if subject is None else subject.venue_order_id


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """An alert and when it was raised."""

    record: AlertRaised
    at: datetime


Told = (
    OrderEntry
    | BookedExecution
    | BookedActivity
    | Position
    | VenueEntry
    | GateEntry
    | QuarantineEntry
    | AlertEntry
)
"""What a subscriber of WatchEvents is told, once it is durable."""


@dataclass(frozen=True, slots=True)
class BookEvent:
    """One thing to tell, with the journal sequence of the record it comes of.

    A record may give several: `part` numbers them from 1, and is 0 for the last, with which the
    whole record is told.
    """

    seq: int
    at: datetime
    account_id: str
    told: Told
    part: int = 0


def note_latest(
    latest: dict[tuple[str, str], datetime], key: tuple[str, str], moment: datetime | None
) -> None:
    """Keep the latest venue time of a venue account; late ones with older times don't move it."""
    if moment is not None:
        latest[key] = max(moment, latest.get(key, moment))
