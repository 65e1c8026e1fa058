"""Spans to an OpenTelemetry collector by OTLP over HTTP: from a thread, bounded, and quiet.

What is under way never waits for it: an ended span is put into a queue, whose oldest gives way
when it is full. A collector that can't be reached is told of once a minute, not once a span.
"""

import logging
from collections.abc import Sequence
from typing import Final

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from services.common.runtime.clock import Clock

QUEUE_LEN_MAX: Final = 4096
_BATCH_LEN_MAX: Final = 512
_REQUEST_TIMEOUT_S: Final = 5.0
_TOLD_EACH_S: Final = 60.0
_PATH: Final = "/v1/traces"
# They log each try and each retry; what they have to say is said here.
_SDK_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.http.transport",
)

_log = structlog.stdlib.get_logger(__name__)


def otlp_processor(endpoint: str, delay_s: float, clock: Clock) -> BatchSpanProcessor:
    """Export to `endpoint` (http://host:4318) what ended within `delay_s`, in one request.

    The processor has a daemon thread; its `shutdown` blocks, and is called off the event loop.
    """
    for name in _SDK_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    session = requests.Session()
    # A proxy in the environment is meant for the web, a .netrc for a person.
    session.trust_env = False
    exporter = OTLPSpanExporter(
        endpoint=endpoint.rstrip("/") + _PATH, timeout=_REQUEST_TIMEOUT_S, session=session
    )
    return BatchSpanProcessor(
        QuietExporter(exporter, endpoint, clock),
        max_queue_size=QUEUE_LEN_MAX,
        schedule_delay_millis=delay_s * 1000,
        max_export_batch_size=_BATCH_LEN_MAX,
    )


class QuietExporter(SpanExporter):
    """Passes spans on; tells of failures at most once a minute, and of their end."""

    def __init__(self, exporter: SpanExporter, endpoint: str, clock: Clock) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._clock = clock
        self._lost = 0
        self._told_at: float | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch, once or (by the exporter's own rule) again for a few seconds."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._mended()
        else:
            self._failed(len(spans))
        return result

    def shutdown(self) -> None:
        """Give up what is being tried."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held here."""
        return self._exporter.force_flush(timeout_millis)

    def _failed(self, count: int) -> None:
        self._lost += count
        now = self._clock.monotonic()
        if self._told_at is None or now - self._told_at >= _TOLD_EACH_S:
            self._told_at = now
            _log.warning("spans_not_exported", endpoint=self._endpoint, lost=self._lost)

    def _mended(self) -> None:
        if self._lost:
            _log.info("spans_exported_again", endpoint=self._endpoint, lost=self._lost)
        self._lost, self._told_at = 0, None
