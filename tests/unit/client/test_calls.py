"""What a call answers and raises, against a real server on loopback."""

from __future__ import annotations

import asyncio
import socket
from decimal import Decimal
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from tandem_client import (
    AlreadyExists,
    Effect,
    Equity,
    InvalidRequest,
    MalformedReply,
    Money,
    NotFound,
    Option,
    OrderLookup,
    OrderSpec,
    OrderStatus,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemClient,
    TandemError,
    TradingState,
    Unavailable,
    Unreachable,
    VenueState,
)
from tandem_client.pb import accounts_pb2, errors_pb2, orders_pb2, types_pb2

from tests.unit.client.small_server import (
    ACCOUNT,
    SmallBroker,
    SmallServer,
    abort,
    decimal,
    failure,
    option,
)


def aborting(status: Any) -> Any:
    async def fault(context: Any) -> None:
        await abort(context, status)

    return fault


async def test_an_order_goes_out_as_it_was_specified(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    order = await client.submit(spec)
    assert order.spec == spec
    assert (order.status, order.leaves_qty, order.ended) == (
        OrderStatus.ACCEPTED,
        Decimal(1),
        False,
    )
    assert broker.submit_requests[0].account_id == ACCOUNT
    assert broker.submit_requests[0].order.limit_price.value == "8.5"


async def test_without_an_account_the_only_one_is_used_and_several_are_named(
    broker: SmallBroker, client: TandemClient, server: SmallServer
) -> None:
    assert await client.account_id() == ACCOUNT
    broker.account_ids = ["main", "ira"]
    async with TandemClient(server.address) as undecided:
        with pytest.raises(InvalidRequest, match=r"main, ira") as caught:
            await undecided.account()
    assert (caught.value.field, caught.value.effect) == ("account_id", Effect.NONE)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", InvalidRequest),
        (code_pb2.UNIMPLEMENTED, "UNSUPPORTED_FIELD", InvalidRequest),
        (code_pb2.UNIMPLEMENTED, "NOT_IMPLEMENTED", Refused),
        (code_pb2.NOT_FOUND, "ACCOUNT_NOT_FOUND", NotFound),
        (code_pb2.ALREADY_EXISTS, "CLIENT_ORDER_ID_REUSED", AlreadyExists),
        (code_pb2.FAILED_PRECONDITION, "TRADING_HALTED", Refused),
        (code_pb2.PERMISSION_DENIED, "PERMISSION_DENIED", Refused),
        (code_pb2.RESOURCE_EXHAUSTED, "BUDGET_EXHAUSTED", Refused),
        (code_pb2.UNAVAILABLE, "ALL_VENUES_UNAVAILABLE", Unavailable),
        (code_pb2.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT", Unavailable),
        (code_pb2.INTERNAL, "INTERNAL", Unavailable),
    ],
)
async def test_a_refusal_with_the_servers_word_has_no_effect(
    client: TandemClient,
    broker: SmallBroker,
    spec: OrderSpec,
    code: int,
    reason: str,
    kind: type[TandemError],
) -> None:
    broker.before_submit = aborting(failure(code, reason, "no", field="order.x", retry_after_s=3))
    with pytest.raises(TandemError) as caught:
        await client.submit(spec)
    error = caught.value
    assert type(error) is kind
    assert (error.reason.name, error.effect) == (reason, Effect.NONE)
    assert (error.message, error.field, error.retry_after_s) == ("no", "order.x", 3.0)


