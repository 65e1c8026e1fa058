"""What requests to the router have in common: no fence, and venues that the account has."""

from __future__ import annotations

from typing import Any

from services.common.domain.errors import InvalidRequest, NotFound, Reason
from services.common.domain.external_orders import RESERVED_PREFIX
from services.router.books.books import Books
from services.router.routing.accounts import AccountLinks


def refuse_fence(request: Any) -> None:
    """Fence and session are a router's words to an adapter; a client has none."""
    names = request.DESCRIPTOR.fields_by_name
    session = "expected_session_id" in names and request.expected_session_id
    if request.HasField("fence") or session:
        raise InvalidRequest("fence", "only routers carry a fence, and only to adapters")


def require_clients_own(client_order_id: str, books: Books, account_id: str) -> None:
    """Raise InvalidRequest for an id that orders have which were found at a venue."""
    if not client_order_id.startswith(RESERVED_PREFIX):
        return
    known = books.find(account_id, client_order_id)
    if known is None or known.order.external:
        raise InvalidRequest(
            "order.client_order_id",
            f"{RESERVED_PREFIX!r} is for orders that were found at a venue",
        )


def require_known_venue(account: AccountLinks, venue: str) -> None:
    """Raise NotFound for a venue that is not one of the account's; empty means any."""
    if venue and account.link(venue) is None:
        raise NotFound(
            Reason.VENUE_NOT_FOUND, f"venue: {account.account_id} has no venue {venue!r}"
        )
