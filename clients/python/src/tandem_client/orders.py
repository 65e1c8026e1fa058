"""Orders, their placements at venues, and executions."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from tandem_client.amounts import Money
from tandem_client.enums import (
    ExecSource,
    ExecType,
    OrderClass,
    OrderLookup,
    OrderOrigin,
    OrderStatus,
    OrderType,
    PositionIntent,
    Side,
    TimeInForce,
)
from tandem_client.instruments import Instrument
from tandem_client.reasons import Effect, Reason

CLIENT_ORDER_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
"""What a client_order_id may be."""

TERMINAL: Final = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
        OrderStatus.REPLACED,
    }
)
"""Ended, by the venue's word."""

SETTLED: Final = TERMINAL | {OrderStatus.IN_DOUBT, OrderStatus.UNPLACED}
"""Nothing more comes of waiting: ended, in doubt (a person must look), or at no venue at all."""


def new_client_order_id(
    prefix: str = "t", token_hex: Callable[[int], str] = secrets.token_hex
) -> str:
    """Make an id that nobody has used: the prefix, a dash and 96 random bits.

    Keep it before you send: it is what the order is looked up by, and sending the same order
    again under the same id is safe where sending it under a new one is a second order.
    """
    return f"{prefix}-{token_hex(12)}"


@dataclass(frozen=True, slots=True)
class OrderLeg:
    """One leg of a multi-leg order: contracts per unit of the order, and their direction."""

    instrument: Instrument
    side: Side
    position_intent: PositionIntent
    ratio_qty: int


@dataclass(frozen=True, slots=True)
class StopLoss:
    """The protective exit of a bracket, OCO or OTO order; without a limit it is a market exit."""

    stop_price: Decimal
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSpec:
    """What a client wants done.

    `client_order_id` is the caller's own, unique in the account for ever (1 to 64 of
    `[A-Za-z0-9._-]`). `order_qty` is in shares or contracts. `not_after` is wall-clock time after
    which the order must not leave. With `venue_pin` only that venue may get it. A `hedge` opens the
    opposite of what a venue holds that can't be reached. The server checks which of the prices go
    with which type; None means not given, 0 is a price.
    """

    client_order_id: str
    instrument: Instrument | None = None
    side: Side = Side.UNSPECIFIED
    order_qty: Decimal | None = None
    order_type: OrderType
    time_in_force: TimeInForce
    position_intent: PositionIntent = PositionIntent.UNSPECIFIED
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    notional: Money | None = None
    legs: tuple[OrderLeg, ...] = ()
    extended_hours: bool = False
    order_class: OrderClass = OrderClass.UNSPECIFIED
    take_profit_price: Decimal | None = None
    stop_loss: StopLoss | None = None
    not_after: datetime | None = None
    venue_pin: str = ""
    venue_preference: str = ""
    strategy_tag: str = ""
    hedge: bool = False


@dataclass(frozen=True, slots=True)
class OrderCause:
    """Why an order is where it is, with the broker's own words and code where there are any."""

    reason: Reason
    message: str
    venue_code: str = ""


@dataclass(frozen=True, slots=True)
class RecordTimes:
    """Where a record stands in time; all aware UTC, None where nobody said."""

    venue_time: datetime | None = None
    received_time: datetime | None = None
    journal_time: datetime | None = None
    trading_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One attempt to work an order, or a part of it, at one venue.

    `leaves_qty` is what may be live there at most, None if the server did not say. A suspect one
    was called ended by an operator, and nobody has proven it.
    """

    placement_id: str
    venue: str
    order_qty: Decimal | None
    status: OrderStatus
    venue_order_id: str
    cum_qty: Decimal | None
    leaves_qty: Decimal | None
    cause: OrderCause | None
    effect: Effect
    attempted_at: datetime | None
    session_id: str
    raw_status: str
    suspect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the answering server knows it; at the router as its books have it.

    `sequence` is the journal sequence of its latest change, 0 at an adapter. `avg_px` is None
    without fills; `leaves_qty` is 0 when the order has ended.
    """

    account_id: str
    spec: OrderSpec
    status: OrderStatus
    cum_qty: Decimal
    leaves_qty: Decimal
    avg_px: Decimal | None
    venue: str
    venue_order_id: str
    placement_id: str
    raw_status: str
    cause: OrderCause | None
    placements: tuple[Placement, ...]
    cancel_requested: bool
    revision: int
    created: RecordTimes
    updated: RecordTimes
    sequence: int
    origin: OrderOrigin
    provisional: bool
    cancel_rejected: bool
    replace_rejected: bool

    @property
    def client_order_id(self) -> str:
        """The client's own id of the order."""
        return self.spec.client_order_id

    @property
    def ended(self) -> bool:
        """Whether it has ended by the venue's word; IN_DOUBT and UNPLACED have not."""
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnswer:
    """Answer to a look-up. `order` is set if FOUND; `reason` says why if UNKNOWN."""

    lookup: OrderLookup
    order: Order | None
    as_of: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Fee:
    """A cost: positive is paid, negative is received."""

    kind: str
    amount: Money
    estimated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill, correction or bust. `exec_ref_id` names what a correction or bust is about.

    `multiplier` is shares per contract, 1 for equities, None if the server did not say.
    """

    exec_id: str
    exec_ref_id: str
    exec_type: ExecType
    account_id: str
    venue: str
    client_order_id: str
    placement_id: str
    venue_order_id: str
    instrument: Instrument
    side: Side
    last_qty: Decimal
    last_px: Decimal
    cum_qty: Decimal | None
    fees: tuple[Fee, ...]
    source: ExecSource
    late: bool
    times: RecordTimes
    multiplier: Decimal | None
    sequence: int
