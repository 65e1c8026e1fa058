"""Trace context in and out, spans, and the attribute names of RPC telemetry.

Only W3C trace context (traceparent, tracestate) crosses a process: baggage from a stranger is
not carried on. Exporting spans is wired elsewhere; here a provider exists so that ids are valid.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import Span, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

# Semantic conventions for RPC (release candidate): in one place, since they may still change.
RPC_SYSTEM = "rpc.system.name"
RPC_METHOD = "rpc.method"
RPC_STATUS_CODE = "rpc.response.status_code"
ERROR_TYPE = "error.type"

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_INSTRUMENTATION = "tandem"


def build_tracer_provider(service: str, processors: Sequence[SpanProcessor] = ()) -> TracerProvider:
    """Make the provider of one process; the caller shuts it down."""
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def install_tracer_provider(provider: TracerProvider) -> None:
    """Make `provider` the process's own. OpenTelemetry allows it once in a process's life."""
    trace.set_tracer_provider(provider)


def default_tracer() -> Tracer:
    """The tracer of the installed provider; without one, spans have no ids and cost nothing."""
    return trace.get_tracer(_INSTRUMENTATION)


def extract(metadata: Iterable[tuple[str, str | bytes]] | None) -> Context:
    """Read the caller's trace context from gRPC metadata; an empty context if there is none."""
    carrier = {
        key: value
        for key, value in metadata or ()
        if key in (TRACEPARENT, TRACESTATE) and isinstance(value, str)
    }
    return TraceContextTextMapPropagator().extract(carrier, context=Context())


def injected() -> list[tuple[str, str]]:
    """The current trace context as gRPC metadata; empty if there is no valid span."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return list(carrier.items())


def current_traceparent() -> str | None:
    """The current span as a W3C traceparent, to be kept with what outlives the process."""
    return dict(injected()).get(TRACEPARENT)


@contextmanager
def span(
    name: str,
    *,
    tracer: Tracer | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    traceparent: str | None = None,
    attributes: dict[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """Run what is inside in a span of its own; an exception marks it failed and goes on.

    `traceparent` continues a kept trace (after a restart, say) in place of the current one.
    The exception's class is recorded, its text is not: it may hold what must not be exported.
    """
    context = None if traceparent is None else extract([(TRACEPARENT, traceparent)])
    with (tracer or default_tracer()).start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(trace.StatusCode.ERROR)
            current.set_attribute(ERROR_TYPE, type(error).__qualname__)
            raise
