"""An execution crosses the wire unchanged; without identity or size it is no execution."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from services.common.contract.convert import (
    execution_from_wire,
    execution_to_wire,
    fee_from_wire,
    fee_to_wire,
)
from services.common.contract.pb import orders_pb2, types_pb2
from services.common.domain.amounts import Money
from services.common.domain.errors import InvalidRequest, ReadFailed
from services.common.domain.executions import ExecSource, Execution, Fee, RecordTimes, Side
from services.common.domain.occ import parse_occ
from tests.unit.contract.messages import changed
from tests.unit.contract.strategies import EXECUTIONS, everything, unhurried

FILL = Execution(
    venue="alpaca",
    account_id="main",
    exec_id="x-1",
    venue_order_id="v-1",
    client_id="sell-1~alp~1.0",
    instrument=parse_occ("SPY241115P00400000"),
    side=Side.SELL,
    last_qty=Decimal(1),
    last_px=Decimal("8.5"),
    cum_qty=Decimal(1),
    source=ExecSource.STREAM,
    times=RecordTimes(venue_time=datetime(2024, 11, 4, 15, tzinfo=UTC)),
    fees=(Fee("ORF", Money(Decimal("0.02"), "USD"), estimated=True),),
)


@unhurried
@given(EXECUTIONS)
def test_an_execution_comes_back(execution: Execution) -> None:
    assert everything(execution_from_wire(execution_to_wire(execution))) == everything(execution)


def test_the_clients_own_id_is_taken_from_the_placement_or_as_told() -> None:
    assert execution_to_wire(FILL).client_order_id == "sell-1"
    assert execution_to_wire(FILL, client_order_id="other").client_order_id == "other"
    assert execution_to_wire(replace(FILL, client_id="by-hand")).client_order_id == ""


def test_the_journals_sequence_and_the_multiplier_are_told() -> None:
    msg = execution_to_wire(FILL, sequence=7)
    assert (msg.sequence, msg.multiplier.value) == (7, "100")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exec_id", None),
        ("venue", None),
        ("account_id", None),
        ("instrument", None),
        ("side", None),
        ("side", 9),
        ("last_qty", None),
        ("last_px", None),
        ("last_px", types_pb2.Decimal(value="NaN")),
        ("cum_qty", types_pb2.Decimal()),
        ("exec_type", None),
        ("exec_type", 9),
        ("source", None),
        ("multiplier", types_pb2.Decimal(value="10")),
        ("times", types_pb2.RecordTimes(trading_date=types_pb2.Date(year=2024))),
    ],
)
def test_what_is_missing_or_malformed_is_a_failed_read_that_names_it(name: str, value: Any) -> None:
    msg = changed(execution_to_wire(FILL), **{name: value})
    with pytest.raises(ReadFailed, match=f"unreadable execution: {name}"):
        execution_from_wire(msg)


def test_a_malformed_fee_is_named_by_its_place() -> None:
    msg = execution_to_wire(FILL)
    msg.fees.add(kind="TAF")
    with pytest.raises(ReadFailed, match=r"fees\[1\]\.amount\.amount: required"):
        execution_from_wire(msg)


def test_a_fee_comes_back() -> None:
    fee = FILL.fees[0]
    assert fee_from_wire(fee_to_wire(fee)) == fee
    with pytest.raises(InvalidRequest) as caught:
        fee_from_wire(orders_pb2.Fee(), "fee")
    assert caught.value.field == "fee.amount.amount"
