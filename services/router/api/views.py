"""What several RPCs show alike: accounts, venue states, the gate in force, filters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from services.common.contract.convert import (
    instrument_from_wire,
    optional_timestamp_from_wire,
    timestamp_to_wire,
    venue_status_to_wire,
)
from services.common.contract.convert.enums import ACTIVITY_TYPES, VENUE_STATES
from services.common.contract.pb import accounts_pb2, events_pb2, types_pb2
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.activities import Activity
from services.common.domain.errors import InvalidRequest, Reason
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import VenueState
from services.router.api.not_served import BROKER_METHODS
from services.router.books.books import Books
from services.router.books.entries import GateEntry, OrderEntry
from services.router.journal.records import TradingState
from services.router.routing.accounts import AccountLinks
from services.router.routing.link import VenueLink

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNKNOWN_GATE = GateEntry(
    "", TradingState.HALTED, TradingState.HALTED, "no trading state is known", "tandem", _EPOCH
)


def account_to_wire(account: AccountLinks) -> accounts_pb2.Account:
    """An account with its venue accounts, in order of preference."""
    return accounts_pb2.Account(
        account_id=account.account_id, venues=[_venue_to_wire(link) for link in account.links]
    )


def _venue_to_wire(link: VenueLink) -> types_pb2.Venue:
    if link.status is None:
        return types_pb2.Venue(name=link.name, account_tag=link.account_tag)
    return venue_status_to_wire(link.status, link.account_tag).venue


def link_to_wire(link: VenueLink, books: Books) -> events_pb2.VenueStatus:
    """A venue's state: the adapter's word if there is one, and whether this router uses it."""
    view = link.view()
    known = books.venues.get((link.account_id, link.name))
    if link.status is not None:
        message = venue_status_to_wire(link.status, link.account_tag)
    else:
        message = events_pb2.VenueStatus(venue=_venue_to_wire(link))
        message.state = VENUE_STATES.to_wire(VenueState.DOWN)
    message.venue.name = link.name
    message.ready = view.takes_entries
    message.session_id = view.session_id
    if view.why_not:
        message.reason = view.why_not
    elif view.is_recovering:
        message.reason = f"it was down: others go first for {link.failback_left_s:.0f} s more"
    if known is not None:
        message.state = VENUE_STATES.to_wire(known.state)
        message.since.CopyFrom(timestamp_to_wire(known.since))
    return message


def strictest_gate(books: Books, account_id: str) -> GateEntry:
    """The gate that decides for an account; for all accounts if it is empty."""
    state = books.trading_state(account_id)
    gates = (books.gates.get(key) for key in (account_id, ""))
    return next((g for g in gates if g is not None and g.state is state), _UNKNOWN_GATE)


def count_in_doubt(books: Books, account_id: str) -> int:
    """Orders of the account whose outcome at a venue is not known."""
    entries = books.open_entries(account_id)
    return sum(1 for entry in entries if entry.order.status is OrderStatus.IN_DOUBT)


def count_quarantined(books: Books, account_id: str) -> int:
    """Quarantine records of the account that nobody has closed."""
    return sum(1 for _ in books.quarantine.open(account_id))


def served_methods() -> list[str]:
    """RPCs of BrokerService that this release serves, by name."""
    service = pb.DESCRIPTOR.services_by_name["BrokerService"]
    return [method.name for method in service.methods if method.name not in BROKER_METHODS]


def order_filter(request: pb.ListOrdersRequest) -> Callable[[OrderEntry], bool]:
    """The request's filter as a test of entries; InvalidRequest names a wrong field."""
    if request.filter not in pb.OrderFilter.values():
        raise InvalidRequest("filter", "unknown value", reason=Reason.UNSUPPORTED_FIELD)
    key = (
        instrument_from_wire(request.instrument, "instrument").key
        if request.HasField("instrument")
        else None
    )
    after = optional_timestamp_from_wire(request, "after", "after")
    before = optional_timestamp_from_wire(request, "before", "before")
    wanted = _STATUS_TESTS[request.filter]

    def fits(entry: OrderEntry) -> bool:
        order = entry.order
        venues = {placement.venue for placement in order.placements}
        return (
            wanted(entry)
            and (key is None or order.spec.instrument.key == key)
            and between(entry.created.received_time, after, before)
            and request.strategy_tag in ("", order.spec.strategy_tag)
            and (not request.venue or request.venue in venues)
        )

    return fits


_STATUS_TESTS: dict[int, Callable[[OrderEntry], bool]] = {
    pb.ORDER_FILTER_UNSPECIFIED: lambda entry: True,
    pb.ORDER_FILTER_ALL: lambda entry: True,
    pb.ORDER_FILTER_OPEN: lambda entry: entry.order.is_open,
    pb.ORDER_FILTER_CLOSED: lambda entry: not entry.order.is_open,
    pb.ORDER_FILTER_IN_DOUBT: lambda entry: entry.order.status is OrderStatus.IN_DOUBT,
}


def activity_filter(request: pb.ListActivitiesRequest) -> Callable[[Activity], bool]:
    """The request's filter as a test of activities; InvalidRequest names a wrong field."""
    kinds = {
        ACTIVITY_TYPES.required(value, f"activity_types[{number}]")
        for number, value in enumerate(request.activity_types)
    }
    after = optional_timestamp_from_wire(request, "after", "after")
    before = optional_timestamp_from_wire(request, "before", "before")

    def fits(activity: Activity) -> bool:
        return (
            (not kinds or activity.activity_type in kinds)
            and request.venue in ("", activity.venue)
            and between(activity.times.venue_time, after, before)
        )

    return fits


def between(moment: datetime | None, after: datetime | None, before: datetime | None) -> bool:
    """Whether after ≤ moment < before; an unknown moment is never left out."""
    if moment is None:
        return True
    return (after is None or moment >= after) and (before is None or moment < before)
