"""Outgoing calls: a client span between the caller's and the server's, ended however they end."""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from services.common.runtime import telemetry
from services.common.runtime.clock import SystemClock
from services.common.runtime.interceptors.outgoing import OutgoingCalls
from services.common.runtime.rpc_meter import CLIENT_DURATION, SERVER_DURATION


class Watched:
    """A tracer and a meter that tell what they were told."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        processor = SimpleSpanProcessor(self.exporter)
        self.provider = telemetry.build_tracer_provider("unit", [processor])
        self.tracer: Tracer = self.provider.get_tracer("unit")
        self.reader = InMemoryMetricReader()
        self.meter = MeterProvider([self.reader]).get_meter("unit")

    def calls(self) -> OutgoingCalls:
        return OutgoingCalls(
            SystemClock(), {telemetry.VENUE: "alpaca"}, tracer=self.tracer, meter=self.meter
        )

    def of_kind(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.kind is kind]

    def counted(self, name: str) -> dict[str, int]:
        """Calls by code."""
        data: Any = self.reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics if data else ()
        return {
            point.attributes[telemetry.RPC_STATUS_CODE]: point.count
            for metric in metrics
            if metric.name == name
            for point in metric.data.data_points
        }


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.provider.shutdown()


async def test_client_and_server_span_are_one_chain_and_say_whose_order_it_is(
    serve: Any, request_type: Any, order_type: Any, watched: Watched, eventually: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        return request

    served = await serve(handler, tracer=watched.tracer, meter=watched.meter, calls=watched.calls())
    order = order_type(client_order_id="mine~sim~1.0")
    with telemetry.span("order", tracer=watched.tracer) as parent:
        await served.stub("unary_unary")(request_type(account_id="main", order=order))
    await eventually(lambda: len(watched.exporter.get_finished_spans()) == 3)
    await eventually(lambda: watched.counted(CLIENT_DURATION) and watched.counted(SERVER_DURATION))
    (client,), (server,) = watched.of_kind(SpanKind.CLIENT), watched.of_kind(SpanKind.SERVER)
    assert client.parent == parent.get_span_context()
    assert server.parent is not None
    assert client.context is not None
    assert server.parent.span_id == client.context.span_id
    whose = {
        telemetry.ACCOUNT_ID: "main",
        telemetry.CLIENT_ORDER_ID: "mine",
        telemetry.PLACEMENT_ID: "mine~sim~1.0",
    }
    assert whose.items() <= dict(server.attributes or {}).items()
    assert {**whose, telemetry.VENUE: "alpaca"}.items() <= dict(client.attributes or {}).items()
    assert watched.counted(CLIENT_DURATION) == {"OK": 1}
    assert watched.counted(SERVER_DURATION) == {"OK": 1}


async def test_a_client_span_has_the_code_that_the_caller_saw(
    serve: Any, request_type: Any, watched: Watched, eventually: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        if request.text == "abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "")
        if request.text != "ok":
            await asyncio.Event().wait()
        return request

    served = await serve(handler, calls=watched.calls(), meter=watched.meter)
    call = served.stub("unary_unary")
    with telemetry.span("order", tracer=watched.tracer):
        await call(request_type(text="ok"))
        await asyncio.gather(call(request_type(text="abort")), return_exceptions=True)
        await asyncio.gather(call(request_type(text="slow"), timeout=0.1), return_exceptions=True)
        task = asyncio.ensure_future(_awaited(call(request_type(text="slow"))))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await eventually(lambda: len(watched.of_kind(SpanKind.CLIENT)) == 4)
    got = [
        ((span.attributes or {})[telemetry.RPC_STATUS_CODE], span.status.status_code)
        for span in watched.of_kind(SpanKind.CLIENT)
    ]
    assert got == [
        ("OK", StatusCode.UNSET),
        ("NOT_FOUND", StatusCode.ERROR),
        ("DEADLINE_EXCEEDED", StatusCode.ERROR),
        ("CANCELLED", StatusCode.ERROR),
    ]
    await eventually(lambda: len(watched.counted(CLIENT_DURATION)) == 4)
    assert watched.counted(CLIENT_DURATION) == {code: 1 for code, _ in got}


async def _awaited(call: Any) -> Any:
    return await call


async def test_both_spans_of_a_stream_that_the_client_cancels_end(
    serve: Any, request_type: Any, watched: Watched, eventually: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        yield request
        await asyncio.Event().wait()

    served = await serve(handler, "unary_stream", tracer=watched.tracer, calls=watched.calls())
    with telemetry.span("reader", tracer=watched.tracer):
        call = served.stub("unary_stream")(request_type())
        await call.read()
        call.cancel()
    await eventually(lambda: len(watched.exporter.get_finished_spans()) == 3)
    for kind in (SpanKind.CLIENT, SpanKind.SERVER):
        (span,) = watched.of_kind(kind)
        assert (span.attributes or {})[telemetry.RPC_STATUS_CODE] == "CANCELLED"


async def test_a_call_that_nobody_asked_for_begins_no_trace_and_is_counted(
    serve: Any, request_type: Any, watched: Watched, eventually: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        return request

    served = await serve(handler, calls=watched.calls())
    await served.stub("unary_unary")(request_type())
    await eventually(lambda: watched.counted(CLIENT_DURATION))
    assert watched.counted(CLIENT_DURATION) == {"OK": 1}
    assert watched.exporter.get_finished_spans() == ()


async def test_a_health_check_has_no_span_and_is_counted(
    serve: Any, watched: Watched, eventually: Any
) -> None:
    served = await serve(tracer=watched.tracer, meter=watched.meter)
    check = served.channel.unary_unary("/grpc.health.v1.Health/Check")
    await check(b"")
    await eventually(lambda: watched.counted(SERVER_DURATION))
    assert watched.exporter.get_finished_spans() == ()
    assert watched.counted(SERVER_DURATION) == {"OK": 1}


async def test_a_kept_trace_is_continued_without_a_span_of_its_own(
    serve: Any, request_type: Any, watched: Watched, eventually: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        return request

    served = await serve(handler, calls=watched.calls())
    with telemetry.continued("00-" + "a" * 32 + "-" + "b" * 16 + "-01"):
        await served.stub("unary_unary")(request_type())
    with telemetry.continued("unreadable"):
        await served.stub("unary_unary")(request_type())
    with (
        telemetry.span("own", tracer=watched.tracer) as own,
        telemetry.continued("00-" + "c" * 32 + "-" + "d" * 16 + "-01"),
    ):
        await served.stub("unary_unary")(request_type())
    await eventually(lambda: len(watched.exporter.get_finished_spans()) == 3)
    client, inner = watched.of_kind(SpanKind.CLIENT)
    assert inner.parent == own.get_span_context(), "what belongs to a trace stays there"
    assert client.parent is not None
    assert (client.parent.trace_id, client.parent.span_id) == (int("a" * 32, 16), int("b" * 16, 16))
