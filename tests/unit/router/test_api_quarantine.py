"""Quarantine over the wire: listed, adopted, dismissed, told to those who watch."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import events_pb2, orders_pb2
from services.common.contract.pb import operations_service_pb2 as ops
from tests.unit.domain.orders import execution, spec
from tests.unit.router.api_rig import Api, Code, api, failure
from tests.unit.router.test_adopting import found

ID = "order:main:alpaca:v-7"


async def listed(it: Api, *, closed: bool = False) -> list[events_pb2.QuarantineRecord]:
    reply = await it.operations.ListQuarantined(ops.ListQuarantinedRequest(include_closed=closed))
    return list(reply.records)


async def decide(it: Api, **asked: Any) -> events_pb2.QuarantineRecord:
    request = ops.AdoptOrderRequest(**{"quarantine_id": ID, "reason": "mine", **asked})
    reply = await it.operations.AdoptOrder(request)
    return reply.record  # type: ignore[no-any-return]


def stranger(it: Api) -> None:
    """A stranger's order and a fill of it."""
    it.running.core.intake.take_report(found())
    fill = execution("e-1", client_id="by-hand", venue_order_id="v-7")
    it.running.core.intake.take_execution(fill)


async def test_an_adopted_order_is_told_closed_and_counted_no_more(path: Path) -> None:
    async with api(path) as it:
        token = (await it.broker.ListOrders(pb.ListOrdersRequest(account_id="main"))).watch_token
        stranger(it)
        assert [r.closed for r in await listed(it)] == [False, False]
        record = await decide(it, actor="ann")
        assert (record.closed, record.closed_by, record.closed_reason) == (True, "ann", "mine")
        assert record.client_order_id == "external-alpaca-v-7"
        assert record.HasField("closed_time")
        assert await listed(it) == []
        assert (await listed(it, closed=True))[0].quarantine_id == ID
        status = await it.broker.GetStatus(pb.GetStatusRequest())
        fleet = await it.operations.GetFleet(ops.GetFleetRequest())
        assert (status.quarantined_count, fleet.accounts[0].quarantined) == (0, 0)
        request = pb.GetOrderRequest(account_id="main", venue_order_id="v-7")
        order = (await it.broker.GetOrder(request)).order
        assert (order.origin, order.cum_qty.value) == (orders_pb2.ORDER_ORIGIN_EXTERNAL, "4")
        booked = await it.broker.ListExecutions(
            pb.ListExecutionsRequest(account_id="main", venue_order_id="v-7")
        )
        assert [e.client_order_id for e in booked.executions] == [record.client_order_id]
        told = await kept_events(it, token, 4)
        assert [r.closed for r in told] == [False, False, True, True]


async def kept_events(it: Api, token: str, count: int) -> list[events_pb2.QuarantineRecord]:
    """The next records of quarantine that a watcher is told of."""
    call = it.broker.WatchEvents(pb.WatchEventsRequest(account_id="main", resume_token=token))
    records: list[events_pb2.QuarantineRecord] = []
    async with asyncio.timeout(10):
        while len(records) < count:
            event = (await call.read()).event
            if event.WhichOneof("kind") == "quarantine":
                records.append(event.quarantine)
    call.cancel()
    return records


async def test_a_dismissal_closes_an_order_with_its_executions(path: Path) -> None:
    async with api(path) as it:
        stranger(it)
        record = await decide(it, dismiss=True)
        assert (record.closed, record.client_order_id, record.closed_by) == (True, "", "operator")
        assert await listed(it) == []
        assert len(await listed(it, closed=True)) == 2
        assert it.running.core.books.orders == {}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"reason": " "}, Code.INVALID_ARGUMENT),
        ({"quarantine_id": ""}, Code.INVALID_ARGUMENT),
        ({"quarantine_id": "order:main:alpaca:nobody"}, Code.NOT_FOUND),
    ],
)
async def test_a_decision_names_its_record_and_its_reason(
    path: Path, asked: dict[str, str], code: Any
) -> None:
    async with api(path) as it:
        stranger(it)
        assert (await failure(decide(it, **asked)))[0] is code
        assert len(await listed(it)) == 2


async def test_what_cannot_be_adopted_is_refused_with_its_reason(path: Path) -> None:
    async with api(path) as it:
        it.running.core.intake.take_report(found(order_type=None))
        code, error = (await failure(decide(it)))[:2]
        assert code is Code.FAILED_PRECONDITION
        assert "order type" in str(error)
        assert len(await listed(it)) == 1


async def test_a_client_can_neither_take_nor_name_what_is_a_routers(path: Path) -> None:
    async with api(path) as it:
        request = pb.CancelOrderRequest(account_id="main", venue_order_id="v-7")
        assert (await failure(it.broker.CancelOrder(request)))[0] is Code.INVALID_ARGUMENT
        code, error = await failure(it.submit(spec(client_order_id="external-alpaca-v-7")))
        assert code is Code.INVALID_ARGUMENT
        assert "found at a venue" in str(error)
