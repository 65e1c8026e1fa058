"""Errors cross a real gRPC connection, to grpc.aio and to the synchronous client alike."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_status import rpc_status

from services.common.contract.pb import broker_service_pb2, broker_service_pb2_grpc
from services.common.contract.status import from_rpc_error, translate
from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
    VenueCause,
)

DEADLINE_S = 10.0
CAUSES = (VenueCause("alpaca", Reason.VENUE_UNAVAILABLE, "größer als 8 €", Effect.NONE),)
ERRORS: dict[str, TandemError] = {
    "invalid": InvalidRequest("order.limit_price", "required for a limit order"),
    "refused": Refused(Reason.TRADING_HALTED, "halted by the operator"),
    "unavailable": Unavailable(
        Reason.ALL_VENUES_UNAVAILABLE, "no venue – none", retry_after_s=1.5, venue_causes=CAUSES
    ),
    "long": Refused(Reason.VENUE_REJECTED, "語" * 10_000),
    "doubt": OutcomeUnknown("no answer in 5 s"),
}


Context = grpc.aio.ServicerContext[
    broker_service_pb2.SubmitOrderRequest, broker_service_pb2.SubmitOrderResponse
]


async def submit_order(
    request: broker_service_pb2.SubmitOrderRequest, context: Context
) -> broker_service_pb2.SubmitOrderResponse:
    """Fails as the account's name says."""
    if request.account_id == "slow":
        await asyncio.sleep(DEADLINE_S)
    if request.account_id == "bug":
        raise RuntimeError("a fault without a status")
    status = translate(ERRORS[request.account_id])
    await context.abort_with_status(rpc_status.to_status(status))  # type: ignore[no-untyped-call]
    raise AssertionError


@pytest.fixture
async def target() -> AsyncIterator[str]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(
        submit_order,
        request_deserializer=broker_service_pb2.SubmitOrderRequest.FromString,
        response_serializer=broker_service_pb2.SubmitOrderResponse.SerializeToString,
    )
    service = "tandem.v1.BrokerService"
    handlers = grpc.method_handlers_generic_handler(service, {"SubmitOrder": handler})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def failure(target: str, account_id: str, timeout_s: float = DEADLINE_S) -> TandemError:
    async with grpc.aio.insecure_channel(target) as channel:
        stub = broker_service_pb2_grpc.BrokerServiceStub(channel)
        request = broker_service_pb2.SubmitOrderRequest(account_id=account_id)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.SubmitOrder(request, timeout=timeout_s)
        return from_rpc_error(caught.value, mutation=True)


def blocking_failure(target: str, account_id: str) -> TandemError:
    with grpc.insecure_channel(target) as channel:
        stub = broker_service_pb2_grpc.BrokerServiceStub(channel)
        request = broker_service_pb2.SubmitOrderRequest(account_id=account_id)
        with pytest.raises(grpc.RpcError) as caught:
            stub.SubmitOrder(request, timeout=DEADLINE_S)
        return from_rpc_error(caught.value, mutation=True)


def said(error: TandemError) -> tuple[object, ...]:
    field = error.field if isinstance(error, InvalidRequest) else None
    return (type(error), error.reason, field, error.retry_after_s, error.venue_causes)


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_crosses_the_wire(target: str, name: str) -> None:
    for back in (
        await failure(target, name),
        await asyncio.to_thread(blocking_failure, target, name),
    ):
        assert said(back) == said(ERRORS[name])
        assert back.message.rstrip(".") == ERRORS[name].message[: len(back.message.rstrip("."))]


async def test_a_deadline_a_fault_and_a_dead_server_prove_nothing(target: str) -> None:
    late = await failure(target, "slow", timeout_s=0.05)
    fault = await failure(target, "bug")
    # A port that nothing listens on: the status alone can't tell it from a killed server.
    refused = await failure("127.0.0.1:1", "refused", timeout_s=2.0)
    for error, code in ((late, "DEADLINE_EXCEEDED"), (fault, "UNKNOWN"), (refused, "127.0.0.1:1")):
        assert type(error) is OutcomeUnknown
        assert code in error.message


async def test_a_method_that_is_missing_fails_a_read_and_leaves_a_mutation_in_doubt(
    target: str,
) -> None:
    async with grpc.aio.insecure_channel(target) as channel:
        stub = broker_service_pb2_grpc.BrokerServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetAccount(broker_service_pb2.GetAccountRequest(), timeout=DEADLINE_S)
    assert type(from_rpc_error(caught.value, mutation=False)) is ReadFailed
    assert type(from_rpc_error(caught.value, mutation=True)) is OutcomeUnknown


async def test_where_nothing_answers_is_said_in_words_for_a_person(unused_tcp_port: int) -> None:
    address = f"127.0.0.1:{unused_tcp_port}"
    async with grpc.aio.insecure_channel(address) as channel:
        stub = broker_service_pb2_grpc.BrokerServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetStatus(broker_service_pb2.GetStatusRequest(), timeout=DEADLINE_S)
    error = from_rpc_error(caught.value, mutation=False)
    assert error.message == f"nothing answers at {address} (Connection refused)"
