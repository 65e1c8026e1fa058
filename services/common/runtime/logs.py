"""JSON logs: one line per event, for our own loggers and for those of every library.

Each line has `timestamp` (UTC), `level`, `logger`, `service`, `event`, the ids of the current
span and the bound context variables. Secrets are taken out by name, by shape and by value.
"""

import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from services.common.runtime.redact import redacted, without_values

LEVELS = ("debug", "info", "warning", "error")
# Chatty at levels where ours are not; their warnings still come through.
_QUIETED = {"urllib3": logging.INFO, "websockets": logging.INFO, "asyncio": logging.INFO}


def configure_logging(
    service: str,
    level: str,
    *,
    json: bool = True,
    secret_values: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send all logs of this process to `stream` (default stdout), in place of what was set up.

    `level` is one of LEVELS. `secret_values` are taken out of every line, whatever key or text
    they are in. Without `json` the lines are for a person's eyes. Called once, by `__main__`.
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_formatter(service, json=json, secrets=frozenset(secret_values)))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, least in _QUIETED.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class _SecretFreeFormatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self, secrets: frozenset[str], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return without_values(super().format(record), self._secrets)


def _formatter(service: str, *, json: bool, secrets: frozenset[str]) -> logging.Formatter:
    renderer: Processor = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    return _SecretFreeFormatter(
        secrets,
        foreign_pre_chain=[structlog.contextvars.merge_contextvars],
        processors=[
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _line_fields(service),
            renderer,
        ],
    )


def _line_fields(service: str) -> Processor:
    def shape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        record: logging.LogRecord = event.pop("_record")
        event.pop("_from_structlog")
        line: EventDict = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "service": service,
            **_span_ids(),
        }
        for key, value in redacted(event).items():
            # A field must not pass itself off as one of the line's own.
            line[f"field_{key}" if key in line else key] = value
        return line

    return shape


def _span_ids() -> dict[str, str]:
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(span.trace_id),
        "span_id": trace.format_span_id(span.span_id),
    }
