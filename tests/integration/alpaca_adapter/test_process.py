"""The adapter's process: gRPC against the simulated Alpaca, start-up errors, its end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.common.contract.convert import spec_to_wire
from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from services.common.contract.pb.adapter_service_pb2_grpc import AdapterServiceStub
from services.common.contract.pb.broker_service_pb2_grpc import BrokerServiceStub
from services.common.contract.status import from_rpc_error
from services.common.domain.errors import Effect, OutcomeUnknown, Reason, TandemError, Unavailable
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec
from tests.integration.alpaca_adapter.adapter_process import (
    AdapterProcess,
    adapter_process,
    environment,
    start_fails,
)
from tests.integration.alpaca_adapter.rig import limit
from tests.ports import free_port
from tests.simulators.process import RunningAlpaca

A = "a~sim~1.0"
B = "b~sim~1.0"
FENCE = pb.Fence(journal_id="j1", generation=1, epoch=1, head_sequence=1, head_hash=bytes(32))


@dataclass
class Served:
    """The services of a running adapter."""

    broker: Any  # the stub's own types know only the synchronous API
    adapter: Any

    async def session_id(self) -> str:
        """The venue session, once there is one."""
        async with asyncio.timeout(20.0):
            while True:
                reply = await self.broker.GetStatus(pb.GetStatusRequest(account_id="main"))
                if reply.venues[0].session_id:
                    return str(reply.venues[0].session_id)
                await asyncio.sleep(0.2)

    async def submit(self, spec: OrderSpec) -> Any:
        request = pb.SubmitOrderRequest(
            account_id="main",
            order=spec_to_wire(spec),
            fence=FENCE,
            expected_session_id=await self.session_id(),
        )
        return (await self.broker.SubmitOrder(request)).order

    async def order(self, client_order_id: str) -> Any:
        return await self.broker.GetOrder(
            pb.GetOrderRequest(account_id="main", client_order_id=client_order_id)
        )


@asynccontextmanager
async def served(adapter: AdapterProcess) -> AsyncIterator[Served]:
    address = await asyncio.to_thread(lambda: adapter.address)
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        yield Served(BrokerServiceStub(channel), AdapterServiceStub(channel))


async def error_of(call: Any) -> TandemError:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error, mutation=True)
    raise AssertionError("the call did not fail")


def fault(alpaca: RunningAlpaca, method: str, **action: Any) -> None:
    match = {"method": method, "path": "/v2/orders*"}
    alpaca.control("POST", "/faults", {"action": action, "match": match}, status=201)


def posts(alpaca: RunningAlpaca) -> int:
    log = alpaca.control("GET", "/requests")
    return sum(entry["method"] == "POST" for entry in log)


async def test_orders_over_grpc_from_submit_to_the_books(
    alpaca: RunningAlpaca, tmp_path: Path
) -> None:
    with adapter_process(tmp_path, environment(tmp_path, alpaca.url)) as adapter:
        async with served(adapter) as it:
            fenced = await it.adapter.Fence(adapter_pb.FenceRequest(fence=FENCE))
            assert not fenced.HasField("previous")
            watch = it.broker.WatchEvents(pb.WatchEventsRequest(account_id="main"))
            assert (await watch.read()).event.HasField("heartbeat")

            order = await it.submit(limit(A, Side.SELL, "8.50"))
            assert order.status == types_pb2.ORDER_STATUS_ACCEPTED
            executions: list[Any] = []
            while not executions:
                event = (await asyncio.wait_for(watch.read(), 10.0)).event
                executions += [event.execution] if event.HasField("execution") else []
            assert executions[0].placement_id == A
            assert executions[0].last_px.value == "8.5"
            watch.cancel()

            # The same again, and its answer lost: in doubt, then found; sent once each.
            await asyncio.to_thread(fault, alpaca, "POST", kind="status", status=504, when="after")
            lost = await error_of(it.submit(limit(B, Side.SELL, "20")))
            assert isinstance(lost, OutcomeUnknown)
            assert lost.effect is Effect.UNKNOWN
            found = await it.order(B)
            assert found.lookup == pb.ORDER_LOOKUP_FOUND
            again = await it.submit(limit(B, Side.SELL, "20"))
            assert again.venue_order_id == found.order.venue_order_id
            assert await asyncio.to_thread(posts, alpaca) == 3

            await asyncio.to_thread(fault, alpaca, "POST", kind="status", status=429)
            limited = await error_of(it.submit(limit("c~sim~1.0", Side.SELL, "20")))
            assert isinstance(limited, Unavailable)
            assert (limited.reason, limited.effect) == (Reason.RATE_LIMITED, Effect.NONE)
            assert limited.retry_after_s is not None
            ledger = await asyncio.to_thread(alpaca.control, "GET", "/ledger")
            assert [order["client_order_id"] for order in ledger["orders"]] == [A, B]
        began = time.monotonic()
        assert await asyncio.to_thread(adapter.end) == 0
        assert time.monotonic() - began < 10.0
    text = (tmp_path / "adapter.log").read_text("utf-8")
    assert "simulated-secret" not in text
    assert "Traceback" not in text


async def test_a_killed_adapter_comes_back_with_its_fence_and_the_venues_truth(
    alpaca: RunningAlpaca, tmp_path: Path
) -> None:
    env = environment(tmp_path, alpaca.url)
    with adapter_process(tmp_path, env) as adapter:
        async with served(adapter) as it:
            await it.adapter.Fence(adapter_pb.FenceRequest(fence=FENCE))
            await it.submit(limit(A, Side.SELL, "20"))
        adapter.process.kill()
        adapter.process.wait(10.0)
    fill = {"order": A, "px": "20"}
    await asyncio.to_thread(alpaca.control, "POST", "/fill", fill)
    with adapter_process(tmp_path, env) as adapter:
        async with served(adapter) as it:
            fenced = await it.adapter.Fence(adapter_pb.FenceRequest(fence=FENCE))
            assert fenced.previous.epoch == 1
            await it.session_id()
            assert (await it.order(A)).order.status == types_pb2.ORDER_STATUS_FILLED
            request = pb.ListExecutionsRequest(account_id="main")
            (execution,) = (await it.broker.ListExecutions(request)).executions
            assert execution.placement_id == A


WRONG = [
    (
        {"SECRET_KEY": "wrong-secret"},
        1,
        "CREDENTIALS_REFUSED: /account: Alpaca answered 401/40110000: request is not authorized",
    ),
    (
        {"MODE": "live", "BASE_URL": ""},
        2,
        "TANDEM_ALPACA_MODE is live: the key does not begin with AK, as live keys do "
        "(WRONG_ACCOUNT_MODE)",
    ),
]


@pytest.mark.parametrize(("changed", "code", "line"), WRONG, ids=lambda value: str(value)[:30])
def test_what_is_wrong_at_the_start_is_one_clear_line_and_a_non_zero_exit(
    alpaca: RunningAlpaca, tmp_path: Path, changed: dict[str, str], code: int, line: str
) -> None:
    found = start_fails(environment(tmp_path, alpaca.url, **changed))
    assert found == (code, [f"tandem-alpaca-adapter: {line}"])


def test_a_port_in_use_is_one_clear_line_and_a_non_zero_exit(
    alpaca: RunningAlpaca, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, lines = start_fails(environment(tmp_path, alpaca.url, LISTEN=f"127.0.0.1:{port}"))
    assert code == 1
    (line,) = [text for text in lines if text.startswith("tandem-alpaca-adapter: ")]
    assert f"TANDEM_ALPACA_LISTEN: can't listen on 127.0.0.1:{port}" in line


async def test_a_venue_that_is_down_keeps_the_adapter_up_and_every_order_unsent(
    tmp_path: Path,
) -> None:
    env = environment(tmp_path, f"http://127.0.0.1:{free_port()}", REST__READ_TRIES="1")
    with adapter_process(tmp_path, env) as adapter:
        async with served(adapter) as it:
            await it.adapter.Fence(adapter_pb.FenceRequest(fence=FENCE))
            reply = await it.broker.GetStatus(pb.GetStatusRequest(account_id="main"))
            assert not reply.venues[0].ready
            request = pb.SubmitOrderRequest(
                account_id="main",
                order=spec_to_wire(limit(A, Side.SELL, "20")),
                fence=FENCE,
                expected_session_id="an-earlier-one",
            )
            error = await error_of(it.broker.SubmitOrder(request))
            assert error.effect is Effect.NONE
        assert await asyncio.to_thread(adapter.end) == 0
