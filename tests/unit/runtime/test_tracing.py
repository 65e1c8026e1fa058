"""Trace context between processes, and spans with the status that the caller got."""

import asyncio
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, Tracer

from services.common.runtime import telemetry


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Any:
    provider = telemetry.build_tracer_provider("unit", [SimpleSpanProcessor(spans)])
    yield provider.get_tracer("unit")
    provider.shutdown()


@pytest.mark.parametrize("arity", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
async def test_trace_goes_from_client_to_handler(
    serve: Any,
    request_type: Any,
    tracer: Tracer,
    spans: InMemorySpanExporter,
    eventually: Any,
    arity: str,
) -> None:
    async def unary(request: Any, context: Any) -> Any:
        return request_type(text=telemetry.current_traceparent())

    async def generator(request: Any, context: Any) -> Any:
        yield request_type(text=telemetry.current_traceparent())

    async def requests() -> Any:
        yield request_type()

    streams = arity.endswith("stream")
    served = await serve(generator if streams else unary, arity, tracer=tracer)
    with telemetry.span("caller", tracer=tracer):
        mine = telemetry.current_traceparent() or ""
        sent = requests() if arity.startswith("stream") else request_type()
        call = served.stub(arity)(sent)
        seen = (await call.read() if streams else await call).text
        await call.code()
    assert seen.split("-")[1] == mine.split("-")[1]
    assert seen.split("-")[2] != mine.split("-")[2]
    await eventually(lambda: len(spans.get_finished_spans()) == 2)
    server, caller = sorted(
        spans.get_finished_spans(), key=lambda span: span.name != "test.Orders/Do"
    )
    assert server.name == "test.Orders/Do"
    assert server.parent is not None
    assert caller.context is not None
    assert server.parent.span_id == caller.context.span_id


async def test_stale_traceparent_of_the_application_is_replaced(
    serve: Any, request_type: Any, tracer: Tracer
) -> None:
    seen: list[Any] = []

    async def handler(request: Any, context: Any) -> Any:
        traced = ("traceparent", "tracestate", "other")
        seen.extend(pair for pair in context.invocation_metadata() if pair[0] in traced)
        return request

    served = await serve(handler)
    with telemetry.span("caller", tracer=tracer):
        stale = (
            ("traceparent", "00-" + "1" * 32 + "-" + "2" * 16 + "-01"),
            ("tracestate", "of=another"),
            ("other", "kept"),
        )
        await served.stub("unary_unary")(request_type(), metadata=stale)
        current = telemetry.current_traceparent()
    assert {tuple(pair) for pair in seen} == {("traceparent", current), ("other", "kept")}


async def test_span_has_the_status_that_the_caller_got(
    serve: Any, request_type: Any, tracer: Tracer, spans: InMemorySpanExporter, eventually: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        if request.text == "abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "")
        if request.text == "fail":
            raise ValueError("secret text")
        if request.text == "set":
            context.set_code(grpc.StatusCode.UNAVAILABLE)
        if request.text == "hang":
            await asyncio.Event().wait()
        return request

    patient = await serve(handler, tracer=tracer, plain_channel=True)
    hasty = await serve(handler, tracer=tracer, default_deadline_s=0.1, plain_channel=True)
    for ended, text in enumerate(("ok", "abort", "fail", "set", "hang"), start=1):
        served = hasty if text == "hang" else patient
        await asyncio.gather(
            served.stub("unary_unary")(request_type(text=text)), return_exceptions=True
        )
        await eventually(lambda ended=ended: len(spans.get_finished_spans()) == ended)
    got = [
        ((span.attributes or {})[telemetry.RPC_STATUS_CODE], span.status.status_code)
        for span in spans.get_finished_spans()
    ]
    assert got == [
        ("OK", StatusCode.UNSET),
        ("NOT_FOUND", StatusCode.UNSET),
        ("INTERNAL", StatusCode.ERROR),
        ("UNAVAILABLE", StatusCode.ERROR),
        ("DEADLINE_EXCEEDED", StatusCode.ERROR),
    ]
    assert not any(span.events for span in spans.get_finished_spans())


async def test_span_of_a_stream_that_the_client_cancels_ends(
    serve: Any,
    request_type: Any,
    tracer: Tracer,
    spans: InMemorySpanExporter,
    eventually: Any,
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        yield request
        await asyncio.Event().wait()

    served = await serve(handler, "unary_stream", tracer=tracer)
    call = served.stub("unary_stream")(request_type())
    await call.read()
    call.cancel()
    await eventually(spans.get_finished_spans)
    (span,) = spans.get_finished_spans()
    assert (span.attributes or {})[telemetry.RPC_STATUS_CODE] == "CANCELLED"


async def test_kept_trace_is_continued_after_a_restart(
    tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    kept = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    with telemetry.span("resolve", tracer=tracer, traceparent=kept):
        now = telemetry.current_traceparent() or ""
    assert now.split("-")[1] == "a" * 32
    with pytest.raises(KeyError), telemetry.span("failing", tracer=tracer):
        raise KeyError("secret text")
    failed = spans.get_finished_spans()[-1]
    assert failed.status.status_code is StatusCode.ERROR
    assert "secret text" not in failed.to_json()


def test_without_a_span_there_is_no_traceparent() -> None:
    assert telemetry.current_traceparent() is None
