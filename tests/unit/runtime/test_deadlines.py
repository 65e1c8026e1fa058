"""Deadlines: the server's default one, what handlers can read, what is forwarded."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from services.common.runtime.clock import LoopClock, SystemClock
from services.common.runtime.deadlines import (
    deadline_scope,
    forwarded_timeout_s,
    no_deadline,
    remaining_s,
)
from services.common.runtime.errors import DeadlineExpiredError


async def test_call_without_deadline_ends_at_the_servers_default(
    serve: Any, request_type: Any, eventually: Any
) -> None:
    seen: list[object] = []

    async def handler(request: Any, context: Any) -> Any:
        seen.append(remaining_s())
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("canceled")

    served = await serve(handler, default_deadline_s=0.1, plain_channel=True)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub("unary_unary")(request_type())
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert isinstance(seen[0], float)
    assert 0 < seen[0] <= 0.1
    assert seen[1:] == ["canceled"]


async def test_callers_own_deadline_goes_before_the_default(serve: Any, request_type: Any) -> None:
    seen: list[float | None] = []

    async def handler(request: Any, context: Any) -> Any:
        seen.append(remaining_s())
        await asyncio.sleep(0.05)
        return request

    served = await serve(handler, default_deadline_s=0.01, plain_channel=True)
    await served.stub("unary_unary")(request_type(), timeout=50)
    assert seen[0] is not None
    assert 1 < seen[0] <= 50.1


async def test_streams_get_no_default_deadline(serve: Any, request_type: Any) -> None:
    seen: list[float | None] = []

    async def handler(request: Any, context: Any) -> Any:
        seen.append(remaining_s())
        await asyncio.sleep(0.05)
        yield request

    served = await serve(handler, "unary_stream", default_deadline_s=0.01)
    assert len([answer async for answer in served.stub("unary_stream")(request_type())]) == 1
    assert seen == [None]


async def test_handlers_own_timeout_is_not_taken_for_the_deadline(
    serve: Any, request_type: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        raise TimeoutError("of a venue")

    served = await serve(handler, plain_channel=True)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub("unary_unary")(request_type())
    assert caught.value.code() is grpc.StatusCode.INTERNAL


async def test_next_hop_gets_what_remains_less_the_margin(serve: Any, request_type: Any) -> None:
    seen: list[float] = []

    async def last(request: Any, context: Any) -> Any:
        seen.append(context.time_remaining())
        return request

    behind = await serve(last)

    async def first(request: Any, context: Any) -> Any:
        return await behind.stub("unary_unary")(request)

    served = await serve(first)
    await served.stub("unary_unary")(request_type(), timeout=9)
    assert 1 < seen[0] <= 8.9


async def test_without_a_deadline_the_next_hop_gets_the_default(
    serve: Any, request_type: Any
) -> None:
    seen: list[float] = []

    async def handler(request: Any, context: Any) -> Any:
        seen.append(context.time_remaining())
        return request

    served = await serve(handler)
    await served.stub("unary_unary")(request_type())
    await served.stub("unary_unary")(request_type(), timeout=5)
    # gRPC rounds time-outs up by as much as a hundredth on the wire.
    assert 5.1 < seen[0] <= 10.2
    assert 0 < seen[1] <= 5.1


async def test_call_is_not_made_when_no_time_is_left(serve: Any, request_type: Any) -> None:
    reached: list[Any] = []

    async def handler(request: Any, context: Any) -> Any:
        reached.append(request)
        return request

    served = await serve(handler)
    with deadline_scope(SystemClock(), 0.1), pytest.raises(DeadlineExpiredError):
        await served.stub("unary_unary")(request_type())
    assert reached == []


async def test_streams_outgoing_carry_no_timeout(serve: Any, request_type: Any) -> None:
    seen: list[float | None] = []

    async def handler(request: Any, context: Any) -> Any:
        seen.append(context.time_remaining())
        yield request

    served = await serve(handler, "unary_stream")
    with deadline_scope(SystemClock(), 5):
        assert len([answer async for answer in served.stub("unary_stream")(request_type())]) == 1
    assert seen == [None]


async def test_inner_scope_never_lengthens_the_outer_one() -> None:
    clock = LoopClock(asyncio.get_running_loop(), datetime(2024, 11, 4, tzinfo=UTC))
    with deadline_scope(clock, 2):
        with deadline_scope(clock, 60):
            assert (remaining_s() or 99) <= 2
        with deadline_scope(clock, 1):
            assert (remaining_s() or 99) <= 1
        with no_deadline():
            assert remaining_s() is None
            assert forwarded_timeout_s(0.1, 4.0) == 4.0
        assert forwarded_timeout_s(0.5, 4.0) <= 1.5
    assert remaining_s() is None
