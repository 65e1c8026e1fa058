"""A client on nothing but grpcio and generated stubs, as in any other language."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    error_details_pb2,
    status_pb2,
)

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import broker_service_pb2_grpc as pb_grpc
from services.common.contract.pb import errors_pb2, orders_pb2, types_pb2
from tests.integration.system.trio import ACCOUNT

if TYPE_CHECKING:
    from services.common.contract.pb.broker_service_pb2_grpc import BrokerServiceAsyncStub

PUT: Final = "SPY241115P00400000"
_DETAILS_KEY: Final = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed call has told: `effect` and `field` are empty if it did not say."""

    code: grpc.StatusCode
    reason: str
    effect: str
    field: str
    message: str


@asynccontextmanager
async def stub(address: str) -> AsyncIterator[BrokerServiceAsyncStub]:
    """The service at `address`."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield pb_grpc.BrokerServiceStub(channel)


def put_order(client_order_id: str) -> orders_pb2.OrderSpec:
    """An order that the venue takes and leaves working: sell a put far above the market."""
    return orders_pb2.OrderSpec(
        client_order_id=client_order_id,
        instrument=types_pb2.Instrument(option=types_pb2.Option(occ_symbol=PUT)),
        side=types_pb2.SIDE_SELL,
        position_intent=types_pb2.POSITION_INTENT_SELL_TO_OPEN,
        order_qty=types_pb2.Decimal(value="1"),
        order_type=types_pb2.ORDER_TYPE_LIMIT,
        time_in_force=types_pb2.TIME_IN_FORCE_DAY,
        limit_price=types_pb2.Decimal(value="50.00"),
    )


def submit(spec: orders_pb2.OrderSpec, **more: Any) -> pb.SubmitOrderRequest:
    """The request to send an order."""
    return pb.SubmitOrderRequest(account_id=ACCOUNT, order=spec, **more)


async def failure(call: Callable[..., Awaitable[Any]], request: Any) -> Failure:
    """Make a call that must fail; what it has told."""
    try:
        answer = await call(request)
    except grpc.aio.AioRpcError as error:
        return _read(error)
    raise AssertionError(f"it was answered: {answer}")


def _read(error: grpc.aio.AioRpcError) -> Failure:
    details = [value for key, value in error.trailing_metadata() or () if key == _DETAILS_KEY]
    status = status_pb2.Status.FromString(details[0] if details else b"")
    info, told = error_details_pb2.ErrorInfo(), errors_pb2.FailureDetail()
    bad = error_details_pb2.BadRequest()
    for detail in status.details:
        for into in (info, told, bad):
            detail.Unpack(into)
    return Failure(
        code=error.code(),
        reason=info.reason,
        effect=errors_pb2.Effect.Name(told.effect),
        field=bad.field_violations[0].field if bad.field_violations else "",
        message=error.details() or "",
    )
