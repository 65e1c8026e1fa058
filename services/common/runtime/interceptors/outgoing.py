"""Outgoing calls as telemetry sees them: a client span in the trace they serve, and a duration."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.metrics import Meter
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Tracer

from services.common.runtime import telemetry
from services.common.runtime.clock import Clock
from services.common.runtime.interceptors.subjects import subject_attributes
from services.common.runtime.rpc_meter import client_meter


class Outgoing:
    """One call under way; `follow` hands its end over to the call itself."""

    def __init__(self, calls: "OutgoingCalls", method: str, span: Span) -> None:
        self._calls = calls
        self._method = method
        self._span = span
        self._started = calls.clock.monotonic()
        self._followed = False

    def follow(self, call: Any) -> None:
        """End with the call: answered, failed, out of time, or canceled by whoever holds it."""
        self._followed = True
        call.add_done_callback(lambda ended: self._end(_code_of(ended)))

    def abandoned(self, error_type: str) -> None:
        """No call has come of it (or nobody will ever tell)."""
        if not self._followed:
            telemetry.set_failed(self._span, error_type)
            self._span.end()

    def _end(self, code: grpc.StatusCode) -> None:
        self._span.set_attribute(telemetry.RPC_STATUS_CODE, code.name)
        if self._calls.meter.is_failure(code):
            telemetry.set_failed(self._span, code.name)
        self._span.end()
        duration_s = self._calls.clock.monotonic() - self._started
        self._calls.meter.ended(self._method, code, duration_s)


class OutgoingCalls:
    """The calls of one channel. `attributes` are told with each (the venue at its other end).

    A span is made inside of another one only: what a process calls by itself, such as a
    heartbeat stream, begins no trace here. It is in the durations all the same.
    """

    def __init__(
        self,
        clock: Clock,
        attributes: telemetry.Attributes | None = None,
        *,
        tracer: Tracer | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.clock = clock
        self.meter = client_meter(meter)
        self._attributes = attributes or {}
        self._tracer = tracer or telemetry.default_tracer()

    @contextmanager
    def one(self, method: str | bytes, request: Any) -> Iterator[Outgoing]:
        """Start a call inside: its span is current there, so that the other side continues it."""
        path = method.decode() if isinstance(method, bytes) else method
        name = path.lstrip("/")
        span = self._begun(name, request)
        outgoing = Outgoing(self, name, span)
        with telemetry.current(span):
            try:
                yield outgoing
            except BaseException as error:
                outgoing.abandoned(type(error).__qualname__)
                raise

    def _begun(self, name: str, request: Any) -> Span:
        if not telemetry.in_span():
            return INVALID_SPAN
        attributes = {
            telemetry.RPC_SYSTEM: "grpc",
            telemetry.RPC_METHOD: name,
            **self._attributes,
            **subject_attributes(request),
        }
        return self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


def _code_of(ended: Any) -> grpc.StatusCode:
    """The code of a call that has ended. It is there, so its coroutine never has to wait."""
    waiting = ended.code()
    try:
        waiting.send(None)
    except StopIteration as answer:
        code: grpc.StatusCode = answer.value
        return code
    waiting.close()
    return grpc.StatusCode.UNKNOWN
