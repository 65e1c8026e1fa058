"""Which trace a call says that it belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import TracerProvider
from tandem_client import TandemClient, new_traceparent
from tandem_client.pb import broker_service_pb2 as pb


class Listener:
    """A server that hears the trace context of each GetStatus."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.address = ""

    async def status(self, _request: Any, context: Any) -> pb.GetStatusResponse:
        given = dict(context.invocation_metadata())
        self.heard.append(
            {key: given[key] for key in ("traceparent", "tracestate") if key in given}
        )
        return pb.GetStatusResponse()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    handler = grpc.unary_unary_rpc_method_handler(
        made.status,
        request_deserializer=pb.GetStatusRequest.FromString,
        response_serializer=pb.GetStatusResponse.SerializeToString,
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("tandem.v1.BrokerService", {"GetStatus": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    made.address = f"127.0.0.1:{port}"
    yield made
    await server.stop(0)


async def test_without_a_trace_none_is_sent(listener: Listener) -> None:
    async with TandemClient(listener.address) as client:
        await client.status()
    assert listener.heard == [{}]


async def test_a_call_within_an_opentelemetry_span_continues_it(listener: Listener) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("unit")
    async with TandemClient(listener.address) as client:
        with tracer.start_as_current_span("strategy") as span:
            await client.status()
    made = span.get_span_context()
    given = f"00-{made.trace_id:032x}-{made.span_id:016x}-{made.trace_flags:02x}"
    assert listener.heard == [{"traceparent": given}]


async def test_the_given_traceparent_is_asked_for_each_call(listener: Listener) -> None:
    first = new_traceparent()
    given: list[str | None] = [first, None]
    async with TandemClient(listener.address, traceparent=lambda: given.pop(0)) as client:
        await client.status()
        await client.status()
    assert listener.heard == [{"traceparent": first}, {}]


async def test_what_is_no_traceparent_is_refused_before_anything_is_sent(
    listener: Listener,
) -> None:
    async with TandemClient(listener.address, traceparent=lambda: "00-1-2-01") as client:
        with pytest.raises(ValueError, match="not a W3C traceparent"):
            await client.status()
    assert listener.heard == []


def test_each_new_trace_is_another() -> None:
    assert new_traceparent().split("-")[1] != new_traceparent().split("-")[1]
