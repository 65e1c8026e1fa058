"""WatchEvents over the wire: resume, heartbeats with the session, slow readers, the end."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.common.adapter.port import SessionChanged
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import events_pb2
from services.common.contract.status import from_rpc_error
from services.common.domain.errors import Reason
from services.common.runtime.blocking import BlockingPool
from tests.unit.adapter.served import ID, Served, serve, settings


def watch(served: Served, token: str = "", **fields: Any) -> Any:
    return served.broker.WatchEvents(
        pb.WatchEventsRequest(account_id="main", resume_token=token, **fields)
    )


async def read(call: Any, count: int) -> list[events_pb2.Event]:
    async with asyncio.timeout(10.0):
        return [(await call.read()).event for _ in range(count)]


async def failure(call: Any) -> tuple[grpc.StatusCode, Reason]:
    async with asyncio.timeout(10.0):
        try:
            while await call.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError as error:
            return error.code(), from_rpc_error(error, mutation=False).reason
    raise AssertionError("the stream did not fail")


async def test_a_stream_opens_with_the_session_and_tells_every_change(served: Served) -> None:
    call = watch(served)
    (opening,) = await read(call, 1)
    assert opening.WhichOneof("kind") == "heartbeat"
    assert opening.heartbeat.session_id == served.gateway.session_id
    await served.fence()
    await served.submit()
    served.gateway.fill(ID, Decimal(2), Decimal(400))
    events = await read(call, 3)
    assert [event.WhichOneof("kind") for event in events] == ["order", "execution", "order"]
    sequences = [event.sequence for event in events]
    assert sequences == list(range(sequences[0], sequences[0] + 3))
    assert events[1].execution.exec_id == "exec-1"
    call.cancel()


async def test_a_reader_that_resumes_misses_nothing(served: Served) -> None:
    call = watch(served)
    await read(call, 1)
    await served.fence()
    await served.submit()
    (order,) = await read(call, 1)
    call.cancel()
    served.gateway.fill(ID, Decimal(1), Decimal(400))
    served.gateway.fill(ID, Decimal(1), Decimal(400))
    resumed = watch(served, order.token)
    events = await read(resumed, 5)
    assert [event.WhichOneof("kind") for event in events] == [
        "execution",
        "order",
        "execution",
        "order",
        "heartbeat",
    ]
    assert events[0].sequence == order.sequence + 1
    assert events[4].token == events[3].token
    resumed.cancel()


async def test_a_new_session_is_told_in_its_turn(served: Served) -> None:
    call = watch(served)
    await read(call, 1)
    served.gateway.lose_session("stream gap")
    second = served.gateway.begin_session()
    lost, down, begun, up = await read(call, 4)
    assert (lost.heartbeat.session_id, lost.sequence) == ("", 0)
    assert down.venue_status.state == events_pb2.VENUE_STATE_DOWN
    assert begun.heartbeat.session_id == second
    assert up.venue_status.session_id == second
    assert not up.venue_status.ready  # nobody has fenced
    call.cancel()


async def test_heartbeats_come_at_the_interval_that_is_asked_for(served: Served) -> None:
    request = pb.WatchEventsRequest()
    request.heartbeat_interval.FromMilliseconds(1000)
    call = served.broker.WatchEvents(request)
    began = asyncio.get_running_loop().time()
    events = await read(call, 2)
    assert asyncio.get_running_loop().time() - began >= 0.9
    assert [event.WhichOneof("kind") for event in events] == ["heartbeat"] * 2
    call.cancel()


@pytest.mark.parametrize("interval_s", [0, 61])
async def test_other_intervals_than_1_to_60_s_are_refused(served: Served, interval_s: int) -> None:
    request = pb.WatchEventsRequest()
    request.heartbeat_interval.FromSeconds(interval_s)
    assert await failure(served.broker.WatchEvents(request)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        Reason.INVALID_FIELD,
    )


async def test_tokens_that_are_wrong_and_too_old_are_told_apart(served: Served) -> None:
    assert await failure(watch(served, "nonsense")) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        Reason.INVALID_TOKEN,
    )
    assert await failure(watch(served, "0123456789abcdef.1")) == (
        grpc.StatusCode.OUT_OF_RANGE,
        Reason.TOKEN_EXPIRED,
    )


async def test_a_reader_that_does_not_read_is_cut_off_and_others_are_not(
    tmp_path: Path, pool: BlockingPool
) -> None:
    stream = {"capacity": 2000, "reader_lag_max": 50}
    async with serve(settings(tmp_path, stream=stream), pool) as served:
        slow, quick = watch(served), watch(served)
        await read(slow, 1)
        await read(quick, 1)
        bulky = "x" * 100_000  # fills the transport's windows soon
        for number in range(400):
            served.feed.publish(SessionChanged(f"{number} {bulky}", "test"))
            assert (await read(quick, 1))[0].heartbeat.session_id.startswith(f"{number} ")
        code, _ = await failure(slow)
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        quick.cancel()


async def test_draining_ends_a_stream_cleanly(served: Served) -> None:
    call = watch(served)
    await read(call, 1)
    served.feed.drain()
    async with asyncio.timeout(5.0):
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
    assert await failure(watch(served)) == (
        grpc.StatusCode.UNAVAILABLE,
        Reason.SHUTTING_DOWN,
    )