@pytest.mark.parametrize("effect", [None, errors_pb2.EFFECT_UNKNOWN, errors_pb2.EFFECT_UNSPECIFIED])
@pytest.mark.parametrize(
    "code", [code_pb2.UNAVAILABLE, code_pb2.INVALID_ARGUMENT, code_pb2.UNKNOWN]
)
async def test_no_code_proves_that_a_mutation_did_not_happen(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec, effect: int | None, code: int
) -> None:
    broker.before_submit = aborting(failure(code, "OUTCOME_UNKNOWN", "who knows", effect=effect))
    with pytest.raises(OutcomeUnknown) as caught:
        await client.submit(spec)
    assert caught.value.effect is Effect.UNKNOWN
    assert broker.submits == 1


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_a_submit_is_never_sent_twice(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec, code: grpc.StatusCode
) -> None:
    """CANCELLED by a server is no cancellation of the calling task either."""

    async def fault(context: Any) -> None:
        await context.abort(code, "gone")

    broker.before_submit = fault
    with pytest.raises(OutcomeUnknown):
        await client.submit(spec)
    assert broker.submits == 1


async def test_details_that_contradict_the_status_prove_nothing(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    async def fault(context: Any) -> None:
        status = failure(code_pb2.NOT_FOUND, "ACCOUNT_NOT_FOUND", "no")
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "no")

    broker.before_submit = fault
    with pytest.raises(OutcomeUnknown) as caught:
        await client.submit(spec)
    assert (caught.value.reason, caught.value.effect) == (Reason.UNSPECIFIED, Effect.UNKNOWN)


async def test_a_server_killed_after_the_effect_leaves_the_outcome_unknown(
    client: TandemClient, server: SmallServer, broker: SmallBroker, spec: OrderSpec
) -> None:
    async def die(context: Any) -> None:
        stopping.append(asyncio.ensure_future(server.stop()))
        await asyncio.Event().wait()

    stopping: list[asyncio.Future[None]] = []
    broker.on_submit = die
    with pytest.raises(OutcomeUnknown):
        await client.submit(spec)
    await stopping[0]
    assert list(broker.orders) == ["my-1"]


