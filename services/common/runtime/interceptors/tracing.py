"""One server span per call, a child of the caller's, with the status that the caller got."""

from typing import Any

import grpc
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from services.common.runtime import telemetry
from services.common.runtime.interceptors.calls import (
    LayerInterceptor,
    Proceed,
    RpcCall,
    status_code_of,
)

# By the conventions only these are the server's failures; the others are answers.
_SERVER_FAILURES = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class TracingInterceptor(LayerInterceptor):
    """Continues the caller's trace; the span is current in the handler and ends with the call."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer or telemetry.default_tracer()

    async def around(self, call: RpcCall, proceed: Proceed) -> Any:
        with self._tracer.start_as_current_span(
            call.method,
            context=telemetry.extract(call.context.invocation_metadata()),
            kind=SpanKind.SERVER,
            attributes={telemetry.RPC_SYSTEM: "grpc", telemetry.RPC_METHOD: call.method},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                result = await proceed()
            except BaseException as error:
                _record(span, status_code_of(call, error))
                raise
            _record(span, status_code_of(call, None))
            return result


def _record(span: Span, code: grpc.StatusCode) -> None:
    span.set_attribute(telemetry.RPC_STATUS_CODE, code.name)
    if code in _SERVER_FAILURES:
        span.set_attribute(telemetry.ERROR_TYPE, code.name)
        span.set_status(StatusCode.ERROR)
