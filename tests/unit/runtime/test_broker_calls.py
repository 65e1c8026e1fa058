"""A call to a broker: in its order's trace if it has one, in the durations always."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from services.common.runtime import telemetry
from services.common.runtime.broker_calls import CALL_DURATION, broker_span


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Iterator[Tracer]:
    provider = telemetry.build_tracer_provider("unit", [SimpleSpanProcessor(spans)])
    yield provider.get_tracer("unit")
    provider.shutdown()


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


def counted(reader: InMemoryMetricReader) -> dict[tuple[str, ...], int]:
    data: Any = reader.get_metrics_data()
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == CALL_DURATION
    return {tuple(sorted(p.attributes.values())): p.count for p in metric.data.data_points}


def test_a_call_for_an_order_is_a_client_span_under_the_orders(
    tracer: Tracer, spans: InMemorySpanExporter, reader: InMemoryMetricReader
) -> None:
    meter = MeterProvider([reader]).get_meter("unit")
    with (
        telemetry.span("order", tracer=tracer) as order,
        broker_span("ib", "placeOrder", tracer=tracer, meter=meter) as call,
    ):
        call.attribute("ib.perm_id", 7)
    call_span, order_span = spans.get_finished_spans()
    assert (call_span.name, call_span.kind) == ("ib placeOrder", SpanKind.CLIENT)
    assert call_span.parent == order.get_span_context()
    assert call_span.status.status_code is StatusCode.UNSET
    assert dict(call_span.attributes or {}) == {"ib.perm_id": 7}
    assert order_span.name == "order"
    assert counted(reader) == {("ib", "placeOrder"): 1}


def test_a_refusal_and_an_exception_are_failures_without_their_texts(
    tracer: Tracer, spans: InMemorySpanExporter, reader: InMemoryMetricReader
) -> None:
    meter = MeterProvider([reader]).get_meter("unit")
    with telemetry.span("order", tracer=tracer):
        with broker_span("ib", "placeOrder", tracer=tracer, meter=meter) as call:
            call.failed("201")
        with (
            pytest.raises(ConnectionError),
            broker_span("ib", "placeOrder", tracer=tracer, meter=meter),
        ):
            raise ConnectionError("secret text")
    refused, lost, _ = spans.get_finished_spans()
    for span, error_type in ((refused, "201"), (lost, "ConnectionError")):
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})[telemetry.ERROR_TYPE] == error_type
        assert "secret text" not in span.to_json()
    assert counted(reader) == {
        ("201", "ib", "placeOrder"): 1,
        ("ConnectionError", "ib", "placeOrder"): 1,
    }


def test_a_probe_begins_no_trace_and_is_counted(
    tracer: Tracer, spans: InMemorySpanExporter, reader: InMemoryMetricReader
) -> None:
    meter = MeterProvider([reader]).get_meter("unit")
    with broker_span("alpaca", "GET /account", tracer=tracer, meter=meter):
        assert not telemetry.in_span()
    assert spans.get_finished_spans() == ()
    assert counted(reader) == {("GET /account", "alpaca"): 1}
