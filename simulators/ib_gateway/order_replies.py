"""What the Gateway says about orders: openOrder, orderStatus, completedOrder, execDetails, fees.

Field by field as a server of that version sends it: clients unpack these messages exactly.
"""

from datetime import datetime
from decimal import Decimal

from simulators.ib_gateway.contracts import contract_fields, listing_exchange
from simulators.ib_gateway.order_book import ApiOrder
from simulators.ib_gateway.wire import UNSET_DOUBLE, Field, text_of
from simulators.venue.orders import Booking, Order, OrderStatus, OrderType, Side
from simulators.venue.trading_calendar import NEW_YORK

Message = tuple[Field, ...]

_NO_FA_PROFILE = 177
_PENDING_PRICE_REVISION = 178
_COMPETE = 170  # minTradeQty, minCompeteSize, competeAgainstBestOffset, two offsets
_ADDED: dict[int, Message] = {159: ("",), 160: ("",), 162: (0,), _COMPETE: ("",) * 5}


def wire_time(at: datetime) -> str:
    """A time as IB writes it, in New York's zone by IB's name for it."""
    return f"{at.astimezone(NEW_YORK):%Y%m%d %H:%M:%S} US/Eastern"


def order_status(api_order: ApiOrder) -> Message:
    """orderStatus."""
    order, fill = api_order.order, api_order.last_fill
    return (
        *(3, api_order.order_id, api_order.status),
        *(order.cum_qty, order.asked.order_qty - order.cum_qty, order.avg_px or 0),
        *(api_order.perm_id, 0),
        fill.execution.last_px if fill is not None else 0,
        *(api_order.client_id, "", 0),
    )


def pending_submit(order_id: int, client_id: int, qty: Decimal) -> Message:
    """orderStatus of an order that is still in the Gateway and has no permId yet."""
    return (3, order_id, "PendingSubmit", 0, qty, 0, 0, 0, 0, client_id, "", 0)


def open_order(api_order: ApiOrder, version: int) -> Message:
    """openOrder."""
    order = api_order.order
    return (
        *(5, api_order.order_id),
        *contract_fields(order.instrument, "SMART"),
        *_terms(order),
        *(order.client_order_id, api_order.client_id, api_order.perm_id),
        *(0, 0, 0, "", ""),  # outsideRth, hidden, discretionaryAmt, goodAfterTime, -
        *_advisor(version),
        *("", "", "", "", 0, "", -1, 0),  # goodTillDate ... exemptCode, auctionStrategy
        *("", "", "", "", "", 0),  # startingPrice ... stockRangeUpper, displaySize
        *(0, 0, 0, "", 3, 0, 0, "", 0, 0),  # blockOrder ... parentId, triggerMethod
        *("", 0, "", ""),  # volatility, its type, delta-neutral order type and price
        *(0, 0, "", "", "", "", ""),  # continuousUpdate ... comboLegsDescrip
        *(0, 0, 0),  # numbers of legs, of their prices, of routing parameters
        *("", "", "", ""),  # scale, hedgeType
        *(0, "", "IB", 0, 0, ""),  # optOutSmartRouting ... algoStrategy
        *(0, 0, api_order.status),  # solicited, whatIf
        *(UNSET_DOUBLE,) * 9,  # margins before, change, after
        *("", "", "", "", "", 0, 0, 0),  # commissions, warningText, randomize..., conditions
        *("", "", "", "", "", "", "", 0),  # adjustedOrderType ... adjustableTrailingUnit
        *("", "", "", ""),  # softDollarTier, cashQty
        *(0, 0, "", 0),  # dontUseAutoPriceForHedge ... usePriceMgmtAlgo
        *_added(version),
    )


def completed_order(api_order: ApiOrder, version: int) -> Message:
    """completedOrder; it has no order id and no client id."""
    order = api_order.order
    assert order.ended_at is not None
    return (
        101,
        *contract_fields(order.instrument, "SMART"),
        *_terms(order),
        *(order.client_order_id, api_order.perm_id),
        *(0, 0, 0, ""),  # outsideRth, hidden, discretionaryAmt, goodAfterTime
        *_advisor(version),
        *("", "", "", "", 0, "", -1),  # goodTillDate ... exemptCode
        *("", "", "", "", "", 0),  # startingPrice ... stockRangeUpper, displaySize
        *(0, 0, "", 3, 0),  # sweepToFill ... triggerMethod
        *("", 0, "", ""),  # volatility, its type, delta-neutral order type and price
        *(0, 0, "", "", ""),  # continuousUpdate ... comboLegsDescrip
        *(0, 0, 0),  # numbers of legs, of their prices, of routing parameters
        *("", "", "", ""),  # scale, hedgeType
        *("", "IB", 0, 0, ""),  # clearingAccount ... algoStrategy
        *(0, api_order.status, 0, 0, 0),  # solicited, -, randomize..., conditions
        *("", "", "", 0, 0, ""),  # trailStopPrice ... autoCancelDate
        *(order.cum_qty, 0, 0, "", 0, 0, 0),  # - , refFuturesConId ... parentPermId
        *(wire_time(order.ended_at), _completed_status(order)),
        *(_ADDED[_COMPETE] if version >= _COMPETE else ()),
    )


def exec_details(req_id: int, api_order: ApiOrder, booking: Booking, version: int) -> Message:
    """execDetails; req_id is -1 if nobody asked."""
    execution, order = booking.execution, booking.execution.order
    exchange = listing_exchange(order.instrument)
    return (
        *(11, req_id, api_order.order_id),
        *contract_fields(order.instrument, exchange),
        *(execution.exec_id, wire_time(execution.at), order.account_id, exchange),
        "BOT" if order.side is Side.BUY else "SLD",
        *(execution.last_qty, execution.last_px),
        *(api_order.perm_id, api_order.client_id, 0),
        *(execution.cum_qty, order.avg_px or 0),
        *(order.client_order_id, "", "", "", 2),
        *((0,) if version >= _PENDING_PRICE_REVISION else ()),
    )


def commission_report(booking: Booking) -> Message:
    """commissionReport; the profit is unset for a fill that closed nothing."""
    execution = booking.execution
    signed_qty = execution.order.side.sign * execution.last_qty
    closed = (booking.position_qty - signed_qty) * signed_qty < 0
    realised = booking.realised if closed else UNSET_DOUBLE
    return (59, 1, execution.exec_id, execution.fee, "USD", realised, "", "")


def _terms(order: Order) -> Message:
    return (
        "BUY" if order.side is Side.BUY else "SELL",
        order.asked.order_qty,
        "MKT" if order.asked.order_type is OrderType.MARKET else "LMT",
        *(order.limit_price or 0, 0),
        *(order.asked.time_in_force.name, "", order.account_id, "O", 0),
    )


def _advisor(version: int) -> Message:
    """faGroup, faMethod, faPercentage, faProfile while there was one, modelCode."""
    return ("",) * (5 if version < _NO_FA_PROFILE else 4)


def _added(version: int) -> Message:
    return tuple(field for since, fields in _ADDED.items() if version >= since for field in fields)


def _completed_status(order: Order) -> str:
    if order.status is OrderStatus.FILLED:
        return f"Filled Size: {text_of(order.cum_qty)}"
    if order.status is OrderStatus.CANCELED:
        return "Cancelled by Trader"
    return "Expired" if order.status is OrderStatus.EXPIRED else "Rejected"
