"""What is added to outgoing calls: the trace context, and a time-out from the current deadline.

grpc.aio registers an interceptor for the first arity it implements only, hence one class for
each. They return the call unawaited: awaiting it here would lose its cancellation.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import grpc

from services.common.runtime import telemetry
from services.common.runtime.deadlines import forwarded_timeout_s
from services.common.runtime.interceptors.outgoing import OutgoingCalls

Details = grpc.aio.ClientCallDetails


def client_interceptors(
    margin_s: float, default_timeout_s: float, calls: OutgoingCalls | None = None
) -> Sequence[grpc.aio.ClientInterceptor]:
    """The interceptors of an outgoing channel.

    A call with a single answer gets what remains of the current deadline less `margin_s`, or
    `default_timeout_s` outside of any; a time-out that the caller gave is kept if it is shorter.
    If nothing remains, DeadlineExpiredError is raised and the call isn't made. Streams get no
    time-out. With `calls` each call has a span, if it is made inside of one, and is counted.
    """

    def limited(details: Details) -> Details:
        limit_s = forwarded_timeout_s(margin_s, default_timeout_s)
        asked_s = details.timeout
        return _traced(details, limit_s if asked_s is None else min(limit_s, asked_s))

    def unlimited(details: Details) -> Details:
        return _traced(details, details.timeout)

    return [
        _UnaryUnary(limited, calls),
        _UnaryStream(unlimited, calls),
        _StreamUnary(unlimited, calls),
        _StreamStream(unlimited, calls),
    ]


def _traced(details: Details, timeout_s: float | None) -> Details:
    metadata = grpc.aio.Metadata()
    for key, value in details.metadata or ():
        if key not in (telemetry.TRACEPARENT, telemetry.TRACESTATE):
            metadata.add(key, value)
    for key, value in telemetry.injected():
        metadata.add(key, value)
    return grpc.aio.ClientCallDetails(
        details.method, timeout_s, metadata, details.credentials, details.wait_for_ready
    )


class _Layer:
    def __init__(self, prepare: Callable[[Details], Details], calls: OutgoingCalls | None) -> None:
        self._prepare = prepare
        self._calls = calls

    async def _start(self, continuation: Any, details: Details, requests: Any) -> Any:
        """The call, unawaited; an iterator of requests tells nothing of whose order it is."""
        one = nullcontext() if self._calls is None else self._calls.one(details.method, requests)
        with one as outgoing:
            call = await continuation(self._prepare(details), requests)
            if outgoing is not None:
                outgoing.follow(call)
            return call


class _UnaryUnary(_Layer, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Any, client_call_details: Details, request: Any
    ) -> Any:
        return await self._start(continuation, client_call_details, request)


class _UnaryStream(_Layer, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Any, client_call_details: Details, request: Any
    ) -> Any:
        return await self._start(continuation, client_call_details, request)


class _StreamUnary(_Layer, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(
        self, continuation: Any, client_call_details: Details, request_iterator: Any
    ) -> Any:
        return await self._start(continuation, client_call_details, request_iterator)


class _StreamStream(_Layer, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self, continuation: Any, client_call_details: Details, request_iterator: Any
    ) -> Any:
        return await self._start(continuation, client_call_details, request_iterator)
