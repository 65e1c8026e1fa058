"""What holds in every card, whatever it is about; LEAN's invariants among them.

An order that was sent is answered with a status or a failure that says its effect. What was told of
an order never goes back from an end. A fill has a price and a quantity above zero, the order's own
side and instrument, and an id of its own; fills add up to no more than was asked for.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from services.common.contract.pb import orders_pb2, types_pb2
from tests.conformance.hearing import has_ended, once
from tests.conformance.scene import Ticket, symbol_of

if TYPE_CHECKING:
    from tests.conformance.bench import Bench


def check_rules(bench: Bench) -> None:
    """Raise AssertionError for what was told and must not be."""
    if bench.was_reopened:
        return  # what was told may have been told again
    for ticket in bench.tickets:
        _check_orders(ticket, bench.hearing.orders(ticket))
        _check_executions(ticket, bench.hearing.executions(ticket))
    sequences = [event.sequence for event in bench.hearing.heard if event.sequence]
    assert sequences == sorted(sequences), f"the sequence went back: {sequences}"


def _check_orders(ticket: Ticket, told: list[orders_pb2.Order]) -> None:
    ended: dict[str, orders_pb2.Order] = {}
    for order in told:
        key = order.venue_order_id or order.placement_id
        earlier = ended.get(key)
        if earlier is not None:
            assert has_ended(order), f"{ticket.client_id} ended and is told as live: {order}"
        elif has_ended(order):
            ended[key] = order
        if order.leaves_qty.value and has_ended(order):
            assert Decimal(order.leaves_qty.value) == 0, f"ended with leaves: {order}"


def _check_executions(ticket: Ticket, told: list[orders_pb2.Execution]) -> None:
    by_id: dict[str, orders_pb2.Execution] = {}
    for execution in told:
        first = by_id.setdefault(execution.exec_id, execution)
        again = first is not execution
        assert not again or (execution.fees and not first.fees), f"told twice: {execution}"
        assert execution.exec_id, f"an execution without an id: {execution}"
        if execution.exec_type == orders_pb2.EXEC_TYPE_BUST:
            continue
        assert Decimal(execution.last_qty.value) > 0, f"a fill of nothing: {execution}"
        if not ticket.spec.legs:
            assert Decimal(execution.last_px.value) > 0, f"a fill for nothing: {execution}"
            _check_own(ticket, execution)
    total = sum((Decimal(e.last_qty.value) for e in once(told)), Decimal(0))
    if told and ticket.order_qty and ticket.spec.order_class in _ONE_ORDER:
        assert total <= ticket.order_qty, f"{ticket.client_id} was filled for {total}"


_ONE_ORDER = (types_pb2.ORDER_CLASS_UNSPECIFIED, types_pb2.ORDER_CLASS_SIMPLE)


def _check_own(ticket: Ticket, execution: orders_pb2.Execution) -> None:
    if ticket.spec.order_class not in _ONE_ORDER:
        return  # exits have the other side
    assert execution.side == ticket.spec.side, f"the wrong side: {execution}"
    wanted = symbol_of(ticket.spec.instrument)
    assert symbol_of(execution.instrument) == wanted, f"the wrong instrument: {execution}"
