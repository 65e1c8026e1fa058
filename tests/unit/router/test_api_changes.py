"""Replace, cancel all, close and exercise over a real gRPC server: good input and bad."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.contract.convert import decimal_to_wire, instrument_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest, Reason
from services.common.domain.executions import Side
from services.common.domain.order_terms import PositionIntent
from tests.unit.domain.orders import spec
from tests.unit.router.api_rig import Api, Code, api, failure
from tests.unit.router.harness import closing, held_short, share_order, until
from tests.unit.router.scripted_port import PLACED

PUT = instrument_to_wire(spec().single)
D = decimal_to_wire


def replacing(**fields: Any) -> pb.ReplaceOrderRequest:
    asked: dict[str, Any] = {
        "client_order_id": "o-1",
        "replace_id": "r-1",
        "limit_price": D(Decimal("8.40")),
    }
    return pb.ReplaceOrderRequest(account_id="main", **(asked | fields))


def closes(**fields: Any) -> pb.ClosePositionRequest:
    asked: dict[str, Any] = {
        "client_order_id": "c-1",
        "instrument": PUT,
        "order_type": types_pb2.ORDER_TYPE_MARKET,
        "time_in_force": types_pb2.TIME_IN_FORCE_DAY,
    }
    return pb.ClosePositionRequest(account_id="main", **(asked | fields))


async def test_a_replaced_order_shows_its_terms_and_revision(path: Path) -> None:
    async with api(path) as it:
        await it.submit(spec())
        reply = await it.broker.ReplaceOrder(replacing(), timeout=10)
        order = reply.order
        assert (order.spec.limit_price.value, order.revision) == ("8.4", 1)
        assert [p.status for p in order.placements] == [
            types_pb2.ORDER_STATUS_REPLACED,
            types_pb2.ORDER_STATUS_ACCEPTED,
        ]
        assert (await it.submit(spec())).revision == 1, "the order as first asked for is this one"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"client_order_id": ""}, "client_order_id"),
        ({"replace_id": ""}, "replace_id"),
        ({"replace_id": "r~1"}, "replace_id"),
        ({"limit_price": None}, "order_qty"),
        ({"limit_price": D(Decimal(-1))}, "limit_price"),
        ({"order_qty": D(Decimal(0))}, "order_qty"),
        ({"stop_price": types_pb2.Decimal(value="x")}, "stop_price"),
        ({"fence": pb.Fence(epoch=1)}, "fence"),
    ],
)
async def test_a_wrong_field_of_a_replace_is_named(
    path: Path, fields: dict[str, Any], field: str
) -> None:
    async with api(path) as it:
        await it.submit(spec())
        code, error = await failure(it.broker.ReplaceOrder(replacing(**fields), timeout=10))
        assert (code, isinstance(error, InvalidRequest)) == (Code.INVALID_ARGUMENT, True)
        assert error.message.startswith(field)
        assert it.running.alpaca.replaced == []


async def test_a_replace_of_an_unknown_order_is_not_found(path: Path) -> None:
    async with api(path) as it:
        code, error = await failure(it.broker.ReplaceOrder(replacing(), timeout=10))
        assert (code, error.reason) == (Code.NOT_FOUND, Reason.ORDER_NOT_FOUND)


async def test_every_open_order_is_canceled(path: Path) -> None:
    async with api(path) as it:
        for number in range(40):
            await it.submit(share_order(client_order_id=f"s-{number}"))
        await it.submit(spec(client_order_id="put"))
        one = pb.CancelAllOrdersRequest(account_id="main", instrument=PUT)
        reply = await it.broker.CancelAllOrders(one, timeout=10)
        assert [order.spec.client_order_id for order in reply.orders] == ["put"]
        everything = pb.CancelAllOrdersRequest(account_id="main")
        reply = await it.broker.CancelAllOrders(everything, timeout=10)
        assert (len(reply.orders), len(reply.failures)) == (41, 0)
        assert len(set(it.running.alpaca.canceled)) == 41


async def test_cancel_all_of_nothing_is_nothing(path: Path) -> None:
    async with api(path) as it:
        request = pb.CancelAllOrdersRequest(account_id="main")
        assert await it.broker.CancelAllOrders(request, timeout=10) == pb.CancelAllOrdersResponse()
        request.venue = "elsewhere"
        code, error = await failure(it.broker.CancelAllOrders(request, timeout=10))
        assert (code, error.reason) == (Code.NOT_FOUND, Reason.VENUE_NOT_FOUND)


async def test_a_close_is_an_ordinary_order_of_all_that_is_free(path: Path) -> None:
    async with api(path) as it:
        await held_short(it.running, "10")
        await it.submit(closing(order_qty=Decimal(4)))
        reply = await it.broker.ClosePosition(closes(), timeout=10)
        sent = it.running.alpaca.sent[-1]
        assert (sent.side, sent.order_qty, sent.position_intent) == (
            Side.BUY,
            6,
            PositionIntent.BUY_TO_CLOSE,
        )
        again = await it.broker.ClosePosition(closes(), timeout=10)
        assert again.order == reply.order
        assert len(it.running.alpaca.sent) == 3


async def test_a_close_again_after_the_position_is_gone_is_the_same_order(path: Path) -> None:
    async with api(path) as it:
        await held_short(it.running, "10")
        await it.broker.ClosePosition(closes(), timeout=10)
        it.running.alpaca.fill("c-1~al~1.0", "e-close", "10", "10")
        await until(lambda: not list(it.running.core.books.held("main")))
        again = await it.broker.ClosePosition(closes(), timeout=10)
        assert again.order.status == types_pb2.ORDER_STATUS_FILLED
        other = closes(qty=D(Decimal(3)))
        code, error = await failure(it.broker.ClosePosition(other, timeout=10))
        assert (code, error.reason) == (Code.ALREADY_EXISTS, Reason.CLIENT_ORDER_ID_REUSED)
        code, error = await failure(
            it.broker.ClosePosition(closes(client_order_id="c-2"), timeout=10)
        )
        assert (code, error.reason) == (Code.NOT_FOUND, Reason.POSITION_NOT_FOUND)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"qty": D(Decimal(11))}, Reason.WOULD_CROSS_ZERO),
        ({"qty": D(Decimal(0))}, Reason.INVALID_FIELD),
        ({"order_type": types_pb2.ORDER_TYPE_UNSPECIFIED}, Reason.INVALID_FIELD),
        ({"order_type": types_pb2.ORDER_TYPE_LIMIT}, Reason.INVALID_FIELD),
        ({"client_order_id": "a~b"}, Reason.INVALID_FIELD),
        ({"client_order_id": "open"}, Reason.CLIENT_ORDER_ID_REUSED),
    ],
)
async def test_a_close_that_is_none_sends_nothing(
    path: Path, fields: dict[str, Any], reason: Reason
) -> None:
    async with api(path) as it:
        await held_short(it.running, "10")
        _, error = await failure(it.broker.ClosePosition(closes(**fields), timeout=10))
        assert error.reason is reason
        assert len(it.running.alpaca.sent) == 1


async def test_a_wrong_field_of_a_close_is_named(path: Path) -> None:
    async with api(path) as it:
        await held_short(it.running, "10")
        limit = closes(order_type=types_pb2.ORDER_TYPE_LIMIT)
        _, error = await failure(it.broker.ClosePosition(limit, timeout=10))
        assert error.message.startswith("limit_price: ")


async def held_long(it: Api) -> None:
    await it.submit(spec(side=Side.BUY, position_intent=PositionIntent.BUY_TO_OPEN))
    port = it.running.alpaca
    port.knows[PLACED] = replace(port.knows[PLACED], side=Side.BUY)
    port.fill(PLACED, "e-1", "10", "10")
    await until(lambda: list(it.running.core.books.held("main")))


async def test_an_exercise_is_answered_with_how_it_stands(path: Path) -> None:
    async with api(path) as it:
        await held_long(it)
        request = pb.ExerciseOptionRequest(
            account_id="main", client_order_id="x-1", instrument=PUT, qty=D(Decimal(2))
        )
        reply = await it.broker.ExerciseOption(request, timeout=10)
        assert reply.status == types_pb2.ORDER_STATUS_ACCEPTED
        refrain = pb.DoNotExerciseRequest(
            account_id="main", client_order_id="x-2", instrument=PUT, venue="alpaca"
        )
        reply = await it.broker.DoNotExercise(refrain, timeout=10)
        assert reply.status == types_pb2.ORDER_STATUS_ACCEPTED
        assert [i.instruction.value for i in it.running.alpaca.instructed] == [
            "EXERCISE",
            "DO_NOT_EXERCISE",
        ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"qty": D(Decimal("0.5"))}, Reason.INVALID_FIELD),
        ({"client_order_id": ""}, Reason.INVALID_FIELD),
        ({"venue": "elsewhere"}, Reason.VENUE_NOT_FOUND),
        (
            {"instrument": types_pb2.Instrument(equity=types_pb2.Equity(symbol="SPY"))},
            Reason.INVALID_FIELD,
        ),
        ({"fence": pb.Fence(epoch=1)}, Reason.INVALID_FIELD),
    ],
)
async def test_a_wrong_instruction_is_not_sent(
    path: Path, fields: dict[str, Any], reason: Reason
) -> None:
    async with api(path) as it:
        await held_long(it)
        asked: dict[str, Any] = {"account_id": "main", "client_order_id": "x-1", "instrument": PUT}
        _, error = await failure(
            it.broker.ExerciseOption(pb.ExerciseOptionRequest(**(asked | fields)), timeout=10)
        )
        assert error.reason is reason
        assert it.running.alpaca.instructed == []
