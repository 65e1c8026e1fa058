"""Whether an execution fits its order, and whether two reports are of one execution."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from services.common.domain.executions import ExecType, Execution, Side
from services.common.domain.fills import leg_of
from services.common.domain.order_events import FeesReported, IllegalEvent
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo, OrderType

_LIMITED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})


def check_execution(execution: Execution, terms: OrderSpec) -> None:
    """Raise IllegalEvent unless the execution can be one of an order on these terms."""
    if execution.exec_type is ExecType.RECONSTRUCTED:
        raise IllegalEvent(f"{execution.exec_type.value} executions are not booked yet")
    if isinstance(terms.instrument, OptionCombo):
        if leg_of(terms.instrument, execution) is None:
            what = f"{execution.side.value} of {execution.instrument.key}"
            raise IllegalEvent(f"an execution of no leg of the order, {what}")
    elif execution.instrument.key != terms.instrument.key:
        raise IllegalEvent(f"an execution of {execution.instrument.key}")
    elif execution.side is not terms.side:
        raise IllegalEvent(f"an execution on the other side, {execution.side.value}")
    if execution.exec_type is ExecType.BUST:
        return  # it is about nothing but the execution that it names
    if execution.last_qty <= 0 or execution.last_px < 0:
        raise IllegalEvent("an execution without a quantity or with a negative price")
    if execution.cum_qty is not None and execution.cum_qty < execution.last_qty:
        raise IllegalEvent("an execution larger than its own cumulative quantity")
    if not isinstance(terms.instrument, OptionCombo):  # whose legs have no limits of their own
        _check_price(execution, terms)


def _check_price(execution: Execution, terms: OrderSpec) -> None:
    limit = terms.limit_price
    if terms.order_type not in _LIMITED or limit is None:
        return
    px = execution.last_px
    if px > limit if terms.side is Side.BUY else px < limit:
        raise IllegalEvent(f"a price of {px} beyond the limit {limit}")


def costed(
    executions: tuple[Execution, ...], told: FeesReported, known: Execution
) -> tuple[Execution, ...]:
    """The executions with the fees that were told of one; as they were if those are known or none.

    Raises IllegalEvent if it has other fees.
    """
    if not told.fees or known.fees == told.fees:
        return executions
    if any(not fee.estimated for fee in known.fees):
        raise IllegalEvent(f"other fees of execution {told.exec_id} than are booked")
    return tuple(replace(e, fees=told.fees) if e is known else e for e in executions)


def is_same_execution(known: Execution, other: Execution) -> bool:
    """Whether both are one execution: by id; and, as stream and query may give one fill two ids,
    by cumulative quantity, which is counted for each of the venue's own orders, and there for each
    leg of a multi-leg order.
    """
    same_place = (
        known.client_id == other.client_id
        and (known.instrument.key, known.side) == (other.instrument.key, other.side)
        and is_same_order(known.venue_order_id, other.venue_order_id)
        and known.cum_qty is not None
        and known.cum_qty == other.cum_qty
    )
    return known.key == other.key or same_place


def is_same_order(one: str, other: str) -> bool:
    """Whether two of the venue's own order ids may be of one order; empty is not told."""
    return not one or not other or one == other
