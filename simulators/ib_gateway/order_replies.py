"""What the Gateway says as orders go on: orderStatus, execDetails and commissionReport.

Field by field as a server of that version sends it: clients unpack these messages exactly.
"""

from datetime import datetime
from decimal import Decimal

from simulators.ib_gateway.combos import combo_fields
from simulators.ib_gateway.contracts import contract_fields, listing_exchange
from simulators.ib_gateway.fills import ApiFill
from simulators.ib_gateway.order_book import ApiOrder
from simulators.ib_gateway.wire import UNSET_DOUBLE, Field
from simulators.venue.instruments import Instrument
from simulators.venue.orders import Side
from simulators.venue.trading_calendar import NEW_YORK

Message = tuple[Field, ...]

_PENDING_PRICE_REVISION = 178


def wire_time(at: datetime) -> str:
    """A time as IB writes it, in New York's zone by IB's name for it."""
    return f"{at.astimezone(NEW_YORK):%Y%m%d %H:%M:%S} US/Eastern"


def order_status(api_order: ApiOrder) -> Message:
    """orderStatus."""
    order, fill = api_order.order, api_order.last_fill
    return (
        *(3, api_order.order_id, api_order.status),
        *(order.cum_qty, order.asked.order_qty - order.cum_qty, api_order.avg_px),
        *(api_order.perm_id, api_order.terms.parent_id),
        fill.px if fill is not None else 0,
        *(api_order.client_id, api_order.why_held, 0),
    )


def unplaced(order_id: int, client_id: int, qty: Decimal, status: str) -> Message:
    """orderStatus of an order that IB does not know, or does not know yet: it has no permId."""
    return (3, order_id, status, 0, qty, 0, 0, 0, 0, client_id, "", 0)


def exec_details(req_id: int, api_order: ApiOrder, fill: ApiFill, version: int) -> Message:
    """execDetails; req_id is -1 if nobody asked."""
    contract, exchange = _contract(api_order, fill.instrument)
    return (
        *(11, req_id, api_order.order_id),
        *contract,
        *(fill.exec_id, wire_time(fill.at), fill.account_id, exchange),
        "BOT" if fill.side is Side.BUY else "SLD",
        *(fill.qty, fill.px),
        *(fill.perm_id, api_order.client_id, 0),
        *(fill.cum_qty, fill.avg_px),
        *(api_order.order.client_order_id, "", "", "", 2),
        *((0,) if version >= _PENDING_PRICE_REVISION else ()),
    )


def _contract(api_order: ApiOrder, instrument: Instrument | None) -> tuple[Message, str]:
    """The contract of an execution, and where it traded."""
    if instrument is None:
        return combo_fields(api_order.order), "SMART"
    exchange = listing_exchange(instrument)
    return contract_fields(instrument, exchange), exchange


def commission_report(fill: ApiFill) -> Message:
    """commissionReport; the profit is unset for a fill that closed nothing."""
    realised = fill.realised if fill.realised is not None else UNSET_DOUBLE
    return (59, 1, fill.exec_id, fill.fee, "USD", realised, "", "")
