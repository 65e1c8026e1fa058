"""What a client learns of a failure, for handlers of every arity and style."""

import asyncio
from typing import Any

import grpc
import pytest
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    code_pb2,
    error_details_pb2,
    status_pb2,
)
from grpc_status import rpc_status

SECRET = "postgres://tandem:hunter2@db"


class DomainError(Exception):
    """An error that the test's translator knows."""


def translate(error: Exception) -> status_pb2.Status | None:
    if not isinstance(error, DomainError):
        return None
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="market is closed")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="MARKET_CLOSED"))
    return status


def raising(arity: str, error: BaseException) -> Any:
    """A handler of the given arity that raises after its first answer, if it streams."""

    async def unary(request: Any, context: Any) -> Any:
        raise error

    async def generator(request: Any, context: Any) -> Any:
        if hasattr(request, "text"):
            yield request
        raise error

    return generator if arity.endswith("stream") else unary


async def failure(served: Any, arity: str, request: Any) -> grpc.aio.AioRpcError:
    async def requests() -> Any:
        yield request

    sent = requests() if arity.startswith("stream") else request
    call = served.stub(arity)(sent)

    async def finished() -> None:
        if not arity.endswith("stream"):
            await call
        else:
            async for _ in call:
                continue

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await finished()
    return caught.value


def details(error: grpc.aio.AioRpcError) -> str:
    return error.details() or ""


ARITIES = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]


@pytest.mark.parametrize("arity", ARITIES)
async def test_text_of_an_exception_stays_in_the_log(
    serve: Any, request_type: Any, log_lines: Any, arity: str
) -> None:
    served = await serve(raising(arity, ValueError(SECRET)), arity)
    error = await failure(served, arity, request_type(text="x"))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert details(error).startswith("internal error, incident ")
    assert "hunter2" not in str(error) + repr(error.trailing_metadata())
    incident_id = details(error).rpartition(" ")[2]
    (line,) = [line for line in log_lines() if line.get("incident_id") == incident_id]
    assert "ValueError" in line["exception"]
    assert "Traceback" in line["exception"]


@pytest.mark.parametrize("arity", ARITIES)
async def test_known_error_becomes_its_rich_status(
    serve: Any, request_type: Any, arity: str
) -> None:
    served = await serve(raising(arity, DomainError()), arity, translate=translate)
    error = await failure(served, arity, request_type(text="x"))
    assert (error.code(), error.details()) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "market is closed",
    )
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    assert status.details[0].Unpack(info)
    assert info.reason == "MARKET_CLOSED"


