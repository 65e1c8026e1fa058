"""Real gRPC servers and channels on loopback, with handlers given by each test."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import pytest
import structlog
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from services.common.runtime.clock import SystemClock
from services.common.runtime.health import HealthBoard
from services.common.runtime.interceptors.outgoing import OutgoingCalls
from services.common.runtime.logs import configure_logging
from services.common.runtime.server import RpcServer, ServerOptions, build_server, open_channel

SERVICE = "test.Orders"

Serve = Callable[..., Any]


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Logs of this test as JSON lines; the logging set-up is restored afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logging("unit", "debug", stream=stream, secret_values=["known-secret-value"])
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def _message_types() -> dict[str, type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(
        name="runtime_test.proto", package="test", syntax="proto3"
    )
    string = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
    order = file.message_type.add(name="Order")
    order.field.add(name="client_order_id", number=1, type=string, label=1)
    order.field.add(name="secret_note", number=2, type=string, label=1)
    request = file.message_type.add(name="Request")
    request.field.add(name="account_id", number=1, type=string, label=1)
    request.field.add(name="text", number=2, type=string, label=1)
    nested = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
    request.field.add(name="order", number=3, type=nested, type_name=".test.Order", label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"test.{name}"))
        for name in ("Order", "Request")
    }


_TYPES = _message_types()


@pytest.fixture
def request_type() -> Any:
    """A message with account_id, text and order.client_order_id."""
    return _TYPES["Request"]


@pytest.fixture
def order_type() -> Any:
    return _TYPES["Order"]


_FACTORIES: dict[str, Callable[..., Any]] = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "unary_stream": grpc.unary_stream_rpc_method_handler,
    "stream_unary": grpc.stream_unary_rpc_method_handler,
    "stream_stream": grpc.stream_stream_rpc_method_handler,
}


class Served:
    """A running server and a channel to it, whose methods are called by arity."""

    def __init__(self, server: RpcServer, board: HealthBoard, channel: grpc.aio.Channel) -> None:
        self.server = server
        self.board = board
        self.channel = channel

    def stub(self, arity: str, method: str = "Do", *, raw: bool = False) -> Any:
        request = _TYPES["Request"]
        make = getattr(self.channel, arity)
        return make(
            f"/{SERVICE}/{method}",
            request_serializer=None if raw else request.SerializeToString,
            response_deserializer=request.FromString,
        )


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server whose method `Do` is the given behaviour; stopped after the test."""
    started: list[Served] = []

    async def start(
        behaviour: Callable[..., Any] | None = None,
        arity: str = "unary_unary",
        *,
        default_deadline_s: float = 20.0,
        plain_channel: bool = False,
        calls: OutgoingCalls | None = None,
        **build: Any,
    ) -> Served:
        clock = SystemClock()
        board = HealthBoard(clock, [SERVICE])
        options = ServerOptions(
            listen="127.0.0.1:0",
            listen_setting="TANDEM_TEST_LISTEN",
            default_deadline_s=default_deadline_s,
        )
        server = build_server(options, clock=clock, board=board, service_names=[SERVICE], **build)
        if behaviour is not None:
            handler = _FACTORIES[arity](
                behaviour,
                request_deserializer=_TYPES["Request"].FromString,
                response_serializer=_TYPES["Request"].SerializeToString,
            )
            generic = grpc.method_handlers_generic_handler(SERVICE, {"Do": handler})
            server.grpc.add_generic_rpc_handlers((generic,))
        await server.start()
        channel = (
            grpc.aio.insecure_channel(server.address)
            if plain_channel
            else open_channel(server.address, margin_s=0.2, default_timeout_s=10.0, calls=calls)
        )
        served = Served(server, board, channel)
        started.append(served)
        return served

    yield start
    for served in started:
        await served.channel.close()
        await served.server.stop(0)


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait until a condition holds, at most 30 seconds."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)

    return wait
