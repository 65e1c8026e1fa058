"""The kinds of records in the journal. What is not one of these never changes the books.

A record says what was decided or learned, with all that the fold needs, so that replay asks
nobody and sends nothing. Names of classes and fields are stored: they are renamed only together
with a new record version (see `codec.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from services.common.domain.activities import Activity
from services.common.domain.errors import Cause, VenueCause
from services.common.domain.executions import Execution, Fee, RecordTimes
from services.common.domain.instruments import OptionContract
from services.common.domain.order_events import Placement, PlacementReleased, PlacementSignaled
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import OrderReport, VenueState


class TradingState(Enum):
    """Whether orders are taken; the names are those of `tandem.v1.TradingState`."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Severity(Enum):
    """How urgent an alert is."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class JournalCreated:
    """The first record of a journal."""

    journal_id: str


@dataclass(frozen=True, slots=True)
class EpochTaken:
    """A router has taken the journal; no lower epoch writes after this record."""

    generation: int
    epoch: int
    node: str


@dataclass(frozen=True, slots=True)
class TradingStateSet:
    """The gate was set, for one account or (empty) for all."""

    account_id: str
    state: TradingState
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class OrderIntended:
    """A client's order was taken; nothing was sent yet. `placed`: its placement comes next."""

    account_id: str
    spec: OrderSpec
    content_hash: str
    received: datetime
    traceparent: str
    placed: bool = False


@dataclass(frozen=True, slots=True)
class PlacementIntended:
    """The order is about to be sent to a venue under this placement."""

    account_id: str
    client_order_id: str
    placement: Placement


@dataclass(frozen=True, slots=True)
class PlacementFreed:
    """What a held placement waited for is proven, and it is about to be sent for this quantity."""

    account_id: str
    client_order_id: str
    freed: PlacementReleased


@dataclass(frozen=True, slots=True)
class PlacementReported:
    """Somebody's word on a placement that changed it."""

    account_id: str
    client_order_id: str
    signaled: PlacementSignaled
    times: RecordTimes


class DoubtVerdict(Enum):
    """What an operator says of a placement in doubt; the names are those of the contract."""

    NEVER_PLACED = "NEVER_PLACED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class DoubtResolved:
    """An operator has ended the doubt of a placement by their word."""

    account_id: str
    client_order_id: str
    placement_id: str
    verdict: DoubtVerdict
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class ExecutionBooked:
    """An execution of an order of ours."""

    account_id: str
    client_order_id: str
    placement_id: str
    execution: Execution


@dataclass(frozen=True, slots=True)
class FeesBooked:
    """What a booked execution cost, which the venue told later."""

    account_id: str
    client_order_id: str
    placement_id: str
    exec_id: str
    fees: tuple[Fee, ...]


@dataclass(frozen=True, slots=True)
class ActivityBooked:
    """An account was changed at a venue without a fill: assigned, charged, paid ..."""

    account_id: str
    activity: Activity


@dataclass(frozen=True, slots=True)
class CancelIntended:
    """A cancel was asked for; it stands until the order has ended."""

    account_id: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class ReplaceIntended:
    """Other terms were asked for; nothing was sent yet. A placement that follows carries them."""

    account_id: str
    client_order_id: str
    replace_id: str
    change: OrderChange


class Instruction(Enum):
    """What a venue may be told of long option contracts."""

    EXERCISE = "EXERCISE"
    DO_NOT_EXERCISE = "DO_NOT_EXERCISE"


@dataclass(frozen=True, slots=True)
class InstructionIntended:
    """An instruction is about to be sent to a venue; it is sent once. `qty` None means all."""

    account_id: str
    client_order_id: str
    instruction: Instruction
    venue: str
    contract: OptionContract
    qty: Decimal | None = None


@dataclass(frozen=True, slots=True)
class InstructionAnswered:
    """What came back of an instruction: ACCEPTED, REJECTED, UNPLACED (no effect) or IN_DOUBT."""

    account_id: str
    client_order_id: str
    status: OrderStatus
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class FailedOver:
    """An order goes to the next venue because the one before said that it did not take it.

    `count_today` is for the audit trail: the account's failovers of the day, this one included.
    """

    account_id: str
    client_order_id: str
    from_venue: str
    to_venue: str
    cause: VenueCause
    count_today: int = 0


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Something at a venue that the books can't explain; kept, shown, never dropped.

    Once more under the same id: what the venue says of it by now.
    """

    quarantine_id: str
    account_id: str
    venue: str
    reason: str
    order: OrderReport | None = None
    execution: Execution | None = None


@dataclass(frozen=True, slots=True)
class QuarantineClosed:
    """A quarantine record needs nobody any more: adopted under `client_order_id`, or dismissed."""

    quarantine_id: str
    account_id: str
    adopted: bool
    reason: str
    actor: str
    client_order_id: str = ""


@dataclass(frozen=True, slots=True)
class OrderAdopted:
    """An order that was found at a venue is in the books from here on, as its placement says.

    Once more under the same client_order_id: its owner has changed its terms at the venue. An
    `external` one is somebody else's; else it is one of ours that this journal did not know.
    `content_hash` is empty where nobody can know what was asked for: no repeat is the same then.
    """

    account_id: str
    spec: OrderSpec
    placement: Placement
    times: RecordTimes
    reason: str
    actor: str
    external: bool = True
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class RestoreFound:
    """The journal lacks what happened at a venue after `since` (None: nobody knows since when).

    Until the venue was read, trading in the account is HALTED.
    """

    account_id: str
    venue: str
    since: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class RestoreRead:
    """A venue was read after a restore; so many orders of ours were taken into the books."""

    account_id: str
    venue: str
    adopted: int


@dataclass(frozen=True, slots=True)
class VenueStateChanged:
    """A venue of an account can be used, or can't any more.

    `clock_offset_s` is how far the venue's clock was ahead of ours then, None if not known.
    """

    account_id: str
    venue: str
    state: VenueState
    reason: str
    ready: bool
    session_id: str
    clock_offset_s: float | None = None


NO_VENUE = "ALL_VENUES_UNAVAILABLE"
"""The kind of the alert that an account's orders are taken nowhere."""


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """Something that a person should know."""

    kind: str
    severity: Severity
    message: str
    account_id: str = ""
    venue: str = ""
    client_order_id: str = ""
    venue_causes: tuple[VenueCause, ...] = ()


@dataclass(frozen=True, slots=True)
class UnknownRecord:
    """A record of a newer release which says that this one may go on without it. Never written."""

    kind: str


Record = (
    JournalCreated
    | EpochTaken
    | TradingStateSet
    | OrderIntended
    | PlacementIntended
    | PlacementFreed
    | PlacementReported
    | ExecutionBooked
    | FeesBooked
    | ActivityBooked
    | DoubtResolved
    | CancelIntended
    | ReplaceIntended
    | InstructionIntended
    | InstructionAnswered
    | FailedOver
    | Quarantined
    | QuarantineClosed
    | OrderAdopted
    | RestoreFound
    | RestoreRead
    | VenueStateChanged
    | AlertRaised
    | UnknownRecord
)
