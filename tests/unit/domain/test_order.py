"""`Order.apply`: every fill once, the exposure bound always, illegal events change nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.amounts import Money
from services.common.domain.errors import Cause, Reason
from services.common.domain.executions import ExecSource, Fee, Side
from services.common.domain.order import Order
from services.common.domain.order_events import (
    CancelRequested,
    ExecutionReported,
    FeesReported,
    IllegalEvent,
    OrderEvent,
    PlacementPlanned,
    PlacementSignaled,
    Verdict,
)
from services.common.domain.order_status import OrderStatus, Signal
from tests.unit.domain.orders import execution, instrument, placement, sent, spec

PLACEMENT = "o-1~al~1.0"


def signaled(signal: Signal, cum: str | None = None, **fields: str) -> PlacementSignaled:
    cum_qty = None if cum is None else Decimal(cum)
    return PlacementSignaled(PLACEMENT, signal, cum_qty=cum_qty, **fields)  # type: ignore[arg-type]


def filled(exec_id: str, qty: str, cum: str | None) -> ExecutionReported:
    return ExecutionReported(PLACEMENT, execution(exec_id, qty, cum))


def after(order: Order, *events: OrderEvent) -> Order:
    for event in events:
        order, _ = order.apply(event)
    return order


def test_an_unanswered_order_may_be_live_in_full() -> None:
    order = sent()
    assert (order.status, order.cum_qty, order.leaves_qty) == (OrderStatus.PENDING_NEW, 0, 10)


def test_a_doubt_stays_exposed_until_the_venue_speaks() -> None:
    """A time-out booked as a rejection doubled orders (NautilusTrader #4288)."""
    order = after(sent(), signaled(Signal.DOUBTED))
    assert (order.status, order.leaves_qty, order.is_open) == (OrderStatus.IN_DOUBT, 10, True)
    with pytest.raises(IllegalEvent):
        order.apply(signaled(Signal.NOT_SENT))
    order = after(order, signaled(Signal.ACKNOWLEDGED, "0", venue_order_id="v-1"))
    assert order.status is OrderStatus.ACCEPTED


def test_an_order_that_was_not_sent_is_unplaced_and_may_be_planned_anew() -> None:
    order = after(sent(), signaled(Signal.NOT_SENT))
    assert (order.status, order.leaves_qty, order.is_open) == (OrderStatus.UNPLACED, 0, False)
    order = after(order, PlacementPlanned(placement(2)))
    assert (order.status, order.leaves_qty) == (OrderStatus.PENDING_NEW, 10)


def test_a_second_placement_beside_a_doubt_is_illegal() -> None:
    order = after(sent(), signaled(Signal.DOUBTED))
    with pytest.raises(IllegalEvent, match="exceed"):
        order.apply(PlacementPlanned(placement(2)))


def test_a_placement_after_a_cancel_is_illegal() -> None:
    order = after(sent(), signaled(Signal.NOT_SENT), CancelRequested())
    assert order.status is OrderStatus.CANCELED
    with pytest.raises(IllegalEvent, match="cancel"):
        order.apply(PlacementPlanned(placement(2)))


def test_the_same_execution_twice_is_booked_once() -> None:
    order = after(sent(), filled("e-1", "4", "4"))
    again, verdict = order.apply(filled("e-1", "4", "4"))
    assert (verdict, again.cum_qty) == (Verdict.DUPLICATE, 4)


def test_stream_and_query_ids_of_one_fill_are_booked_once() -> None:
    """Ids of stream and activities need not be equal: the cumulative quantity tells."""
    order = after(sent(), filled("stream-1", "4", "4"))
    recovered = execution("20241104::abc", "4", "4", source=ExecSource.QUERY)
    again, verdict = order.apply(ExecutionReported(PLACEMENT, recovered))
    assert (verdict, again.cum_qty) == (Verdict.DUPLICATE, 4)


def test_fills_in_any_order_add_up() -> None:
    order = after(sent(), filled("e-2", "6", "10"), filled("e-1", "4", "4"))
    assert (order.cum_qty, order.leaves_qty, order.status) == (10, 0, OrderStatus.FILLED)


def test_an_end_is_believed_only_when_its_fills_are_booked() -> None:
    order = after(sent(), signaled(Signal.CANCELED, "4"))
    assert (order.status, order.leaves_qty, order.is_open) == (OrderStatus.ACCEPTED, 4, True)
    order = after(order, filled("e-1", "4", "4"))
    assert (order.status, order.leaves_qty, order.cum_qty) == (OrderStatus.CANCELED, 0, 4)


def test_filled_without_a_figure_still_misses_its_fills() -> None:
    order = after(sent(), signaled(Signal.FILLED))
    assert (order.status, order.leaves_qty) == (OrderStatus.ACCEPTED, 10)


def test_fill_after_cancel_request_is_booked() -> None:
    order = after(
        sent(),
        signaled(Signal.ACKNOWLEDGED, "0"),
        CancelRequested(),
        signaled(Signal.PENDING_CANCEL, "0"),
        filled("e-1", "10", "10"),
        signaled(Signal.FILLED, "10"),
    )
    assert (order.status, order.cum_qty) == (OrderStatus.FILLED, 10)


def test_a_late_fill_of_a_canceled_order_is_booked_and_flagged() -> None:
    order = after(sent(), signaled(Signal.CANCELED, "0"))
    order, verdict = order.apply(filled("e-1", "4", "4"))
    assert (verdict, order.cum_qty, order.executions[0].late) == (Verdict.LATE_FILL, 4, True)


def test_a_fill_of_an_order_in_doubt_proves_that_it_is_there() -> None:
    order = after(sent(), signaled(Signal.DOUBTED), filled("e-1", "4", "4"))
    assert (order.status, order.leaves_qty) == (OrderStatus.PARTIALLY_FILLED, 6)


def test_a_fill_of_an_order_called_not_sent_is_booked_as_a_contradiction() -> None:
    order = after(sent(), signaled(Signal.NOT_SENT))
    order, verdict = order.apply(filled("e-1", "4", "4"))
    assert (verdict, order.cum_qty, order.leaves_qty) == (Verdict.CONTRADICTION, 4, 6)


def test_an_overfill_is_booked_and_flagged() -> None:
    order = after(sent(), filled("e-1", "10", "10"))
    order, verdict = order.apply(filled("e-2", "3", "13"))
    assert (verdict, order.cum_qty) == (Verdict.OVERFILL, 13)


@pytest.mark.parametrize(
    "wrong",
    [
        {"instrument": instrument("SPY241115P00410000")},
        {"side": Side.BUY},
        {"last_px": Decimal("8.49")},
        {"last_qty": Decimal(0)},
        {"cum_qty": Decimal(3)},
    ],
)
def test_a_fill_that_does_not_fit_its_order_is_illegal(wrong: dict[str, object]) -> None:
    order = sent()
    with pytest.raises(IllegalEvent):
        order.apply(ExecutionReported(PLACEMENT, replace(execution(), **wrong)))  # type: ignore[arg-type]


def test_an_execution_id_with_other_content_is_illegal() -> None:
    order = after(sent(), filled("e-1", "4", "4"))
    with pytest.raises(IllegalEvent, match="differs"):
        order.apply(filled("e-1", "5", "5"))


def test_two_venue_orders_under_one_placement_are_illegal() -> None:
    """One modify, two live orders (NautilusTrader #4564)."""
    order = after(sent(), signaled(Signal.ACKNOWLEDGED, "0", venue_order_id="v-1"))
    with pytest.raises(IllegalEvent, match="two venue orders"):
        order.apply(signaled(Signal.ACKNOWLEDGED, "0", venue_order_id="v-2"))


def test_fills_of_two_venue_orders_under_one_placement_are_both_booked_and_alarmed() -> None:
    """The venue broke it, and both are real: equal cumulative quantities are no proof of one."""
    order = after(sent(), filled("e-1", "4", "4"))
    second = execution("e-2", "4", "4", venue_order_id="v-2")
    order, verdict = order.apply(ExecutionReported(PLACEMENT, second))
    assert (verdict, order.cum_qty) == (Verdict.CONTRADICTION, 8)


def test_a_refused_order_that_is_shown_live_is_live_again_and_alarmed() -> None:
    """IB can call an order rejected and work it after all."""
    order = after(sent(), signaled(Signal.REJECTED))
    order, verdict = order.apply(signaled(Signal.ACKNOWLEDGED, "0"))
    assert (verdict, order.status, order.leaves_qty) == (
        Verdict.CONTRADICTION,
        OrderStatus.ACCEPTED,
        10,
    )


def test_a_rejection_after_acceptance_ends_the_order() -> None:
    cause = Cause(Reason.INSUFFICIENT_BUYING_POWER, "no")
    rejected = PlacementSignaled(PLACEMENT, Signal.REJECTED, cause=cause)
    order = after(sent(), signaled(Signal.ACKNOWLEDGED, "0"), rejected)
    assert (order.status, order.cause) == (OrderStatus.REJECTED, cause)


@pytest.mark.parametrize("news", [signaled(Signal.ACKNOWLEDGED), filled("e-1", "4", "4")])
def test_a_placement_remembers_that_it_worked_whatever_comes_later(news: OrderEvent) -> None:
    assert not sent().placements[0].was_accepted
    order = after(sent(), news, signaled(Signal.REJECTED))
    assert order.placements[0].was_accepted
    assert order.placements[0].status is OrderStatus.REJECTED
    assert not after(sent(), signaled(Signal.REJECTED)).placements[0].was_accepted


def test_avg_px_is_over_all_fills() -> None:
    better = execution("e-2", "6", "10", last_px=Decimal("9.00"))
    order = after(sent(), filled("e-1", "4", "4"), ExecutionReported(PLACEMENT, better))
    assert order.avg_px == Decimal("8.8")


events = st.lists(
    st.one_of(
        st.sampled_from(Signal).map(lambda s: signaled(s)),
        st.tuples(st.sampled_from(Signal), st.integers(0, 10)).map(
            lambda t: signaled(t[0], str(t[1]))
        ),
        st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(5, 10)).map(
            lambda t: filled(f"e-{t[0]}", str(t[1]), str(t[2]))
        ),
        st.just(CancelRequested()),
        st.integers(1, 4).map(lambda n: PlacementPlanned(placement(n))),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(events)
def test_no_events_make_the_exposure_exceed_what_was_asked(history: list[OrderEvent]) -> None:
    order, seen = sent(), Decimal(0)
    for event in history:
        before = order
        try:
            order, verdict = order.apply(event)
        except IllegalEvent:
            assert order is before
            continue
        again, repeat = order.apply(event)
        assert (again, repeat) == (order, Verdict.DUPLICATE)
        assert order.cum_qty >= seen, "a fill was lost"
        seen = order.cum_qty
        fault = {Verdict.OVERFILL, Verdict.CONTRADICTION, Verdict.LATE_FILL}
        if verdict in fault or order.cum_qty > 10:
            return  # the venue's fault, counted apart
        assert order.cum_qty + order.leaves_qty <= 10


def test_orders_with_equal_content_hash_alike_and_others_do_not() -> None:
    same = spec(order_qty=Decimal("10.0"), limit_price=Decimal("8.5"))
    assert same.content_hash() == spec().content_hash()
    assert spec(limit_price=Decimal("8.51")).content_hash() != spec().content_hash()
    assert spec(limit_price=Decimal(0)).content_hash() != spec(limit_price=None).content_hash()


# -- fees --

COMMISSION = Fee("COMMISSION", Money(Decimal("0.65"), "USD"))


def costed(order: Order, *fees: Fee, exec_id: str = "e-1") -> tuple[Order, Verdict]:
    return order.apply(FeesReported(PLACEMENT, exec_id, fees))


def filled_in_part() -> Order:
    return after(sent(), filled("e-1", "4", "4"))


def test_fees_that_are_told_later_are_added_to_their_execution() -> None:
    order, _ = costed(filled_in_part(), COMMISSION)
    assert [e.fees for e in order.executions] == [(COMMISSION,)]
    assert costed(order, COMMISSION)[1] is Verdict.DUPLICATE
    assert costed(order)[1] is Verdict.DUPLICATE


def test_an_estimate_gives_way_to_the_fee_itself() -> None:
    order, _ = costed(filled_in_part(), replace(COMMISSION, estimated=True))
    order, verdict = costed(order, COMMISSION)
    assert (verdict, order.executions[0].fees) == (Verdict.CHANGED, (COMMISSION,))


def test_fees_that_contradict_the_books_are_illegal() -> None:
    order, _ = costed(filled_in_part(), COMMISSION)
    dearer = replace(COMMISSION, amount=Money(Decimal("0.70"), "USD"))
    with pytest.raises(IllegalEvent, match="other fees"):
        costed(order, dearer)
    with pytest.raises(IllegalEvent, match="not booked"):
        costed(order, COMMISSION, exec_id="e-9")