async def test_sole_error_of_a_task_group_is_translated(serve: Any, request_type: Any) -> None:
    async def fail() -> None:
        raise DomainError

    async def handler(request: Any, context: Any) -> Any:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    served = await serve(handler, translate=translate)
    error = await failure(served, "unary_unary", request_type())
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize("arity", ARITIES)
async def test_abort_goes_through_unchanged(
    serve: Any, request_type: Any, log_lines: Any, eventually: Any, arity: str
) -> None:
    async def unary(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such order")

    async def generator(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such order")
        yield

    served = await serve(generator if arity.endswith("stream") else unary, arity)
    error = await failure(served, arity, request_type())
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such order")
    await eventually(lambda: any(line["event"] == "rpc" for line in log_lines()))
    assert not [line for line in log_lines() if line["level"] == "error"]


async def test_error_raised_after_an_abort_changes_nothing(
    serve: Any, request_type: Any, log_lines: Any, eventually: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        try:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such order")
        finally:
            raise ValueError(SECRET)

    served = await serve(handler)
    error = await failure(served, "unary_unary", request_type())
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such order")
    # The client has its answer before the handler has ended.
    await eventually(lambda: any(line["event"] == "error_after_abort" for line in log_lines()))


async def test_failing_translator_still_gives_an_incident(serve: Any, request_type: Any) -> None:
    def broken(error: Exception) -> status_pb2.Status | None:
        raise KeyError(SECRET)

    served = await serve(raising("unary_unary", DomainError(SECRET)), translate=broken)
    error = await failure(served, "unary_unary", request_type())
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in str(error)


async def test_translator_that_answers_ok_is_not_believed(serve: Any, request_type: Any) -> None:
    served = await serve(
        raising("unary_unary", DomainError()), translate=lambda error: status_pb2.Status(code=0)
    )
    error = await failure(served, "unary_unary", request_type())
    assert error.code() is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize("arity", ["unary_unary", "unary_stream", "stream_unary"])
async def test_answer_of_a_wrong_type_is_internal(
    serve: Any, request_type: Any, log_lines: Any, arity: str
) -> None:
    async def unary(request: Any, context: Any) -> Any:
        return SECRET

    async def generator(request: Any, context: Any) -> Any:
        yield SECRET

    served = await serve(generator if arity.endswith("stream") else unary, arity)
    error = await failure(served, arity, request_type())
    assert error.code() is grpc.StatusCode.INTERNAL
    assert details(error).startswith("internal error, incident ")


@pytest.mark.parametrize("arity", ["unary_unary", "unary_stream"])
async def test_unreadable_request_is_invalid_argument(
    serve: Any, request_type: Any, arity: str
) -> None:
    reached = False

    async def unary(request: Any, context: Any) -> Any:
        nonlocal reached
        reached = True
        return request

    async def generator(request: Any, context: Any) -> Any:
        nonlocal reached
        reached = True
        yield request

    served = await serve(generator if arity.endswith("stream") else unary, arity)
    call = served.stub(arity, raw=True)(b"\xff\xff\xff")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call.read() if arity.endswith("stream") else call)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not reached


async def test_unreadable_streamed_request_is_invalid_argument(
    serve: Any, request_type: Any
) -> None:
    async def handler(requests: Any, context: Any) -> Any:
        return [request async for request in requests][-1]

    async def raw() -> Any:
        yield b"\xff\xff\xff"

    served = await serve(handler, "stream_unary")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub("stream_unary", raw=True)(raw())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("arity", ["unary_unary", "unary_stream"])
async def test_cancellation_reaches_the_handler_and_is_not_an_incident(
    serve: Any, request_type: Any, log_lines: Any, eventually: Any, arity: str
) -> None:
    seen: list[str] = []

    async def unary(request: Any, context: Any) -> Any:
        seen.append("started")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("canceled")
            raise

    async def generator(request: Any, context: Any) -> Any:
        await unary(request, context)
        yield

    served = await serve(generator if arity.endswith("stream") else unary, arity)
    call = served.stub(arity)(request_type())
    reading = asyncio.ensure_future(
        call.read() if arity.endswith("stream") else call.wait_for_connection()
    )
    await eventually(lambda: seen)
    call.cancel()
    await eventually(lambda: "canceled" in seen)
    await asyncio.gather(reading, return_exceptions=True)
    await eventually(lambda: any(line["event"] == "rpc" for line in log_lines()))
    lines = [line for line in log_lines() if line["event"] in ("rpc", "internal_error")]
    assert [(line["event"], line["code"]) for line in lines] == [("rpc", "CANCELLED")]


async def test_writing_to_a_client_that_left_is_not_an_incident(
    serve: Any, request_type: Any, log_lines: Any, eventually: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        while True:
            yield request_type(text="x" * 10_000)

    served = await serve(handler, "unary_stream")
    call = served.stub("unary_stream")(request_type())
    await call.read()
    call.cancel()
    await eventually(lambda: any(line["event"] == "rpc" for line in log_lines()))
    assert not [line for line in log_lines() if line["event"] == "internal_error"]


@pytest.mark.parametrize("arity", ARITIES)
async def test_answers_of_every_arity_and_style_arrive(
    serve: Any, request_type: Any, arity: str
) -> None:
    async def texts(request: Any) -> list[str]:
        if arity.startswith("stream"):
            return [message.text async for message in request]
        return [request.text]

    async def unary(request: Any, context: Any) -> Any:
        return request_type(text=",".join(await texts(request)))

    async def generator(request: Any, context: Any) -> Any:
        for text in await texts(request):
            yield request_type(text=text)

    async def writer(request: Any, context: Any) -> None:
        for text in await texts(request):
            await context.write(request_type(text=text))

    async def requests() -> Any:
        yield request_type(text="a")
        yield request_type(text="b")

    streams = arity.endswith("stream")
    expected = ["a", "b"] if arity == "stream_stream" else ["a,b"] if arity[0] == "s" else ["a"]
    for handler in (generator, writer) if streams else (unary,):
        served = await serve(handler, arity)
        sent = requests() if arity.startswith("stream") else request_type(text="a")
        call = served.stub(arity)(sent)
        got = [answer.text async for answer in call] if streams else [(await call).text]
        assert got == expected


async def test_thread_pool_handlers_are_refused(serve: Any, request_type: Any) -> None:
    def handler(request: Any, context: Any) -> Any:
        return request

    served = await serve(handler)
    error = await failure(served, "unary_unary", request_type())
    assert error.code() is grpc.StatusCode.UNKNOWN
