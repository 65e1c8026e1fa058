"""What a venue says of orders, accounts, positions and itself, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from services.common.domain.amounts import Money
from services.common.domain.errors import Cause
from services.common.domain.executions import Fee, RecordTimes, Side
from services.common.domain.instruments import Instrument
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import (
    OrderClass,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
    Tradable,
)


class AccountMode(Enum):
    """Whether real money is at stake."""

    PAPER = "PAPER"
    LIVE = "LIVE"


@dataclass(frozen=True, slots=True)
class OrderReport:
    """One venue's word on one of its orders.

    `client_id` is the id that the venue shows (a placement_id if it is ours, anything or empty
    otherwise). `status` is the venue's, in our words, and `signal` what that says to the state
    machine. `cum_qty` is the venue's own filled quantity. Fields that the venue leaves out, or
    shows in a form that we can't read, are None: the report still counts. `instrument` is the
    `OptionCombo` of a multi-leg order; `side` and `position_intent` are then None or as asked for.
    `replaces`, `replaced_by` and `parent` (of an exit or a leg that the venue works as an order of
    its own) are the venue's order ids.
    """

    venue: str
    account_id: str
    client_id: str
    venue_order_id: str
    status: OrderStatus
    signal: Signal
    raw_status: str
    cum_qty: Decimal
    times: RecordTimes
    instrument: Tradable | None = None
    side: Side | None = None
    order_qty: Decimal | None = None
    order_type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    limit_price: Decimal | None = None
    position_intent: PositionIntent | None = None
    avg_px: Decimal | None = None
    created: datetime | None = None
    cause: Cause | None = None
    notional: Money | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    order_class: OrderClass | None = None
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    replaces: str = ""
    replaced_by: str = ""
    parent: str = ""


class Lookup(Enum):
    """What a look-up has found; a failed one is an error, not a value."""

    FOUND = "FOUND"
    ABSENT = "ABSENT"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class LookupResult:
    """Answer to a look-up of one order; `reason` says why UNKNOWN can't tell."""

    lookup: Lookup
    report: OrderReport | None = None
    reason: str = ""


class FenceOutcome(Enum):
    """What an adapter has proven of a placement."""

    FOUND = "FOUND"
    FENCED = "FENCED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class FenceProof:
    """What was proven, and by what, or what is missing; FOUND has the report.

    FENCED: the venue does not have it, nothing of it is on its way, and the adapter refuses it from
    now on. `retry_after_s` is set if only time is missing.
    """

    outcome: FenceOutcome
    evidence: str
    report: OrderReport | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """The figures of one venue account, as the venue states them; None where it does not."""

    venue: str
    venue_account_id: str
    mode: AccountMode
    as_of: datetime
    raw_status: str
    trading_blocked: bool
    account_blocked: bool
    suspended_by_user: bool
    cash: Money | None = None
    equity: Money | None = None
    buying_power: Money | None = None
    options_buying_power: Money | None = None
    initial_margin: Money | None = None
    maintenance_margin: Money | None = None
    long_market_value: Money | None = None
    short_market_value: Money | None = None
    options_level: int | None = None


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A position as the venue states it; `qty` is signed."""

    venue: str
    account_id: str
    instrument: Instrument
    qty: Decimal
    avg_entry_price: Decimal | None = None
    current_price: Decimal | None = None
    market_value: Money | None = None
    unrealized_pnl: Money | None = None
    available_qty: Decimal | None = None


class VenueState(Enum):
    """Whether a venue can be used."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    DRAINED = "DRAINED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """State of one venue account, as its adapter sees it.

    `ready`: connected, account kind checked, and in sync. `session_id` is minted at each connect
    or gap of the venue's event stream, empty while there is none.
    """

    venue: str
    broker: str
    venue_account_id: str
    mode: AccountMode | None
    state: VenueState
    reason: str
    since: datetime
    ready: bool
    session_id: str = ""
    session_since: datetime | None = None
    requests_remaining: int | None = None
    requests_limit: int | None = None
    requests_reset: datetime | None = None
    probe_s: float | None = None
    clock_offset_s: float | None = None


@dataclass(frozen=True, slots=True)
class CancelAllOutcome:
    """What came of asking for the end of many orders: asked for, and not, with the causes."""

    asked: tuple[OrderReport, ...]
    failed: tuple[tuple[OrderReport, Cause], ...] = ()


@dataclass(frozen=True, slots=True)
class InstructionReport:
    """What a venue said to an instruction (to exercise, or not to): ACCEPTED or REJECTED."""

    status: OrderStatus
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What an order would cost; None where nobody knows. `estimated`: our figures, not theirs.

    `cash_effect` is the change of cash at the order's price, negative is paid.
    """

    venue: str
    estimated: bool
    cash_effect: Money | None = None
    fees: tuple[Fee, ...] = ()
    initial_margin_change: Money | None = None
    maintenance_margin_change: Money | None = None
    buying_power_after: Money | None = None
    warnings: tuple[str, ...] = ()
