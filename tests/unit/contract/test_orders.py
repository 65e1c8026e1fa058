"""An order of the books is shown with its placements and what may be live at each."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from services.common.contract.convert import cause_from_wire, order_to_wire, spec_from_wire
from services.common.contract.pb import errors_pb2, orders_pb2, types_pb2
from services.common.domain.errors import Cause, Reason
from services.common.domain.executions import ExecSource, Execution, RecordTimes, Side
from services.common.domain.instruments import Equity
from services.common.domain.order import Order
from services.common.domain.order_events import (
    CancelRequested,
    ExecutionReported,
    OrderEvent,
    Placement,
    PlacementPlanned,
    PlacementSignaled,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import Signal
from services.common.domain.order_terms import OrderType, TimeInForce

NOW = datetime(2024, 11, 4, 15, tzinfo=UTC)
CREATED = RecordTimes(received_time=NOW)
UPDATED = RecordTimes(venue_time=NOW, received_time=NOW, journal_time=NOW)
SPEC = OrderSpec(
    client_order_id="buy-1",
    instrument=Equity("SPY"),
    side=Side.BUY,
    order_qty=Decimal(10),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.DAY,
    limit_price=Decimal(500),
)
FIRST = Placement("buy-1~alp~1.0", "alpaca", Decimal(10), NOW, session_id="s-1")
SECOND = Placement("buy-1~ib~2.0", "interactive_brokers", Decimal(10), NOW)
NOT_SENT = Cause(Reason.VENUE_UNAVAILABLE, "connection refused")


def fill(qty: str, px: str, exec_id: str) -> ExecutionReported:
    execution = Execution(
        venue="interactive_brokers",
        account_id="main",
        exec_id=exec_id,
        venue_order_id="v-2",
        client_id=SECOND.placement_id,
        instrument=SPEC.single,
        side=Side.BUY,
        last_qty=Decimal(qty),
        last_px=Decimal(px),
        cum_qty=None,
        source=ExecSource.STREAM,
        times=RecordTimes(),
    )
    return ExecutionReported(SECOND.placement_id, execution)


def order_after(*events: OrderEvent) -> Order:
    order = Order("main", SPEC, SPEC.content_hash())
    for event in events:
        order, _ = order.apply(event)
    return order


def shown(order: Order) -> orders_pb2.Order:
    return order_to_wire(order, created=CREATED, updated=UPDATED, sequence=42)


FAILED_OVER: tuple[OrderEvent, ...] = (
    PlacementPlanned(FIRST),
    PlacementSignaled(FIRST.placement_id, Signal.NOT_SENT, cause=NOT_SENT),
    PlacementPlanned(SECOND),
    PlacementSignaled(
        SECOND.placement_id, Signal.ACKNOWLEDGED, venue_order_id="v-2", raw_status="Submitted"
    ),
    fill("4", "499.5", "x-1"),
    fill("2", "500", "x-2"),
    CancelRequested(),
)


def test_an_order_shows_its_sum_and_its_latest_placement() -> None:
    msg = shown(order_after(*FAILED_OVER))
    assert spec_from_wire(msg.spec) == SPEC
    assert msg.status == types_pb2.ORDER_STATUS_PARTIALLY_FILLED
    assert (msg.cum_qty.value, msg.leaves_qty.value) == ("6", "4")
    assert msg.avg_px.value == "499.666666667"
    assert (msg.venue, msg.venue_order_id) == ("interactive_brokers", "v-2")
    assert (msg.placement_id, msg.raw_status, msg.revision) == (SECOND.placement_id, "Submitted", 0)
    assert (msg.account_id, msg.sequence, msg.cancel_requested) == ("main", 42, True)
    assert msg.origin == orders_pb2.ORDER_ORIGIN_CLIENT
    assert not msg.HasField("cause")
    assert msg.created.received_time.seconds == msg.updated.journal_time.seconds == 1730732400
    assert not msg.created.HasField("journal_time")


def test_each_placement_shows_what_was_filled_and_may_be_live_there() -> None:
    first, second = shown(order_after(*FAILED_OVER)).placements
    assert (first.placement_id, first.venue, first.session_id) == (
        *(FIRST.placement_id, "alpaca", "s-1"),
    )
    assert first.status == types_pb2.ORDER_STATUS_UNPLACED
    assert first.effect == errors_pb2.EFFECT_NONE
    assert (first.order_qty.value, first.cum_qty.value, first.leaves_qty.value) == ("10", "0", "0")
    assert cause_from_wire(first.cause) == NOT_SENT
    assert second.status == types_pb2.ORDER_STATUS_PARTIALLY_FILLED
    assert second.effect == errors_pb2.EFFECT_UNKNOWN
    assert (second.cum_qty.value, second.leaves_qty.value) == ("6", "4")
    assert second.attempted_at.seconds == 1730732400


def test_an_order_in_doubt_says_so_and_why() -> None:
    doubt = Cause(Reason.OUTCOME_UNKNOWN, "no answer in 5 s")
    order = order_after(
        PlacementPlanned(FIRST), PlacementSignaled(FIRST.placement_id, Signal.DOUBTED, cause=doubt)
    )
    msg = shown(order)
    assert msg.status == types_pb2.ORDER_STATUS_IN_DOUBT
    assert (msg.cum_qty.value, msg.leaves_qty.value) == ("0", "10")
    assert not msg.HasField("avg_px")
    assert cause_from_wire(msg.cause) == doubt
    assert msg.placements[0].effect == errors_pb2.EFFECT_UNKNOWN


def test_a_rejected_placement_had_no_effect_only_if_nothing_was_filled() -> None:
    rejection = PlacementSignaled(SECOND.placement_id, Signal.REJECTED)
    clean = shown(order_after(PlacementPlanned(SECOND), rejection))
    filled = shown(order_after(PlacementPlanned(SECOND), fill("1", "500", "x-1"), rejection))
    missing = replace(rejection, cum_qty=Decimal(1))
    unbooked = shown(order_after(PlacementPlanned(SECOND), missing))
    assert clean.placements[0].effect == errors_pb2.EFFECT_NONE
    assert filled.placements[0].effect == errors_pb2.EFFECT_UNKNOWN
    assert unbooked.placements[0].effect == errors_pb2.EFFECT_UNKNOWN


def test_an_order_that_was_never_planned_is_unplaced_and_nowhere() -> None:
    msg = shown(order_after())
    assert msg.status == types_pb2.ORDER_STATUS_UNPLACED
    assert (msg.venue, msg.placement_id, len(msg.placements)) == ("", "", 0)


def test_the_revision_is_that_of_the_latest_placement() -> None:
    order = order_after(PlacementPlanned(replace(FIRST, placement_id="buy-1~alp~1.3")))
    assert shown(order).revision == 3


def test_an_answer_before_the_journal_is_marked_provisional() -> None:
    order = order_after(PlacementPlanned(FIRST))
    msg = order_to_wire(order, created=CREATED, updated=UPDATED, sequence=1, provisional=True)
    assert msg.provisional
    assert not shown(order).provisional
