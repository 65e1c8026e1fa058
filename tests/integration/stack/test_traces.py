"""Traces as they come from real exporters, and as a tree that a person reads."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind
from rich.console import Console

from services.common.runtime import telemetry
from services.common.runtime.clock import SystemClock
from services.common.runtime.span_export import otlp_processor
from stack.children import StackFailed
from stack.trace_tree import render
from stack.traces import TraceCollector, TracedSpan

DEADLINE_S = 30.0
DELAY_S = 0.05


@pytest.fixture
async def collector() -> AsyncIterator[TraceCollector]:
    async with TraceCollector() as running:
        yield running


def provider(collector: TraceCollector, service: str, **attributes: str) -> TracerProvider:
    processor = otlp_processor(collector.endpoint, DELAY_S, SystemClock())
    return telemetry.build_tracer_provider(service, [processor], attributes)


async def failed_over(collector: TraceCollector) -> list[TracedSpan]:
    """An order that goes to the second venue, over two processes."""
    router = provider(collector, "tandem-router")
    adapter = provider(collector, "tandem-ib-adapter", **{telemetry.VENUE: "interactive_brokers"})
    spans, theirs = router.get_tracer("test"), adapter.get_tracer("test")
    whose = telemetry.order_attributes(client_order_id="demo-4")
    with telemetry.span("order", tracer=spans, attributes=whose) as order:
        with (
            pytest.raises(ConnectionError),
            telemetry.span("tandem.v1.BrokerService/SubmitOrder", tracer=spans),
        ):
            raise ConnectionError
        telemetry.add_event(
            "failover", {"tandem.from_venue": "alpaca", "tandem.to_venue": "interactive_brokers"}
        )
        with (
            telemetry.span("tandem.v1.BrokerService/SubmitOrder", tracer=spans),
            telemetry.span("ib placeOrder", tracer=theirs, kind=SpanKind.CLIENT, attributes=whose),
        ):
            pass
    trace_id = f"{order.get_span_context().trace_id:032x}"
    found = await collector.wait_for(trace_id, lambda s: len(s) == 4, DEADLINE_S)
    for made in (router, adapter):
        await asyncio.to_thread(made.shutdown)
    return found


async def test_a_trace_over_processes_is_put_together(collector: TraceCollector) -> None:
    order, failed, sent, placed = await failed_over(collector)
    assert [s.service for s in (order, failed, sent, placed)] == [
        *["tandem-router"] * 3,
        "tandem-ib-adapter",
    ]
    assert [s.parent_id for s in (order, failed, sent, placed)] == [
        "",
        order.span_id,
        order.span_id,
        sent.span_id,
    ]
    assert [s.failed for s in (order, failed, sent, placed)] == [False, True, False, False]
    assert placed.kind == "CLIENT"
    assert placed.attributes["tandem.venue"] == "interactive_brokers"
    assert placed.duration_s >= 0
    assert [event.name for event in order.events] == ["failover"]


async def test_the_tree_shows_who_called_whom_and_what_came_of_it(
    collector: TraceCollector,
) -> None:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(render(await failed_over(collector), title="the order's trace"))
    assert isinstance(console.file, io.StringIO)
    shown = re.sub(r"[0-9.]+ ms", "…", console.file.getvalue())
    assert [line.rstrip() for line in shown.splitlines()] == [
        "the order's trace",
        "└── router  order  …  ok  order demo-4",
        "    ├── • failover  alpaca → interactive_brokers",
        "    ├── router  BrokerService/SubmitOrder  …  failed  error ConnectionError",
        "    └── router  BrokerService/SubmitOrder  …  ok",
        "        └── ib-adapter  → ib placeOrder  …  ok  venue interactive_brokers",
    ]


async def test_a_span_whose_parent_did_not_come_stands_at_the_top(
    collector: TraceCollector,
) -> None:
    _, _, *without_order = await failed_over(collector)
    tree = render(without_order)
    (top,) = tree.children
    assert "SubmitOrder" in str(top.label)
    assert "placeOrder" in str(top.children[0].label)


async def test_a_trace_that_does_not_come_is_told_of_with_what_did(
    collector: TraceCollector,
) -> None:
    (order, *_) = await failed_over(collector)
    with pytest.raises(StackFailed, match=f"{order.trace_id} is not whole.*tandem-router order"):
        await collector.wait_for(order.trace_id, lambda s: len(s) > 4, 0.1)


async def test_only_so_many_spans_are_kept() -> None:
    async with TraceCollector(spans_max=2) as collector:
        made = provider(collector, "tandem-router")
        tracer = made.get_tracer("test")
        with telemetry.span("first", tracer=tracer) as first:
            for name in ("second", "third"):
                with telemetry.span(name, tracer=tracer):
                    pass
        trace_id = f"{first.get_span_context().trace_id:032x}"
        kept = await collector.wait_for(trace_id, lambda s: len(s) == 2, DEADLINE_S)
        assert [span.name for span in kept] == ["first", "third"]
        await asyncio.to_thread(made.shutdown)


async def test_what_is_no_export_is_refused(collector: TraceCollector) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{collector.endpoint}/v1/traces", data=b"\xff\xff") as reply,
    ):
        assert reply.status == 400


async def test_two_collectors_do_not_disturb_each_other(collector: TraceCollector) -> None:
    async with TraceCollector() as other:
        assert other.endpoint != collector.endpoint
        (order, *_) = await failed_over(collector)
        assert other.trace(order.trace_id) == []
