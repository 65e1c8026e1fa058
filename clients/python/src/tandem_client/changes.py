"""What is asked of orders and positions besides submit and cancel, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tandem_client.amounts import Money
from tandem_client.enums import OrderStatus, OrderType, TimeInForce
from tandem_client.instruments import Instrument
from tandem_client.orders import Fee, Order, OrderCause


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """Other terms for a working order; what is None or UNSPECIFIED stays as it is.

    `order_qty` is the new total, with what is filled already. `replace_id` is the caller's own
    key of this change: the same key again is the same change.
    """

    replace_id: str
    order_qty: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.UNSPECIFIED
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClose:
    """A position to close, or a part: by an ordinary order under `client_order_id`.

    `qty` None is all that no other exit reserves.
    """

    client_order_id: str
    instrument: Instrument
    qty: Decimal | None = None
    order_type: OrderType
    limit_price: Decimal | None = None
    time_in_force: TimeInForce
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class NotCanceled:
    """An order whose cancel could not be asked for, and why."""

    order: Order
    cause: OrderCause


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Orders whose cancel was asked for (live until they end), and those with which it failed."""

    orders: tuple[Order, ...]
    failures: tuple[NotCanceled, ...]


@dataclass(frozen=True, slots=True)
class Instruction:
    """How an instruction to exercise, or not to, stands: ACCEPTED, REJECTED, IN_DOUBT ..."""

    status: OrderStatus
    cause: OrderCause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an order would cost; None where nobody knows. `estimated`: not the venue's figures.

    `cash_effect` is the change of cash at the order's price: negative is paid.
    """

    venue: str
    estimated: bool
    cash_effect: Money | None
    fees: tuple[Fee, ...]
    initial_margin_change: Money | None
    maintenance_margin_change: Money | None
    buying_power_after: Money | None
    warnings: tuple[str, ...]
