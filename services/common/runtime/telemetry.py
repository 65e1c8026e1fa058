"""Trace context in and out, spans, and the attribute names of telemetry.

Only W3C trace context (traceparent, tracestate) crosses a process: baggage from a stranger is
not carried on. A provider always exists, so that ids are valid in logs and in the journal, whether
spans are exported (`observing.py`) or not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import context as contexts
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
HTTP_STATUS_CODE = "http.response.status_code"

ACCOUNT_ID = "tandem.account_id"
CLIENT_ORDER_ID = "tandem.client_order_id"
PLACEMENT_ID = "tandem.placement_id"
ORDER_STATUS = "tandem.order_status"
VENUE = "tandem.venue"

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_INSTRUMENTATION = "tandem"

Attributes = Mapping[str, AttributeValue]


def build_tracer_provider(
    service: str,
    processors: Sequence[SpanProcessor] = (),
    attributes: Attributes | None = None,
) -> TracerProvider:
    """Make the provider of one process; the caller shuts it down.

    `attributes` are told of the process as a whole (the venue that an adapter is for).
    """
    resource = Resource.create({SERVICE_NAME: service, **(attributes or {})})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def install_tracer_provider(provider: trace.TracerProvider) -> None:
    """Make `provider` the process's own. OpenTelemetry allows it once in a process's life."""
    trace.set_tracer_provider(provider)


def default_tracer() -> Tracer:
    """The tracer of the installed provider; without one, spans have no ids and cost nothing."""
    return trace.get_tracer(_INSTRUMENTATION)


# -- context --------------------------------------------------------------------------------------


def extract(metadata: Iterable[tuple[str, str | bytes]] | None) -> Context:
    """Read the caller's trace context from gRPC metadata; an empty context if there is none."""
    carrier = {
        key: value
        for key, value in metadata or ()
        if key in (TRACEPARENT, TRACESTATE) and isinstance(value, str)
    }
    return TraceContextTextMapPropagator().extract(carrier, context=Context())


def injected(context: Context | None = None) -> list[tuple[str, str]]:
    """The current trace context (or another) as gRPC metadata; empty if it has no valid span."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, context=context)
    return list(carrier.items())


def current_traceparent() -> str | None:
    """The current span as a W3C traceparent, to be kept with what outlives the process."""
    return dict(injected()).get(TRACEPARENT)


def in_span() -> bool:
    """Whether there is a current span, ours or a caller's."""
    return trace.get_current_span().get_span_context().is_valid


@contextmanager
def continued(traceparent: str) -> Iterator[None]:
    """Let what runs inside belong to a kept trace, unless it belongs to one already.

    No span is made here: if nothing is called inside, nothing is told. An empty or unreadable
    `traceparent` changes nothing.
    """
    if in_span():
        yield
        return
    token = contexts.attach(extract([(TRACEPARENT, traceparent)]))
    try:
        yield
    finally:
        contexts.detach(token)


# -- spans ----------------------------------------------------------------------------------------


@contextmanager
def span(
    name: str,
    *,
    tracer: Tracer | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    traceparent: str | None = None,
    attributes: Attributes | None = None,
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
            set_failed(current, type(error).__qualname__)
            raise


@contextmanager
def current(span: Span) -> Iterator[None]:
    """Let a span be the current one inside; its maker ends it."""
    with trace.use_span(span, record_exception=False, set_status_on_exception=False):
        yield


def set_failed(span: Span, error_type: str) -> None:
    """Mark a span as failed. `error_type` is one of few words: a class, a code, a reason."""
    span.set_status(trace.StatusCode.ERROR)
    span.set_attribute(ERROR_TYPE, error_type)


def add_event(name: str, attributes: Attributes | None = None) -> None:
    """Note on the current span that something happened (a failover); without one, nothing."""
    trace.get_current_span().add_event(name, attributes)


def order_attributes(
    *, account_id: str = "", client_order_id: str = "", placement_id: str = "", venue: str = ""
) -> dict[str, AttributeValue]:
    """Whose order a span is about; what is empty is left out.

    A placement id in place of the client order id is told as what it is, and as its order's.
    """
    if "~" in client_order_id:
        placement_id = placement_id or client_order_id
        client_order_id = client_order_id.partition("~")[0]
    given = {
        ACCOUNT_ID: account_id,
        CLIENT_ORDER_ID: client_order_id,
        PLACEMENT_ID: placement_id,
        VENUE: venue,
    }
    return {key: value for key, value in given.items() if value}
