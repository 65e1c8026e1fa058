"""A collector of traces on loopback: takes what the stack's services export, and keeps some of it.

It speaks OTLP over HTTP as OpenTelemetry's collectors do, so services need no other setting than
its address.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from stack.children import StackFailed

SPANS_MAX: Final = 10_000
_HOST: Final = "127.0.0.1"
_PATH: Final = "/v1/traces"
_BODY_BYTES_MAX: Final = 16 * 1024 * 1024
_STOP_S: Final = 1.0

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened within a span."""

    name: str
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class TracedSpan:
    """One span as it was exported. Ids are hexadecimal; `parent_id` is empty at a root.

    `attributes` are the span's own over those of its process.
    """

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: Mapping[str, Value]
    events: tuple[SpanEvent, ...]

    @property
    def duration_s(self) -> float:
        """From start to end."""
        return (self.end_ns - self.start_ns) / 1e9


class TraceCollector:
    """Listens on a free port of loopback; `endpoint` is what `TANDEM_OTLP_ENDPOINT` is set to.

    Keeps the latest `spans_max` spans of all traces; older ones give way.
    """

    def __init__(self, *, spans_max: int = SPANS_MAX) -> None:
        self._spans: deque[TracedSpan] = deque(maxlen=spans_max)
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.endpoint = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; `endpoint` is known then."""
        app = web.Application(client_max_size=_BODY_BYTES_MAX)
        app.router.add_post(_PATH, self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_S)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, _HOST, 0).start()
        self.endpoint = f"http://{_HOST}:{runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more; what was collected stays."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def trace(self, trace_id: str) -> list[TracedSpan]:
        """What has come of a trace so far, in the order of its spans' starts."""
        found = [span for span in self._spans if span.trace_id == trace_id]
        return sorted(found, key=lambda span: span.start_ns)

    async def wait_for(
        self,
        trace_id: str,
        predicate: Callable[[Sequence[TracedSpan]], object],
        deadline_s: float,
    ) -> list[TracedSpan]:
        """The trace, once `predicate` holds for it; StackFailed if it doesn't within `deadline_s`.

        Spans come some time after they have ended: after the exporters' delay.
        """
        try:
            async with asyncio.timeout(deadline_s):
                while not predicate(found := self.trace(trace_id)):
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError:
            names = ", ".join(f"{s.service} {s.name}" for s in self.trace(trace_id)) or "nothing"
            raise StackFailed(
                f"trace {trace_id} is not whole after {deadline_s:g} s: {names} has come"
            ) from None

    async def _take(self, request: web.Request) -> web.Response:
        try:
            body = trace_service_pb2.ExportTraceServiceRequest.FromString(await request.read())
        except DecodeError:
            return web.Response(status=400, text="not an ExportTraceServiceRequest")
        for resource in body.resource_spans:
            process = _attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                self._spans.extend(_span(process, span) for span in scope.spans)
        self._changed.set()
        reply = trace_service_pb2.ExportTraceServiceResponse()
        return web.Response(body=reply.SerializeToString(), content_type="application/x-protobuf")


def _span(process: Mapping[str, Value], span: trace_pb2.Span) -> TracedSpan:
    ours = {key: value for key, value in process.items() if key.startswith("tandem.")}
    return TracedSpan(
        service=str(process.get("service.name", "")),
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes={**ours, **_attributes(span.attributes)},
        events=tuple(SpanEvent(e.name, _attributes(e.attributes)) for e in span.events),
    )


def _attributes(pairs: Sequence[common_pb2.KeyValue] | Any) -> dict[str, Value]:
    """Attributes with a single value; lists are left out, none of ours is one."""
    found: dict[str, Value] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value", "bool_value"):
            found[pair.key] = getattr(pair.value, kind)
    return found
