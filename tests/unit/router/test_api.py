"""The router's services over a real gRPC server: what a client sees, good input and bad."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.common.contract.convert import spec_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import events_pb2, orders_pb2, types_pb2
from services.common.contract.pb import operations_service_pb2 as ops_pb
from services.common.contract.pb.broker_service_pb2_grpc import (
    BrokerServiceStub,
    add_BrokerServiceServicer_to_server,
)
from services.common.contract.pb.operations_service_pb2_grpc import (
    OperationsServiceStub,
    add_OperationsServiceServicer_to_server,
)
from services.common.contract.status import from_rpc_error, translate
from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    OutcomeUnknown,
    Reason,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec, PositionIntent
from services.common.runtime.clock import SystemClock
from services.common.runtime.health import HealthBoard
from services.common.runtime.server import ServerOptions, build_server
from services.router.api.not_served import BROKER_METHODS, OPERATIONS_METHODS
from tests.unit.domain.orders import execution, instrument, spec
from tests.unit.router.harness import Running, router, until
from tests.unit.router.scripted_port import ScriptedPort, refuses

Code = grpc.StatusCode


@dataclass
class Api:
    """A router behind its servers, and stubs to them."""

    running: Running
    channel: grpc.aio.Channel
    broker: Any  # the stubs' own types know only the synchronous API
    operations: Any

    async def submit(self, order: OrderSpec | orders_pb2.OrderSpec) -> orders_pb2.Order:
        wire = spec_to_wire(order) if isinstance(order, OrderSpec) else order
        request = pb.SubmitOrderRequest(account_id="main", order=wire)
        reply = await self.broker.SubmitOrder(request, timeout=10)
        return reply.order  # type: ignore[no-any-return]


@asynccontextmanager
async def api(
    path: Path, *names: str, default_deadline_s: float = 10.0, **named: Any
) -> AsyncIterator[Api]:
    async with router(path, *names, **named) as running:
        clock = SystemClock()
        server = build_server(
            ServerOptions(
                listen="127.0.0.1:0",
                listen_setting="listen",
                default_deadline_s=default_deadline_s,
            ),
            clock=clock,
            board=HealthBoard(clock, ()),
            service_names=(),
            translate=translate,
        )
        add_BrokerServiceServicer_to_server(running.core.broker, server.grpc)
        add_OperationsServiceServicer_to_server(running.core.operations, server.grpc)
        await server.start()
        try:
            async with grpc.aio.insecure_channel(server.address) as channel:
                yield Api(
                    running, channel, BrokerServiceStub(channel), OperationsServiceStub(channel)
                )
        finally:
            running.core.drain()
            await server.stop(grace_s=0.2)


async def failure(call: Any) -> tuple[Code, TandemError]:
    """The code of a failing call, and the error of ours that it stands for."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), from_rpc_error(error, mutation=True)
    raise AssertionError("the call did not fail")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.db"


# -- bad input --


def bad(change: Callable[[orders_pb2.OrderSpec], object]) -> orders_pb2.OrderSpec:
    wire = spec_to_wire(spec())
    change(wire)
    return wire


BAD_ORDERS = {
    "a malformed symbol": (
        lambda o: o.instrument.CopyFrom(
            types_pb2.Instrument(option=types_pb2.Option(occ_symbol="SPY24111500400000"))
        ),
        "order.instrument.option.occ_symbol",
    ),
    "an exponent": (lambda o: setattr(o.order_qty, "value", "1e400"), "order.order_qty"),
    "not a number": (lambda o: setattr(o.order_qty, "value", "NaN"), "order.order_qty"),
    "infinity": (lambda o: setattr(o.limit_price, "value", "Infinity"), "order.limit_price"),
    "no id": (lambda o: o.ClearField("client_order_id"), "order.client_order_id"),
    "an id with our mark": (
        lambda o: setattr(o, "client_order_id", "o~1"),
        "order.client_order_id",
    ),
    "no price": (lambda o: o.ClearField("limit_price"), "order.limit_price"),
    "a negative price": (lambda o: setattr(o.limit_price, "value", "-1"), "order.limit_price"),
    "no quantity": (lambda o: o.ClearField("order_qty"), "order.order_qty"),
    "nothing to buy": (lambda o: setattr(o.order_qty, "value", "0"), "order.order_qty"),
    "half a contract": (lambda o: setattr(o.order_qty, "value", "0.5"), "order.order_qty"),
    "no side": (lambda o: o.ClearField("side"), "order.side"),
    "no intent": (lambda o: o.ClearField("position_intent"), "order.position_intent"),
    "no instrument": (lambda o: o.ClearField("instrument"), "order.instrument"),
    "no type": (lambda o: o.ClearField("order_type"), "order.order_type"),
    "no time in force": (lambda o: o.ClearField("time_in_force"), "order.time_in_force"),
}


