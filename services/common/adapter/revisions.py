"""The revisions of an order at a venue: which ids they have, and which is the latest.

A router names each revision by a placement_id of its own. A client of a stand-alone adapter knows
its own id only: its replaces get ids that are derived from that and from its `replace_id`, and its
id stands for the latest revision, found by following what the venue says has replaced what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from services.common.adapter.port import VenueGateway
from services.common.domain.errors import InvalidRequest, ReadFailed
from services.common.domain.order_spec import CLIENT_ORDER_ID, PlacementId
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import Lookup, LookupResult, OrderReport

REVISIONS_MAX: Final = 1_000
_DIGEST_LEN: Final = 32


def revision_id(client_order_id: str, replace_id: str) -> str:
    """The id under which a venue sees a client's own replace, at most 97 characters.

    Always the same for the same two, and none that a client or a router could give.
    """
    digest = hashlib.sha256(replace_id.encode()).hexdigest()[:_DIGEST_LEN]
    return f"{client_order_id}~{digest}"


def require_next_revision(placement_id: str, new_placement_id: str) -> None:
    """Raise InvalidRequest unless the second is a later revision of the first."""
    old, new = PlacementId.parse(placement_id), PlacementId.parse(new_placement_id)
    if old is None:
        raise InvalidRequest("client_order_id", "a fenced call needs a placement_id")
    if new is None:
        raise InvalidRequest("replace_id", "a fenced call needs a placement_id")
    same = (old.client_order_id, old.account_tag, old.number) == (
        new.client_order_id,
        new.account_tag,
        new.number,
    )
    if not same or new.revision <= old.revision:
        raise InvalidRequest("replace_id", f"no later revision of {placement_id}")


def is_clients_own(client_id: str) -> bool:
    """Whether an id is a client's own, which stands for the latest revision of its order."""
    return CLIENT_ORDER_ID.fullmatch(client_id) is not None


async def find_latest(gateway: VenueGateway, client_id: str) -> LookupResult:
    """The latest revision of an order, as a look-up. Raises ReadFailed."""
    first = await gateway.find_order(client_id=client_id)
    if first.report is None:
        return first
    return LookupResult(Lookup.FOUND, (await _followed(gateway, first.report))[-1])


async def find_revisions(gateway: VenueGateway, client_id: str) -> Sequence[OrderReport]:
    """All revisions from this one on, oldest first; empty if the venue knows no such order.

    Raises ReadFailed, also if the venue can't tell, or misses one that it says there is.
    """
    first = await gateway.find_order(client_id=client_id)
    if first.lookup is Lookup.UNKNOWN:
        raise ReadFailed(f"{client_id} can't be looked up: {first.reason}")
    return [] if first.report is None else await _followed(gateway, first.report)


async def _followed(gateway: VenueGateway, first: OrderReport) -> list[OrderReport]:
    chain = [first]
    while chain[-1].replaced_by:
        if len(chain) >= REVISIONS_MAX:
            raise ReadFailed(f"more than {REVISIONS_MAX} revisions of one order")
        found = await gateway.find_order(venue_order_id=chain[-1].replaced_by)
        if found.report is None:
            raise ReadFailed(f"the order that replaced {chain[-1].venue_order_id} is not found")
        chain.append(found.report)
    return chain


def has_taken(change: OrderChange, report: OrderReport) -> bool:
    """Whether a revision shows what a change asks for, by value.

    Its quantity may be less: some venues show what is left of the whole.
    """
    for field in fields(change):
        asked, shown = getattr(change, field.name), getattr(report, field.name)
        if field.name == "order_qty":
            if asked is not None and shown is not None and shown > asked:
                return False
        elif asked is not None and asked != shown:
            return False
    return True
