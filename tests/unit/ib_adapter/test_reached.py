"""How far executions reach: by the venue's count, and by whole units of a multi-leg order."""

from __future__ import annotations

from decimal import Decimal

from services.ib_adapter import reached as module
from services.ib_adapter.reached import Part, Reached

V = "900"


def part(con_id: int, qty: str, stem: str = "", cum: str = "0") -> Part:
    return Part(con_id, stem or f"{con_id}.{qty}", Decimal(qty), Decimal(cum))


def test_a_single_order_is_reached_as_the_venue_counts() -> None:
    reached = Reached()
    reached.tell(V, part(1, "1", cum="3"))
    assert reached.qty(V) == 3
    assert reached.qty(V, [part(1, "1", cum="4")]) == 4
    assert reached.qty("another") == 0


def test_a_unit_is_reached_once_every_leg_was_told() -> None:
    reached = Reached()
    reached.expect_legs(V, {1: 1, 2: 2})
    reached.tell(V, part(1, "2", "a"))
    assert reached.qty(V) == 0
    reached.tell(V, part(2, "3", "b"))
    assert reached.qty(V) == 1
    assert reached.qty(V, [part(2, "1", "c")]) == 2
    assert reached.qty(V) == 1


def test_legs_count_though_they_came_before_the_order_was_known_to_have_them() -> None:
    reached = Reached()
    reached.tell(V, part(1, "2", cum="2"))
    reached.tell(V, part(2, "2", cum="2"))
    reached.expect_legs(V, {1: 1, 2: 1})
    assert reached.qty(V) == 2


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    reached = Reached()
    reached.expect_legs(V, {1: 1})
    reached.tell(V, part(1, "2", "x.1"))
    reached.tell(V, part(1, "1", "x.1"))
    assert reached.qty(V) == 1


def test_units_of_earlier_days_are_settled_and_todays_come_on_top() -> None:
    reached = Reached()
    reached.expect_legs(V, {1: 1, 2: 1})
    reached.settle(V, Decimal(3))
    assert reached.qty(V) == 3
    reached.tell(V, part(1, "1"))
    reached.tell(V, part(2, "1"))
    assert reached.qty(V) == 4
    reached.settle(V, Decimal(4))
    assert reached.qty(V) == 4


def test_the_order_of_longest_ago_is_forgotten() -> None:
    reached = Reached()
    for number in range(module.ORDERS_MAX + 1):
        reached.settle(str(number), Decimal(1))
    assert (reached.qty("0"), reached.qty("1")) == (0, 1)
