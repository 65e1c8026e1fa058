"""Venue accounts, their state, and look-ups of an order there, on the wire."""

from __future__ import annotations

from datetime import datetime

from services.common.contract.convert.enums import (
    ACCOUNT_MODES,
    FENCE_OUTCOMES,
    LOOKUPS,
    VENUE_STATES,
)
from services.common.contract.convert.replies import reading, require_text
from services.common.contract.convert.reports import report_from_wire, report_to_wire
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.convert.times import (
    optional_timestamp_from_wire,
    optional_timestamp_to_wire,
    required_timestamp_from_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import (
    adapter_service_pb2,
    broker_service_pb2,
    events_pb2,
    types_pb2,
)
from services.common.domain.errors import InvalidRequest
from services.common.domain.reports import (
    AccountMode,
    FenceOutcome,
    FenceProof,
    Lookup,
    LookupResult,
    VenueState,
    VenueStatus,
)


def venue_to_wire(
    name: str, broker: str, venue_account_id: str, account_tag: str, mode: AccountMode | None
) -> types_pb2.Venue:
    """Write a venue account."""
    return types_pb2.Venue(
        name=name,
        broker=broker,
        venue_account_id=venue_account_id,
        account_tag=account_tag,
        mode=ACCOUNT_MODES.to_wire(mode),
    )


def venue_status_to_wire(status: VenueStatus, account_tag: str = "") -> events_pb2.VenueStatus:
    """Write a venue's state; `account_tag` is the setting of its venue account."""
    return events_pb2.VenueStatus(
        venue=venue_to_wire(
            status.venue, status.broker, status.venue_account_id, account_tag, status.mode
        ),
        state=VENUE_STATES.to_wire(status.state),
        reason=text_to_wire(status.reason),
        since=timestamp_to_wire(status.since),
        ready=status.ready,
        session_id=status.session_id,
        session_since=optional_timestamp_to_wire(status.session_since),
        requests_remaining=status.requests_remaining,
        requests_limit=status.requests_limit,
        requests_reset=optional_timestamp_to_wire(status.requests_reset),
        probe_s=status.probe_s,
        clock_offset_s=status.clock_offset_s,
    )


def venue_status_from_wire(msg: events_pb2.VenueStatus) -> VenueStatus:
    """Read a venue's state. ReadFailed naming what is missing or malformed.

    A state that is not said or not known here reads as UNKNOWN, to which nothing is sent.
    """
    with reading("venue status"):
        return VenueStatus(
            venue=require_text(msg.venue.name, "venue.name"),
            broker=msg.venue.broker,
            venue_account_id=msg.venue.venue_account_id,
            mode=ACCOUNT_MODES.get(msg.venue.mode),
            state=VENUE_STATES.get(msg.state) or VenueState.UNKNOWN,
            reason=msg.reason,
            since=required_timestamp_from_wire(msg, "since", "since"),
            ready=msg.ready,
            session_id=msg.session_id,
            session_since=optional_timestamp_from_wire(msg, "session_since", "session_since"),
            requests_remaining=(
                msg.requests_remaining if msg.HasField("requests_remaining") else None
            ),
            requests_limit=msg.requests_limit if msg.HasField("requests_limit") else None,
            requests_reset=optional_timestamp_from_wire(msg, "requests_reset", "requests_reset"),
            probe_s=msg.probe_s if msg.HasField("probe_s") else None,
            clock_offset_s=msg.clock_offset_s if msg.HasField("clock_offset_s") else None,
        )


def lookup_to_wire(
    result: LookupResult, *, as_of: datetime, session_id: str = ""
) -> broker_service_pb2.GetOrderResponse:
    """Write what a look-up at a venue has found."""
    return broker_service_pb2.GetOrderResponse(
        lookup=LOOKUPS.to_wire(result.lookup),
        order=None if result.report is None else report_to_wire(result.report),
        as_of=timestamp_to_wire(as_of),
        reason=text_to_wire(result.reason),
        session_id=session_id,
    )


def proof_to_wire(proof: FenceProof) -> adapter_service_pb2.FenceOrderResponse:
    """Write what an adapter has proven of a placement."""
    return adapter_service_pb2.FenceOrderResponse(
        outcome=FENCE_OUTCOMES.to_wire(proof.outcome),
        order=None if proof.report is None else report_to_wire(proof.report),
        evidence=proof.evidence,
        retry_after_s=proof.retry_after_s,
    )


def proof_from_wire(msg: adapter_service_pb2.FenceOrderResponse) -> FenceProof:
    """Read what an adapter has proven. ReadFailed unless it says which, and shows what it found."""
    with reading("proof"):
        outcome = FENCE_OUTCOMES.required(msg.outcome, "outcome")
        if (outcome is FenceOutcome.FOUND) != msg.HasField("order"):
            raise InvalidRequest("order", f"contradicts {outcome.value}")
        report = report_from_wire(msg.order) if msg.HasField("order") else None
        retry_after_s = msg.retry_after_s if msg.HasField("retry_after_s") else None
        return FenceProof(outcome, msg.evidence, report, retry_after_s)


def lookup_from_wire(msg: broker_service_pb2.GetOrderResponse) -> LookupResult:
    """Read what a look-up at a venue has found. ReadFailed unless it says which, and shows it."""
    with reading("look-up"):
        lookup = LOOKUPS.required(msg.lookup, "lookup")
        if (lookup is Lookup.FOUND) != msg.HasField("order"):
            raise InvalidRequest("order", f"contradicts {lookup.value}")
        report = report_from_wire(msg.order) if msg.HasField("order") else None
        return LookupResult(lookup, report, msg.reason)
