"""What a failed call has told, read from nothing but the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import grpc
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    error_details_pb2,
    status_pb2,
)

from services.common.contract.pb import errors_pb2

_DETAILS_KEY: Final = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call. `reason`, `effect` and `field` are empty if it did not say;
    `retry_after_s` is None without RetryInfo."""

    code: grpc.StatusCode
    reason: str
    effect: str
    field: str
    message: str
    retry_after_s: float | None

    @property
    def words(self) -> str:
        """As a step of a story."""
        effect = f", effect {self.effect}" if self.effect else ""
        return f"refused {self.reason or self.code.name}{effect}"


def read_failure(error: grpc.aio.AioRpcError) -> Failure:
    """What the error says."""
    details = [value for key, value in error.trailing_metadata() or () if key == _DETAILS_KEY]
    status = status_pb2.Status.FromString(details[0] if details else b"")
    info, told = error_details_pb2.ErrorInfo(), errors_pb2.FailureDetail()
    bad, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    has_retry = has_effect = False
    for detail in status.details:
        has_retry |= detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR)
        has_effect |= detail.Is(errors_pb2.FailureDetail.DESCRIPTOR)
        for into in (info, told, bad, retry):
            detail.Unpack(into)
    effect = errors_pb2.Effect.Name(told.effect).removeprefix("EFFECT_") if has_effect else ""
    return Failure(
        code=error.code(),
        reason=info.reason,
        effect=effect,
        field=bad.field_violations[0].field if bad.field_violations else "",
        message=error.details() or "",
        retry_after_s=retry.retry_delay.ToTimedelta().total_seconds() if has_retry else None,
    )
