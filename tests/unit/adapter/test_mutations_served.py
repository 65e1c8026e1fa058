"""Mutations over the wire: what is refused, what an error proves, whom an order belongs to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.adapter.port import VenueGateway
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import errors_pb2, orders_pb2, types_pb2
from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    Reason,
    Refused,
    Unavailable,
)
from tests.conformance.fakes.venue_gateway import OnSubmit
from tests.unit.adapter.served import ID, Served, code_of, error_of, fence, spec


async def test_a_router_fences_sends_and_cancels(served: Served) -> None:
    reply = await served.fence()
    assert not reply.HasField("previous")
    assert reply.session_id == served.gateway.session_id
    assert reply.settling_s == 2.5
    assert reply.store_created.ToDatetime(UTC) == served.store.created
    order = await served.submit()
    assert order.status == types_pb2.ORDER_STATUS_ACCEPTED
    assert (order.placement_id, order.venue, order.account_id) == (ID, "fake", "main")
    canceled = await served.broker.CancelOrder(
        pb.CancelOrderRequest(account_id="main", client_order_id=ID, fence=fence())
    )
    assert canceled.order.status == types_pb2.ORDER_STATUS_PENDING_CANCEL


async def test_fencing_answers_with_the_newest_that_was_seen_mutations_included(
    served: Served,
) -> None:
    await served.fence(1, head=10)
    await served.submit(fence=fence(1, head=33))
    reply = await served.fence(2, head=20)
    assert (reply.previous.epoch, reply.previous.head_sequence) == (1, 33)
    stale = await error_of(served.fence(1))
    assert (type(stale), stale.reason) == (Refused, Reason.STALE_EPOCH)


async def test_mutations_before_or_beside_the_fence_are_refused_with_effect_none(
    served: Served,
) -> None:
    blank = await error_of(served.submit())
    assert (blank.reason, blank.effect) == (Reason.FENCE_NOT_TAKEN, Effect.NONE)
    await served.fence(5)
    for changes, reason in (
        ({"epoch": 4}, Reason.STALE_EPOCH),
        ({"epoch": 6}, Reason.FENCE_NOT_TAKEN),
        ({"expected_session_id": "old"}, Reason.STALE_SESSION),
    ):
        refused = await error_of(served.submit(**({"epoch": 5} | changes)))
        assert (refused.reason, refused.effect) == (reason, Effect.NONE)
    request = served.submit_request("mine")
    request.ClearField("fence")
    unfenced = await error_of(served.broker.SubmitOrder(request))
    assert (unfenced.reason, unfenced.effect) == (Reason.FENCE_REQUIRED, Effect.NONE)
    assert served.gateway.sent == []


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"account_id": ""}, "account_id"),
        ({"expected_session_id": ""}, "expected_session_id"),
        ({"order": None}, "order"),
        ({"order": spec("")}, "order.client_order_id"),
        ({"order": spec("not-a-placement")}, "order.client_order_id"),
        ({"order": spec("a~other~1.0")}, "order.client_order_id"),
        ({"order": orders_pb2.OrderSpec(client_order_id=ID)}, "order.instrument"),
        ({"fence": pb.Fence(epoch=1)}, "fence.journal_id"),
        ({"fence": pb.Fence(journal_id="j1")}, "fence.epoch"),
        ({"fence": pb.Fence(journal_id="j1", epoch=2**63)}, "fence.epoch"),
        ({"fence": pb.Fence(journal_id="j1", epoch=1, head_hash=b"1")}, "fence.head_hash"),
    ],
)
async def test_a_malformed_mutation_names_its_field(
    served: Served, fault: dict[str, object], field: str
) -> None:
    await served.fence()
    invalid = await error_of(served.submit(**fault))  # type: ignore[arg-type]
    assert isinstance(invalid, InvalidRequest)
    assert invalid.field == field
    assert served.gateway.sent == []


async def test_another_account_or_venue_is_not_found(served: Served) -> None:
    await served.fence()
    other = await error_of(served.submit(account_id="other"))
    assert (type(other), other.reason) == (NotFound, Reason.ACCOUNT_NOT_FOUND)
    elsewhere = await error_of(served.submit(order=spec(venue_pin="elsewhere")))
    assert (type(elsewhere), elsewhere.reason) == (NotFound, Reason.VENUE_NOT_FOUND)


async def test_a_hedge_is_for_a_router_to_judge(served: Served) -> None:
    await served.fence()
    hedge = spec(venue_pin=served.settings.venue, hedge=True)
    refused = await error_of(served.submit(order=hedge))
    assert (type(refused), refused.reason) == (Refused, Reason.UNSUPPORTED_FIELD)
    assert refused.effect is Effect.NONE
    assert served.gateway.sent == []


async def test_a_field_from_the_future_is_refused_at_any_depth(served: Served) -> None:
    await served.fence()
    request = served.submit_request()
    # field 999 of the instrument's equity, as a newer router might set it
    request.order.instrument.equity.MergeFromString(b"\xba\x3e\x01x")
    refused = await error_of(served.broker.SubmitOrder(request))
    assert (refused.reason, refused.effect) == (Reason.UNSUPPORTED_FIELD, Effect.NONE)
    assert served.gateway.sent == []


async def test_an_order_whose_time_has_passed_does_not_leave(served: Served) -> None:
    await served.fence()
    late = spec()
    late.not_after.CopyFrom(Timestamp(seconds=int(datetime.now(UTC).timestamp()) - 5))
    refused = await error_of(served.submit(order=late))
    assert refused.reason is Reason.NOT_AFTER_PASSED


async def test_what_was_not_sent_says_so_and_what_may_be_sent_does_not(served: Served) -> None:
    await served.fence()
    served.gateway.on_submit("a~t1~1.0", OnSubmit.NOT_SENT)
    served.gateway.on_submit("b~t1~1.0", OnSubmit.DOUBT_TAKEN)
    served.gateway.on_submit("c~t1~1.0", OnSubmit.FAULT)
    not_sent = await error_of(served.submit("a~t1~1.0"))
    assert (type(not_sent), not_sent.effect) == (Unavailable, Effect.NONE)
    for client_order_id in ("b~t1~1.0", "c~t1~1.0"):
        call = served.broker.SubmitOrder(served.submit_request(client_order_id))
        doubt = await error_of(call)
        assert isinstance(doubt, OutcomeUnknown)
        assert await call.code() is grpc.StatusCode.UNKNOWN


async def test_a_rejection_is_an_answer_and_no_error(served: Served) -> None:
    await served.fence()
    served.gateway.on_submit(ID, OnSubmit.REJECT)
    order = await served.submit()
    assert order.status == types_pb2.ORDER_STATUS_REJECTED
    assert order.cause.reason == errors_pb2.ERROR_REASON_VENUE_REJECTED
    assert order.cause.venue_code == "42"


@pytest.mark.parametrize("how", ["deadline", "cancel"])
async def test_a_caller_that_goes_away_leaves_the_order_going(served: Served, how: str) -> None:
    await served.fence()
    served.gateway.on_submit(ID, OnSubmit.HANG_AFTER_WRITE)
    timeout_s = 1.5 if how == "deadline" else None
    call = served.broker.SubmitOrder(served.submit_request(), timeout=timeout_s)
    async with asyncio.timeout(30.0):
        while not served.gateway.hanging:
            await asyncio.sleep(0.005)
    if how == "cancel":
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    else:
        assert await code_of(call) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert served.desk.is_in_flight(ID)
    again = asyncio.ensure_future(served.submit())
    await asyncio.sleep(0.05)
    served.gateway.release(ID)
    assert (await again).status == types_pb2.ORDER_STATUS_ACCEPTED
    assert served.gateway.sent == [ID]


async def test_a_deadline_that_passes_before_the_write_keeps_the_order_here(
    served: Served,
) -> None:
    await served.fence()
    served.gateway.on_submit(ID, OnSubmit.HANG_BEFORE_WRITE)
    call = served.broker.SubmitOrder(served.submit_request(), timeout=0.2)
    assert await code_of(call) is grpc.StatusCode.DEADLINE_EXCEEDED
    # The server counts from when it heard of the call, so its deadline is a little later.
    await asyncio.sleep(0.5)
    served.gateway.release(ID)
    async with asyncio.timeout(30.0):
        while served.desk.in_flight_count:
            await asyncio.sleep(0.005)
    assert served.gateway.sent == []


async def test_canceling_what_is_unknown_or_ended_is_told_apart(served: Served) -> None:
    await served.fence()

    def cancel(client_order_id: str) -> object:
        return served.broker.CancelOrder(
            pb.CancelOrderRequest(account_id="main", client_order_id=client_order_id, fence=fence())
        )

    unknown = await error_of(cancel("b~t1~1.0"))
    assert (type(unknown), unknown.reason) == (NotFound, Reason.ORDER_NOT_FOUND)
    await served.submit()
    await cancel(ID)  # type: ignore[misc]
    served.gateway.end_cancel(ID)
    ended = await error_of(cancel(ID))
    assert (ended.reason, ended.effect) == (Reason.ORDER_ENDED, Effect.NONE)
    malformed = await error_of(cancel("mine"))
    assert isinstance(malformed, InvalidRequest)


async def test_an_order_that_was_found_is_canceled_by_the_venues_own_id(served: Served) -> None:
    await served.fence()

    def cancel(venue_order_id: str, **more: Any) -> Any:
        request = pb.CancelOrderRequest(account_id="main", venue_order_id=venue_order_id, **more)
        return served.broker.CancelOrder(request)

    for named in ({}, {"client_order_id": ID, "fence": fence()}):
        assert isinstance(await error_of(cancel("venue-1", **named)), InvalidRequest)
    assert served.gateway.sent == []
    await served.submit()
    canceled = await cancel("venue-1", fence=fence())
    assert canceled.order.status == types_pb2.ORDER_STATUS_PENDING_CANCEL
    served.gateway.end_cancel(ID)
    assert (await error_of(cancel("venue-1", fence=fence()))).reason is Reason.ORDER_ENDED


async def test_a_venue_where_only_the_owner_can_cancel_refuses_with_no_effect(
    served: Served,
) -> None:
    def never() -> None:
        raise AssertionError("nothing may be written")

    with pytest.raises(Refused, match="nobody") as refused:
        await VenueGateway.cancel_found(served.gateway, "venue-1", never)
    assert (refused.value.reason, refused.value.effect) == (Reason.NOT_PERMITTED, Effect.NONE)


async def test_stand_alone_takes_the_clients_own_ids_and_no_placement_ids(
    stand_alone: Served,
) -> None:
    def submit(client_order_id: str) -> object:
        return stand_alone.broker.SubmitOrder(
            pb.SubmitOrderRequest(account_id="main", order=spec(client_order_id))
        )

    reply = await submit("mine")  # type: ignore[misc]
    assert reply.order.status == types_pb2.ORDER_STATUS_ACCEPTED
    assert isinstance(await error_of(submit(ID)), InvalidRequest)
    canceled = await stand_alone.broker.CancelOrder(
        pb.CancelOrderRequest(account_id="main", client_order_id="mine")
    )
    assert canceled.order.status == types_pb2.ORDER_STATUS_PENDING_CANCEL


async def test_what_a_later_release_serves_is_unimplemented_with_effect_none(
    served: Served,
) -> None:
    await served.fence()
    call = served.broker.EstimateCost(pb.EstimateCostRequest(account_id="main"))
    refused = await error_of(call)
    assert (refused.reason, refused.effect) == (Reason.NOT_IMPLEMENTED, Effect.NONE)
    assert await call.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_fence_store_that_fails_stops_orders_and_readiness(served: Served) -> None:
    await served.fence()
    status = await served.broker.GetStatus(pb.GetStatusRequest())
    assert status.venues[0].ready
    served.store._file.close()  # the next write fails
    refused = await error_of(served.submit(fence=fence(head=99)))
    assert (refused.reason, refused.effect) == (Reason.JOURNAL_UNAVAILABLE, Effect.NONE)
    status = await served.broker.GetStatus(pb.GetStatusRequest())
    assert not status.venues[0].ready
    assert "fence store" in status.venues[0].reason
