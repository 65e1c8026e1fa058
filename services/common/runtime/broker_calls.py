"""A call to a broker as telemetry sees it: a CLIENT span in the order's trace, and its duration."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry import metrics
from opentelemetry.metrics import Histogram, Meter
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Tracer
from opentelemetry.util.types import AttributeValue

from services.common.runtime import telemetry
from services.common.runtime.clock import Clock, SystemClock

CALL_DURATION = "tandem.broker.call.duration"
BROKER = "tandem.broker"
CALL = "tandem.broker.call"
DURATION_BOUNDS_S = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
"""Buckets of durations: those of the conventions for RPC, and two below them."""


class BrokerCall:
    """One call under way. What it comes to is told here, an exception by itself."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.error_type = ""

    def attribute(self, name: str, value: AttributeValue) -> None:
        """Tell something of it; never a secret, never a body."""
        self._span.set_attribute(name, value)

    def failed(self, error_type: str) -> None:
        """The broker refused or failed: one of few words, such as its status or error code."""
        self.error_type = error_type
        telemetry.set_failed(self._span, error_type)


@contextmanager
def broker_span(
    broker: str,
    call: str,
    *,
    attributes: telemetry.Attributes | None = None,
    tracer: Tracer | None = None,
    meter: Meter | None = None,
    clock: Clock | None = None,
) -> Iterator[BrokerCall]:
    """Surround one call to a broker, such as ("alpaca", "POST /orders") or ("ib", "placeOrder").

    `call` is a name out of few, without ids. A span is made inside of another one only: probes and
    what else nobody has asked for begin no traces, and are in the durations all the same. An
    exception marks the call failed by its class, and goes on.
    """
    monotonic = (clock or SystemClock()).monotonic
    started = monotonic()
    made = _begun(f"{broker} {call}", attributes, tracer)
    told = BrokerCall(made)
    try:
        with telemetry.current(made):
            yield told
    except BaseException as error:
        told.failed(type(error).__qualname__)
        raise
    finally:
        made.end()
        labels = {BROKER: broker, CALL: call}
        if told.error_type:
            labels[telemetry.ERROR_TYPE] = told.error_type
        _durations(meter).record(monotonic() - started, labels)


def _begun(name: str, attributes: telemetry.Attributes | None, tracer: Tracer | None) -> Span:
    if not telemetry.in_span():
        return INVALID_SPAN
    return (tracer or telemetry.default_tracer()).start_span(
        name, kind=SpanKind.CLIENT, attributes=attributes
    )


@cache
def _durations(meter: Meter | None) -> Histogram:
    return (meter or metrics.get_meter("tandem")).create_histogram(
        CALL_DURATION,
        unit="s",
        description="How long calls to the broker took.",
        explicit_bucket_boundaries_advisory=DURATION_BOUNDS_S,
    )
