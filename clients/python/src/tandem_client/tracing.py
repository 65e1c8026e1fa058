"""The trace that a call belongs to: W3C trace context, from whoever keeps one."""

from __future__ import annotations

import functools
import importlib
import re
import secrets
from collections.abc import Callable
from typing import Any, Final

Traceparent = Callable[[], str | None]
"""Gives the W3C traceparent of the call that is being made, None for none. It must not block."""

_FORM: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_OPENTELEMETRY: Final = "opentelemetry.trace.propagation.tracecontext"


def new_traceparent() -> str:
    """The root of a new trace, to be recorded; its trace id is the second of the four parts."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def trace_metadata(traceparent: Traceparent | None) -> tuple[tuple[str, str], ...]:
    """What a call carries of its trace: what `traceparent` gives, or OpenTelemetry's own.

    OpenTelemetry is used if it is installed, and is no dependency. Raises ValueError for a text
    that is no traceparent: a server would begin another trace without a word.
    """
    if traceparent is None:
        return _current()
    given = traceparent()
    if given is None:
        return ()
    if not _FORM.fullmatch(given):
        raise ValueError(f"not a W3C traceparent: {given!r}")
    return (("traceparent", given),)


def _current() -> tuple[tuple[str, str], ...]:
    propagator = _propagator()
    if propagator is None:
        return ()
    carrier: dict[str, str] = {}
    propagator.inject(carrier)
    return tuple(carrier.items())


@functools.cache
def _propagator() -> Any:
    try:
        return importlib.import_module(_OPENTELEMETRY).TraceContextTextMapPropagator()
    except ImportError:
        return None
