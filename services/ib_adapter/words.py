"""What the Gateway says of orders and executions, as records of ours.

Field by field from the library's objects, no judgement: floats become decimals, unset numbers
None. `contract` stays the library's; `contracts` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.common.domain.amounts import Money
from services.common.domain.executions import Fee
from services.ib_adapter import figures
from services.ib_adapter.library import (
    CommissionReport,
    Contract,
    LibraryExecution,
    Order,
    OrderState,
)
from services.ib_adapter.order_words import LIMITED


@dataclass(frozen=True, slots=True)
class OrderWord:
    """An order as openOrder or completedOrder shows it.

    `order_id`, `client_id` and `parent_order_id` are 0 in the list of completed orders, which does
    not tell them; `filled` is None in openOrder, for the same reason. `aux_price` is the stop of a
    stop order and the distance of a trailing one. `whole` is all of it, as the library has it: a
    modify writes it again.
    """

    perm_id: int
    order_id: int
    client_id: int
    order_ref: str
    account: str
    raw_status: str
    contract: Contract
    action: str
    order_qty: Decimal | None
    order_type: str
    time_in_force: str
    limit_price: Decimal | None
    filled: Decimal | None
    is_completed: bool
    note: str = ""
    aux_price: Decimal | None = None
    trail_percent: Decimal | None = None
    outside_hours: bool = False
    parent_order_id: int = 0
    whole: Order | None = None


@dataclass(frozen=True, slots=True)
class StatusWord:
    """orderStatus: how far an order is."""

    perm_id: int
    order_id: int
    client_id: int
    raw_status: str
    filled: Decimal
    avg_px: Decimal | None


@dataclass(frozen=True, slots=True)
class ExecutionWord:
    """execDetails: one execution."""

    exec_id: str
    perm_id: int
    order_id: int
    client_id: int
    order_ref: str
    account: str
    contract: Contract
    side: str
    last_qty: Decimal
    last_px: Decimal
    cum_qty: Decimal | None
    venue_time: datetime


def open_order(order_id: int, contract: Contract, order: Order, state: OrderState) -> OrderWord:
    """An openOrder message."""
    return OrderWord(
        perm_id=int(order.permId),
        order_id=order_id,
        client_id=int(order.clientId),
        order_ref=order.orderRef,
        account=order.account,
        raw_status=state.status,
        contract=contract,
        action=order.action,
        order_qty=figures.decimal(order.totalQuantity),
        order_type=order.orderType,
        time_in_force=order.tif,
        limit_price=_limit_price(order),
        filled=None,
        is_completed=False,
        note=state.warningText,
        aux_price=figures.decimal(order.auxPrice),
        trail_percent=figures.decimal(order.trailingPercent),
        outside_hours=bool(order.outsideRth),
        parent_order_id=int(order.parentId),
        whole=order,
    )


def completed_order(contract: Contract, order: Order, state: OrderState) -> OrderWord:
    """A completedOrder message. The total may come as 0: of a filled order it is what filled."""
    filled = figures.decimal(order.filledQuantity)
    total = figures.decimal(order.totalQuantity)
    return OrderWord(
        perm_id=int(order.permId),
        order_id=0,
        client_id=0,
        order_ref=order.orderRef,
        account=order.account,
        raw_status=state.status,
        contract=contract,
        action=order.action,
        order_qty=total or (filled if state.status == "Filled" else None) or None,
        order_type=order.orderType,
        time_in_force=order.tif,
        limit_price=_limit_price(order),
        filled=filled,
        is_completed=True,
        note=state.completedStatus,
        aux_price=figures.decimal(order.auxPrice),
        trail_percent=figures.decimal(order.trailingPercent),
        outside_hours=bool(order.outsideRth),
    )


def execution(contract: Contract, told: LibraryExecution) -> ExecutionWord:
    """An execDetails message. Raises Unreadable if quantity or price is not set."""
    order_id = int(told.orderId)
    return ExecutionWord(
        exec_id=told.execId,
        perm_id=int(told.permId),
        order_id=0 if order_id == figures.UNSET_INT else order_id,
        client_id=int(told.clientId),
        order_ref=told.orderRef,
        account=told.acctNumber,
        contract=contract,
        side=told.side,
        last_qty=figures.required_decimal(told.shares, "shares"),
        last_px=figures.required_decimal(told.price, "price"),
        cum_qty=figures.decimal(told.cumQty),
        venue_time=figures.aware(told.time),
    )


def commission(told: CommissionReport) -> Fee | None:
    """The fee of a commission report, None if it names none."""
    amount = figures.decimal(told.commission)
    if amount is None or not told.currency:
        return None
    return Fee("commission", Money(amount, told.currency))


def _limit_price(order: Order) -> Decimal | None:
    """The limit, None for types that have none: the wire then says 0 or nothing."""
    return figures.decimal(order.lmtPrice) if order.orderType in LIMITED else None
