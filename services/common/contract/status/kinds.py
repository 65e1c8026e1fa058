"""Which class of the error tree a status stands for, so that the other side raises the same.

A server says the kind in ErrorInfo's metadata. It is no evidence: whether something happened is
decided by FailureDetail alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grpc import StatusCode

from services.common.domain.errors import (
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)

_KINDS: Final[Mapping[type[TandemError], str]] = {
    InvalidRequest: "INVALID_REQUEST",
    NotFound: "NOT_FOUND",
    Refused: "REFUSED",
    Unavailable: "UNAVAILABLE",
    OutcomeUnknown: "OUTCOME_UNKNOWN",
    ReadFailed: "READ_FAILED",
}
_CLASSES: Final = {kind: cls for cls, kind in _KINDS.items()}

# For a server that does not say the kind.
_BY_REASON: Final[Mapping[Reason, type[TandemError]]] = {
    Reason.OUTCOME_UNKNOWN: OutcomeUnknown,
    Reason.READ_FAILED: ReadFailed,
}
_BY_CODE: Final[Mapping[StatusCode, type[TandemError]]] = {
    StatusCode.INVALID_ARGUMENT: InvalidRequest,
    StatusCode.NOT_FOUND: NotFound,
    StatusCode.UNAVAILABLE: Unavailable,
    StatusCode.RESOURCE_EXHAUSTED: Unavailable,
    StatusCode.DEADLINE_EXCEEDED: Unavailable,
}


def kind_of(error: TandemError) -> str:
    """The name of the error's class on the wire; a class of its own goes by its base."""
    return next((_KINDS[cls] for cls in type(error).__mro__ if cls in _KINDS), "REFUSED")


def class_of(kind: str, reason: Reason, code: StatusCode) -> type[TandemError]:
    """The class that a reply stands for: by its kind, else by its reason, else by its code."""
    return _CLASSES.get(kind) or _BY_REASON.get(reason) or _BY_CODE.get(code, Refused)
