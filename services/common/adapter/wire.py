"""What an adapter says of itself, its account and its events, as messages of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from services.common.adapter.capabilities import Capabilities
from services.common.adapter.feed import FeedItem, Pulse
from services.common.adapter.port import SessionChanged
from services.common.contract.convert import (
    activity_to_wire,
    cause_to_wire,
    execution_to_wire,
    fee_to_wire,
    optional_money_to_wire,
    report_to_wire,
    timestamp_to_wire,
    venue_status_to_wire,
)
from services.common.contract.convert.enums import ORDER_CLASSES, ORDER_TYPES, TIMES_IN_FORCE
from services.common.contract.pb import accounts_pb2, events_pb2, types_pb2
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.activities import Activity
from services.common.domain.amounts import Money
from services.common.domain.executions import Execution
from services.common.domain.reports import (
    Balance,
    CancelAllOutcome,
    OrderReport,
    Preview,
    VenueStatus,
)


def item_to_wire(
    item: FeedItem,
    now: datetime,
    account_tag: str,
    shown: Callable[[VenueStatus], VenueStatus],
) -> events_pb2.Event:
    """Write one item. A changed session is a heartbeat that comes in its turn.

    `shown` is applied to venue states: the gateway does not know whether a router may send.
    """
    event = events_pb2.Event(sequence=item.sequence, token=item.token)
    match item.event:
        case OrderReport():
            event.order.CopyFrom(report_to_wire(item.event))
        case Execution():
            event.execution.CopyFrom(execution_to_wire(item.event))
        case Activity():
            event.activity.CopyFrom(activity_to_wire(item.event))
        case VenueStatus():
            event.venue_status.CopyFrom(venue_status_to_wire(shown(item.event), account_tag))
        case Pulse() | SessionChanged():
            event.sequence = 0
            event.heartbeat.time.CopyFrom(timestamp_to_wire(now))
            event.heartbeat.session_id = item.event.session_id
    return event


def capabilities_to_wire(
    capabilities: Capabilities, venue: types_pb2.Venue, methods: Iterable[str]
) -> pb.VenueCapabilities:
    """Write them; `methods` are those that the servicer serves."""
    return pb.VenueCapabilities(
        venue=venue,
        order_types=map(ORDER_TYPES.to_wire, capabilities.order_types),
        times_in_force=map(TIMES_IN_FORCE.to_wire, capabilities.times_in_force),
        order_classes=map(ORDER_CLASSES.to_wire, capabilities.order_classes),
        methods=[name for name in methods if name not in capabilities.not_offered],
        entitlements=capabilities.entitlements,
        enforces_unique_ids=capabilities.enforces_unique_ids,
        fractional_quantities=capabilities.fractional_quantities,
    )


def cancel_all_to_wire(outcome: CancelAllOutcome) -> pb.CancelAllOrdersResponse:
    """Write what came of a cancel of many."""
    return pb.CancelAllOrdersResponse(
        orders=map(report_to_wire, outcome.asked),
        failures=[
            pb.CancelFailure(order=report_to_wire(report), cause=cause_to_wire(cause))
            for report, cause in outcome.failed
        ],
    )


def preview_to_wire(preview: Preview) -> pb.PreviewOrderResponse:
    """Write what an order would cost."""
    return pb.PreviewOrderResponse(
        venue=preview.venue,
        estimated=preview.estimated,
        cash_effect=optional_money_to_wire(preview.cash_effect),
        fees=map(fee_to_wire, preview.fees),
        initial_margin_change=optional_money_to_wire(preview.initial_margin_change),
        maintenance_margin_change=optional_money_to_wire(preview.maintenance_margin_change),
        buying_power_after=optional_money_to_wire(preview.buying_power_after),
        warnings=preview.warnings,
    )


def totals_to_wire(balance: Balance) -> list[accounts_pb2.CurrencyTotal]:
    """One venue's figures are the sum, in each currency that it states."""
    named = {
        "cash": balance.cash,
        "equity": balance.equity,
        "buying_power": balance.buying_power,
    }
    amounts: dict[str, dict[str, Money]] = {}
    for name, money in named.items():
        if money is not None:
            amounts.setdefault(money.currency, {})[name] = money
    return [
        accounts_pb2.CurrencyTotal(
            currency_code=currency,
            **{name: optional_money_to_wire(money) for name, money in sums.items()},
        )
        for currency, sums in amounts.items()
    ]
