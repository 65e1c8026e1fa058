"""Errors of ours as google.rpc.Status: what a server answers."""

from __future__ import annotations

import math
from typing import Final

from google.protobuf.message import Message
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    error_details_pb2,
    status_pb2,
)

from services.common.contract.convert import duration_to_wire, venue_cause_to_wire
from services.common.contract.convert.enums import EFFECTS
from services.common.contract.pb import errors_pb2
from services.common.contract.status.codes import (
    PRECONDITION_SUBJECTS,
    QUOTA_REASONS,
    code_of,
    effect_of,
)
from services.common.contract.status.kinds import kind_of
from services.common.domain.errors import InvalidRequest, Reason, Refused, TandemError

ERROR_DOMAIN: Final = "tandem.v1"
MESSAGE_BYTES_MAX: Final = 1024
DETAIL_BYTES_MAX: Final = 256
RETRY_AFTER_S_MAX: Final = 86_400.0


def to_status(error: TandemError) -> status_pb2.Status:
    """Write an error with its details: one ErrorInfo, one FailureDetail, and what else applies.

    Texts are cut (message 1024 bytes, others 256) so that the whole stays within the 8 KiB of
    metadata that gRPC clients take by default: over that they would lose the effect as well.
    """
    status = status_pb2.Status(
        code=code_of(error).value[0], message=_clip(error.message, MESSAGE_BYTES_MAX)
    )
    for detail in _details(error):
        status.details.add().Pack(detail)
    return status


def translate(exc: Exception) -> status_pb2.Status | None:
    """The status of an error of ours, None for any other: for a server's error hook."""
    return to_status(exc) if isinstance(exc, TandemError) else None


def unimplemented(method: str, issue_hint: str = "") -> Refused:
    """The error of an RPC that a later release fills in; `issue_hint` says what it will do."""
    hint = f" ({issue_hint})" if issue_hint else ""
    return Refused(Reason.NOT_IMPLEMENTED, f"{method}{hint} is not served by this release")


def _details(error: TandemError) -> list[Message]:
    details: list[Message] = [_error_info(error), _failure_detail(error)]
    if error.retry_after_s is not None and math.isfinite(error.retry_after_s):
        delay_s = min(max(error.retry_after_s, 0.0), RETRY_AFTER_S_MAX)
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_to_wire(delay_s)))
    if error.reason in QUOTA_REASONS:
        details.append(_quota_failure(error))
    if isinstance(error, InvalidRequest):
        details.append(_bad_request(error))
    if error.reason in PRECONDITION_SUBJECTS:
        details.append(_precondition_failure(error))
    return details


def _error_info(error: TandemError) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(
        reason=error.reason.value, domain=ERROR_DOMAIN, metadata={"kind": kind_of(error)}
    )


def _failure_detail(error: TandemError) -> errors_pb2.FailureDetail:
    detail = errors_pb2.FailureDetail(effect=EFFECTS.to_wire(effect_of(error)))
    for cause in error.venue_causes:
        msg = venue_cause_to_wire(cause)
        msg.message = _clip(msg.message, DETAIL_BYTES_MAX)
        detail.venue_causes.append(msg)
    return detail


def _quota_failure(error: TandemError) -> error_details_pb2.QuotaFailure:
    subjects = [f"venue:{cause.venue}" for cause in error.venue_causes] or ["requests"]
    description = _clip(error.message, DETAIL_BYTES_MAX)
    return error_details_pb2.QuotaFailure(
        violations=[
            error_details_pb2.QuotaFailure.Violation(subject=subject, description=description)
            for subject in subjects
        ]
    )


def _bad_request(error: InvalidRequest) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation(
        field=_clip(error.field, DETAIL_BYTES_MAX),
        description=_clip(error.message.removeprefix(f"{error.field}: "), DETAIL_BYTES_MAX),
    )
    return error_details_pb2.BadRequest(field_violations=[violation])


def _precondition_failure(error: TandemError) -> error_details_pb2.PreconditionFailure:
    violation = error_details_pb2.PreconditionFailure.Violation(
        type=error.reason.value,
        subject=PRECONDITION_SUBJECTS[error.reason],
        description=_clip(error.message, DETAIL_BYTES_MAX),
    )
    return error_details_pb2.PreconditionFailure(violations=[violation])


def _clip(text: str, bytes_max: int) -> str:
    """Cut `text` to at most so many bytes of UTF-8, between characters."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= bytes_max:
        return raw.decode()
    return raw[: bytes_max - 3].decode("utf-8", "ignore") + "..."
