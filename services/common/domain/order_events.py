"""The placements of an order and the events that its state is the fold of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from services.common.domain.errors import Cause
from services.common.domain.executions import Execution, Fee
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import NO_CHANGE, OrderChange


class IllegalEvent(Exception):
    """An event that contradicts the order; it changed nothing. The caller quarantines it."""


class TwoVenueOrders(IllegalEvent):
    """The venue speaks of another order of its own under a placement than it did before."""


class Verdict(Enum):
    """What `apply` made of an event."""

    CHANGED = "CHANGED"
    DUPLICATE = "DUPLICATE"  # known already, or older news; nothing changed
    CONTRADICTION = "CONTRADICTION"  # changed, and somebody's earlier word was wrong: alarm
    LATE_FILL = "LATE_FILL"  # booked after the order had ended: alarm
    CORRECTED = "CORRECTED"  # the venue took back what it had told of a fill: alarm
    OVERFILL = "OVERFILL"  # booked, and more than was asked for: alarm, reduce


@dataclass(frozen=True, slots=True)
class Placement:
    """One attempt to work the order, or a part of it, at one venue.

    `status` is never PARTIALLY_FILLED (that is derived). `reported_cum_qty` is the venue's own
    filled quantity, None until told; executions must add up to it before the end is believed.
    `change` is what its terms differ by from the order as first asked for. A revision of another
    placement names that in `replaces`: at most one of the two works. `replace_id` is the client's
    key of the replace that made it. A held one waits for the proof that another is dead: it
    reserves what is to come and is not sent before it is released. `not_after` is the replace's
    own, besides that of the order. A suspect one was in doubt, and an operator has called it ended.
    One that was planned as an entry may be followed by another, elsewhere, if it never was placed.
    A child is one of several that are worked at once, each a part of the order at its own venue.
    `was_accepted`: the venue has said that it works, whatever it said after that.
    """

    placement_id: str
    venue: str
    order_qty: Decimal
    attempted_at: datetime
    session_id: str = ""
    status: OrderStatus = OrderStatus.PENDING_NEW
    venue_order_id: str = ""
    raw_status: str = ""
    reported_cum_qty: Decimal | None = None
    cause: Cause | None = None
    change: OrderChange = NO_CHANGE
    replaces: str = ""
    replace_id: str = ""
    is_held: bool = False
    not_after: datetime | None = None
    is_suspect: bool = False
    is_entry: bool = False
    is_child: bool = False
    was_accepted: bool = False


@dataclass(frozen=True, slots=True)
class PlacementPlanned:
    """A placement is durable in the journal and about to be sent."""

    placement: Placement


@dataclass(frozen=True, slots=True)
class PlacementReleased:
    """What a held placement waited for is proven: it is about to be sent, for this quantity."""

    placement_id: str
    order_qty: Decimal
    attempted_at: datetime
    session_id: str


@dataclass(frozen=True, slots=True)
class PlacementSignaled:
    """Somebody's word on a placement: the adapter's on the send, or the venue's on the order.

    `order_qty` is the venue's own quantity of a revision, which can be less than was sent: what
    the old order has filled meanwhile is not in it.
    """

    placement_id: str
    signal: Signal
    venue_order_id: str = ""
    raw_status: str = ""
    cum_qty: Decimal | None = None
    cause: Cause | None = None
    order_qty: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DoubtOverruled:
    """An operator calls a placement in doubt ended; nobody has proven it."""

    placement_id: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class ExecutionReported:
    """The venue reports an execution of a placement."""

    placement_id: str
    execution: Execution


@dataclass(frozen=True, slots=True)
class FeesReported:
    """The venue says what a booked execution cost, later than it told of the execution."""

    placement_id: str
    exec_id: str
    fees: tuple[Fee, ...]


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A cancel was asked for. It stands until the order has ended, also while in doubt."""


@dataclass(frozen=True, slots=True)
class ReplaceRequested:
    """Other terms were asked for under the client's own key; what comes of it are placements."""

    replace_id: str
    change: OrderChange


OrderEvent = (
    PlacementPlanned
    | PlacementReleased
    | PlacementSignaled
    | DoubtOverruled
    | ExecutionReported
    | FeesReported
    | CancelRequested
    | ReplaceRequested
)
