"""gRPC errors as ours: what a caller may conclude from a call that failed.

A status code proves nothing: libraries and proxies make UNAVAILABLE of a server that was killed
after the effect, and DEADLINE_EXCEEDED says that we stopped waiting. Only a reply of a Tandem
server that carries a FailureDetail with EFFECT_NONE, and is consistent in itself, proves that
nothing happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import unquote

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    error_details_pb2,
    status_pb2,
)

from services.common.contract.convert import duration_from_wire, venue_cause_from_wire
from services.common.contract.convert.enums import EFFECTS
from services.common.contract.pb import errors_pb2
from services.common.contract.status.kinds import class_of
from services.common.contract.status.outgoing import ERROR_DOMAIN
from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    TandemError,
    VenueCause,
)

# What gRPC itself says of connections; only the words depend on it, never what is concluded.
_NO_CONNECTION: Final = re.compile(r"ipv[46]:(\S+): Failed to connect to remote host: (.+)")
_LOST_CONNECTION: Final = re.compile(
    r"(?:Stream removed \()?(Socket closed|Connection reset by peer)\)?"
)
_DETAILS_KEY: Final = "grpc-status-details-bin"

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class _Reply:
    """What a Tandem server said of a failed call."""

    code: grpc.StatusCode
    reason: Reason
    message: str
    kind: str
    field: str
    effect: Effect | None
    venue_causes: tuple[VenueCause, ...]
    retry_after_s: float | None


def from_rpc_error(error: grpc.aio.AioRpcError | grpc.RpcError, *, mutation: bool) -> TandemError:
    """The error of ours that a failed call stands for; to be raised `from` it.

    For a mutation: effect NONE only by the server's own FailureDetail, then in the class, with
    reason, message, field, retry_after_s and venue_causes that it had there; anything else is
    OutcomeUnknown, a read that failed over there included (it may have read the answer).

    For a read: always ReadFailed, with the reason and message of the server if it gave them, so
    that the code that a client gets of it stays the same.
    """
    reply = _read_reply(error)
    if not mutation:
        return _failed_read(error, reply)
    if reply is None or reply.effect is None:
        return OutcomeUnknown(f"no word on the effect: {_shown(error)}")
    cls = class_of(reply.kind, reply.reason, reply.code)
    if reply.effect is not Effect.NONE or issubclass(cls, OutcomeUnknown | ReadFailed):
        # A read that failed inside a mutation may have been the reading of its answer.
        return _with_extras(OutcomeUnknown(reply.message, reason=reply.reason), reply)
    return _without_effect(cls, reply)


def _without_effect(cls: type[TandemError], reply: _Reply) -> TandemError:
    if issubclass(cls, InvalidRequest):
        message = reply.message.removeprefix(f"{reply.field}: ")
        invalid = InvalidRequest(reply.field or "request", message, reason=reply.reason)
        return _with_extras(invalid, reply)
    return _with_extras(cls(reply.reason, reply.message), reply)


def _failed_read(error: grpc.RpcError, reply: _Reply | None) -> ReadFailed:
    if reply is None:
        return ReadFailed(_shown(error))
    failed = ReadFailed(reply.message, reason=reply.reason, retry_after_s=reply.retry_after_s)
    failed.venue_causes = reply.venue_causes
    return failed


def _with_extras(error: TandemError, reply: _Reply) -> TandemError:
    error.retry_after_s = reply.retry_after_s
    error.venue_causes = reply.venue_causes
    return error


def _shown(error: grpc.RpcError) -> str:
    code = _code(error)
    details = getattr(error, "details", None)
    text = details() if callable(details) else str(error)
    if code is grpc.StatusCode.UNAVAILABLE and text:
        text = unquote(text)
        if match := _NO_CONNECTION.search(text):
            return f"nothing answers at {match[1]} ({match[2]})"
        if match := _LOST_CONNECTION.fullmatch(text):
            return f"the connection was lost ({match[1]})"
    return f"{'no status' if code is None else code.name}: {text or 'no details'}"


def _code(error: grpc.RpcError) -> grpc.StatusCode | None:
    code = getattr(error, "code", None)
    value = code() if callable(code) else None
    return value if isinstance(value, grpc.StatusCode) else None


def _read_reply(error: grpc.RpcError) -> _Reply | None:
    """What a Tandem server said; None if it did not, or if it contradicts itself."""
    code = _code(error)
    try:
        status = _status(error)
        if code is None or status is None or status.code != code.value[0]:
            return None
        infos = [
            info
            for info in _unpacked(status.details, error_details_pb2.ErrorInfo)
            if info.domain == ERROR_DOMAIN
        ]
        if len(infos) != 1:
            return None
        return _reply(code, status, infos[0])
    except (DecodeError, ValueError, TandemError):
        return None


def _reply(
    code: grpc.StatusCode, status: status_pb2.Status, info: error_details_pb2.ErrorInfo
) -> _Reply:
    failures = list(_unpacked(status.details, errors_pb2.FailureDetail))
    causes = tuple(
        venue_cause_from_wire(cause) for failure in failures for cause in failure.venue_causes
    )
    return _Reply(
        code=code,
        reason=_reason(info.reason),
        message=status.message,
        kind=info.metadata.get("kind", ""),
        field=_field(status),
        effect=_effect(failures, causes),
        venue_causes=causes,
        retry_after_s=_retry_after_s(status),
    )


def _status(error: grpc.RpcError) -> status_pb2.Status | None:
    trailing_metadata = getattr(error, "trailing_metadata", None)
    metadata = trailing_metadata() if callable(trailing_metadata) else None
    values = [value for key, value in metadata or () if key == _DETAILS_KEY]
    if len(values) != 1 or not isinstance(values[0], bytes):
        return None
    return status_pb2.Status.FromString(values[0])


def _effect(
    failures: list[errors_pb2.FailureDetail], causes: tuple[VenueCause, ...]
) -> Effect | None:
    """NONE only if all that was said is NONE; None if nothing was said."""
    if not failures:
        return None
    said = [EFFECTS.get(failure.effect) for failure in failures]
    said.extend(cause.effect for cause in causes)
    return Effect.NONE if all(effect is Effect.NONE for effect in said) else Effect.UNKNOWN


def _reason(name: str) -> Reason:
    try:
        return Reason(name)
    except ValueError:
        return Reason.UNSPECIFIED


def _field(status: status_pb2.Status) -> str:
    for bad in _unpacked(status.details, error_details_pb2.BadRequest):
        for violation in bad.field_violations:
            return str(violation.field)
    return ""


def _retry_after_s(status: status_pb2.Status) -> float | None:
    for info in _unpacked(status.details, error_details_pb2.RetryInfo):
        return max(duration_from_wire(info.retry_delay, "retry_delay"), 0.0)
    return None


def _unpacked(details: Iterable[AnyMessage], kind: type[M]) -> Iterator[M]:
    """The details of that kind. DecodeError if one is malformed."""
    for detail in details:
        if detail.TypeName() == kind.DESCRIPTOR.full_name:
            yield kind.FromString(detail.value)
