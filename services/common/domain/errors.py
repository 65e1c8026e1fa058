"""The errors of Tandem: one root, each kind saying whether a mutation may have had an effect.

    TandemError
    ├── InvalidRequest   ours: the request is wrong, a field is named      effect NONE
    ├── NotFound         ours: no such account, order, venue               effect NONE
    ├── Refused          ours: a rule forbids it now (gate, fence, cover)  effect NONE
    ├── Unavailable      not sent, or the other side's word "no effect"    effect NONE
    ├── OutcomeUnknown   in doubt: it may have happened                    effect UNKNOWN
    └── ReadFailed       a read failed or was partial; never "empty"       (reads have no effect)

A rejection by a venue is not an error here: it is an answer (an order report with status
REJECTED and a `Cause`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar


class Effect(Enum):
    """Whether a failed mutation may have happened. Only NONE proves anything."""

    NONE = "NONE"
    UNKNOWN = "UNKNOWN"


class Reason(Enum):
    """Machine-readable cause; the names are those of `tandem.v1.ErrorReason`."""

    UNSPECIFIED = "UNSPECIFIED"
    INVALID_FIELD = "INVALID_FIELD"
    UNSUPPORTED_FIELD = "UNSUPPORTED_FIELD"
    UNSUPPORTED_BY_VENUE = "UNSUPPORTED_BY_VENUE"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    CLIENT_ORDER_ID_REUSED = "CLIENT_ORDER_ID_REUSED"
    ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    POSITION_NOT_FOUND = "POSITION_NOT_FOUND"
    VENUE_NOT_FOUND = "VENUE_NOT_FOUND"
    INSTRUMENT_NOT_FOUND = "INSTRUMENT_NOT_FOUND"
    ORDER_ENDED = "ORDER_ENDED"
    TRADING_REDUCING = "TRADING_REDUCING"
    TRADING_HALTED = "TRADING_HALTED"
    INTENT_MISMATCH = "INTENT_MISMATCH"
    WOULD_CROSS_ZERO = "WOULD_CROSS_ZERO"
    HOLDER_UNAVAILABLE = "HOLDER_UNAVAILABLE"
    COVER_ELSEWHERE = "COVER_ELSEWHERE"
    NO_COVER = "NO_COVER"
    VENUE_UNAVAILABLE = "VENUE_UNAVAILABLE"
    ALL_VENUES_UNAVAILABLE = "ALL_VENUES_UNAVAILABLE"
    VENUE_NOT_READY = "VENUE_NOT_READY"
    FENCE_REQUIRED = "FENCE_REQUIRED"
    STALE_EPOCH = "STALE_EPOCH"
    STALE_SESSION = "STALE_SESSION"
    FENCE_NOT_TAKEN = "FENCE_NOT_TAKEN"
    PLACEMENT_FENCED = "PLACEMENT_FENCED"
    NOT_AFTER_PASSED = "NOT_AFTER_PASSED"
    DEADLINE_TOO_SHORT = "DEADLINE_TOO_SHORT"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    RATE_LIMITED = "RATE_LIMITED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    INSUFFICIENT_BUYING_POWER = "INSUFFICIENT_BUYING_POWER"
    INSUFFICIENT_QTY = "INSUFFICIENT_QTY"
    NOT_PERMITTED = "NOT_PERMITTED"
    WASH_TRADE = "WASH_TRADE"
    INVALID_PRICE = "INVALID_PRICE"
    INVALID_QTY = "INVALID_QTY"
    NOT_TRADABLE = "NOT_TRADABLE"
    MARKET_CLOSED = "MARKET_CLOSED"
    MARGIN_PROTECTION = "MARGIN_PROTECTION"
    VENUE_REJECTED = "VENUE_REJECTED"
    CREDENTIALS_REFUSED = "CREDENTIALS_REFUSED"
    ACCOUNT_BLOCKED = "ACCOUNT_BLOCKED"
    WRONG_ACCOUNT_MODE = "WRONG_ACCOUNT_MODE"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    NO_FRESH_QUOTE = "NO_FRESH_QUOTE"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    INVALID_TOKEN = "INVALID_TOKEN"
    NOT_LEADER = "NOT_LEADER"
    JOURNAL_UNAVAILABLE = "JOURNAL_UNAVAILABLE"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    READ_FAILED = "READ_FAILED"
    CHANGE_IN_PROGRESS = "CHANGE_IN_PROGRESS"
    INTERNAL = "INTERNAL"
    RESOLVED_BY_OPERATOR = "RESOLVED_BY_OPERATOR"
    NOT_IN_DOUBT = "NOT_IN_DOUBT"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is as it is: a reason, words for a person, the broker's own code."""

    reason: Reason
    message: str
    venue_code: str = ""


@dataclass(frozen=True, slots=True)
class VenueCause:
    """Why one venue did not take an order."""

    venue: str
    reason: Reason
    message: str
    effect: Effect
    placement_id: str = ""


class TandemError(Exception):
    """Root. `effect` says whether the mutation that failed may have happened."""

    effect: ClassVar[Effect] = Effect.NONE

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        retry_after_s: float | None = None,
        venue_causes: tuple[VenueCause, ...] = (),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s
        self.venue_causes = venue_causes

    @property
    def cause(self) -> Cause:
        """The same as a value that can be journaled."""
        return Cause(self.reason, self.message)


class InvalidRequest(TandemError):
    """The request itself is wrong; `field` names the part, as a path in the request."""

    def __init__(self, field: str, message: str, *, reason: Reason = Reason.INVALID_FIELD) -> None:
        super().__init__(reason, f"{field}: {message}")
        self.field = field


class NotFound(TandemError):
    """Something named in the request is not known here."""


class Refused(TandemError):
    """A rule forbids it now: gate, fence, intent, cover, an id used before."""


class Unavailable(TandemError):
    """It was not sent, or the other side itself said that nothing happened. Transient."""


class OutcomeUnknown(TandemError):
    """Nobody said whether it happened. Never to be read as a rejection."""

    effect = Effect.UNKNOWN

    def __init__(self, message: str, *, reason: Reason = Reason.OUTCOME_UNKNOWN) -> None:
        super().__init__(reason, message)


class ReadFailed(TandemError):
    """A read failed, was partial or stale; the caller knows nothing new."""

    def __init__(
        self,
        message: str,
        *,
        reason: Reason = Reason.READ_FAILED,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason, message, retry_after_s=retry_after_s)
