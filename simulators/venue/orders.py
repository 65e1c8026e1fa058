"""Orders as the venue sees them: immutable values, executions and events.

Where an order stands and what may follow is in `order_status`, which this module hands on.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from enum import Enum
from fractions import Fraction

from simulators.venue.fates import Fate
from simulators.venue.instruments import Instrument, OptionContract
from simulators.venue.order_status import (
    CANCELABLE,
    FOLLOWS,
    OPEN,
    TERMINAL,
    UNSENT,
    WORKING,
    EventKind,
    OrderStatus,
)
from simulators.venue.order_ties import NO_TIES, Ties

__all__ = [
    "CANCELABLE",
    "FOLLOWS",
    "NO_LINKS",
    "OPEN",
    "TERMINAL",
    "UNSENT",
    "WORKING",
    "Booking",
    "ComboFill",
    "EventKind",
    "Execution",
    "Exits",
    "Fate",
    "Links",
    "NewLeg",
    "NewOrder",
    "Order",
    "OrderClass",
    "OrderEvent",
    "OrderStatus",
    "OrderType",
    "PositionIntent",
    "Side",
    "TimeInForce",
]  # fmt: skip

_NINE_PLACES = Decimal("1e-9")
ZERO = Decimal(0)


class Side(Enum):
    """Which way."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sale."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(Enum):
    """What makes an order trade."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    TRAILING_STOP_LIMIT = "trailing_stop_limit"

    @property
    def has_trigger(self) -> bool:
        """Whether it waits for a price before it is worked."""
        return self not in (OrderType.MARKET, OrderType.LIMIT)

    @property
    def trails(self) -> bool:
        """Whether its stop price follows the market."""
        return self in (OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT)


class TimeInForce(Enum):
    """How long an order works; opg and cls only in the auction at the open and at the close."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"


class OrderClass(Enum):
    """Which orders belong together: entry with exits, two exits, several option legs."""

    SIMPLE = "simple"
    BRACKET = "bracket"
    OCO = "oco"
    OTO = "oto"
    MLEG = "mleg"


class PositionIntent(Enum):
    """What an order does to the position."""

    BUY_TO_OPEN = "buy_to_open"
    BUY_TO_CLOSE = "buy_to_close"
    SELL_TO_OPEN = "sell_to_open"
    SELL_TO_CLOSE = "sell_to_close"

    @property
    def closes(self) -> bool:
        return self in (PositionIntent.BUY_TO_CLOSE, PositionIntent.SELL_TO_CLOSE)

    @property
    def side(self) -> Side:
        return Side.BUY if self.value.startswith("buy") else Side.SELL