async def test_a_wrong_field_is_named_and_nothing_is_sent_or_kept(path: Path) -> None:
    async with api(path) as it:
        before = it.running.core.journal.head
        for what, (change, field) in BAD_ORDERS.items():
            code, error = await failure(it.submit(bad(change)))
            assert code is Code.INVALID_ARGUMENT, what
            assert isinstance(error, InvalidRequest), what
            assert error.field.startswith(field), (what, error.field)
            assert error.effect is Effect.NONE
        assert it.running.alpaca.sent == []
        assert it.running.core.journal.head == before


async def test_a_call_without_or_with_an_unknown_account_is_refused(path: Path) -> None:
    async with api(path) as it:
        order = spec_to_wire(spec())
        call = it.broker.SubmitOrder(pb.SubmitOrderRequest(order=order))
        assert (await failure(call))[0] is Code.INVALID_ARGUMENT
        call = it.broker.SubmitOrder(pb.SubmitOrderRequest(account_id="else", order=order))
        code, error = await failure(call)
        assert (code, error.reason) == (Code.NOT_FOUND, Reason.ACCOUNT_NOT_FOUND)


async def test_a_routers_words_are_refused_from_a_client(path: Path) -> None:
    async with api(path) as it:
        request = pb.SubmitOrderRequest(account_id="main", order=spec_to_wire(spec()))
        request.fence.epoch = 7
        assert (await failure(it.broker.SubmitOrder(request)))[0] is Code.INVALID_ARGUMENT
        cancel = pb.CancelOrderRequest(account_id="main", client_order_id="o-1")
        cancel.expected_session_id = "s"
        assert (await failure(it.broker.CancelOrder(cancel)))[0] is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("depth", ["request", "order", "decimal", "enum value"])
async def test_a_field_that_we_do_not_know_is_refused_at_any_depth(path: Path, depth: str) -> None:
    """An older hop must not work an order without a field that it doesn't know."""
    unknown = b"\xfa\x3f\x03new"  # field 1023, a string
    async with api(path) as it:
        request = pb.SubmitOrderRequest(account_id="main", order=spec_to_wire(spec()))
        if depth == "order":
            request.order.MergeFromString(unknown)
        elif depth == "decimal":
            request.order.order_qty.MergeFromString(unknown)
        elif depth == "enum value":
            request.order.side = 99  # type: ignore[assignment]
        else:
            request.MergeFromString(unknown)
        code, error = await failure(it.broker.SubmitOrder(request))
        assert (code, error.reason) == (Code.UNIMPLEMENTED, Reason.UNSUPPORTED_FIELD)
        assert error.effect is Effect.NONE
        assert it.running.alpaca.sent == []


# -- orders --


async def test_the_same_order_twice_is_one_and_other_content_already_exists(path: Path) -> None:
    async with api(path) as it:
        first = await it.submit(spec())
        again = spec_to_wire(spec())
        again.order_qty.value = "10.00"
        second = await it.submit(again)
        assert second.placement_id == first.placement_id
        assert second.sequence == first.sequence
        code, error = await failure(it.submit(spec(order_qty=Decimal(9))))
        assert (code, error.reason) == (Code.ALREADY_EXISTS, Reason.CLIENT_ORDER_ID_REUSED)
        assert error.effect is Effect.NONE
        assert len(it.running.alpaca.sent) == 1


async def test_a_call_without_a_deadline_gets_the_servers_and_the_order_goes_on(
    path: Path,
) -> None:
    async with api(path, default_deadline_s=0.3) as it:
        it.running.alpaca.hold = asyncio.Event()
        request = pb.SubmitOrderRequest(account_id="main", order=spec_to_wire(spec()))
        async with asyncio.timeout(5):
            code, error = await failure(it.broker.SubmitOrder(request))
        assert code is Code.DEADLINE_EXCEEDED
        assert error.effect is Effect.UNKNOWN
        it.running.alpaca.hold.set()
        await until(lambda: it.running.order().order.placements[0].venue_order_id)
        assert (await it.submit(spec())).status == types_pb2.ORDER_STATUS_ACCEPTED
        assert len(it.running.alpaca.sent) == 1


async def test_an_order_in_doubt_is_an_ok_that_says_so(path: Path) -> None:
    async with api(path) as it:
        it.running.alpaca.answer = refuses(OutcomeUnknown("no answer"))
        order = await it.submit(spec())
        assert order.status == types_pb2.ORDER_STATUS_IN_DOUBT
        listed = await it.operations.ListInDoubtOrders(ops_pb.ListInDoubtOrdersRequest())
        assert [o.spec.client_order_id for o in listed.orders] == ["o-1"]
        status = await it.broker.GetStatus(pb.GetStatusRequest())
        assert status.in_doubt_count == 1


