"""Lists by pages and event streams over a real gRPC server: no gap, no repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import events_pb2, types_pb2
from services.common.contract.pb import operations_service_pb2 as ops_pb
from services.common.domain.executions import Side
from services.common.domain.order_terms import PositionIntent
from tests.unit.domain.orders import execution, instrument, spec
from tests.unit.router.api_rig import Code, api, failure
from tests.unit.router.harness import until
from tests.unit.router.scripted_port import ScriptedPort

# -- lists --


async def pages(call: Any, make: Callable[[types_pb2.PageRequest], Any], field: str) -> list[Any]:
    found: list[Any] = []
    page = types_pb2.PageRequest(page_size=2)
    while True:
        reply = await call(make(page))
        assert len(getattr(reply, field)) <= 2
        found += getattr(reply, field)
        if not reply.next_page_token:
            return found
        page = types_pb2.PageRequest(page_size=2, page_token=reply.next_page_token)


async def test_orders_are_listed_by_pages_without_gap_or_repeat(path: Path) -> None:
    async with api(path) as it:
        for number in range(5):
            await it.submit(spec(client_order_id=f"o-{number}", order_qty=Decimal(1)))
        count = iter(range(5, 9))

        async def call(request: pb.ListOrdersRequest) -> Any:
            reply = await it.broker.ListOrders(request)
            name = f"o-{next(count)}"  # orders go on coming between the pages
            await it.submit(spec(client_order_id=name, order_qty=Decimal(1)))
            return reply

        found = await pages(
            call, lambda page: pb.ListOrdersRequest(account_id="main", page=page), "orders"
        )
        ids = [order.spec.client_order_id for order in found]
        assert ids == [f"o-{number}" for number in (4, 3, 2, 1, 0)]


async def test_positions_are_listed_by_pages_while_others_close(path: Path) -> None:
    async with api(path) as it:
        strikes = [f"SPY241115P00{strike}000" for strike in range(400, 405)]
        for number, symbol in enumerate(strikes):
            put = instrument(symbol)
            name = f"o-{number}"
            await it.submit(spec(client_order_id=name, instrument=put, order_qty=Decimal(1)))
            it.running.alpaca.fill(f"{name}~al~1.0", f"e-{number}", "1", "1")
        await until(lambda: len(list(it.running.core.books.held("main"))) == 5)
        closed = iter((3, 4))

        async def call(request: pb.ListPositionsRequest) -> Any:
            reply = await it.broker.ListPositions(request)
            number = next(closed, None)
            if number is not None:
                await it.submit(
                    spec(
                        client_order_id=f"c-{number}",
                        instrument=instrument(strikes[number]),
                        order_qty=Decimal(1),
                        side=Side.BUY,
                        position_intent=PositionIntent.BUY_TO_CLOSE,
                    )
                )
                it.running.alpaca.fill(f"c-{number}~al~1.0", f"x-{number}", "1", "1")
                await until(lambda: it.running.order(f"c-{number}").order.cum_qty)
            return reply

        found = await pages(
            call, lambda page: pb.ListPositionsRequest(account_id="main", page=page), "positions"
        )
        shown = [position.instrument.option.occ_symbol for position in found]
        assert len(shown) == len(set(shown))
        assert set(shown) >= set(strikes[:3]), "what stayed open must be there"


async def test_executions_are_listed_by_pages_newest_first(path: Path) -> None:
    async with api(path) as it:
        await it.submit(spec())
        for number in range(1, 6):
            it.running.alpaca.fill("o-1~al~1.0", f"e-{number}", "1", str(number))
        await until(lambda: it.running.order().order.cum_qty == 5)
        found = await pages(
            it.broker.ListExecutions,
            lambda page: pb.ListExecutionsRequest(account_id="main", page=page),
            "executions",
        )
        assert [e.exec_id for e in found] == [f"e-{number}" for number in (5, 4, 3, 2, 1)]


async def test_a_page_token_of_nowhere_and_a_size_beyond_bounds_are_refused(path: Path) -> None:
    async with api(path) as it:
        for page in (
            types_pb2.PageRequest(page_token="somewhere"),
            types_pb2.PageRequest(page_size=-1),
            types_pb2.PageRequest(page_size=100_000),
        ):
            call = it.broker.ListOrders(pb.ListOrdersRequest(account_id="main", page=page))
            assert (await failure(call))[0] is Code.INVALID_ARGUMENT


async def test_an_unknown_order_is_listed_in_quarantine(path: Path) -> None:
    async with api(path) as it:
        for number in range(3):
            stranger = execution(f"e-{number}", venue_order_id=f"v-{number}", client_id="by-hand")
            it.running.core.intake.take_execution(stranger)
        found = await pages(
            it.operations.ListQuarantined,
            lambda page: ops_pb.ListQuarantinedRequest(page=page),
            "records",
        )
        assert [record.execution.exec_id for record in found] == ["e-0", "e-1", "e-2"]
        assert all(record.reason for record in found)


# -- events --


async def read(call: Any, count: int) -> list[events_pb2.Event]:
    """The next events, heartbeats left out."""
    events: list[events_pb2.Event] = []
    async with asyncio.timeout(10):
        while len(events) < count:
            event = (await call.read()).event
            if event.WhichOneof("kind") != "heartbeat":
                events.append(event)
    return events


async def test_a_watch_goes_on_after_a_restart_where_it_was_cut_off(path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with api(path, ports={"alpaca": port}) as it:
        call = it.broker.WatchEvents(pb.WatchEventsRequest(account_id="main"))
        first = (await call.read()).event
        assert first.WhichOneof("kind") == "heartbeat"
        await it.submit(spec())
        seen = await read(call, 2)
        token = seen[-1].token
        await it.submit(spec(client_order_id="o-2", order_qty=Decimal(1)))
    async with api(path, ports={"alpaca": port}) as it:
        resumed = it.broker.WatchEvents(
            pb.WatchEventsRequest(account_id="main", resume_token=token)
        )
        after = await read(resumed, 4)
        assert [e.sequence for e in after] == sorted(e.sequence for e in after)
        assert after[0].sequence >= seen[-1].sequence
        ids = [e.order.spec.client_order_id for e in after if e.WhichOneof("kind") == "order"]
        assert ids.count("o-2") >= 2
        all_events = it.broker.WatchEvents(
            pb.WatchEventsRequest(account_id="main", resume_token=first.token)
        )
        again = await read(all_events, len(seen) + len(after))
        told = [(e.sequence, e.WhichOneof("kind")) for e in (*seen, *after)]
        assert [(e.sequence, e.WhichOneof("kind")) for e in again] == told


async def test_an_order_is_first_told_as_pending(path: Path) -> None:
    async with api(path) as it:
        call = it.broker.WatchEvents(pb.WatchEventsRequest(account_id="main"))
        await call.read()
        await it.submit(spec())
        statuses = [event.order.status for event in await read(call, 2)]
        assert statuses == [
            types_pb2.ORDER_STATUS_PENDING_NEW,
            types_pb2.ORDER_STATUS_ACCEPTED,
        ]


async def test_a_watch_cut_off_within_a_record_misses_nothing_of_it(path: Path) -> None:
    """A fill gives an execution, an order and a position: three events of one record."""
    async with api(path) as it:
        await it.submit(spec())
        call = it.broker.WatchEvents(pb.WatchEventsRequest(account_id="main"))
        await call.read()
        it.running.alpaca.fill("o-1~al~1.0", "e-1", "4", "4")
        three = await read(call, 3)
        kinds = [event.WhichOneof("kind") for event in three]
        assert kinds == ["execution", "order", "position"]
        assert len({event.sequence for event in three}) == 1
        for number, event in enumerate(three):
            resumed = it.broker.WatchEvents(
                pb.WatchEventsRequest(account_id="main", resume_token=event.token)
            )
            rest = await read(resumed, 2 - number)
            assert [e.WhichOneof("kind") for e in rest][-(2 - number) :] == kinds[number + 1 :]
            resumed.cancel()


async def test_a_list_and_a_watch_from_its_token_leave_no_hole(path: Path) -> None:
    async with api(path) as it:
        await it.submit(spec())
        listed = await it.broker.ListOrders(pb.ListOrdersRequest(account_id="main"))
        it.running.alpaca.fill("o-1~al~1.0", "e-1", "4", "4")
        call = it.broker.WatchEvents(
            pb.WatchEventsRequest(account_id="main", resume_token=listed.watch_token)
        )
        kinds = [event.WhichOneof("kind") for event in await read(call, 3)]
        assert kinds == ["execution", "order", "position"]


async def test_a_token_of_another_journal_or_of_nothing_is_refused(path: Path) -> None:
    async with api(path) as it:
        journal_id = it.running.core.books.journal_id
        wrong = {
            "not a token": Code.INVALID_ARGUMENT,
            "00000000-0000-0000-0000-000000000000.1": Code.OUT_OF_RANGE,
            f"{journal_id}.999999": Code.OUT_OF_RANGE,
        }
        for token, code in wrong.items():
            call = it.broker.WatchEvents(pb.WatchEventsRequest(resume_token=token))
            assert (await failure(call.read()))[0] is code, token
