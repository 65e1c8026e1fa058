"""Replace, cancel all and preview over the wire: whose ids, once, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.common.adapter.revisions import revision_id
from services.common.contract.convert import decimal_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import orders_pb2, types_pb2
from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    Unavailable,
)
from tests.conformance.fakes.venue_gateway import OnSubmit
from tests.unit.adapter.desk_world import until
from tests.unit.adapter.served import ID, Served, error_of, fence, spec

NEXT = "a~t1~1.1"


def replace_request(served: Served, **changes: Any) -> pb.ReplaceOrderRequest:
    values: dict[str, Any] = {
        "account_id": "main",
        "client_order_id": ID,
        "replace_id": NEXT,
        "limit_price": decimal_to_wire(Decimal(401)),
        "fence": fence(),
        "expected_session_id": served.gateway.session_id,
    }
    return pb.ReplaceOrderRequest(**(values | changes))


def own(client_order_id: str, replace_id: str, price: str = "401") -> pb.ReplaceOrderRequest:
    return pb.ReplaceOrderRequest(
        account_id="main",
        client_order_id=client_order_id,
        replace_id=replace_id,
        limit_price=decimal_to_wire(Decimal(price)),
    )


async def submit_own(served: Served, client_order_id: str = "a") -> orders_pb2.Order:
    request = pb.SubmitOrderRequest(account_id="main", order=spec(client_order_id))
    order: orders_pb2.Order = (await served.broker.SubmitOrder(request)).order
    return order


async def _replied(served: Served, request: pb.ReplaceOrderRequest) -> pb.ReplaceOrderResponse:
    reply: pb.ReplaceOrderResponse = await served.broker.ReplaceOrder(request)
    return reply


async def get(served: Served, **which: str) -> pb.GetOrderResponse:
    reply: pb.GetOrderResponse = await served.broker.GetOrder(
        pb.GetOrderRequest(account_id="main", **which)
    )
    return reply


# -- replace, fenced ----------------------------------------------------------------------------


async def test_a_router_replaces_under_the_id_of_the_new_revision(served: Served) -> None:
    await served.fence()
    await served.submit()
    order = (await served.broker.ReplaceOrder(replace_request(served))).order
    assert (order.placement_id, order.replaces_venue_order_id) == (NEXT, "venue-1")
    assert order.spec.limit_price.value == "401"
    old = (await get(served, client_order_id=ID)).order
    assert old.status == types_pb2.ORDER_STATUS_REPLACED
    assert old.replaced_by_venue_order_id == order.venue_order_id


@pytest.mark.parametrize(
    "changes",
    [
        {"client_order_id": ""},
        {"replace_id": ""},
        {"client_order_id": "a"},
        {"replace_id": "r"},
        {"replace_id": ID},
        {"replace_id": "b~t1~1.1"},
        {"replace_id": "a~t1~2.1"},
        {"replace_id": "a~t2~1.1", "client_order_id": "a~t2~1.0"},
        {"limit_price": None},
        {"order_qty": types_pb2.Decimal(value="0")},
        {"expected_session_id": ""},
    ],
)
async def test_a_replace_that_names_no_next_revision_or_no_change_is_invalid(
    served: Served, changes: dict[str, Any]
) -> None:
    await served.fence()
    await served.submit()
    error = await error_of(served.broker.ReplaceOrder(replace_request(served, **changes)))
    assert isinstance(error, InvalidRequest)
    assert served.gateway.sent == [ID]


async def test_fence_session_tombstone_and_time_hold_for_a_replace_as_for_a_submit(
    served: Served,
) -> None:
    await served.fence(5)
    await served.submit(epoch=5)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    await served.store.bury("a~t1~1.7", "proof")
    for changes, reason in (
        ({"fence": fence(4)}, Reason.STALE_EPOCH),
        ({"fence": None}, Reason.INVALID_FIELD),
        ({"expected_session_id": "old"}, Reason.STALE_SESSION),
        ({"not_after": past}, Reason.NOT_AFTER_PASSED),
        ({"replace_id": "a~t1~1.7"}, Reason.PLACEMENT_FENCED),
    ):
        request = replace_request(served, **({"fence": fence(5)} | changes))
        error = await error_of(served.broker.ReplaceOrder(request))
        assert (error.reason, error.effect) == (reason, Effect.NONE)
    served.gateway.lose_session()
    request = replace_request(served, fence=fence(5), expected_session_id="session-1")
    assert (await error_of(served.broker.ReplaceOrder(request))).reason is Reason.STALE_SESSION
    assert served.gateway.sent == [ID]


async def test_an_order_that_is_on_its_way_is_replaced_later(served: Served) -> None:
    await served.fence()
    error = await error_of(served.broker.ReplaceOrder(replace_request(served)))
    assert isinstance(error, NotFound)
    served.gateway.on_submit(ID, OnSubmit.HANG_BEFORE_WRITE)
    sending = asyncio.create_task(served.submit())
    await until(lambda: served.gateway.hanging)
    error = await error_of(served.broker.ReplaceOrder(replace_request(served)))
    assert (type(error), error.reason) == (Unavailable, Reason.CHANGE_IN_PROGRESS)
    served.gateway.release(ID)
    await sending


async def test_one_replace_of_an_order_at_a_time(served: Served) -> None:
    await served.fence()
    await served.submit()
    served.gateway.replace_gate = asyncio.Event()
    first, same = (
        asyncio.ensure_future(_replied(served, replace_request(served))) for _ in range(2)
    )
    await until(lambda: served.desk.is_in_flight(NEXT))
    other = replace_request(served, replace_id="a~t1~1.2")
    error = await error_of(served.broker.ReplaceOrder(other))
    assert (type(error), error.reason) == (Refused, Reason.CHANGE_IN_PROGRESS)
    changed = replace_request(served, limit_price=decimal_to_wire(Decimal(402)))
    error = await error_of(served.broker.ReplaceOrder(changed))
    assert error.reason is Reason.CLIENT_ORDER_ID_REUSED
    served.gateway.replace_gate.set()
    assert (await first).order.placement_id == (await same).order.placement_id == NEXT
    assert served.gateway.sent == [ID, f"replace {ID} by {NEXT}"]


async def test_a_replace_without_a_word_is_in_doubt(served: Served) -> None:
    await served.fence()
    await served.submit()
    served.gateway.failing, served.gateway.failure_before_write = ReadFailed("no answer"), False
    error = await error_of(served.broker.ReplaceOrder(replace_request(served)))
    assert isinstance(error, OutcomeUnknown)


# -- replace, by the client's own ids -----------------------------------------------------------


async def test_a_clients_own_id_stands_for_the_latest_revision(stand_alone: Served) -> None:
    await submit_own(stand_alone)
    for number, price in enumerate(("401", "402", "403"), 1):
        reply = await stand_alone.broker.ReplaceOrder(own("a", f"r{number}", price))
        assert reply.order.placement_id == revision_id("a", f"r{number}")
    latest = await get(stand_alone, client_order_id="a")
    assert latest.order.spec.limit_price.value == "403"
    first = await get(stand_alone, venue_order_id="venue-1")
    assert first.order.status == types_pb2.ORDER_STATUS_REPLACED
    second = await get(stand_alone, client_order_id=revision_id("a", "r1"))
    assert second.order.spec.limit_price.value == "401"
    request = pb.CancelOrderRequest(account_id="main", client_order_id="a")
    canceled = (await stand_alone.broker.CancelOrder(request)).order
    assert canceled.placement_id == revision_id("a", "r3")


async def test_the_same_change_again_answers_with_its_revision(stand_alone: Served) -> None:
    await submit_own(stand_alone)
    for number, price in ((1, "401"), (2, "402")):
        await stand_alone.broker.ReplaceOrder(own("a", f"r{number}", price))
    sent = list(stand_alone.gateway.sent)
    again = (await stand_alone.broker.ReplaceOrder(own("a", "r1", "401.0"))).order
    assert again.placement_id == revision_id("a", "r1")
    other = await error_of(stand_alone.broker.ReplaceOrder(own("a", "r1", "499")))
    assert (type(other), other.reason) == (Refused, Reason.CLIENT_ORDER_ID_REUSED)
    assert stand_alone.gateway.sent == sent


async def test_an_ended_order_without_a_later_revision_has_ended(stand_alone: Served) -> None:
    await submit_own(stand_alone)
    stand_alone.gateway.fill("a", Decimal(2), Decimal(400))
    for call in (
        stand_alone.broker.CancelOrder(
            pb.CancelOrderRequest(account_id="main", client_order_id="a")
        ),
        stand_alone.broker.ReplaceOrder(own("a", "r1")),
    ):
        assert (await error_of(call)).reason is Reason.ORDER_ENDED


@pytest.mark.parametrize(("client_order_id", "replace_id"), [("a", ""), ("a", "x~y"), (ID, "r")])
async def test_without_a_fence_ids_are_the_clients_own(
    stand_alone: Served, client_order_id: str, replace_id: str
) -> None:
    error = await error_of(stand_alone.broker.ReplaceOrder(own(client_order_id, replace_id)))
    assert isinstance(error, InvalidRequest)


async def test_if_revisions_cant_be_read_nothing_is_sent(stand_alone: Served) -> None:
    await submit_own(stand_alone)
    stand_alone.gateway.read_failure = ReadFailed("the venue does not answer")
    error = await error_of(stand_alone.broker.ReplaceOrder(own("a", "r1")))
    assert (type(error), error.effect) == (Unavailable, Effect.NONE)
    stand_alone.gateway.read_failure = None
    stand_alone.gateway.lookup_unknown = "too long ago"
    error = await error_of(stand_alone.broker.ReplaceOrder(own("a", "r1")))
    assert (type(error), error.effect) == (Unavailable, Effect.NONE)
    assert stand_alone.gateway.sent == ["a"]


def test_a_revision_id_fits_every_venue_and_is_no_placement() -> None:
    longest = revision_id("x" * 64, "y" * 64)
    assert len(longest) <= 128
    assert longest == revision_id("x" * 64, "y" * 64)
    assert revision_id("x", "y") != revision_id("x", "z")


# -- cancel all ---------------------------------------------------------------------------------


async def test_all_open_orders_are_asked_to_end(served: Served) -> None:
    await served.fence()
    for number in (1, 2):
        await served.submit(f"o{number}~t1~1.0")
    reply = await served.broker.CancelAllOrders(
        pb.CancelAllOrdersRequest(account_id="main", fence=fence())
    )
    pending = types_pb2.ORDER_STATUS_PENDING_CANCEL
    assert [order.status for order in reply.orders] == [pending, pending]
    assert list(reply.failures) == []
    assert served.gateway.sent[-1] == "cancel all"


async def test_a_cancel_of_all_needs_its_fence_and_no_session(served: Served) -> None:
    await served.fence(2)
    served.gateway.lose_session()
    for given, reason in ((None, Reason.FENCE_REQUIRED), (fence(1), Reason.STALE_EPOCH)):
        request = pb.CancelAllOrdersRequest(account_id="main", fence=given)
        assert (await error_of(served.broker.CancelAllOrders(request))).reason is reason
    request = pb.CancelAllOrdersRequest(account_id="main", fence=fence(2))
    await served.broker.CancelAllOrders(request)
    elsewhere = pb.CancelAllOrdersRequest(account_id="main", fence=fence(2), venue="other")
    assert isinstance(await error_of(served.broker.CancelAllOrders(elsewhere)), NotFound)
    assert served.gateway.sent == ["cancel all"]


# -- preview ------------------------------------------------------------------------------------


@pytest.mark.parametrize("client_order_id", ["a", ID])
async def test_a_preview_sends_nothing(served: Served, client_order_id: str) -> None:
    request = pb.PreviewOrderRequest(account_id="main", order=spec(client_order_id))
    reply = await served.broker.PreviewOrder(request)
    assert (reply.venue, reply.estimated, list(reply.warnings)) == ("fake", True, ["no fees"])
    assert reply.cash_effect.amount.value == "-800"
    assert served.gateway.sent == []


async def test_a_preview_of_what_the_venue_does_not_take_is_refused(served: Served) -> None:
    order = spec("a", time_in_force=types_pb2.TIME_IN_FORCE_IOC)
    request = pb.PreviewOrderRequest(account_id="main", order=order)
    error = await error_of(served.broker.PreviewOrder(request))
    assert error.reason is Reason.UNSUPPORTED_BY_VENUE
