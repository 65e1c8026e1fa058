"""Trace ids in a process that exports nothing."""

from typing import Any

from opentelemetry.trace import TraceFlags

from services.common.runtime import telemetry
from services.common.runtime.clock import SystemClock
from services.common.runtime.interceptors.outgoing import OutgoingCalls
from services.common.runtime.passing_on import PassingProvider

TRACE = "a" * 32
TRACER = PassingProvider().get_tracer("unit")


def test_a_span_without_a_parent_begins_a_trace_that_others_may_record() -> None:
    with telemetry.span("order", tracer=TRACER) as outer:
        with telemetry.span("inner", tracer=TRACER) as inner:
            made, above = inner.get_span_context(), outer.get_span_context()
        assert telemetry.current_traceparent() == (
            f"00-{above.trace_id:032x}-{above.span_id:016x}-01"
        )
    assert made.trace_id == above.trace_id
    assert made.span_id != above.span_id
    assert not inner.is_recording()
    assert telemetry.current_traceparent() is None


def test_a_callers_decision_not_to_record_is_kept() -> None:
    for flags in ("00", "01"):
        kept = f"00-{TRACE}-{'b' * 16}-{flags}"
        with telemetry.span("order", tracer=TRACER, traceparent=kept) as span:
            made = span.get_span_context()
        assert made.trace_id == int(TRACE, 16)
        assert made.trace_flags == TraceFlags(int(flags, 16))


async def test_a_callers_trace_goes_on_through_client_and_server(
    serve: Any, request_type: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        return request_type(text=telemetry.current_traceparent())

    calls = OutgoingCalls(SystemClock(), tracer=TRACER)
    served = await serve(handler, tracer=TRACER, calls=calls)
    with telemetry.continued(f"00-{TRACE}-{'b' * 16}-01"):
        seen = (await served.stub("unary_unary")(request_type())).text
    version, trace_id, span_id, flags = seen.split("-")
    assert (version, trace_id, flags) == ("00", TRACE, "01")
    assert span_id != "b" * 16