@dataclass(frozen=True, slots=True)
class Exits:
    """The exits of a bracket, oco or oto: a limit price, a stop price with or without a limit."""

    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    stop_loss_limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NewLeg:
    """One leg of a multi-leg order; `ratio_qty` contracts of it for each unit of the order.

    The venue fills in the contract.
    """

    symbol: str
    ratio_qty: Decimal
    position_intent: PositionIntent
    contract: OptionContract | None = None


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a client asks for; an empty client_order_id asks the venue to make one.

    An order with `notional` dollars has an `order_qty` that the venue estimates. One with `legs`
    has no symbol, and its limit_price is what may be paid in all, negative if it is received.

    limit_offset: of a trailing stop with a limit, how far behind the stop that lies. ends_at: when
    it ends by itself, if its time in force does not say it. tag: the caller's own, never read here.
    """

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
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    notional: Decimal | None = None
    order_class: OrderClass = OrderClass.SIMPLE
    exits: Exits | None = None
    legs: tuple[NewLeg, ...] = ()
    limit_offset: Decimal | None = None
    ends_at: datetime | None = None
    ties: Ties = NO_TIES
    tag: object = None


@dataclass(frozen=True, slots=True)
class Links:
    """How an order hangs together with others; all of them venue order ids.

    claim: orders with the same claim never need means for more than the largest of them: two exits
    of which one cancels the other, an order and what replaces it. exits: the claim is that of two
    exits. ratio_qty: of a leg of a multi-leg order.
    """

    claim: str = ""
    exits: bool = False
    parent_id: str | None = None
    leg_ids: tuple[str, ...] = ()
    replaces: str | None = None
    replaced_by: str | None = None
    ratio_qty: Decimal | None = None


NO_LINKS = Links()


@dataclass(frozen=True, slots=True)
class Order:
    """An order at one moment. `order_no` counts from 1, `venue_order_id` is a UUID.

    hwm: the best price since a trailing stop came to market. triggered: a stop that was reached.
    """

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
    cum_qty: Decimal = ZERO
    filled_value: Decimal = ZERO
    filled_at: datetime | None = None
    ended_at: datetime | None = None
    links: Links = NO_LINKS
    hwm: Decimal | None = None
    triggered: bool = False

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
        stop, offset = self.stop_price, self.asked.limit_offset
        if offset is None or stop is None:
            return self.asked.limit_price
        return stop + self.side.sign * offset

    @property
    def stop_price(self) -> Decimal | None:
        """The price that makes a stop trade; that of a trailing stop moves with the market."""
        asked = self.asked
        if not asked.order_type.trails or self.hwm is None:
            return asked.stop_price
        trail = asked.trail_price
        if trail is None:
            trail = self.hwm * (asked.trail_percent or ZERO) / 100
        return (self.hwm + self.side.sign * trail).quantize(self.instrument.tick(self.hwm))

    @property
    def leaves_qty(self) -> Decimal:
        """What is still to be filled; 0 once the order has ended."""
        return self.asked.order_qty - self.cum_qty if self.is_open else ZERO

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_combo(self) -> bool:
        """Whether it is the parent of a multi-leg order, which trades only through its legs."""
        return bool(self.asked.legs)

    @property
    def is_combo_leg(self) -> bool:
        return self.links.ratio_qty is not None

    @property
    def claim(self) -> str:
        return self.links.claim or self.venue_order_id

    @property
    def avg_px(self) -> Fraction | None:
        """The exact average price of the fills, None before the first."""
        return Fraction(self.filled_value) / Fraction(self.cum_qty) if self.cum_qty else None

    def leaves_at(self, px: Decimal) -> Decimal:
        """What is still to be filled if it trades at that price: of a notional order what buys."""
        if self.asked.notional is None:
            return self.leaves_qty
        return _bought(self.asked.notional - self.filled_value, px)

    def became(self, status: OrderStatus, at: datetime) -> "Order":
        """The order in another status; asserts that the table allows it."""
        assert status in FOLLOWS[self.status], f"{self.status} cannot become {status}"
        ended_at = at if status in TERMINAL else None
        return replace(self, status=status, updated_at=at, ended_at=ended_at)

    def linked(self, **changed: object) -> "Order":
        """The order with other links."""
        return replace(self, links=replace(self.links, **changed))  # type: ignore[arg-type]

    def resized(self, order_qty: Decimal, at: datetime) -> "Order":
        """The order for another quantity."""
        return replace(self, asked=replace(self.asked, order_qty=order_qty), updated_at=at)

    def filled(self, last_qty: Decimal, last_px: Decimal, at: datetime) -> "Order":
        """The order after one more fill, which may also be a late one of an order that ended."""
        cum_qty = self.cum_qty + last_qty
        value = self.filled_value + last_qty * last_px
        asked = self.asked
        if asked.notional is not None:
            asked = replace(asked, order_qty=cum_qty + _bought(asked.notional - value, last_px))
        assert cum_qty <= asked.order_qty, "an order is never overfilled"
        complete = cum_qty == asked.order_qty
        if complete and self.status is not OrderStatus.REPLACED:
            status = OrderStatus.FILLED
        elif self.is_open and self.status not in (
            OrderStatus.PENDING_CANCEL,
            OrderStatus.PENDING_REPLACE,
        ):
            status = OrderStatus.PARTIALLY_FILLED
        else:
            status = self.status
        return replace(
            self,
            asked=asked,
            status=status,
            cum_qty=cum_qty,
            filled_value=value,
            filled_at=at if complete else self.filled_at,
            ended_at=at if complete else self.ended_at,
            updated_at=at,
        )


def _bought(dollars: Decimal, px: Decimal) -> Decimal:
    """How much that money buys, to nine places; less than a billionth is nothing."""
    if dollars <= 0 or px <= 0:
        return ZERO
    return (dollars / px).quantize(_NINE_PLACES, ROUND_DOWN)


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
    fee: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Booking:
    """A fill as it was booked: the position after it, the profit after fees that it realised."""

    execution: Execution
    position_qty: Decimal
    realised: Fraction


@dataclass(frozen=True, slots=True)
class ComboFill:
    """What one fill of a multi-leg order did: net price for each unit, and its legs' bookings."""

    last_qty: Decimal
    last_px: Decimal
    legs: tuple[Booking, ...]


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One thing that happened, with the order as it is after it.

    `booking` comes with fills, `combo` with those of a multi-leg order.
    """

    event_no: int
    kind: EventKind
    at: datetime
    order: Order
    booking: Booking | None = None
    combo: ComboFill | None = None
