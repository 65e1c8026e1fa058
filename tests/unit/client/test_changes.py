"""Replace, cancel all, close, exercise, preview, and what can be done, through the client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from tandem_client import (
    Effect,
    Equity,
    Instruction,
    InvalidRequest,
    Money,
    OrderChange,
    OrderSpec,
    OrderStatus,
    OrderType,
    OutcomeUnknown,
    PositionClose,
    Reason,
    Refused,
    TandemClient,
    TimeInForce,
    parse_occ,
)
from tandem_client.pb import accounts_pb2, errors_pb2, orders_pb2, types_pb2
from tandem_client.pb import broker_service_pb2 as pb

from tests.unit.client.scripted_server import ScriptedBroker
from tests.unit.client.small_server import ACCOUNT, SYMBOL, SmallServer, decimal, failure, option

PUT = parse_occ(SYMBOL)
NOT_AFTER = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
CHANGE = OrderChange(replace_id="c-1", limit_price=Decimal("8.60"))
CLOSE = PositionClose(
    client_order_id="x-1",
    instrument=PUT,
    order_type=OrderType.MARKET,
    time_in_force=TimeInForce.DAY,
)


@pytest.fixture
def scripted() -> ScriptedBroker:
    return ScriptedBroker()  # type: ignore[abstract]  # the rest is UNIMPLEMENTED


@pytest.fixture
async def server(scripted: ScriptedBroker) -> AsyncIterator[SmallServer]:
    running = SmallServer()
    running.broker = scripted
    await running.start()
    yield running
    await running.stop()


def wire_order(name: str = "my-1") -> orders_pb2.Order:
    spec = orders_pb2.OrderSpec(client_order_id=name, instrument=option())
    return orders_pb2.Order(spec=spec, status=types_pb2.ORDER_STATUS_PENDING_REPLACE)


async def test_a_replace_sends_what_changes_and_nothing_else(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    reply = pb.ReplaceOrderResponse(order=wire_order())
    scripted.replies["ReplaceOrder"] = [reply, reply]
    order = await client.replace("my-1", CHANGE)
    assert (order.client_order_id, order.status) == ("my-1", OrderStatus.PENDING_REPLACE)
    change = OrderChange(
        replace_id="c-2",
        order_qty=Decimal(2),
        stop_price=Decimal(3),
        trail_amount=Decimal(4),
        trail_percent=Decimal(5),
        time_in_force=TimeInForce.GTC,
        not_after=NOT_AFTER,
    )
    await client.replace("my-1", change)
    first, second = scripted.requests
    assert first == pb.ReplaceOrderRequest(
        account_id=ACCOUNT, client_order_id="my-1", replace_id="c-1", limit_price=decimal("8.6")
    )
    amounts = (second.order_qty, second.stop_price, second.trail_amount, second.trail_percent)
    assert [amount.value for amount in amounts] == ["2", "3", "4", "5"]
    assert (second.time_in_force, second.HasField("limit_price")) == (
        types_pb2.TIME_IN_FORCE_GTC,
        False,
    )
    assert second.not_after.ToDatetime(tzinfo=UTC) == NOT_AFTER


async def test_cancel_all_tells_what_was_asked_and_what_was_not(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    cause = orders_pb2.OrderCause(reason=errors_pb2.ERROR_REASON_VENUE_UNAVAILABLE, message="down")
    scripted.replies["CancelAllOrders"] = [
        pb.CancelAllOrdersResponse(
            orders=[wire_order("a")],
            failures=[pb.CancelFailure(order=wire_order("b"), cause=cause)],
        ),
        pb.CancelAllOrdersResponse(),
    ]
    answer = await client.cancel_all(instrument=Equity("SPY"), venue="alpaca")
    assert [order.client_order_id for order in answer.orders] == ["a"]
    (failed,) = answer.failures
    assert (failed.order.client_order_id, failed.cause.reason) == ("b", Reason.VENUE_UNAVAILABLE)
    await client.cancel_all()
    first, second = scripted.requests
    assert (first.instrument.equity.symbol, first.venue) == ("SPY", "alpaca")
    assert second == pb.CancelAllOrdersRequest(account_id=ACCOUNT)


async def test_a_close_is_an_order_of_ones_own_id(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    scripted.replies["ClosePosition"] = [pb.ClosePositionResponse(order=wire_order("x-1"))]
    assert (await client.close_position(CLOSE)).client_order_id == "x-1"
    (asked,) = scripted.requests
    assert (asked.client_order_id, asked.HasField("qty")) == ("x-1", False)
    assert asked.instrument.option.root == "SPY"
    assert asked.order_type == types_pb2.ORDER_TYPE_MARKET


async def test_instructions_say_how_they_stand(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    cause = orders_pb2.OrderCause(
        reason=errors_pb2.ERROR_REASON_INSUFFICIENT_QTY, message="none held"
    )
    rejected = types_pb2.ORDER_STATUS_REJECTED
    scripted.replies["ExerciseOption"] = [pb.ExerciseOptionResponse(status=rejected, cause=cause)]
    scripted.replies["DoNotExercise"] = [
        pb.DoNotExerciseResponse(status=types_pb2.ORDER_STATUS_ACCEPTED)
    ]
    answer = await client.exercise("e-1", PUT, Decimal(2), venue="alpaca")
    assert answer.status is OrderStatus.REJECTED
    assert answer.cause is not None
    assert answer.cause.reason is Reason.INSUFFICIENT_QTY
    assert await client.do_not_exercise("e-2", PUT) == Instruction(OrderStatus.ACCEPTED, None)
    first, second = scripted.requests
    assert (first.client_order_id, first.qty.value, first.venue) == ("e-1", "2", "alpaca")
    assert (second.client_order_id, second.instrument.option.root) == ("e-2", "SPY")


async def test_a_preview_says_whose_figures_they_are(
    client: TandemClient, scripted: ScriptedBroker, spec: OrderSpec
) -> None:
    paid = types_pb2.Money(amount=decimal("-850.5"), currency_code="USD")
    scripted.replies["PreviewOrder"] = [
        pb.PreviewOrderResponse(
            venue="alpaca", cash_effect=paid, estimated=True, warnings=["near the close"]
        )
    ]
    preview = await client.preview(spec, venue="alpaca")
    assert (preview.venue, preview.estimated) == ("alpaca", True)
    assert preview.cash_effect == Money(Decimal("-850.5"), "USD")
    assert (preview.buying_power_after, preview.warnings) == (None, ("near the close",))
    assert scripted.requests[0].order.client_order_id == spec.client_order_id


async def test_capabilities_are_those_that_are_known_here(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    told = pb.VenueCapabilities(
        venue=types_pb2.Venue(name="alpaca"),
        order_types=[types_pb2.ORDER_TYPE_LIMIT, 99],  # type: ignore[list-item]
        order_classes=[types_pb2.ORDER_CLASS_SIMPLE],
        methods=["SubmitOrder"],
        fractional_quantities=True,
    )
    scripted.replies["GetCapabilities"] = [pb.GetCapabilitiesResponse(venues=[told])]
    (venue,) = await client.capabilities()
    assert (venue.venue.name, venue.order_types) == ("alpaca", (OrderType.LIMIT,))
    assert (venue.methods, venue.fractional_quantities) == (("SubmitOrder",), True)
    assert venue.times_in_force == ()


async def test_a_position_is_told_for_each_venue_that_holds_it(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    held = accounts_pb2.Position(venue="alpaca", instrument=option(), qty=decimal("-2"))
    scripted.replies["GetPosition"] = [pb.GetPositionResponse(positions=[held])]
    (position,) = await client.position(PUT)
    assert (position.venue, position.qty) == ("alpaca", Decimal(-2))
    assert scripted.requests[0].instrument.option.root == "SPY"


CHANGES: dict[str, Callable[[TandemClient], Awaitable[Any]]] = {
    "ReplaceOrder": lambda client: client.replace("my-1", CHANGE),
    "CancelAllOrders": lambda client: client.cancel_all(),
    "ClosePosition": lambda client: client.close_position(CLOSE),
    "ExerciseOption": lambda client: client.exercise("e-1", PUT),
    "DoNotExercise": lambda client: client.do_not_exercise("e-1", PUT),
}


@pytest.mark.parametrize("method", CHANGES)
async def test_without_the_servers_word_a_change_is_in_doubt_and_is_not_sent_again(
    client: TandemClient, scripted: ScriptedBroker, method: str
) -> None:
    refused = failure(code_pb2.FAILED_PRECONDITION, "ORDER_ENDED", "it has ended")
    scripted.replies[method] = [failure(code_pb2.UNAVAILABLE, "", "gone", effect=None), refused]
    with pytest.raises(OutcomeUnknown):
        await CHANGES[method](client)
    assert len(scripted.requests) == 1
    with pytest.raises(Refused) as caught:
        await CHANGES[method](client)
    assert (caught.value.reason, caught.value.effect) == (Reason.ORDER_ENDED, Effect.NONE)


async def test_an_id_that_can_not_be_is_refused_here(
    client: TandemClient, scripted: ScriptedBroker
) -> None:
    for call in (
        client.replace("my-1", OrderChange(replace_id="a b")),
        client.exercise("", PUT),
        client.do_not_exercise("a b", PUT),
    ):
        with pytest.raises(InvalidRequest):
            await call
    assert scripted.requests == []
