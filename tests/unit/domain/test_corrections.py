"""Corrections and busts: the last word of the venue counts, whatever came first, and once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.amounts import Money
from services.common.domain.executions import ExecSource, ExecType, Execution, Fee
from services.common.domain.order import Order
from services.common.domain.order_events import (
    ExecutionReported,
    FeesReported,
    IllegalEvent,
    PlacementSignaled,
    Verdict,
)
from services.common.domain.order_status import OrderStatus, Signal
from tests.unit.domain.orders import execution, sent

PLACEMENT = "o-1~al~1.0"
FILL = execution("x.01", "4", "4")


def correct(
    exec_id: str, of: str, qty: str = "4", cum: str | None = "4", px: str = "8.60"
) -> Execution:
    return execution(
        exec_id, qty, cum, last_px=Decimal(px), exec_type=ExecType.CORRECT, exec_ref_id=of
    )


def bust(exec_id: str, of: str) -> Execution:
    return execution(exec_id, "4", None, exec_type=ExecType.BUST, exec_ref_id=of)


def told(order: Order, *executions: Execution) -> tuple[Order, list[Verdict]]:
    verdicts = []
    for one in executions:
        order, verdict = order.apply(ExecutionReported(PLACEMENT, one))
        verdicts.append(verdict)
    return order, verdicts


def counts(order: Order) -> list[str]:
    return [e.exec_id for e in order.executions]


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    order, verdicts = told(sent(), FILL, correct("x.02", "x.01", px="8.70"))
    assert verdicts == [Verdict.CHANGED, Verdict.CORRECTED]
    assert counts(order) == ["x.02"]
    assert (order.cum_qty, order.avg_px) == (Decimal(4), Decimal("8.70"))
    assert [e.exec_id for e in order.set_aside] == ["x.01"]


def test_a_correction_may_fill_less_and_nothing_is_missing_then() -> None:
    order, _ = told(sent(), FILL, correct("x.02", "x.01", "3", "3"))
    [placed] = order.placements
    assert (order.cum_qty, order.leaves_qty, order.missing_fills(placed)) == (3, 7, 0)


def test_a_correction_that_comes_before_its_execution_stands_for_it() -> None:
    order, verdicts = told(sent(), correct("x.02", "x.01"), FILL)
    assert verdicts == [Verdict.CHANGED, Verdict.CHANGED]
    assert counts(order) == ["x.02"]
    assert order.cum_qty == 4


def test_a_correction_of_an_execution_that_nobody_heard_of_is_the_execution() -> None:
    order, verdicts = told(sent(), correct("x.02", "x.01"))
    assert verdicts == [Verdict.CHANGED]
    assert (counts(order), order.cum_qty) == (["x.02"], 4)


@pytest.mark.parametrize("one", [correct("x.02", "x.01"), bust("x.02", "x.01")])
def test_the_same_word_twice_is_one(one: Execution) -> None:
    order, _ = told(sent(), FILL, one)
    assert told(order, one, FILL) == (order, [Verdict.DUPLICATE, Verdict.DUPLICATE])


def test_a_bust_takes_the_fill_away() -> None:
    order, verdicts = told(sent(), FILL, execution("x2", "6", "10"), bust("b", "x.01"))
    assert verdicts[-1] is Verdict.CORRECTED
    assert (counts(order), order.cum_qty, order.leaves_qty) == (["x2"], 6, 4)


def test_a_bust_that_comes_first_keeps_its_fill_from_counting() -> None:
    order, _ = told(sent(), bust("b", "x.01"), FILL)
    assert (counts(order), order.cum_qty) == ([], 0)


def test_after_a_bust_a_closed_order_stays_closed_though_the_venue_still_counts_it() -> None:
    order, _ = told(sent(), execution("x.01", "10", "10"))
    filled = PlacementSignaled(PLACEMENT, Signal.FILLED, cum_qty=Decimal(10))
    order, _ = order.apply(filled)
    order, _ = told(order, bust("b", "x.01"))
    order, _ = order.apply(filled)
    assert (order.status, order.cum_qty, order.is_open) == (OrderStatus.FILLED, 0, False)
    [placed] = order.placements
    assert order.missing_fills(placed) == 0


def test_after_the_end_a_correction_still_counts() -> None:
    order, _ = told(sent(), FILL)
    order, _ = order.apply(PlacementSignaled(PLACEMENT, Signal.CANCELED, cum_qty=Decimal(4)))
    order, [verdict] = told(order, correct("x.02", "x.01", "3", "3"))
    assert verdict is Verdict.CORRECTED
    assert (order.status, order.cum_qty, order.is_open) == (OrderStatus.CANCELED, 3, False)


def test_a_correction_keeps_the_fees_until_its_own_are_told() -> None:
    charged = Fee("COMMISSION", Money(Decimal("0.65"), "USD"))
    order, _ = told(sent(), replace(FILL, fees=(charged,)), correct("x.02", "x.01"))
    assert [e.fees for e in order.executions] == [(replace(charged, estimated=True),)]
    own = Fee("COMMISSION", Money(Decimal("0.70"), "USD"))
    order, verdict = order.apply(FeesReported(PLACEMENT, "x.02", (own,)))
    assert (verdict, [e.fees for e in order.executions]) == (Verdict.CHANGED, [(own,)])


def test_fees_of_what_was_corrected_are_no_fault() -> None:
    order, _ = told(sent(), FILL, correct("x.02", "x.01"))
    charged = Fee("COMMISSION", Money(Decimal("0.65"), "USD"))
    order, verdict = order.apply(FeesReported(PLACEMENT, "x.01", (charged,)))
    assert verdict is Verdict.CHANGED
    assert [e.fees for e in order.executions] == [()]


def test_a_correction_beyond_what_was_asked_for_is_an_overfill() -> None:
    order, [_, verdict] = told(sent(), FILL, correct("x.02", "x.01", "11", "11"))
    assert (verdict, order.cum_qty) == (Verdict.OVERFILL, 11)


def test_two_corrections_of_one_execution_are_not_both_believed() -> None:
    order, _ = told(sent(), FILL, correct("x.02", "x.01"))
    with pytest.raises(IllegalEvent):
        told(order, correct("y", "x.01", px="8.90"))


def test_a_correction_in_between_may_be_missed() -> None:
    """Its place in the order tells what it is about."""
    order, _ = told(sent(), FILL, correct("x.03", "x.02", px="8.90"))
    assert (counts(order), order.cum_qty, order.avg_px) == (["x.03"], 4, Decimal("8.90"))
    order, _ = told(order, correct("x.02", "x.01", px="8.60"))
    assert (counts(order), order.cum_qty, order.avg_px) == (["x.03"], 4, Decimal("8.90"))
    [placed] = order.placements
    assert order.missing_fills(placed) == 0


def test_a_correction_of_what_may_be_booked_by_another_id_is_not_guessed_at() -> None:
    """Stream and query may give one fill two ids (Alpaca)."""
    order, _ = told(sent(), replace(FILL, exec_id="2024::1", source=ExecSource.QUERY))
    with pytest.raises(IllegalEvent):
        told(order, correct("x.02", "x.01", cum=None))
    with pytest.raises(IllegalEvent):
        told(order, bust("b", "x.01"))


def test_what_was_busted_is_not_booked_by_its_other_id() -> None:
    order, _ = told(sent(), FILL, bust("b", "x.01"))
    queried = replace(FILL, exec_id="2024::1", source=ExecSource.QUERY)
    assert told(order, queried) == (order, [Verdict.DUPLICATE])


CHAIN = (
    execution("a.01", "4", "4"),
    correct("a.02", "a.01", "3", "3", "8.60"),
    correct("a.03", "a.02", "2", "2", "8.70"),
)


PRICES_ONLY = (
    execution("a.01", "4", "4"),
    correct("a.02", "a.01", px="8.60"),
    correct("a.03", "a.02", "4", "4", "8.70"),
)


@pytest.mark.parametrize("sequence", list(permutations(PRICES_ONLY)))
def test_a_chain_that_changes_prices_only_comes_to_the_last_in_any_sequence(
    sequence: tuple[Execution, ...],
) -> None:
    order, _ = told(sent(), *sequence, *sequence)
    assert (counts(order), order.cum_qty, order.avg_px) == (["a.03"], 4, Decimal("8.70"))
    [placed] = order.placements
    assert order.missing_fills(placed) == 0


@pytest.mark.parametrize("sequence", list(permutations(CHAIN)))
def test_of_a_chain_of_corrections_the_last_counts_in_whatever_sequence_they_come(
    sequence: tuple[Execution, ...],
) -> None:
    order, _ = told(sent(), *sequence)
    assert (counts(order), order.cum_qty, order.avg_px) == (["a.03"], 2, Decimal("8.70"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_fills_and_what_was_said_of_them_later_come_to_the_same_in_any_sequence(
    data: st.DataObject,
) -> None:
    words: list[Execution] = []
    final: dict[str, Decimal] = {}
    cum = 0
    for number in range(data.draw(st.integers(1, 4), label="fills")):
        qty = data.draw(st.integers(1, 2), label="qty")
        cum += qty
        last_id = f"{number}.01"
        words.append(execution(last_id, str(qty), str(cum)))
        kept = qty
        for revision in range(2, 2 + data.draw(st.integers(0, 2), label="corrections")):
            kept = data.draw(st.integers(1, 2), label="corrected qty")
            of, last_id = last_id, f"{number}.{revision:02}"
            # A place that no other fill has: by it alone nothing may be taken for another.
            words.append(correct(last_id, of, str(kept), str(100 * (number + 1) + revision)))
        if data.draw(st.booleans(), label="bust"):
            words.append(bust(f"b{number}", last_id))
            kept = 0
        final[str(number)] = Decimal(kept)
    repeated = words + data.draw(st.lists(st.sampled_from(words), max_size=4), label="again")
    order, _ = told(sent(), *data.draw(st.permutations(repeated), label="sequence"))
    by_fill = {name: Decimal(0) for name in final}
    for e in order.executions:
        by_fill[e.exec_id.split(".")[0]] += e.last_qty
    assert by_fill == final
    assert order.cum_qty == sum(final.values())


@pytest.mark.parametrize("px", ["8.50", "8.60"])
def test_a_fill_after_a_bust_that_comes_to_the_same_quantity_is_another_fill(px: str) -> None:
    """Four and four, the first busted, and two more under the quantity of the second."""
    first, second = execution("x.01", "4", "4"), execution("y.01", "4", "8")
    third = execution("z.01", "2", "8", last_px=Decimal(px))
    order, verdicts = told(sent(), first, second, bust("x.02", "x.01"), third, third)
    assert verdicts[-2:] == [Verdict.CHANGED, Verdict.DUPLICATE]
    assert counts(order) == ["y.01", "z.01"]
