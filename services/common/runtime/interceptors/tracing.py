"""One server span per call, a child of the caller's, with the status that the caller got."""

from typing import Any

import grpc
from opentelemetry.metrics import Meter
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Tracer

from services.common.runtime import telemetry
from services.common.runtime.clock import Clock
from services.common.runtime.interceptors.calls import (
    LayerInterceptor,
    Proceed,
    RpcCall,
    status_code_of,
)
from services.common.runtime.interceptors.subjects import subject_attributes
from services.common.runtime.rpc_meter import server_meter

# Probes come every few seconds and would bury the orders' traces; they are in the durations.
_UNTRACED = ("grpc.health.", "grpc.reflection.")


class TracingInterceptor(LayerInterceptor):
    """Continues the caller's trace; the span is current in the handler and ends with the call.

    Also when the client cancels, its deadline passes or it is gone. The duration is counted by
    method and code.
    """

    def __init__(
        self, clock: Clock, tracer: Tracer | None = None, meter: Meter | None = None
    ) -> None:
        self._clock = clock
        self._tracer = tracer or telemetry.default_tracer()
        self._meter = server_meter(meter)

    async def around(self, call: RpcCall, proceed: Proceed) -> Any:
        started = self._clock.monotonic()
        span = self._begun(call)
        with telemetry.current(span):
            try:
                result = await proceed()
            except BaseException as error:
                self._end(call, span, status_code_of(call, error), started)
                raise
            self._end(call, span, status_code_of(call, None), started)
            return result

    def _begun(self, call: RpcCall) -> Span:
        if call.method.startswith(_UNTRACED):
            return INVALID_SPAN
        return self._tracer.start_span(
            call.method,
            context=telemetry.extract(call.context.invocation_metadata()),
            kind=SpanKind.SERVER,
            attributes={
                telemetry.RPC_SYSTEM: "grpc",
                telemetry.RPC_METHOD: call.method,
                **subject_attributes(call.request),
            },
        )

    def _end(self, call: RpcCall, span: Span, code: grpc.StatusCode, started: float) -> None:
        span.set_attribute(telemetry.RPC_STATUS_CODE, code.name)
        if self._meter.is_failure(code):
            telemetry.set_failed(span, code.name)
        span.end()
        self._meter.ended(call.method, code, self._clock.monotonic() - started)
