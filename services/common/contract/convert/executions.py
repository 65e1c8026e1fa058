"""Executions and fees on the wire."""

from __future__ import annotations

from services.common.contract.convert.amounts import (
    decimal_to_wire,
    money_from_wire,
    money_to_wire,
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    required_decimal_from_wire,
)
from services.common.contract.convert.enums import EXEC_SOURCES, EXEC_TYPES, SIDES
from services.common.contract.convert.instruments import (
    instrument_to_wire,
    priced_instrument_from_wire,
)
from services.common.contract.convert.replies import reading, require_text
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.convert.times import times_from_wire, times_to_wire
from services.common.contract.pb import orders_pb2
from services.common.domain.executions import Execution, Fee
from services.common.domain.instruments import multiplier_of
from services.common.domain.order_spec import PlacementId


def fee_to_wire(fee: Fee) -> orders_pb2.Fee:
    """Write a fee."""
    return orders_pb2.Fee(
        kind=text_to_wire(fee.kind), amount=money_to_wire(fee.amount), estimated=fee.estimated
    )


def fee_from_wire(msg: orders_pb2.Fee, field: str = "fee") -> Fee:
    """Read a fee. InvalidRequest naming the part."""
    return Fee(msg.kind, money_from_wire(msg.amount, f"{field}.amount"), msg.estimated)


def execution_to_wire(
    execution: Execution, *, client_order_id: str = "", sequence: int = 0
) -> orders_pb2.Execution:
    """Write an execution; without `client_order_id` it is taken from a placement_id.

    `sequence` is the journal's, 0 at an adapter.
    """
    placement = PlacementId.parse(execution.client_id)
    if not client_order_id and placement is not None:
        client_order_id = placement.client_order_id
    return orders_pb2.Execution(
        exec_id=execution.exec_id,
        exec_ref_id=execution.exec_ref_id,
        exec_type=EXEC_TYPES.to_wire(execution.exec_type),
        account_id=execution.account_id,
        venue=execution.venue,
        client_order_id=client_order_id,
        placement_id=text_to_wire(execution.client_id),
        venue_order_id=execution.venue_order_id,
        instrument=instrument_to_wire(execution.instrument),
        side=SIDES.to_wire(execution.side),
        last_qty=decimal_to_wire(execution.last_qty),
        last_px=decimal_to_wire(execution.last_px),
        cum_qty=optional_decimal_to_wire(execution.cum_qty),
        fees=[fee_to_wire(fee) for fee in execution.fees],
        source=EXEC_SOURCES.to_wire(execution.source),
        late=execution.late,
        times=times_to_wire(execution.times),
        multiplier=decimal_to_wire(multiplier_of(execution.instrument)),
        sequence=sequence,
    )


def execution_from_wire(msg: orders_pb2.Execution) -> Execution:
    """Read an execution that an adapter reports. ReadFailed naming what is missing or unknown.

    All that makes its identity and its size is required.
    """
    with reading("execution"):
        return Execution(
            venue=require_text(msg.venue, "venue"),
            account_id=require_text(msg.account_id, "account_id"),
            exec_id=require_text(msg.exec_id, "exec_id"),
            venue_order_id=msg.venue_order_id,
            client_id=msg.placement_id,
            instrument=priced_instrument_from_wire(msg),
            side=SIDES.required(msg.side, "side"),
            last_qty=required_decimal_from_wire(msg, "last_qty", "last_qty"),
            last_px=required_decimal_from_wire(msg, "last_px", "last_px"),
            cum_qty=optional_decimal_from_wire(msg, "cum_qty", "cum_qty"),
            source=EXEC_SOURCES.required(msg.source, "source"),
            times=times_from_wire(msg.times),
            exec_type=EXEC_TYPES.required(msg.exec_type, "exec_type"),
            exec_ref_id=msg.exec_ref_id,
            fees=tuple(fee_from_wire(fee, f"fees[{n}]") for n, fee in enumerate(msg.fees)),
            late=msg.late,
        )
