"""Making placements, and the records of a failover and of an outage: what routing has in common."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from services.common.domain.errors import VenueCause
from services.common.domain.order import Order
from services.common.domain.order_events import Placement
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.revisions import REFUSED
from services.common.runtime.telemetry import add_event
from services.router.books.books import Books
from services.router.books.entries import OrderKey
from services.router.journal.records import (
    NO_VENUE,
    AlertRaised,
    FailedOver,
    PlacementIntended,
    Record,
    Severity,
)
from services.router.risk.gate import Role
from services.router.routing.planned import Plan
from services.router.routing.venue import VenueView

_log = structlog.stdlib.get_logger(__name__)


def new_placement(
    books: Books,
    key: OrderKey,
    spec: OrderSpec,
    view: VenueView,
    at: datetime,
    role: Role = Role.EXIT,
) -> Placement:
    """The order's next attempt, at this venue, in its present session. Ids never repeat."""
    entry = books.orders.get(key)
    number = next_number(entry.order) if entry is not None else 1
    placement_id = PlacementId(spec.client_order_id, view.account_tag, number)
    return Placement(
        str(placement_id),
        view.name,
        spec.order_qty,
        at,
        view.session_id,
        is_entry=role is Role.ENTRY,
    )


def new_placements(
    books: Books, key: OrderKey, spec: OrderSpec, plan: Plan, at: datetime
) -> tuple[Placement, ...]:
    """What is sent first by a plan: the whole to its first candidate, or each part to its venue.

    Empty if no venue can take the order now.
    """
    if plan.candidates:
        return (new_placement(books, key, spec, plan.candidates[0], at, plan.role),)
    entry = books.orders.get(key)
    first = next_number(entry.order) if entry is not None else 1
    return tuple(
        Placement(
            str(PlacementId(spec.client_order_id, child.view.account_tag, number)),
            child.view.name,
            child.order_qty,
            at,
            child.view.session_id,
            is_child=True,
        )
        for number, child in enumerate(plan.children, first)
    )


def next_number(order: Order) -> int:
    """The number of the order's next placement; revisions keep the number of what they revise."""
    return 1 + max((_id_of(p).number for p in order.placements), default=0)


def next_revision(order: Order, old: Placement) -> PlacementId:
    """The id of the next revision of a placement."""
    replaced = _id_of(old)
    used = [_id_of(p).revision for p in order.placements if _id_of(p).number == replaced.number]
    return replace(replaced, revision=max(used) + 1)


def _id_of(placement: Placement) -> PlacementId:
    placement_id = PlacementId.parse(placement.placement_id)
    assert placement_id is not None, "made by new_placement or next_revision"
    return placement_id


def intended(key: OrderKey, placement: Placement) -> PlacementIntended:
    """The record that must be durable before the placement is sent."""
    return PlacementIntended(key[0], key[1], placement)


def failed_over(
    books: Books, key: OrderKey, cause: VenueCause, to_venue: str, at: datetime
) -> list[Record]:
    """An order goes elsewhere: counted, told to a person, logged, and noted on its trace."""
    account_id, client_order_id = key
    number = books.failovers.today(account_id, at) + 1
    error = f"{cause.reason.value}: {cause.message}"
    message = (
        f"broker failover: {client_order_id} goes from {cause.venue} to {to_venue} at "
        f"{at.isoformat(timespec='seconds')} since {cause.venue} did not take it ({error}); "
        f"failover {number} today, {books.failover_count + 1} of this journal. {to_venue} is asked "
        f"now; see what {cause.venue} lacks with `tandem status`"
    )
    _log.warning(
        "FAILOVER",
        account_id=account_id,
        client_order_id=client_order_id,
        primary_broker=cause.venue,
        backup_broker=to_venue,
        error=error,
        failover_count_today=number,
    )
    venues = {"tandem.from_venue": cause.venue, "tandem.to_venue": to_venue}
    add_event("failover", {**venues, "tandem.reason": cause.reason.value})
    return [
        FailedOver(account_id, client_order_id, cause.venue, to_venue, cause, number),
        AlertRaised(
            "FAILOVER",
            Severity.WARNING,
            message,
            account_id,
            cause.venue,
            client_order_id,
            (cause,),
        ),
    ]


def no_venue(books: Books, key: OrderKey, causes: tuple[VenueCause, ...]) -> list[Record]:
    """An order was taken nowhere: told to a person once, until that has changed."""
    account_id, client_order_id = key
    if account_id in books.outages:
        return []
    shown = "; ".join(f"{cause.venue}: {cause.message}" for cause in causes)
    message = f"complete broker failure: no venue took {client_order_id}: {shown}"
    return [
        AlertRaised(
            NO_VENUE,
            Severity.CRITICAL,
            message,
            account_id,
            client_order_id=client_order_id,
            venue_causes=causes,
        )
    ]


def left_out(order: Order) -> list[Record]:
    """Parts of a split order that were not taken though others were: told to a person each."""
    refused = [p for p in order.children if p.status in REFUSED]
    if order.cancel_requested or len(refused) == len(order.children):
        return []
    return [
        AlertRaised(
            "PART_NOT_PLACED",
            Severity.WARNING,
            f"{placement.order_qty} of {order.spec.order_qty} are not worked: {placement.venue} "
            f"did not take {placement.placement_id}"
            + (f" ({placement.cause.message})" if placement.cause is not None else ""),
            order.account_id,
            placement.venue,
            order.client_order_id,
        )
        for placement in refused
    ]
