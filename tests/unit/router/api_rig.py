"""A router behind real gRPC servers, and how its calls fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from services.common.contract.convert import spec_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import orders_pb2
from services.common.contract.pb.broker_service_pb2_grpc import (
    BrokerServiceStub,
    add_BrokerServiceServicer_to_server,
)
from services.common.contract.pb.operations_service_pb2_grpc import (
    OperationsServiceStub,
    add_OperationsServiceServicer_to_server,
)
from services.common.contract.status import from_rpc_error, translate
from services.common.domain.errors import (
    TandemError,
)
from services.common.domain.order_spec import OrderSpec
from services.common.runtime.clock import SystemClock
from services.common.runtime.health import HealthBoard
from services.common.runtime.server import ServerOptions, build_server
from tests.unit.router.harness import Running, router

Code = grpc.StatusCode


@dataclass
class Api:
    """A router behind its servers, and stubs to them."""

    running: Running
    channel: grpc.aio.Channel
    broker: Any  # the stubs' own types know only the synchronous API
    operations: Any

    async def submit(self, order: OrderSpec | orders_pb2.OrderSpec) -> orders_pb2.Order:
        wire = spec_to_wire(order) if isinstance(order, OrderSpec) else order
        request = pb.SubmitOrderRequest(account_id="main", order=wire)
        reply = await self.broker.SubmitOrder(request, timeout=10)
        return reply.order  # type: ignore[no-any-return]


@asynccontextmanager
async def api(
    path: Path, *names: str, default_deadline_s: float = 10.0, **named: Any
) -> AsyncIterator[Api]:
    async with router(path, *names, **named) as running:
        clock = SystemClock()
        server = build_server(
            ServerOptions(
                listen="127.0.0.1:0",
                listen_setting="listen",
                default_deadline_s=default_deadline_s,
            ),
            clock=clock,
            board=HealthBoard(clock, ()),
            service_names=(),
            translate=translate,
        )
        add_BrokerServiceServicer_to_server(running.core.broker, server.grpc)
        add_OperationsServiceServicer_to_server(running.core.operations, server.grpc)
        await server.start()
        try:
            async with grpc.aio.insecure_channel(server.address) as channel:
                yield Api(
                    running, channel, BrokerServiceStub(channel), OperationsServiceStub(channel)
                )
        finally:
            running.core.drain()
            await server.stop(grace_s=0.2)


async def failure(call: Any) -> tuple[Code, TandemError]:
    """The code of a failing call, and the error of ours that it stands for."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), from_rpc_error(error, mutation=True)
    raise AssertionError("the call did not fail")
