"""Bad input over real gRPC is refused by name, and nothing of it reaches the venue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import pytest_asyncio

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import orders_pb2, types_pb2
from tests.integration.system.plain import failure, put_order, stub, submit
from tests.integration.system.trio import ACCOUNT, Trio

if TYPE_CHECKING:
    from services.common.contract.pb.broker_service_pb2_grpc import BrokerServiceAsyncStub

pytestmark = pytest.mark.asyncio(loop_scope="package")

Spoil = Callable[[orders_pb2.OrderSpec], object]

_UNKNOWN_FIELD = b"\xfa\x7f\x03new"  # number 2047, length-delimited


@pytest_asyncio.fixture(loop_scope="package")
async def router(trio: Trio) -> AsyncIterator[BrokerServiceAsyncStub]:
    async with stub(trio.address) as router:
        yield router


async def nothing_was_sent(trio: Trio, router: BrokerServiceAsyncStub, name: str) -> bool:
    request = pb.GetOrderRequest(account_id=ACCOUNT, client_order_id=name or "none")
    known = await router.GetOrder(request)
    return known.lookup == pb.ORDER_LOOKUP_ABSENT and not await trio.venue.submits_like(f"{name}~")


def _decimal(name: str, text: str) -> Spoil:
    return lambda spec: getattr(spec, name).CopyFrom(types_pb2.Decimal(value=text))


def _symbol(text: str) -> Spoil:
    return lambda spec: setattr(spec.instrument.option, "occ_symbol", text)


def _equity(text: str) -> Spoil:
    return lambda spec: spec.instrument.equity.CopyFrom(types_pb2.Equity(symbol=text))


@pytest.mark.parametrize(
    ("field", "spoil"),
    [
        ("order.client_order_id", lambda spec: spec.ClearField("client_order_id")),
        ("order.client_order_id", lambda spec: setattr(spec, "client_order_id", "a~sim~1.0")),
        ("order.client_order_id", lambda spec: setattr(spec, "client_order_id", "x" * 65)),
        ("order.client_order_id", lambda spec: setattr(spec, "client_order_id", "a b")),
        ("order.instrument", lambda spec: spec.ClearField("instrument")),
        ("order.instrument.option.occ_symbol", _symbol("SPY241315P00400000")),
        ("order.instrument.option.occ_symbol", _symbol("SPY241115X00400000")),
        ("order.instrument.option.occ_symbol", _symbol("SPY241115P0040000")),
        ("order.instrument.equity.symbol", _equity("")),
        ("order.instrument.equity.symbol", _equity("spy; drop")),
        ("order.order_qty", lambda spec: spec.ClearField("order_qty")),
        ("order.order_qty", _decimal("order_qty", "1e400")),
        ("order.order_qty", _decimal("order_qty", "0")),
        ("order.order_qty", _decimal("order_qty", "-1")),
        ("order.order_qty", _decimal("order_qty", "0.5")),
        ("order.limit_price", lambda spec: spec.ClearField("limit_price")),
        ("order.limit_price", _decimal("limit_price", "")),
        ("order.limit_price", _decimal("limit_price", "NaN")),
        ("order.limit_price", _decimal("limit_price", "1e400")),
        ("order.limit_price", _decimal("limit_price", "-0")),
        ("order.limit_price", _decimal("limit_price", "1_000")),
        ("order.limit_price", _decimal("limit_price", "１２")),
        ("order.limit_price", _decimal("limit_price", "8.50\n")),
        ("order.side", lambda spec: spec.ClearField("side")),
        ("order.order_type", lambda spec: spec.ClearField("order_type")),
        ("order.time_in_force", lambda spec: spec.ClearField("time_in_force")),
        ("order.position_intent", lambda spec: spec.ClearField("position_intent")),
        ("order.not_after", lambda spec: setattr(spec.not_after, "seconds", 2**62)),
        ("order.strategy_tag", lambda spec: setattr(spec, "strategy_tag", "a\nb")),
    ],
)
async def test_a_malformed_order_is_refused_by_the_name_of_its_field(
    trio: Trio, router: BrokerServiceAsyncStub, field: str, spoil: Spoil
) -> None:
    spec = put_order("malformed")
    spoil(spec)
    told = await failure(router.SubmitOrder, submit(spec))
    assert (told.code, told.reason, told.effect, told.field) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELD",
        "EFFECT_NONE",
        field,
    )
    assert told.message.startswith(f"{field}: ")
    assert await nothing_was_sent(trio, router, "malformed")


@pytest.mark.parametrize(
    ("where", "spoil"),
    [
        ("in the request", lambda request: request.MergeFromString(_UNKNOWN_FIELD)),
        ("in the order", lambda request: request.order.MergeFromString(_UNKNOWN_FIELD)),
        (
            "deep inside",
            lambda request: request.order.instrument.option.MergeFromString(_UNKNOWN_FIELD),
        ),
        ("as a value", lambda request: request.order.MergeFromString(b"\x20\x63")),  # side = 99
    ],
)
async def test_what_this_release_does_not_know_is_refused_and_not_left_out(
    trio: Trio,
    router: BrokerServiceAsyncStub,
    where: str,
    spoil: Callable[[pb.SubmitOrderRequest], object],
) -> None:
    request = submit(put_order("from-the-future"))
    spoil(request)
    told = await failure(router.SubmitOrder, request)
    assert (told.reason, told.effect) == ("UNSUPPORTED_FIELD", "EFFECT_NONE"), where
    assert await nothing_was_sent(trio, router, "from-the-future")
    canceling = pb.CancelOrderRequest(account_id=ACCOUNT, client_order_id="any")
    canceling.MergeFromString(_UNKNOWN_FIELD)
    assert (await failure(router.CancelOrder, canceling)).reason == "UNSUPPORTED_FIELD"


async def test_bytes_that_are_no_message_are_refused(trio: Trio) -> None:
    async with grpc.aio.insecure_channel(trio.address) as channel:
        call: Any = channel.unary_unary("/tandem.v1.BrokerService/SubmitOrder")
        told = await failure(call, b"\x0a\xff\xff\xff\xff\x0f")
    assert told.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_account_that_is_not_there_is_named(
    trio: Trio, router: BrokerServiceAsyncStub
) -> None:
    missing = await failure(router.SubmitOrder, pb.SubmitOrderRequest(order=put_order("nobody's")))
    assert (missing.code, missing.field) == (grpc.StatusCode.INVALID_ARGUMENT, "account_id")
    other = pb.SubmitOrderRequest(account_id="other", order=put_order("nobody-s"))
    told = await failure(router.SubmitOrder, other)
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "ACCOUNT_NOT_FOUND")
    assert "'other'" in told.message


async def test_one_id_is_one_order_however_it_is_written_and_no_other(
    trio: Trio, router: BrokerServiceAsyncStub
) -> None:
    """None of these calls brings a deadline: the server's own ends them."""
    first = (await router.SubmitOrder(submit(put_order("one-id")))).order
    assert first.status == types_pb2.ORDER_STATUS_ACCEPTED

    same = put_order("one-id")
    same.limit_price.value, same.order_qty.value = "50", "1.0"
    same.instrument.option.occ_symbol = "SPY   241115P00400000"
    again = (await router.SubmitOrder(submit(same))).order
    assert again.placement_id == first.placement_id
    assert again.venue_order_id == first.venue_order_id

    other = put_order("one-id")
    other.limit_price.value = "50.01"
    told = await failure(router.SubmitOrder, submit(other))
    assert (told.code, told.reason, told.effect) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "CLIENT_ORDER_ID_REUSED",
        "EFFECT_NONE",
    )
    assert len(await trio.venue.submits("one-id")) == 1
    await router.CancelOrder(pb.CancelOrderRequest(account_id=ACCOUNT, client_order_id="one-id"))
