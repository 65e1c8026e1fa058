"""Export that is never in the way: bounded, quiet, and given up in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from services.common.runtime import observing, telemetry
from services.common.runtime.clock import SystemClock
from services.common.runtime.span_export import QUEUE_LEN_MAX, QuietExporter, otlp_processor
from stack.traces import TraceCollector


class Hand:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


class Moody(SpanExporter):
    """Takes spans, or doesn't."""

    def __init__(self) -> None:
        self.takes = False

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS if self.takes else SpanExportResult.FAILURE


def told(lines: Callable[[], list[dict[str, Any]]]) -> list[tuple[str, int]]:
    return [(line["event"], line["lost"]) for line in lines() if "lost" in line]


def test_a_collector_that_is_away_is_told_of_once_a_minute(
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    clock, moody, none = Hand(), Moody(), [None] * 3
    exporter = QuietExporter(moody, "http://collector:4318", clock)  # type: ignore[arg-type]
    for _ in range(30):
        exporter.export(none)  # type: ignore[arg-type]
        clock.at += 1.0
    assert told(log_lines) == [("spans_not_exported", 3)]
    clock.at += 60.0
    exporter.export(none)  # type: ignore[arg-type]
    assert told(log_lines)[1:] == [("spans_not_exported", 93)]
    moody.takes = True
    exporter.export(none)  # type: ignore[arg-type]
    exporter.export(none)  # type: ignore[arg-type]
    assert told(log_lines)[2:] == [("spans_exported_again", 93)]


@pytest.fixture
async def hanging() -> AsyncIterator[str]:
    """A collector that takes connections and answers nothing."""
    writers: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for writer in writers:
        writer.close()
    server.close()


def traced(endpoint: str) -> TracerProvider:
    processor = otlp_processor(endpoint, 0.02, SystemClock())
    return telemetry.build_tracer_provider("unit", [processor])


async def test_spans_are_never_waited_for_and_the_end_is_bounded(hanging: str) -> None:
    provider = traced(hanging)
    tracer = provider.get_tracer("unit")
    began = time.monotonic()
    for _ in range(QUEUE_LEN_MAX + 100):
        tracer.start_span("order").end()
    spent_s = time.monotonic() - began
    assert spent_s < 10.0, "a full queue must not hold anybody up"
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    began = time.monotonic()
    async with asyncio.timeout(observing.FLUSH_S + 20.0):
        await observing.flush(provider)
    ticking.cancel()
    assert time.monotonic() - began + 0.1 >= observing.FLUSH_S
    assert ticks > 5, "the event loop went on meanwhile"


async def test_what_has_ended_is_sent_before_the_end() -> None:
    async with TraceCollector() as collector:
        processor = otlp_processor(collector.endpoint, 60.0, SystemClock())
        provider = telemetry.build_tracer_provider("unit", [processor])
        with telemetry.span("last", tracer=provider.get_tracer("unit")) as last:
            pass
        await observing.flush(provider)
        (span,) = collector.trace(f"{last.get_span_context().trace_id:032x}")
        assert (span.service, span.name) == ("unit", "last")
