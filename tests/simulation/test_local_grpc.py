"""The local channel and server behave as grpc.aio's do: each story is acted on both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.status import from_rpc_error
from services.common.domain.errors import (
    Effect,
    OutcomeUnknown,
    Reason,
    Refused,
    Unavailable,
    VenueCause,
)
from services.common.runtime.deadlines import remaining_s
from tests.simulation.edges import Act, Edge, Hanging, failure_of, has_details


def test_an_answer_arrives_whole(act: Act) -> None:
    async def story(edge: Edge) -> None:
        async def answer(request: Any, context: Any) -> Any:
            return pb.GetOrderResponse(reason=f"{request.account_id}/ü")

        edge.servicer.get_order = answer
        reply = await edge.stub.GetOrder(pb.GetOrderRequest(account_id="main"))
        assert reply == pb.GetOrderResponse(reason="main/ü")

    act(story)


def test_an_error_of_ours_arrives_with_all_it_says(act: Act) -> None:
    causes = (VenueCause("alpaca", Reason.RATE_LIMITED, "429", Effect.NONE),)
    error = Unavailable(
        Reason.ALL_VENUES_UNAVAILABLE, "none", retry_after_s=1.5, venue_causes=causes
    )

    async def story(edge: Edge) -> None:
        async def refuse(request: Any, context: Any) -> Any:
            raise error

        edge.servicer.get_order = refuse
        failed = await failure_of(edge.stub.GetOrder(pb.GetOrderRequest()))
        assert (failed.code(), failed.details()) == (grpc.StatusCode.UNAVAILABLE, "none")
        assert has_details(failed)
        ours = from_rpc_error(failed, mutation=True)
        assert type(ours) is Unavailable
        assert (ours.reason, ours.effect) == (Reason.ALL_VENUES_UNAVAILABLE, Effect.NONE)
        assert (ours.retry_after_s, ours.venue_causes) == (1.5, causes)

    act(story)


def test_an_exception_becomes_internal_and_its_text_stays_inside(act: Act) -> None:
    async def story(edge: Edge) -> None:
        async def fail(request: Any, context: Any) -> Any:
            raise ValueError("a secret")

        edge.servicer.get_order = fail
        failed = await failure_of(edge.stub.GetOrder(pb.GetOrderRequest()))
        assert failed.code() is grpc.StatusCode.INTERNAL
        assert str(failed.details()).startswith("internal error, incident ")
        assert isinstance(from_rpc_error(failed, mutation=True), OutcomeUnknown)

    act(story)


def test_a_method_that_is_not_served_is_unimplemented(act: Act) -> None:
    async def story(edge: Edge) -> None:
        unknown: Any = edge.channel.unary_unary("/tandem.v1.BrokerService/Nothing")
        failed = await failure_of(unknown(b""))
        assert failed.code() is grpc.StatusCode.UNIMPLEMENTED
        assert failed.details() == "Method not found!"

    act(story)


def test_a_request_that_is_no_message_is_invalid(act: Act) -> None:
    async def story(edge: Edge) -> None:
        raw: Any = edge.channel.unary_unary("/tandem.v1.BrokerService/GetOrder")
        failed = await failure_of(raw(b"\xff\xff\xff"))
        assert failed.code() is grpc.StatusCode.INVALID_ARGUMENT

    act(story)


def test_a_handler_sees_its_call(act: Act) -> None:
    seen: list[Any] = []

    async def story(edge: Edge) -> None:
        async def look(request: Any, context: Any) -> Any:
            seen.append((context.code(), context.details(), context.done(), context.cancelled()))
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details("gone")
            context.set_trailing_metadata((("k", "v"),))
            seen.append((context.code(), context.details(), dict(context.invocation_metadata())))
            left_s = context.time_remaining()
            seen.append(0 < left_s <= 5.1 and remaining_s() is not None)
            return pb.GetOrderResponse(reason="is discarded")

        edge.servicer.get_order = look
        call = edge.stub.GetOrder(pb.GetOrderRequest(), timeout=5.0, metadata=(("a", "b"),))
        failed = await failure_of(call)
        assert (failed.code(), failed.details()) == (grpc.StatusCode.NOT_FOUND, "gone")
        assert tuple(failed.trailing_metadata() or ()) == (("k", "v"),)
        assert seen[0] == (None, "", False, False)
        assert seen[1][:2] == (grpc.StatusCode.NOT_FOUND, "gone")
        assert seen[1][2]["a"] == "b"
        assert seen[2]

    act(story)


def test_an_abort_ends_the_handler_and_the_call(act: Act) -> None:
    async def story(edge: Edge) -> None:
        ended: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()

        async def abort(request: Any, context: Any) -> Any:
            try:
                await context.abort(grpc.StatusCode.ABORTED, "no", (("k", "v"),))
            finally:
                ended.set_result((context.code(), context.details(), context.done()))

        edge.servicer.get_order = abort
        failed = await failure_of(edge.stub.GetOrder(pb.GetOrderRequest()))
        assert (failed.code(), failed.details()) == (grpc.StatusCode.ABORTED, "no")
        assert tuple(failed.trailing_metadata() or ()) == (("k", "v"),)
        async with asyncio.timeout(5):
            assert await ended == (grpc.StatusCode.ABORTED, "no", True)

    act(story)


def test_a_deadline_ends_the_call_without_details_and_cancels_the_handler(act: Act) -> None:
    async def story(edge: Edge) -> None:
        handler = Hanging()
        edge.servicer.get_order = handler
        failed = await failure_of(edge.stub.GetOrder(pb.GetOrderRequest(), timeout=0.2))
        assert failed.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert failed.details() == "Deadline Exceeded"
        assert not has_details(failed)
        assert isinstance(from_rpc_error(failed, mutation=True), OutcomeUnknown)
        assert await handler.was_canceled()

    act(story)


def test_cancel_ends_the_call_and_cancels_the_handler(act: Act) -> None:
    async def story(edge: Edge) -> None:
        handler = Hanging()
        edge.servicer.get_order = handler
        call = edge.stub.GetOrder(pb.GetOrderRequest())
        await handler.began.wait()
        assert call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (call.done(), call.cancelled(), call.cancel()) == (True, True, False)
        assert await call.code() is grpc.StatusCode.CANCELLED
        assert await call.details() == "Locally cancelled by application!"
        assert await handler.was_canceled()

    act(story)


def test_canceling_who_awaits_cancels_the_call(act: Act) -> None:
    async def story(edge: Edge) -> None:
        handler = Hanging()
        edge.servicer.get_order = handler

        async def wait() -> None:
            await edge.stub.GetOrder(pb.GetOrderRequest())

        task = asyncio.create_task(wait())
        await handler.began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await handler.was_canceled()

    act(story)


def test_a_timeout_around_a_call_cancels_it(act: Act) -> None:
    async def story(edge: Edge) -> None:
        handler = Hanging()
        edge.servicer.get_order = handler
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await edge.stub.GetOrder(pb.GetOrderRequest())
        assert await handler.was_canceled()

    act(story)


def test_calls_on_one_channel_do_not_wait_for_each_other(act: Act) -> None:
    async def story(edge: Edge) -> None:
        first_may_go = asyncio.Event()

        async def answer(request: Any, context: Any) -> Any:
            if request.account_id == "first":
                await first_may_go.wait()
            else:
                first_may_go.set()
            return pb.GetOrderResponse(reason=request.account_id)

        edge.servicer.get_order = answer
        calls = [edge.stub.GetOrder(pb.GetOrderRequest(account_id=a)) for a in ("first", "second")]
        replies = await asyncio.gather(*calls)
        assert [reply.reason for reply in replies] == ["first", "second"]

    act(story)


def test_a_stream_ends_with_eof_after_its_messages(act: Act) -> None:
    async def story(edge: Edge) -> None:
        async def tell(request: Any, context: Any) -> AsyncIterator[Any]:
            for account_id in ("a", "b"):
                response = pb.WatchEventsResponse()
                response.event.token = account_id
                yield response

        edge.servicer.watch = tell
        call = edge.stub.WatchEvents(pb.WatchEventsRequest())
        assert [(await call.read()).event.token for _ in range(2)] == ["a", "b"]
        assert await call.read() is grpc.aio.EOF
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK

    act(story)


def test_a_stream_that_fails_gives_its_messages_first(act: Act) -> None:
    async def story(edge: Edge) -> None:
        async def tell(request: Any, context: Any) -> AsyncIterator[Any]:
            yield pb.WatchEventsResponse()
            raise Refused(Reason.TOKEN_EXPIRED, "too old")

        edge.servicer.watch = tell
        call = edge.stub.WatchEvents(pb.WatchEventsRequest())
        assert isinstance(await call.read(), pb.WatchEventsResponse)
        failed = await failure_of(call.read())
        assert (failed.code(), failed.details()) == (grpc.StatusCode.OUT_OF_RANGE, "too old")
        assert from_rpc_error(failed, mutation=False).reason is Reason.TOKEN_EXPIRED

    act(story)


def test_a_streams_exception_becomes_internal(act: Act) -> None:
    async def story(edge: Edge) -> None:
        async def tell(request: Any, context: Any) -> AsyncIterator[Any]:
            yield pb.WatchEventsResponse()
            raise ValueError("a secret")

        edge.servicer.watch = tell
        call = edge.stub.WatchEvents(pb.WatchEventsRequest())
        await call.read()
        failed = await failure_of(call.read())
        assert failed.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in str(failed.details())

    act(story)


def test_canceling_a_stream_cancels_its_handler(act: Act) -> None:
    async def story(edge: Edge) -> None:
        handler = Hanging()
        edge.servicer.watch = handler.stream
        call = edge.stub.WatchEvents(pb.WatchEventsRequest())
        await call.read()
        assert call.cancel()
        assert await handler.was_canceled()
        with pytest.raises(asyncio.CancelledError):
            await call.read()

    act(story)


def test_a_read_that_times_out_is_the_streams_last(act: Act) -> None:
    async def story(edge: Edge) -> None:
        handler = Hanging()
        edge.servicer.watch = handler.stream
        call = edge.stub.WatchEvents(pb.WatchEventsRequest())
        await call.read()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await call.read()
        assert await call.read() is grpc.aio.EOF
        assert await handler.was_canceled()

    act(story)
