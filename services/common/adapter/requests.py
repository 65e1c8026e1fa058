"""What requests to an adapter carry besides their subject: account, venue, fence, deadline."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from services.common.adapter.fence_store import FenceClaim
from services.common.adapter.last_check import Terms
from services.common.contract.convert import duration_from_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import InvalidRequest, NotFound, Reason
from services.common.domain.order_spec import CLIENT_ORDER_ID, PlacementId
from services.common.runtime import deadlines
from services.common.runtime.clock import Clock

MutationRequest: TypeAlias = (
    pb.SubmitOrderRequest
    | pb.ReplaceOrderRequest
    | pb.CancelOrderRequest
    | pb.CancelAllOrdersRequest
    | pb.ClosePositionRequest
    | pb.ExerciseOptionRequest
    | pb.DoNotExerciseRequest
)

CLIENT_ID_LEN_MAX: Final = 128
_SQLITE_INTEGER_MAX: Final = 2**63 - 1
_HEARTBEAT_S: Final = (1.0, 60.0)


def require_account(asked: str, account_id: str, *, may_be_empty: bool = False) -> None:
    """Raise NotFound unless the one account that is served here is asked for."""
    if not asked and may_be_empty:
        return
    if not asked:
        raise InvalidRequest("account_id", "required")
    if asked != account_id:
        raise NotFound(Reason.ACCOUNT_NOT_FOUND, f"no account {asked!r} here")


def require_venue(asked: str, venue: str) -> None:
    """Raise NotFound if another venue than this one is asked for; empty means any."""
    if asked not in ("", venue):
        raise NotFound(Reason.VENUE_NOT_FOUND, f"no venue {asked!r} here, only {venue!r}")


def terms_of(
    request: MutationRequest,
    clock: Clock,
    context: Any,
    default_s: float,
) -> Terms:
    """The terms of a mutation. The deadline is the call's own, else `default_s` from now."""
    claim = claim_from_wire(request.fence) if request.HasField("fence") else None
    left_s = deadlines.remaining_s()
    if left_s is None:
        left_s = context.time_remaining()
    deadline_at = clock.monotonic() + (default_s if left_s is None else left_s)
    # A cancel of all, and what a router never sends, name no session.
    return Terms(claim, getattr(request, "expected_session_id", ""), deadline_at)


def require_client_id(client_id: str, *, fenced: bool) -> None:
    """Raise InvalidRequest unless the id of an order to cancel has the form that its call needs.

    A fenced call names placements; without a fence ids are the client's own.
    """
    if not client_id:
        raise InvalidRequest("client_order_id", "required")
    if fenced and PlacementId.parse(client_id) is None:
        raise InvalidRequest("client_order_id", "a fenced call needs a placement_id")
    if not fenced and CLIENT_ORDER_ID.fullmatch(client_id) is None:
        raise InvalidRequest("client_order_id", "must be 1 to 64 of [A-Za-z0-9._-]")


def require_found_id(venue_order_id: str, client_id: str, *, fenced: bool) -> None:
    """Raise InvalidRequest unless a router names an order by the venue's own id, and by no other:
    one that it has found there. Without a fence an order goes by the id that the venue shows."""
    if not fenced:
        raise InvalidRequest("venue_order_id", "set by routers only")
    if client_id:
        raise InvalidRequest("venue_order_id", "give either this or client_order_id")
    if len(venue_order_id) > CLIENT_ID_LEN_MAX or not venue_order_id.isprintable():
        raise InvalidRequest("venue_order_id", "not an id of a venue")


def require_key(key: str, field: str, *, placement: bool) -> None:
    """Raise InvalidRequest unless a client's own key of a change has its form, or a router's."""
    if not key:
        raise InvalidRequest(field, "required")
    if not placement and CLIENT_ORDER_ID.fullmatch(key) is None:
        raise InvalidRequest(field, "must be 1 to 64 of [A-Za-z0-9._-]")
    if placement and PlacementId.parse(key) is None:
        raise InvalidRequest(field, "a fenced call needs a placement_id")


def require_own_tag(placement_id: str, account_tag: str) -> None:
    """Raise InvalidRequest for a placement of another venue account: a router gone astray."""
    placement = PlacementId.parse(placement_id)
    if placement is not None and placement.account_tag != account_tag:
        raise InvalidRequest(
            "order.client_order_id",
            f"account_tag {placement.account_tag!r} is not this account's, {account_tag!r}",
        )


def claim_from_wire(msg: pb.Fence) -> FenceClaim:
    """Read a router's claim. InvalidRequest naming the part that is missing or malformed."""
    if not msg.journal_id:
        raise InvalidRequest("fence.journal_id", "required")
    if not 1 <= msg.epoch <= _SQLITE_INTEGER_MAX:
        raise InvalidRequest("fence.epoch", "must be 1 or more, below 2^63")
    for name in ("generation", "head_sequence"):
        if getattr(msg, name) > _SQLITE_INTEGER_MAX:
            raise InvalidRequest(f"fence.{name}", "must be below 2^63")
    if len(msg.head_hash) not in (0, 32):
        raise InvalidRequest("fence.head_hash", "must be 32 bytes, or empty for an empty journal")
    return FenceClaim(msg.journal_id, msg.generation, msg.epoch, msg.head_sequence, msg.head_hash)


def claim_to_wire(claim: FenceClaim) -> pb.Fence:
    """Write a router's claim."""
    return pb.Fence(
        journal_id=claim.journal_id,
        generation=claim.generation,
        epoch=claim.epoch,
        head_sequence=claim.head_sequence,
        head_hash=claim.head_hash,
    )


def heartbeat_s(request: pb.WatchEventsRequest, default_s: float) -> float:
    """The heartbeat interval that is asked for, 1 to 60 s; `default_s` if none is."""
    if not request.HasField("heartbeat_interval"):
        return default_s
    asked_s = duration_from_wire(request.heartbeat_interval, "heartbeat_interval")
    low_s, high_s = _HEARTBEAT_S
    if not low_s <= asked_s <= high_s:
        raise InvalidRequest("heartbeat_interval", f"must be {low_s:g} to {high_s:g} s")
    return asked_s
