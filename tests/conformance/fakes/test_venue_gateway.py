"""The fake gateway keeps the promises of the port that it stands in for."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from services.common.adapter.port import (
    ExecutionQuery,
    OrderQuery,
    SessionChanged,
    VenueEvent,
    VenueGateway,
)
from services.common.domain.errors import (
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import Execution, Side
from services.common.domain.instruments import Equity
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderType, TimeInForce
from services.common.domain.reports import Lookup, OrderReport, VenueStatus
from services.common.runtime.clock import SystemClock
from tests.conformance.fakes.venue_gateway import FakeVenueGateway, OnCancel, OnSubmit


class Recorder:
    def __init__(self) -> None:
        self.events: list[VenueEvent] = []

    def publish(self, *events: VenueEvent) -> None:
        self.events.extend(events)


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


@pytest.fixture
def gateway(sink: Recorder) -> FakeVenueGateway:
    gateway = FakeVenueGateway(sink, SystemClock())
    gateway.begin_session()
    sink.events.clear()
    return gateway


def order(client_order_id: str = "a~t~1.0", qty: str = "2") -> OrderSpec:
    return OrderSpec(
        client_order_id,
        Equity("SPY"),
        Side.BUY,
        Decimal(qty),
        OrderType.LIMIT,
        TimeInForce.DAY,
        limit_price=Decimal(400),
    )


def passes() -> None:
    """A last check that lets all through."""


def refuses() -> None:
    raise Refused(Reason.STALE_EPOCH, "not any more")


def test_it_is_a_venue_gateway(gateway: FakeVenueGateway) -> None:
    as_port: VenueGateway = gateway  # checked by mypy
    assert as_port.session_id == "session-1"


async def test_an_accepted_order_is_answered_told_and_found(
    gateway: FakeVenueGateway, sink: Recorder
) -> None:
    report = await gateway.submit(order(), passes)
    assert report.status is OrderStatus.ACCEPTED
    assert sink.events == [report]
    assert (await gateway.find_order(client_id="a~t~1.0")).report == report
    assert (await gateway.find_order(venue_order_id=report.venue_order_id)).report == report
    assert (await gateway.find_order(client_id="b~t~1.0")).lookup is Lookup.ABSENT


async def test_a_rejection_is_an_answer(gateway: FakeVenueGateway) -> None:
    gateway.on_submit("a~t~1.0", OnSubmit.REJECT)
    report = await gateway.submit(order(), passes)
    assert report.status is OrderStatus.REJECTED
    assert report.cause is not None


@pytest.mark.parametrize("behaviour", OnSubmit)
async def test_what_the_last_check_refuses_is_never_sent(
    gateway: FakeVenueGateway, behaviour: OnSubmit
) -> None:
    gateway.on_submit("a~t~1.0", behaviour)
    gateway.release("a~t~1.0")
    with pytest.raises(TandemError) as error:
        await gateway.submit(order(), refuses)
    assert isinstance(error.value, Refused | Unavailable)
    assert gateway.sent == []
    assert (await gateway.find_order(client_id="a~t~1.0")).lookup is Lookup.ABSENT


@pytest.mark.parametrize(
    ("behaviour", "error", "lookup", "sent"),
    [
        (OnSubmit.NOT_SENT, Unavailable, Lookup.ABSENT, []),
        (OnSubmit.DOUBT_LOST, OutcomeUnknown, Lookup.ABSENT, ["a~t~1.0"]),
        (OnSubmit.DOUBT_TAKEN, OutcomeUnknown, Lookup.FOUND, ["a~t~1.0"]),
    ],
)
async def test_no_answer_means_what_the_script_says(
    gateway: FakeVenueGateway,
    sink: Recorder,
    behaviour: OnSubmit,
    error: type[TandemError],
    lookup: Lookup,
    sent: list[str],
) -> None:
    gateway.on_submit("a~t~1.0", behaviour)
    with pytest.raises(error):
        await gateway.submit(order(), passes)
    assert gateway.sent == sent
    assert sink.events == []
    assert (await gateway.find_order(client_id="a~t~1.0")).lookup is lookup


async def test_the_event_of_a_doubted_order_can_come_late(
    gateway: FakeVenueGateway, sink: Recorder
) -> None:
    gateway.on_submit("a~t~1.0", OnSubmit.DOUBT_TAKEN)
    with pytest.raises(OutcomeUnknown):
        await gateway.submit(order(), passes)
    gateway.tell_late("a~t~1.0")
    (report,) = sink.events
    assert isinstance(report, OrderReport)
    assert report.client_id == "a~t~1.0"


async def test_canceling_the_await_does_not_stop_the_write(
    gateway: FakeVenueGateway, sink: Recorder
) -> None:
    gateway.on_submit("a~t~1.0", OnSubmit.HANG_AFTER_WRITE)
    submit = asyncio.create_task(gateway.submit(order(), passes))
    while not gateway.sent:
        await asyncio.sleep(0)
    submit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submit
    gateway.release("a~t~1.0")
    while not sink.events:
        await asyncio.sleep(0)
    assert (await gateway.find_order(client_id="a~t~1.0")).lookup is Lookup.FOUND


async def test_one_id_is_one_order_for_ever(gateway: FakeVenueGateway) -> None:
    first = await gateway.submit(order(), passes)
    assert await gateway.submit(order(), passes) == first
    with pytest.raises(Refused) as reused:
        await gateway.submit(order(qty="3"), passes)
    assert reused.value.reason is Reason.CLIENT_ORDER_ID_REUSED
    assert len(await gateway.orders(OrderQuery())) == 1


async def test_a_cancel_is_a_request_until_the_venue_ends_the_order(
    gateway: FakeVenueGateway,
) -> None:
    await gateway.submit(order(), passes)
    assert (await gateway.cancel("a~t~1.0", passes)).status is OrderStatus.PENDING_CANCEL
    assert gateway.end_cancel("a~t~1.0").status is OrderStatus.CANCELED
    with pytest.raises(Refused) as ended:
        await gateway.cancel("a~t~1.0", passes)
    assert ended.value.reason is Reason.ORDER_ENDED
    with pytest.raises(NotFound):
        await gateway.cancel("b~t~1.0", passes)


async def test_a_cancel_can_be_lost_or_doubted(gateway: FakeVenueGateway) -> None:
    await gateway.submit(order(), passes)
    gateway.on_cancel("a~t~1.0", OnCancel.NOT_SENT)
    with pytest.raises(Unavailable):
        await gateway.cancel("a~t~1.0", passes)
    gateway.on_cancel("a~t~1.0", OnCancel.DOUBT)
    with pytest.raises(OutcomeUnknown):
        await gateway.cancel("a~t~1.0", passes)
    assert gateway.sent == ["a~t~1.0", "cancel a~t~1.0"]


async def test_fills_add_up_to_the_order(gateway: FakeVenueGateway, sink: Recorder) -> None:
    await gateway.submit(order(qty="3"), passes)
    gateway.fill("a~t~1.0", Decimal(1), Decimal(400))
    gateway.fill("a~t~1.0", Decimal(2), Decimal(399))
    executions = [event for event in sink.events if isinstance(event, Execution)]
    reports = [event for event in sink.events if isinstance(event, OrderReport)]
    assert [execution.cum_qty for execution in executions] == [1, 3]
    assert [report.status for report in reports] == [
        OrderStatus.ACCEPTED,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.FILLED,
    ]
    assert reports[-1].avg_px is not None
    assert round(reports[-1].avg_px, 4) == Decimal("399.3333")
    assert list(await gateway.executions(ExecutionQuery())) == executions[::-1]
    assert await gateway.orders(OrderQuery(open_only=True)) == ()


async def test_each_session_is_new_and_told(gateway: FakeVenueGateway, sink: Recorder) -> None:
    gateway.lose_session("gap")
    assert gateway.session_id == ""
    second = gateway.begin_session()
    assert gateway.session_id == second == "session-2"
    changes = [event for event in sink.events if isinstance(event, SessionChanged)]
    assert [change.session_id for change in changes] == ["", "session-2"]
    states = [event for event in sink.events if isinstance(event, VenueStatus)]
    assert [state.session_id for state in states] == ["", "session-2"]


async def test_a_failed_read_raises_and_is_never_empty(gateway: FakeVenueGateway) -> None:
    gateway.read_failure = ReadFailed("down")
    for read in (
        gateway.orders(OrderQuery()),
        gateway.executions(ExecutionQuery()),
        gateway.positions(),
        gateway.balance(),
        gateway.find_order(client_id="a~t~1.0"),
        gateway.quotes(()),
        gateway.market_clock(),
    ):
        with pytest.raises(ReadFailed):
            await read
    assert (await gateway.status()).venue == "fake"
