"""Failed calls as a client of gRPC sees them, made from what a server would have sent."""

from __future__ import annotations

import grpc
from google.protobuf.message import Message
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    code_pb2,
    error_details_pb2,
    status_pb2,
)

from services.common.contract.pb import errors_pb2

DETAILS_KEY = "grpc-status-details-bin"
CODES_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}
NONE = errors_pb2.FailureDetail(effect=errors_pb2.EFFECT_NONE)
UNKNOWN = errors_pb2.FailureDetail(effect=errors_pb2.EFFECT_UNKNOWN)


def info(reason: str = "VENUE_UNAVAILABLE", domain: str = "tandem.v1") -> Message:
    made: Message = error_details_pb2.ErrorInfo(reason=reason, domain=domain)
    return made


def status_of(*details: Message, code: int = code_pb2.UNAVAILABLE) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message="told")
    for detail in details:
        status.details.add().Pack(detail)
    return status


def failed_call(status: status_pb2.Status) -> grpc.aio.AioRpcError:
    """The error of a call that ended with `status`."""
    return raw_failure(
        CODES_BY_NUMBER[status.code], status.SerializeToString(), message=status.message
    )


def raw_failure(
    code: grpc.StatusCode, *details: bytes, message: str = "told"
) -> grpc.aio.AioRpcError:
    """The error of a call that ended with `code` and such details, well-formed or not."""
    return grpc.aio.AioRpcError(
        code,
        initial_metadata=grpc.aio.Metadata(),
        trailing_metadata=grpc.aio.Metadata(*((DETAILS_KEY, detail) for detail in details)),
        details=message,
    )
