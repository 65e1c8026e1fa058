"""Orders as the venue sees them: immutable values, one table of what may follow what, events.

    pending_new ──► new ──► partially_filled ──► filled
        │            │              │
    accepted         ├──────────────┴──► pending_cancel ──► canceled
    (closed market)  ├──► canceled, expired, rejected

A fill can still come while a cancel is pending; then the order stays pending_cancel, or is filled.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from simulators.venue.instruments import Instrument


class Side(Enum):
    """Which way."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sale."""
        return 1 if self is Side.BUY else -1


class OrderType(Enum):
    """The order types that the model works; the others are for later."""

    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(Enum):
    """How long an order works; the others are for later."""

    DAY = "day"
    GTC = "gtc"


class PositionIntent(Enum):
    """What an order does to the position."""

    BUY_TO_OPEN = "buy_to_open"
    BUY_TO_CLOSE = "buy_to_close"
    SELL_TO_OPEN = "sell_to_open"
    SELL_TO_CLOSE = "sell_to_close"


class OrderStatus(Enum):
    """Where an order stands."""

    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class EventKind(Enum):
    """What happened to an order."""

    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    NEW = "new"
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Fate(Enum):
    """What becomes of an order that the venue says it took: all but WORKED are faults.

    STALLED is in the books but never comes to market; VANISHED was never in the books at all.
    """

    WORKED = "worked"
    STALLED = "stalled"
    VANISHED = "vanished"


S = OrderStatus
OPEN = frozenset({S.PENDING_NEW, S.ACCEPTED, S.NEW, S.PARTIALLY_FILLED, S.PENDING_CANCEL})
WORKING = frozenset({S.NEW, S.PARTIALLY_FILLED, S.PENDING_CANCEL})
TERMINAL = frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED})

FOLLOWS: dict[OrderStatus, frozenset[OrderStatus]] = {
    S.PENDING_NEW: frozenset({S.NEW, S.PENDING_CANCEL, S.EXPIRED, S.REJECTED}),
    S.ACCEPTED: frozenset({S.NEW, S.PENDING_CANCEL, S.EXPIRED, S.REJECTED}),
    S.NEW: frozenset({S.PENDING_CANCEL, S.EXPIRED, S.REJECTED}),
    S.PARTIALLY_FILLED: frozenset({S.PENDING_CANCEL, S.EXPIRED, S.REJECTED}),
    S.PENDING_CANCEL: frozenset({S.CANCELED, S.EXPIRED, S.REJECTED}),
    S.FILLED: frozenset(),
    S.CANCELED: frozenset(),
    S.EXPIRED: frozenset(),
    S.REJECTED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a client asks for; an empty client_order_id asks the venue to make one."""

    account_id: str
    symbol: str
    side: Side
    order_qty: Decimal
    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_price: Decimal | None = None
    position_intent: PositionIntent | None = None
    client_order_id: str = ""
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """An order at one moment. `order_no` counts from 1, `venue_order_id` is a UUID."""

    venue_order_id: str
    order_no: int
    asked: NewOrder
    instrument: Instrument
    position_intent: PositionIntent
    client_order_id: str
    status: OrderStatus
    submitted_at: datetime
    expires_at: datetime
    updated_at: datetime
    cum_qty: Decimal = Decimal(0)
    filled_value: Decimal = Decimal(0)
    filled_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def symbol(self) -> str:
        return self.asked.symbol

    @property
    def account_id(self) -> str:
        return self.asked.account_id

    @property
    def side(self) -> Side:
        return self.asked.side

    @property
    def limit_price(self) -> Decimal | None:
        return self.asked.limit_price

    @property
    def leaves_qty(self) -> Decimal:
        """What is still to be filled; 0 once the order has ended."""
        return self.asked.order_qty - self.cum_qty if self.is_open else Decimal(0)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def avg_px(self) -> Fraction | None:
        """The exact average price of the fills, None before the first."""
        return Fraction(self.filled_value) / Fraction(self.cum_qty) if self.cum_qty else None

    def became(self, status: OrderStatus, at: datetime) -> "Order":
        """The order in another status; asserts that the table allows it."""
        assert status in FOLLOWS[self.status], f"{self.status} cannot become {status}"
        ended_at = at if status in TERMINAL else None
        return replace(self, status=status, updated_at=at, ended_at=ended_at)

    def filled(self, last_qty: Decimal, last_px: Decimal, at: datetime) -> "Order":
        """The order after one more fill, which may also be a late one of an order that ended."""
        cum_qty = self.cum_qty + last_qty
        assert cum_qty <= self.asked.order_qty, "an order is never overfilled"
        complete = cum_qty == self.asked.order_qty
        if complete:
            status = OrderStatus.FILLED
        elif self.status in (OrderStatus.NEW, OrderStatus.PENDING_NEW, OrderStatus.ACCEPTED):
            status = OrderStatus.PARTIALLY_FILLED
        else:
            status = self.status
        return replace(
            self,
            status=status,
            cum_qty=cum_qty,
            filled_value=self.filled_value + last_qty * last_px,
            filled_at=at if complete else self.filled_at,
            ended_at=at if complete else self.ended_at,
            updated_at=at,
        )


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill. `cum_qty` and `leaves_qty` are the order's after it."""

    exec_id: str
    exec_no: int
    order: Order
    last_qty: Decimal
    last_px: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    at: datetime
    fee: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Booking:
    """A fill as it was booked: the position after it, the profit after fees that it realised."""

    execution: Execution
    position_qty: Decimal
    realised: Fraction


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One thing that happened, with the order as it is after it; `booking` comes with fills."""

    event_no: int
    kind: EventKind
    at: datetime
    order: Order
    booking: Booking | None = None
