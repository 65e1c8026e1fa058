"""The gRPC edge of every process: what surrounds each incoming and each outgoing call."""

from collections.abc import Sequence

import grpc
from opentelemetry.metrics import Meter
from opentelemetry.trace import Tracer

from services.common.runtime.clock import Clock
from services.common.runtime.interceptors.access_log import AccessLogInterceptor
from services.common.runtime.interceptors.client import client_interceptors
from services.common.runtime.interceptors.deadline import DeadlineInterceptor
from services.common.runtime.interceptors.sanitise import ErrorTranslator, SanitiseInterceptor
from services.common.runtime.interceptors.tracing import TracingInterceptor

__all__ = ["ErrorTranslator", "client_interceptors", "server_interceptors"]


def server_interceptors(
    clock: Clock,
    default_deadline_s: float,
    *,
    translate: ErrorTranslator | None = None,
    tracer: Tracer | None = None,
    meter: Meter | None = None,
) -> Sequence[grpc.aio.ServerInterceptor]:
    """The layers of a server, outermost first.

    Sanitising comes twice. The inner layer makes the status, inside of tracing and logging, so
    that both record what the client gets and the incident's log line has its trace. The outermost
    one does nothing but catch what these layers themselves might raise.
    """
    return [
        SanitiseInterceptor(),
        TracingInterceptor(clock, tracer, meter),
        AccessLogInterceptor(clock),
        SanitiseInterceptor(translate),
        DeadlineInterceptor(clock, default_deadline_s),
    ]
