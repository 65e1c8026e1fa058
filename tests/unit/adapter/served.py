"""A whole adapter over the fake gateway, served by a real gRPC server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import grpc

from services.common.adapter.adapter_servicer import AdapterServicer
from services.common.adapter.broker_servicer import BrokerServicer
from services.common.adapter.capabilities import Capabilities
from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.pacer import Pacer
from services.common.adapter.settings import AdapterSettings
from services.common.contract.convert import spec_to_wire
from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import orders_pb2
from services.common.contract.pb.adapter_service_pb2_grpc import (
    AdapterServiceStub,
    add_AdapterServiceServicer_to_server,
)
from services.common.contract.pb.broker_service_pb2_grpc import (
    BrokerServiceStub,
    add_BrokerServiceServicer_to_server,
)
from services.common.contract.status import from_rpc_error, translate
from services.common.domain.errors import TandemError
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, TimeInForce
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from services.common.runtime.health import HealthBoard
from services.common.runtime.server import ServerOptions, build_server
from tests.conformance.fakes.venue_gateway import FakeVenueGateway
from tests.unit.adapter.mutating_gateway import MutatingGateway

CLOCK = SystemClock()
ID = "a~t1~1.0"
MESSAGE_BYTES_MAX = 16 * 1024 * 1024


class FakeAdapterSettings(AdapterSettings):
    """Settings of an adapter for the fake venue."""

    section: ClassVar[str] = "fake_adapter"


def settings(tmp_path: Path, **changes: Any) -> FakeAdapterSettings:
    values: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "account_id": "main",
        "venue": "fake",
        "account_tag": "t1",
        "fence_store_path": tmp_path / "fence.db",
        "settling_s": 2.5,
    }
    return FakeAdapterSettings(**(values | changes))


@dataclass
class Served:
    """What a test needs of it."""

    broker: Any  # the stub's own types know only the synchronous API
    adapter: Any
    gateway: Any  # a MutatingGateway, or what `make_gateway` made
    desk: OrderDesk
    feed: EventFeed
    store: FenceStore
    settings: FakeAdapterSettings

    async def fence(self, epoch: int = 1, head: int = 10) -> adapter_pb.FenceResponse:
        reply: adapter_pb.FenceResponse = await self.adapter.Fence(
            adapter_pb.FenceRequest(fence=fence(epoch, head))
        )
        return reply

    async def submit(
        self, client_order_id: str = ID, *, epoch: int = 1, **changes: Any
    ) -> orders_pb2.Order:
        reply = await self.broker.SubmitOrder(
            self.submit_request(client_order_id, epoch=epoch, **changes)
        )
        order: orders_pb2.Order = reply.order
        return order

    def submit_request(
        self, client_order_id: str = ID, *, epoch: int = 1, **changes: Any
    ) -> pb.SubmitOrderRequest:
        values: dict[str, Any] = {
            "account_id": "main",
            "order": spec(client_order_id),
            "fence": fence(epoch),
            "expected_session_id": self.gateway.session_id,
        }
        return pb.SubmitOrderRequest(**(values | changes))


def fence(epoch: int = 1, head: int = 10) -> pb.Fence:
    return pb.Fence(
        journal_id="j1", generation=1, epoch=epoch, head_sequence=head, head_hash=bytes(32)
    )


def spec(client_order_id: str = ID, qty: str = "2", **changes: Any) -> orders_pb2.OrderSpec:
    wire = spec_to_wire(
        OrderSpec(
            client_order_id,
            Equity("SPY"),
            Side.BUY,
            Decimal(qty),
            OrderType.LIMIT,
            TimeInForce.DAY,
            limit_price=Decimal(400),
        )
    )
    for name, value in changes.items():
        setattr(wire, name, value)
    return wire


async def error_of(call: Any, *, mutation: bool = True) -> TandemError:
    """The error of ours that a failing call stands for."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error, mutation=mutation)
    raise AssertionError("the call did not fail")


async def code_of(call: Any) -> grpc.StatusCode:
    """The status code with which a call fails."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    raise AssertionError("the call did not fail")


@asynccontextmanager
async def serve(
    given: FakeAdapterSettings,
    pool: BlockingPool,
    make_gateway: type[FakeVenueGateway] = MutatingGateway,
) -> AsyncIterator[Served]:
    """Serve until the block ends."""
    store = FenceStore.open(given.fence_store_path, CLOCK, pool.run, routed=not given.stand_alone)
    feed = EventFeed(
        CLOCK, capacity=given.stream.capacity, reader_lag_max=given.stream.reader_lag_max
    )
    gateway = make_gateway(feed, CLOCK, venue=given.venue, account_id=given.account_id)
    pacer = Pacer(CLOCK, given.pacing.terms(), queue_len_max=given.pacing.queue_len_max)
    desk = OrderDesk(gateway, store, pacer, CLOCK, wait_max_s=given.pacing.wait_max_s)
    server = build_server(
        ServerOptions(
            listen=given.listen,
            listen_setting="listen",
            default_deadline_s=given.default_deadline_s,
            message_bytes_max=MESSAGE_BYTES_MAX,
        ),
        clock=CLOCK,
        board=HealthBoard(CLOCK, ()),
        service_names=(),
        translate=translate,
    )
    broker = BrokerServicer(
        gateway, desk, feed, store, CLOCK, given, _capabilities, server_version="1.2.3"
    )
    add_BrokerServiceServicer_to_server(broker, server.grpc)
    add_AdapterServiceServicer_to_server(
        AdapterServicer(
            gateway, desk, store, account_tag=given.account_tag, settling_s=given.settling_s
        ),
        server.grpc,
    )
    await server.start()
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX)]
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        yield Served(
            BrokerServiceStub(channel),
            AdapterServiceStub(channel),
            gateway,
            desk,
            feed,
            store,
            given,
        )
    feed.drain()
    await desk.close(finish_s=0.0)
    await server.stop(grace_s=0.5)
    await gateway.close()
    store.close()


def _capabilities() -> Capabilities:
    return Capabilities(
        order_types=(OrderType.MARKET, OrderType.LIMIT),
        times_in_force=(TimeInForce.DAY, TimeInForce.GTC),
        enforces_unique_ids=True,
        fractional_quantities=False,
        entitlements=("feed=fake",),
    )
