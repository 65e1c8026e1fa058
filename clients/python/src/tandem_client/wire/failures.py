"""What a failed call means: google.rpc.Status with its details, as one of our errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    error_details_pb2,
    status_pb2,
)
from grpc_status import rpc_status

from tandem_client import errors
from tandem_client.errors import TandemError
from tandem_client.pb import errors_pb2
from tandem_client.reasons import Effect, Reason, VenueCause
from tandem_client.wire.events import read_venue_cause
from tandem_client.wire.orders import read_effect

M = TypeVar("M", bound=Message)

_DOMAIN: Final = "tandem.v1"
_Code = grpc.StatusCode
_status_of: Final[Callable[[Any], Any]] = rpc_status.from_call

# For answers whose effect is known to be none, and for reads.
_BY_CODE: Final[dict[grpc.StatusCode, type[TandemError]]] = {
    _Code.INVALID_ARGUMENT: errors.InvalidRequest,
    _Code.NOT_FOUND: errors.NotFound,
    _Code.ALREADY_EXISTS: errors.AlreadyExists,
    _Code.FAILED_PRECONDITION: errors.Refused,
    _Code.OUT_OF_RANGE: errors.Refused,
    _Code.PERMISSION_DENIED: errors.Refused,
    _Code.RESOURCE_EXHAUSTED: errors.Refused,
    _Code.UNAUTHENTICATED: errors.Refused,
    _Code.UNIMPLEMENTED: errors.Refused,
    _Code.ABORTED: errors.Refused,
}


@dataclass(frozen=True, slots=True)
class _Details:
    reason: Reason | None = None
    effect: Effect = Effect.UNKNOWN
    field: str | None = None
    retry_after_s: float | None = None
    venue_causes: tuple[VenueCause, ...] = ()


def from_rpc_error(error: grpc.aio.AioRpcError, *, mutation: bool, asked: str) -> TandemError:
    """Make our error of a failed call; `asked` says what was asked for, in a message.

    A mutation without the server's own word "no effect" is an OutcomeUnknown.
    """
    details = _read_details(error)
    message = error.details() or f"{asked}: no explanation was given"
    kind = _kind(error.code(), details, mutation=mutation)
    if error.code() is _Code.DEADLINE_EXCEEDED and details.reason is None:
        message = f"{asked}: no answer within the deadline"
    if kind is errors.OutcomeUnknown and details.reason is None:
        message = f"{message} (it may have happened)"
    return kind(
        message,
        reason=details.reason or Reason.UNSPECIFIED,
        effect=details.effect,
        code=error.code().name,
        field=details.field,
        retry_after_s=details.retry_after_s,
        venue_causes=details.venue_causes,
    )


def _kind(code: grpc.StatusCode, details: _Details, *, mutation: bool) -> type[TandemError]:
    if details.reason is Reason.TOKEN_EXPIRED:
        return errors.TokenExpired
    if mutation and details.effect is not Effect.NONE:
        return errors.OutcomeUnknown
    if details.reason is Reason.UNSUPPORTED_FIELD:
        return errors.InvalidRequest
    if code in _BY_CODE:
        return _BY_CODE[code]
    if mutation:
        return errors.Unavailable
    if code is _Code.UNAVAILABLE and details.reason is None:
        return errors.Unreachable
    return errors.Unavailable if code is _Code.UNAVAILABLE else errors.ReadFailed


def _read_details(error: grpc.aio.AioRpcError) -> _Details:
    try:
        status = _status_of(error)
        return _Details() if status is None else _unpack(status)
    except (ValueError, DecodeError):
        # Details that contradict the status, or that can't be read, prove nothing.
        return _Details()


def _unpack(status: status_pb2.Status) -> _Details:
    info = _find(status, error_details_pb2.ErrorInfo())
    failure = _find(status, errors_pb2.FailureDetail())
    request = _find(status, error_details_pb2.BadRequest())
    retry = _find(status, error_details_pb2.RetryInfo())
    violations = request.field_violations if request is not None else ()
    return _Details(
        reason=None if info is None or info.domain != _DOMAIN else _reason(info),
        effect=Effect.UNKNOWN if failure is None else read_effect(failure.effect),
        field=violations[0].field if violations else None,
        retry_after_s=None if retry is None else retry.retry_delay.ToTimedelta().total_seconds(),
        venue_causes=() if failure is None else tuple(map(read_venue_cause, failure.venue_causes)),
    )


def _reason(info: error_details_pb2.ErrorInfo) -> Reason:
    return Reason.__members__.get(info.reason, Reason.UNSPECIFIED)


def _find(status: status_pb2.Status, into: M) -> M | None:
    return next((into for detail in status.details if detail.Unpack(into)), None)