async def test_a_deadline_that_passes_leaves_the_outcome_unknown(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    async def hang(context: Any) -> None:
        await asyncio.Event().wait()

    broker.on_submit = hang
    async with asyncio.timeout(20):
        with pytest.raises(OutcomeUnknown, match=r"submit my-1: no answer within the deadline"):
            await client.submit(spec, deadline_s=0.2)


async def test_a_canceled_caller_stays_canceled(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    began = asyncio.Event()

    async def hang(context: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    broker.on_submit = hang
    submitting = asyncio.create_task(client.submit(spec))
    await asyncio.wait_for(began.wait(), 30)
    submitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submitting


async def test_where_nothing_listens_nothing_was_sent(spec: OrderSpec) -> None:
    with socket.socket() as bound:  # bound and not listening: no one else can take the port
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        async with TandemClient(address, account_id=ACCOUNT, connect_timeout_s=0.3) as client:
            with pytest.raises(Unreachable, match=address) as caught:
                await client.submit(spec)
    assert caught.value.effect is Effect.NONE


async def test_a_server_that_comes_back_is_found_again(
    client: TandemClient, server: SmallServer
) -> None:
    await client.status()
    await server.stop()
    with pytest.raises(Unreachable):
        await client.status()
    await server.start()
    assert (await client.status()).venues[0].state is VenueState.UP


async def test_each_venues_cause_comes_with_the_error(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    cause = errors_pb2.VenueCause(
        venue="alpaca",
        reason=errors_pb2.ERROR_REASON_VENUE_UNAVAILABLE,
        message="connection refused",
        effect=errors_pb2.EFFECT_NONE,
    )
    broker.before_submit = aborting(
        failure(code_pb2.UNAVAILABLE, "ALL_VENUES_UNAVAILABLE", "none", venue_causes=(cause,))
    )
    with pytest.raises(Unavailable) as caught:
        await client.submit(spec)
    (only,) = caught.value.venue_causes
    assert (only.venue, only.reason, only.effect, only.message) == (
        "alpaca",
        Reason.VENUE_UNAVAILABLE,
        Effect.NONE,
        "connection refused",
    )


async def test_a_failed_read_is_an_error_and_never_empty(
    client: TandemClient, broker: SmallBroker
) -> None:
    await client.account_id()
    broker.on_read = aborting(failure(code_pb2.INTERNAL, "READ_FAILED", "half a list"))
    for read in (client.positions().all(), client.orders().all(), client.executions().all()):
        with pytest.raises(ReadFailed, match="half a list"):
            await read


async def test_a_connection_that_breaks_under_a_read_is_unreachable(
    client: TandemClient, broker: SmallBroker
) -> None:
    async def break_off(context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset")

    broker.on_read = break_off
    with pytest.raises(Unreachable):
        await client.status()


async def test_a_list_is_read_to_its_last_page(client: TandemClient, broker: SmallBroker) -> None:
    for number in range(5):
        broker.put(f"o{number}", types_pb2.ORDER_STATUS_ACCEPTED)
    names = [order.client_order_id async for order in client.orders()]
    assert names == ["o4", "o3", "o2", "o1", "o0"]
    listing = await client.orders().all()
    assert [order.client_order_id for order in listing.items] == names
    assert listing.watch_token == "5"


async def test_pages_that_run_in_a_circle_end(client: TandemClient, broker: SmallBroker) -> None:
    broker.put("o1", types_pb2.ORDER_STATUS_ACCEPTED)
    broker.page_size = 0
    with pytest.raises(MalformedReply):
        await client.orders().all()


async def test_a_look_up_tells_found_from_absent(client: TandemClient, broker: SmallBroker) -> None:
    broker.put("my-1", types_pb2.ORDER_STATUS_FILLED, avg_px=decimal("8.5"), cum_qty=decimal("1"))
    found, absent = await client.order("my-1"), await client.order("my-2")
    assert found.lookup is OrderLookup.FOUND
    assert found.order is not None
    assert (found.order.avg_px, found.order.ended) == (Decimal("8.5"), True)
    assert (absent.lookup, absent.order) == (OrderLookup.ABSENT, None)


async def test_a_cancel_answers_with_the_live_order_and_refuses_an_ended_one(
    client: TandemClient, broker: SmallBroker
) -> None:
    broker.put("my-1", types_pb2.ORDER_STATUS_ACCEPTED)
    assert (await client.cancel("my-1")).status is OrderStatus.PENDING_CANCEL
    broker.put("my-1", types_pb2.ORDER_STATUS_FILLED)
    with pytest.raises(Refused) as caught:
        await client.cancel("my-1")
    assert (caught.value.reason, caught.value.effect) == (Reason.ORDER_ENDED, Effect.NONE)


async def test_figures_and_positions_are_exact(client: TandemClient, broker: SmallBroker) -> None:
    broker.positions.append(
        accounts_pb2.Position(
            venue="alpaca",
            instrument=option(),
            qty=decimal("-1"),
            avg_entry_price=decimal("8.5"),
            multiplier=decimal("100"),
        )
    )
    broker.executions.append(
        orders_pb2.Execution(
            exec_id="e1", instrument=option(), last_qty=decimal("1"), last_px=decimal("8.5")
        )
    )
    figures = await client.account()
    (position,) = (await client.positions().all()).items
    (execution,) = (await client.executions().all()).items
    assert figures.totals[0].cash == Money(Decimal(100_000), "USD")
    assert (figures.balances[0].equity, figures.balances[0].options_level) == (None, 2)
    assert (position.qty, position.avg_entry_price, position.market_value) == (
        Decimal(-1),
        Decimal("8.5"),
        None,
    )
    assert isinstance(execution.instrument, Option)
    assert execution.instrument == position.instrument


async def test_status_tells_venues_and_trading_state(client: TandemClient) -> None:
    report = await client.status()
    assert report.trading_state is not None
    assert report.trading_state.state is TradingState.ACTIVE
    assert (report.venues[0].ready, report.venues[0].requests_remaining) == (True, None)


async def test_what_a_server_does_not_serve_is_refused(client: TandemClient) -> None:
    with pytest.raises(Refused):
        await client.quotes([Equity("SPY")])