async def test_when_no_venue_takes_it_each_ones_cause_is_told(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        for port in it.running.ports.values():
            port.answer = refuses(Unavailable(Reason.RATE_LIMITED, f"{port.name} said 429"))
        code, error = await failure(it.submit(spec()))
        assert (code, error.reason) == (Code.UNAVAILABLE, Reason.ALL_VENUES_UNAVAILABLE)
        assert error.effect is Effect.NONE
        assert [c.venue for c in error.venue_causes] == ["alpaca", "second"]
        request = pb.GetOrderRequest(account_id="main", client_order_id="o-1")
        found = await it.broker.GetOrder(request)
        assert found.order.status == types_pb2.ORDER_STATUS_UNPLACED


async def test_a_venue_that_is_down_is_named_with_its_reason(path: Path) -> None:
    async with api(path) as it:
        it.running.alpaca.reachable = False
        it.running.alpaca.news.put_nowait(None)
        await until(lambda: not it.running.core.links["main", "alpaca"].view().ready)
        status = await it.broker.GetStatus(pb.GetStatusRequest(account_id="main"))
        (venue,) = status.venues
        assert venue.venue.name == "alpaca"
        assert not venue.ready
        assert venue.reason
        code, error = await failure(it.submit(spec()))
        assert code is Code.UNAVAILABLE
        assert "alpaca" in error.message


async def test_an_order_that_nobody_sent_is_absent(path: Path) -> None:
    async with api(path) as it:
        request = pb.GetOrderRequest(account_id="main", client_order_id="nobody")
        reply = await it.broker.GetOrder(request)
        assert reply.lookup == pb.ORDER_LOOKUP_ABSENT
        assert not reply.HasField("order")
        assert reply.HasField("as_of")


async def test_an_order_is_found_by_each_of_its_ids(path: Path) -> None:
    async with api(path) as it:
        await it.submit(spec())
        for ids in (
            {"client_order_id": "o-1"},
            {"client_order_id": "o-1~al~1.0"},
            {"venue_order_id": "v-o-1~al~1.0"},
        ):
            reply = await it.broker.GetOrder(pb.GetOrderRequest(account_id="main", **ids))
            assert reply.lookup == pb.ORDER_LOOKUP_FOUND
            assert reply.order.spec.client_order_id == "o-1"
        for neither_or_both in ({}, {"client_order_id": "a", "venue_order_id": "b"}):
            call = it.broker.GetOrder(pb.GetOrderRequest(account_id="main", **neither_or_both))
            assert (await failure(call))[0] is Code.INVALID_ARGUMENT


async def test_a_cancel_over_the_wire(path: Path) -> None:
    async with api(path) as it:
        await it.submit(spec())
        request = pb.CancelOrderRequest(account_id="main", client_order_id="o-1")
        reply = await it.broker.CancelOrder(request)
        assert reply.order.status == types_pb2.ORDER_STATUS_PENDING_CANCEL
        for wrong, code in (("", Code.INVALID_ARGUMENT), ("nobody", Code.NOT_FOUND)):
            request = pb.CancelOrderRequest(account_id="main", client_order_id=wrong)
            assert (await failure(it.broker.CancelOrder(request)))[0] is code


# -- only what is durable is told --


def record_more_at_each_commit(it: Api) -> None:
    """Right when a commit is done, and before those who waited for it go on, a fill is booked."""
    journal, intake = it.running.core.journal, it.running.core.intake
    told = journal._on_durable
    numbers = iter(range(1, 10))

    def more(seq: int) -> None:
        told(seq)
        if it.running.core.books.by_placement and (number := next(numbers, None)):
            filled = execution(f"e-{number}", "1", str(number), venue_order_id="v-o-1~al~1.0")
            intake.take_execution(filled)

    journal._on_durable = more


async def test_an_answer_shows_nothing_that_is_not_durable(path: Path) -> None:
    async with api(path) as it:
        record_more_at_each_commit(it)
        journal = it.running.core.journal
        order = await it.running.submit(spec())
        assert order.seq <= journal.durable_head.seq
        get = pb.GetOrderRequest(account_id="main", client_order_id="o-1")
        listing = pb.ListOrdersRequest(account_id="main")
        servicer = it.running.core.broker
        for _ in range(3):
            assert (await servicer.GetOrder(get, None)).order.sequence <= journal.durable_head.seq
            (listed,) = (await servicer.ListOrders(listing, None)).orders
            assert listed.sequence <= journal.durable_head.seq
        canceled = await it.running.core.desk.cancel("main", "o-1")
        assert canceled.seq <= journal.durable_head.seq


async def test_a_trading_state_is_answered_as_it_was_set(path: Path) -> None:
    """Another one may come while the answer waits for the disk."""
    async with api(path) as it:
        states = (events_pb2.TRADING_STATE_HALTED, events_pb2.TRADING_STATE_REDUCING)
        replies = await asyncio.gather(
            *(
                it.operations.SetTradingState(
                    ops_pb.SetTradingStateRequest(state=state, reason="test", actor="me")
                )
                for state in states
            )
        )
        assert sorted(reply.change.state for reply in replies) == sorted(states)


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


# -- accounts --


async def test_a_venue_that_does_not_answer_leaves_the_sums_unset(path: Path) -> None:
    async with api(path, "alpaca", "second") as it:
        request = pb.GetAccountRequest(account_id="main")
        whole = await it.broker.GetAccount(request)
        (total,) = whole.totals
        assert total.cash.amount.value == "2000000"
        it.running.second.reachable = False
        part = await it.broker.GetAccount(request)
        assert [b.unavailable for b in part.balances] == [False, True]
        assert part.balances[1].unavailable_reason
        (total,) = part.totals
        assert not total.HasField("cash")
        assert not total.HasField("equity")


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
        after = await read(resumed, 6)
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


# -- operations --


@pytest.mark.parametrize("reason", ["", "   ", "a\nb", "x" * 501])
async def test_a_trading_state_needs_a_printable_reason(path: Path, reason: str) -> None:
    async with api(path) as it:
        request = ops_pb.SetTradingStateRequest(
            state=events_pb2.TRADING_STATE_HALTED, reason=reason, actor="me"
        )
        code, error = await failure(it.operations.SetTradingState(request))
        assert code is Code.INVALID_ARGUMENT
        assert isinstance(error, InvalidRequest)
        assert error.field == "reason"
        await it.submit(spec())  # and trading goes on


async def test_a_halt_refuses_orders_until_it_is_lifted(path: Path) -> None:
    async with api(path) as it:

        async def set_state(state: events_pb2.TradingState.ValueType, account_id: str = "") -> Any:
            return await it.operations.SetTradingState(
                ops_pb.SetTradingStateRequest(
                    account_id=account_id, state=state, reason="test", actor="me"
                )
            )

        reply = await set_state(events_pb2.TRADING_STATE_HALTED)
        assert reply.change.previous_state == events_pb2.TRADING_STATE_ACTIVE
        code, error = await failure(it.submit(spec()))
        assert (code, error.reason) == (Code.FAILED_PRECONDITION, Reason.TRADING_HALTED)
        assert "test" in error.message
        await set_state(events_pb2.TRADING_STATE_ACTIVE)
        await set_state(events_pb2.TRADING_STATE_REDUCING, "main")
        code, error = await failure(it.submit(spec()))
        assert error.reason is Reason.TRADING_REDUCING
        await set_state(events_pb2.TRADING_STATE_ACTIVE, "main")
        await it.submit(spec())
        fleet = await it.operations.GetFleet(ops_pb.GetFleetRequest())
        assert fleet.accounts[0].open_orders == 1


async def test_a_trading_state_of_nothing_or_of_an_unknown_account_is_refused(path: Path) -> None:
    async with api(path) as it:
        request = ops_pb.SetTradingStateRequest(reason="test")
        assert (await failure(it.operations.SetTradingState(request)))[0] is Code.INVALID_ARGUMENT
        request = ops_pb.SetTradingStateRequest(
            account_id="else", state=events_pb2.TRADING_STATE_HALTED, reason="test"
        )
        assert (await failure(it.operations.SetTradingState(request)))[0] is Code.NOT_FOUND


async def test_what_comes_later_is_unimplemented_and_says_so(path: Path) -> None:
    async with api(path) as it:
        services = (
            (it.broker, pb, "BrokerService", BROKER_METHODS),
            (it.operations, ops_pb, "OperationsService", OPERATIONS_METHODS),
        )
        for stub, module, service, methods in services:
            described = module.DESCRIPTOR.services_by_name[service].methods_by_name
            for name in methods:
                request = getattr(module, described[name].input_type.name)()
                call = getattr(stub, name)(request)
                pending = call.read() if described[name].server_streaming else call
                code, error = await failure(pending)
                assert code is Code.UNIMPLEMENTED, name
                assert name in error.message
                assert error.effect is Effect.NONE


async def test_an_exit_of_nothing_is_refused_as_a_mismatch(path: Path) -> None:
    async with api(path) as it:
        await it.submit(spec())
        closing = replace(
            spec(),
            client_order_id="o-2",
            side=Side.BUY,
            position_intent=PositionIntent.BUY_TO_CLOSE,
        )
        code, error = await failure(it.submit(closing))
        assert (code, error.reason) == (Code.FAILED_PRECONDITION, Reason.INTENT_MISMATCH)
