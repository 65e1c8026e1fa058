"""Health over the wire: check, list and watch, for the process and its components."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common.runtime.clock import SystemClock
from services.common.runtime.health import Health, HealthBoard

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def stub_of(served: Any) -> Any:
    return health_pb2_grpc.HealthStub(served.channel)  # type: ignore[no-untyped-call]


async def check(served: Any, name: str) -> Any:
    request = health_pb2.HealthCheckRequest(service=name)
    return (await stub_of(served).Check(request)).status


async def test_process_and_services_are_not_serving_before_they_are_ready(serve: Any) -> None:
    served = await serve()
    assert [await check(served, name) for name in ("", "test.Orders")] == [NOT_SERVING] * 2
    served.board.set_ready()
    assert [await check(served, name) for name in ("", "test.Orders")] == [SERVING] * 2


async def test_one_venues_outage_is_not_the_processs(serve: Any) -> None:
    served = await serve()
    served.board.set_ready()
    served.board.set_component("venue.alpaca", Health.NOT_SERVING, "stream gap")
    served.board.set_component("venue.ib", Health.SERVING, "in sync")
    names = ("", "test.Orders", "venue.alpaca", "venue.ib")
    got = [await check(served, name) for name in names]
    assert got == [SERVING, SERVING, NOT_SERVING, SERVING]
    listed = await stub_of(served).List(health_pb2.HealthListRequest())
    assert {name: answer.status for name, answer in listed.statuses.items()} == dict(
        zip(names, got, strict=True)
    )


async def test_one_service_may_be_out_while_another_serves() -> None:
    board = HealthBoard(SystemClock(), ["trading", "operations"])
    board.set_ready(["operations"])
    assert board.snapshot()["operations"].status is Health.SERVING
    assert board.snapshot()["trading"].status is Health.NOT_SERVING
    board.set_ready()
    board.set_not_ready("standby", ["trading"])
    assert board.ready
    assert board.snapshot()["trading"].reason == "standby"


async def test_unknown_component_is_not_found(serve: Any) -> None:
    served = await serve()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await check(served, "venue.nowhere")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_watch_gives_each_change_and_ends_with_the_server(serve: Any) -> None:
    served = await serve()
    watch = stub_of(served).Watch(health_pb2.HealthCheckRequest(service="venue.alpaca"))
    seen = [(await watch.read()).status]
    served.board.set_component("venue.alpaca", Health.SERVING, "in sync")
    seen.append((await watch.read()).status)
    served.board.set_component("venue.alpaca", Health.SERVING, "still in sync")
    served.board.set_component("venue.alpaca", Health.NOT_SERVING, "gap")
    seen.append((await watch.read()).status)
    assert seen == [UNKNOWN, SERVING, NOT_SERVING]
    async with asyncio.timeout(20):  # less than the grace, which a watcher must not take
        await served.server.stop(grace_s=50)
    assert await watch.code() is grpc.StatusCode.OK


async def test_watcher_that_reads_nothing_holds_nobody_up(serve: Any) -> None:
    served = await serve()
    served.board.set_component("venue.ib", Health.SERVING, "")
    idle = stub_of(served).Watch(health_pb2.HealthCheckRequest(service="venue.ib"))
    for number in range(1_000):
        status = Health.SERVING if number % 2 else Health.NOT_SERVING
        served.board.set_component("venue.ib", status, "flapping")
    assert await check(served, "venue.ib") == SERVING
    idle.cancel()


async def test_draining_is_for_good(serve: Any) -> None:
    served = await serve()
    served.board.set_ready()
    served.board.set_component("venue.ib", Health.SERVING, "in sync")
    served.board.set_draining()
    served.board.set_ready()
    served.board.set_component("venue.ib", Health.SERVING, "in sync")
    assert [await check(served, name) for name in ("", "venue.ib")] == [NOT_SERVING] * 2
    assert not served.board.ready


async def test_since_is_when_the_status_changed_last() -> None:
    board = HealthBoard(SystemClock(), [])
    board.set_component("venue.ib", Health.NOT_SERVING, "1100")
    first = board.snapshot()["venue.ib"]
    board.set_component("venue.ib", Health.NOT_SERVING, "2FA wait")
    second = board.snapshot()["venue.ib"]
    assert (second.since, second.reason) == (first.since, "2FA wait")
    board.set_component("venue.ib", Health.SERVING, "in sync")
    assert board.snapshot()["venue.ib"].since >= first.since


async def test_services_cannot_be_set_like_components() -> None:
    board = HealthBoard(SystemClock(), ["trading"])
    with pytest.raises(ValueError, match="trading"):
        board.set_component("trading", Health.SERVING, "")
