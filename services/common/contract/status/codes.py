"""The one table from reasons to gRPC codes, and what a precondition is about. Data only.

The code is that of a failure with effect NONE (or of a read). With effect UNKNOWN the code is
always UNKNOWN, whatever the reason: UNAVAILABLE invites libraries and meshes to send again, so it
is answered only where that can't double anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grpc import StatusCode

from services.common.domain.errors import Effect, Reason, TandemError

CODES: Final[Mapping[Reason, StatusCode]] = {
    Reason.UNSPECIFIED: StatusCode.UNKNOWN,
    Reason.INVALID_FIELD: StatusCode.INVALID_ARGUMENT,
    Reason.UNSUPPORTED_FIELD: StatusCode.UNIMPLEMENTED,
    Reason.UNSUPPORTED_BY_VENUE: StatusCode.UNIMPLEMENTED,
    Reason.NOT_IMPLEMENTED: StatusCode.UNIMPLEMENTED,
    Reason.CLIENT_ORDER_ID_REUSED: StatusCode.ALREADY_EXISTS,
    Reason.ACCOUNT_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.ORDER_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.POSITION_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.VENUE_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.INSTRUMENT_NOT_FOUND: StatusCode.NOT_FOUND,
    Reason.ORDER_ENDED: StatusCode.FAILED_PRECONDITION,
    Reason.TRADING_REDUCING: StatusCode.FAILED_PRECONDITION,
    Reason.TRADING_HALTED: StatusCode.FAILED_PRECONDITION,
    Reason.INTENT_MISMATCH: StatusCode.FAILED_PRECONDITION,
    Reason.WOULD_CROSS_ZERO: StatusCode.FAILED_PRECONDITION,
    Reason.HOLDER_UNAVAILABLE: StatusCode.FAILED_PRECONDITION,
    Reason.COVER_ELSEWHERE: StatusCode.FAILED_PRECONDITION,
    Reason.NO_COVER: StatusCode.FAILED_PRECONDITION,
    Reason.VENUE_UNAVAILABLE: StatusCode.UNAVAILABLE,
    Reason.ALL_VENUES_UNAVAILABLE: StatusCode.UNAVAILABLE,
    Reason.VENUE_NOT_READY: StatusCode.UNAVAILABLE,
    Reason.FENCE_REQUIRED: StatusCode.FAILED_PRECONDITION,
    Reason.STALE_EPOCH: StatusCode.FAILED_PRECONDITION,
    Reason.STALE_SESSION: StatusCode.FAILED_PRECONDITION,
    Reason.FENCE_NOT_TAKEN: StatusCode.FAILED_PRECONDITION,
    Reason.PLACEMENT_FENCED: StatusCode.FAILED_PRECONDITION,
    Reason.NOT_AFTER_PASSED: StatusCode.FAILED_PRECONDITION,
    Reason.DEADLINE_TOO_SHORT: StatusCode.DEADLINE_EXCEEDED,
    Reason.BUDGET_EXHAUSTED: StatusCode.RESOURCE_EXHAUSTED,
    Reason.RATE_LIMITED: StatusCode.RESOURCE_EXHAUSTED,
    Reason.OUTCOME_UNKNOWN: StatusCode.UNKNOWN,
    Reason.INSUFFICIENT_BUYING_POWER: StatusCode.FAILED_PRECONDITION,
    Reason.INSUFFICIENT_QTY: StatusCode.FAILED_PRECONDITION,
    # PERMISSION_DENIED and UNAUTHENTICATED are about our caller, not about us at the venue.
    Reason.NOT_PERMITTED: StatusCode.FAILED_PRECONDITION,
    Reason.WASH_TRADE: StatusCode.FAILED_PRECONDITION,
    # INVALID_ARGUMENT is for what is wrong at any venue; ticks and lots are the venue's own.
    Reason.INVALID_PRICE: StatusCode.FAILED_PRECONDITION,
    Reason.INVALID_QTY: StatusCode.FAILED_PRECONDITION,
    Reason.NOT_TRADABLE: StatusCode.FAILED_PRECONDITION,
    Reason.MARKET_CLOSED: StatusCode.FAILED_PRECONDITION,
    Reason.MARGIN_PROTECTION: StatusCode.FAILED_PRECONDITION,
    Reason.VENUE_REJECTED: StatusCode.FAILED_PRECONDITION,
    Reason.CREDENTIALS_REFUSED: StatusCode.FAILED_PRECONDITION,
    Reason.ACCOUNT_BLOCKED: StatusCode.FAILED_PRECONDITION,
    Reason.WRONG_ACCOUNT_MODE: StatusCode.FAILED_PRECONDITION,
    # A risk limit does not pass by waiting, as RESOURCE_EXHAUSTED would suggest.
    Reason.LIMIT_EXCEEDED: StatusCode.FAILED_PRECONDITION,
    Reason.NO_FRESH_QUOTE: StatusCode.FAILED_PRECONDITION,
    Reason.TOKEN_EXPIRED: StatusCode.OUT_OF_RANGE,
    Reason.INVALID_TOKEN: StatusCode.INVALID_ARGUMENT,
    Reason.NOT_LEADER: StatusCode.UNAVAILABLE,
    Reason.JOURNAL_UNAVAILABLE: StatusCode.UNAVAILABLE,
    Reason.SHUTTING_DOWN: StatusCode.UNAVAILABLE,
    Reason.UNAUTHENTICATED: StatusCode.UNAUTHENTICATED,
    Reason.PERMISSION_DENIED: StatusCode.PERMISSION_DENIED,
    # A read has no effect: sending it again is safe, and often helps.
    Reason.READ_FAILED: StatusCode.UNAVAILABLE,
    Reason.CHANGE_IN_PROGRESS: StatusCode.ABORTED,
    Reason.INTERNAL: StatusCode.INTERNAL,
    Reason.RESOLVED_BY_OPERATOR: StatusCode.FAILED_PRECONDITION,
    Reason.NOT_IN_DOUBT: StatusCode.FAILED_PRECONDITION,
}
"""Every reason and its code. docs/protocol.md is written from it."""

PRECONDITION_SUBJECTS: Final[Mapping[Reason, str]] = {
    Reason.ORDER_ENDED: "order",
    Reason.TRADING_REDUCING: "trading_state",
    Reason.TRADING_HALTED: "trading_state",
    Reason.INTENT_MISMATCH: "position",
    Reason.WOULD_CROSS_ZERO: "position",
    Reason.HOLDER_UNAVAILABLE: "venue",
    Reason.COVER_ELSEWHERE: "cover",
    Reason.NO_COVER: "cover",
    Reason.FENCE_REQUIRED: "fence",
    Reason.STALE_EPOCH: "fence",
    Reason.STALE_SESSION: "session",
    Reason.FENCE_NOT_TAKEN: "fence",
    Reason.PLACEMENT_FENCED: "fence",
    Reason.NOT_AFTER_PASSED: "order",
    Reason.INSUFFICIENT_BUYING_POWER: "account",
    Reason.INSUFFICIENT_QTY: "position",
    Reason.NOT_PERMITTED: "account",
    Reason.WASH_TRADE: "account",
    Reason.INVALID_PRICE: "order",
    Reason.INVALID_QTY: "order",
    Reason.NOT_TRADABLE: "market",
    Reason.MARKET_CLOSED: "market",
    Reason.MARGIN_PROTECTION: "account",
    Reason.VENUE_REJECTED: "venue",
    Reason.CREDENTIALS_REFUSED: "account",
    Reason.ACCOUNT_BLOCKED: "account",
    Reason.WRONG_ACCOUNT_MODE: "account",
    Reason.LIMIT_EXCEEDED: "limit",
    Reason.NO_FRESH_QUOTE: "market",
    Reason.RESOLVED_BY_OPERATOR: "order",
    Reason.NOT_IN_DOUBT: "order",
}
"""What must change before a FAILED_PRECONDITION can succeed: PreconditionFailure's subject."""

QUOTA_REASONS: Final = frozenset({Reason.BUDGET_EXHAUSTED, Reason.RATE_LIMITED})
"""Reasons that carry a QuotaFailure."""


def effect_of(error: TandemError) -> Effect:
    """The effect that may be told: NONE only if no venue's cause says otherwise."""
    doubted = any(cause.effect is not Effect.NONE for cause in error.venue_causes)
    return Effect.UNKNOWN if doubted else error.effect


def code_of(error: TandemError) -> StatusCode:
    """The gRPC code of an error."""
    if effect_of(error) is not Effect.NONE:
        return StatusCode.UNKNOWN
    return CODES[error.reason]
