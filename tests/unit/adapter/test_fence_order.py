"""FenceOrder: FOUND, FENCED or UNKNOWN, and never a promise that is not on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.contract.convert import decimal_to_wire
from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest, NotFound, ReadFailed, Reason
from services.common.domain.order_status import OrderStatus, Signal
from tests.conformance.fakes.venue_gateway import OnSubmit
from tests.unit.adapter.desk_world import until
from tests.unit.adapter.served import ID, Served, error_of, fence

FOUND = adapter_pb.FENCE_OUTCOME_FOUND
FENCED = adapter_pb.FENCE_OUTCOME_FENCED
UNKNOWN = adapter_pb.FENCE_OUTCOME_UNKNOWN
SETTLING_S = 2.5


def now() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC))
    return stamp


def request(**changes: Any) -> adapter_pb.FenceOrderRequest:
    values: dict[str, Any] = {
        "account_id": "main",
        "placement_id": ID,
        "attempted_at": now(),
        "session_id": "session-1",
        "fence": fence(),
    }
    return adapter_pb.FenceOrderRequest(**(values | changes))


async def fence_order(served: Served, **changes: Any) -> adapter_pb.FenceOrderResponse:
    reply: adapter_pb.FenceOrderResponse = await served.adapter.FenceOrder(request(**changes))
    return reply


async def replaced(served: Served) -> str:
    """Replace the order; the id of its new revision."""
    new_id = "a~t1~1.1"
    await served.broker.ReplaceOrder(
        pb.ReplaceOrderRequest(
            account_id="main",
            client_order_id=ID,
            replace_id=new_id,
            limit_price=decimal_to_wire(served.gateway.cash),
            fence=fence(),
            expected_session_id=served.gateway.session_id,
        )
    )
    return new_id


async def test_what_is_there_is_found_and_stays_free(served: Served) -> None:
    await served.fence()
    await served.submit()
    served.gateway.settled_s = SETTLING_S
    reply = await fence_order(served)
    assert (reply.outcome, reply.order.placement_id) == (FOUND, ID)
    assert not served.store.is_buried(ID)


async def test_what_is_absent_and_settled_is_fenced_for_good(served: Served) -> None:
    await served.fence()
    served.gateway.settled_s = SETTLING_S
    for _ in range(2):
        reply = await fence_order(served)
        assert (reply.outcome, reply.HasField("order")) == (FENCED, False)
    assert served.store.is_buried(ID)
    assert served.gateway.looked_up == [ID] * 4
    assert (await error_of(served.submit())).reason is Reason.PLACEMENT_FENCED


async def test_before_it_has_settled_it_says_how_long(served: Served) -> None:
    await served.fence()
    served.gateway.settled_s = 1.0
    reply = await fence_order(served)
    assert (reply.outcome, reply.retry_after_s) == (UNKNOWN, 1.5)
    assert not served.store.is_buried(ID)


@pytest.mark.parametrize("revision", [0, 1])
async def test_each_revision_is_found_by_its_own_id(served: Served, revision: int) -> None:
    await served.fence()
    await served.submit()
    new_id = await replaced(served)
    reply = await fence_order(served, placement_id=new_id if revision else ID)
    assert reply.outcome == FOUND
    status = types_pb2.ORDER_STATUS_ACCEPTED if revision else types_pb2.ORDER_STATUS_REPLACED
    assert reply.order.status == status


async def test_a_revision_that_never_came_is_fenced_and_its_order_is_not(served: Served) -> None:
    await served.fence()
    await served.submit()
    served.gateway.settled_s = SETTLING_S
    assert (await fence_order(served, placement_id="a~t1~1.1")).outcome == FENCED
    assert (await fence_order(served)).outcome == FOUND


async def test_while_its_order_is_being_replaced_a_revision_is_not_absent(served: Served) -> None:
    await served.fence()
    await served.submit()
    served.gateway.settled_s = SETTLING_S
    served.gateway._change(ID, OrderStatus.PENDING_REPLACE, Signal.PENDING_REPLACE)
    reply = await fence_order(served, placement_id="a~t1~1.1")
    assert (reply.outcome, reply.retry_after_s) == (UNKNOWN, SETTLING_S)


async def test_what_is_on_its_way_from_here_is_not_fenced(served: Served) -> None:
    await served.fence()
    served.gateway.settled_s = SETTLING_S
    served.gateway.on_submit(ID, OnSubmit.HANG_BEFORE_WRITE)
    sending = asyncio.create_task(served.submit())
    await until(lambda: served.gateway.hanging)
    assert (await fence_order(served)).outcome == UNKNOWN
    served.gateway.release(ID)
    await sending
    assert (await fence_order(served)).outcome == FOUND


async def lose_session(served: Served) -> None:
    served.gateway.lose_session()


async def fail_reads(served: Served) -> None:
    served.gateway.read_failure = ReadFailed("no answer")


async def say_nothing(served: Served) -> None:
    served.gateway.lookup_unknown = "too long ago"


async def know_nothing(served: Served) -> None:
    served.gateway.settled_s = None


@pytest.mark.parametrize("spoil", [lose_session, fail_reads, say_nothing, know_nothing])
async def test_without_the_conditions_it_is_unknown(
    served: Served, spoil: Callable[[Served], Awaitable[None]]
) -> None:
    await served.fence()
    served.gateway.settled_s = SETTLING_S
    await spoil(served)
    reply = await fence_order(served)
    assert (reply.outcome, reply.HasField("retry_after_s")) == (UNKNOWN, False)
    assert reply.evidence
    assert not served.store.is_buried(ID)


async def test_a_send_from_before_the_store_began_is_never_proven_absent(served: Served) -> None:
    await served.fence()
    served.gateway.settled_s = SETTLING_S
    long_ago = Timestamp(seconds=1_600_000_000)
    assert (await fence_order(served, attempted_at=long_ago)).outcome == UNKNOWN


async def test_a_session_that_changed_meanwhile_proves_nothing(served: Served) -> None:
    await served.fence()
    served.gateway.settled_s = SETTLING_S
    find = served.gateway.find_order

    async def find_and_reconnect(**which: str) -> Any:
        found = await find(**which)
        served.gateway.begin_session()
        return found

    served.gateway.find_order = find_and_reconnect
    assert (await fence_order(served)).outcome == UNKNOWN


async def test_a_send_that_slipped_in_before_the_tombstone_stood_proves_nothing(
    served: Served,
) -> None:
    await served.fence()
    served.gateway.settled_s = SETTLING_S
    bury = served.store.bury

    async def slip_in_and_bury(placement_id: str, evidence: str) -> None:
        served.gateway.settled_s = 0.0
        await bury(placement_id, evidence)

    served.store.bury = slip_in_and_bury  # type: ignore[method-assign]
    reply = await fence_order(served)
    assert (reply.outcome, reply.retry_after_s) == (UNKNOWN, SETTLING_S)
    served.store.bury = bury  # type: ignore[method-assign]
    served.gateway.settled_s = SETTLING_S
    assert (await fence_order(served)).outcome == FENCED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fence": fence(1)}, Reason.STALE_EPOCH),
        ({"fence": fence(3)}, Reason.FENCE_NOT_TAKEN),
        ({"fence": None}, Reason.INVALID_FIELD),
        ({"placement_id": ""}, Reason.INVALID_FIELD),
        ({"placement_id": "a"}, Reason.INVALID_FIELD),
        ({"placement_id": "a~t2~1.0"}, Reason.INVALID_FIELD),
        ({"account_id": ""}, Reason.INVALID_FIELD),
        ({"account_id": "other"}, Reason.ACCOUNT_NOT_FOUND),
    ],
)
async def test_who_may_not_fence_does_not(
    served: Served, changes: dict[str, Any], reason: Reason
) -> None:
    await served.fence(2)
    served.gateway.settled_s = SETTLING_S
    error = await error_of(fence_order(served, **({"fence": fence(2)} | changes)))
    assert error.reason is reason
    assert isinstance(error, InvalidRequest | NotFound) or reason is not Reason.INVALID_FIELD
    assert not served.store.is_buried(ID)
