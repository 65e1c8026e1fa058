"""The router's services over a real gRPC server: what a client sees, good input and bad."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.contract.convert import spec_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import events_pb2, orders_pb2, types_pb2
from services.common.contract.pb import operations_service_pb2 as ops_pb
from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    OutcomeUnknown,
    Reason,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.order_terms import PositionIntent
from services.router.api.not_served import BROKER_METHODS, OPERATIONS_METHODS
from tests.unit.domain.orders import execution, spec
from tests.unit.router.api_rig import Api, Code, api, failure
from tests.unit.router.harness import until
from tests.unit.router.scripted_port import refuses

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
    async with api(path, default_deadline_s=1.0) as it:
        it.running.alpaca.hold = asyncio.Event()
        request = pb.SubmitOrderRequest(account_id="main", order=spec_to_wire(spec()))
        async with asyncio.timeout(30):
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
