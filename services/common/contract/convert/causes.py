"""Causes on the wire: why an order is where it is, and why a venue did not take it."""

from __future__ import annotations

from services.common.contract.convert.enums import EFFECTS, REASONS
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.pb import errors_pb2, orders_pb2
from services.common.domain.errors import Cause, Effect, Reason, VenueCause


def cause_to_wire(cause: Cause) -> orders_pb2.OrderCause:
    """Write a cause."""
    return orders_pb2.OrderCause(
        reason=REASONS.to_wire(cause.reason),
        message=text_to_wire(cause.message),
        venue_code=text_to_wire(cause.venue_code),
    )


def optional_cause_to_wire(cause: Cause | None) -> orders_pb2.OrderCause | None:
    """Write `cause`; None stays None, which leaves the field unset."""
    return None if cause is None else cause_to_wire(cause)


def cause_from_wire(msg: orders_pb2.OrderCause) -> Cause:
    """Read a cause; a reason of a newer release reads as UNSPECIFIED."""
    return Cause(REASONS.get(msg.reason) or Reason.UNSPECIFIED, msg.message, msg.venue_code)


def venue_cause_to_wire(cause: VenueCause) -> errors_pb2.VenueCause:
    """Write why a venue did not take an order."""
    return errors_pb2.VenueCause(
        venue=cause.venue,
        reason=REASONS.to_wire(cause.reason),
        message=text_to_wire(cause.message),
        effect=EFFECTS.to_wire(cause.effect),
        placement_id=cause.placement_id,
    )


def venue_cause_from_wire(msg: errors_pb2.VenueCause) -> VenueCause:
    """Read why a venue did not take an order.

    Only EFFECT_NONE reads as NONE; unset and unknown effects are UNKNOWN.
    """
    return VenueCause(
        venue=msg.venue,
        reason=REASONS.get(msg.reason) or Reason.UNSPECIFIED,
        message=msg.message,
        effect=EFFECTS.get(msg.effect) or Effect.UNKNOWN,
        placement_id=msg.placement_id,
    )
