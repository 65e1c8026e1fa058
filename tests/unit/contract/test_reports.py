"""A venue's word on its order crosses the wire unchanged, and what is unknown is not guessed."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from services.common.contract.convert import report_from_wire, report_to_wire
from services.common.contract.pb import orders_pb2, types_pb2
from services.common.domain.errors import Cause, OutcomeUnknown, ReadFailed, Reason
from services.common.domain.executions import RecordTimes, Side
from services.common.domain.occ import parse_occ
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from services.common.domain.reports import OrderReport
from tests.unit.contract.messages import changed
from tests.unit.contract.strategies import SAYABLE, everything, reports, unhurried

NOW = datetime(2024, 11, 4, 15, 0, 0, 123456, tzinfo=UTC)
REPORT = OrderReport(
    venue="alpaca",
    account_id="main",
    client_id="sell-1~alp~1.0",
    venue_order_id="v-1",
    status=OrderStatus.PARTIALLY_FILLED,
    signal=Signal.ACKNOWLEDGED,
    raw_status="partially_filled",
    cum_qty=Decimal(1),
    times=RecordTimes(venue_time=NOW, received_time=NOW),
    instrument=parse_occ("SPY241115P00400000"),
    side=Side.SELL,
    order_qty=Decimal(3),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.DAY,
    limit_price=Decimal("8.5"),
    position_intent=PositionIntent.SELL_TO_OPEN,
    avg_px=Decimal("8.55"),
    created=NOW,
    cause=Cause(Reason.MARKET_CLOSED, "waits for the open", "42"),
)


def wire(**fields: Any) -> orders_pb2.Order:
    return changed(report_to_wire(REPORT), **fields)


@unhurried
@given(reports())
def test_a_report_comes_back(report: OrderReport) -> None:
    assert everything(report_from_wire(report_to_wire(report))) == everything(report)


@pytest.mark.parametrize(("status", "signal"), SAYABLE)
def test_each_status_and_signal_that_an_adapter_can_say_comes_back(
    status: OrderStatus, signal: Signal
) -> None:
    report = replace(REPORT, status=status, signal=signal)
    back = report_from_wire(report_to_wire(report))
    assert (back.status, back.signal) == (status, signal)


@pytest.mark.parametrize(
    ("status", "signal"),
    [
        pair
        for pair in ((status, signal) for status in OrderStatus for signal in Signal)
        if pair not in SAYABLE
        and not (pair[0] in TERMINAL and pair[1].name in ("CANCEL_REJECTED", "REPLACE_REJECTED"))
    ],
)
def test_what_no_venue_can_say_is_not_written(status: OrderStatus, signal: Signal) -> None:
    with pytest.raises(ValueError, match="a venue can't say"):
        report_to_wire(replace(REPORT, status=status, signal=signal))


@pytest.mark.parametrize("status", [s for s in OrderStatus if s in TERMINAL])
def test_an_end_is_a_stronger_word_than_a_refused_cancel(status: OrderStatus) -> None:
    msg = report_to_wire(replace(REPORT, status=status, signal=Signal.CANCEL_REJECTED))
    assert msg.cancel_rejected
    assert report_from_wire(msg).signal.name == status.name


@pytest.mark.parametrize(
    "status",
    [
        types_pb2.ORDER_STATUS_UNSPECIFIED,
        types_pb2.ORDER_STATUS_PENDING_NEW,
        types_pb2.ORDER_STATUS_IN_DOUBT,
        types_pb2.ORDER_STATUS_UNPLACED,
        14,
        -1,
    ],
)
def test_a_status_that_is_unknown_or_not_a_venues_is_not_guessed(status: Any) -> None:
    with pytest.raises(ReadFailed, match="unreadable order: status"):
        report_from_wire(wire(status=status))


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"venue": None}, "venue: required"),
        ({"account_id": None}, "account_id: required"),
        ({"cum_qty": None}, "cum_qty: required"),
        ({"cum_qty": types_pb2.Decimal(value="x")}, "cum_qty"),
        ({"avg_px": types_pb2.Decimal(value="1,5")}, "avg_px"),
        ({"cancel_rejected": True, "replace_rejected": True}, "at once"),
        ({"spec": orders_pb2.OrderSpec(order_qty=types_pb2.Decimal())}, r"spec\.order_qty"),
        (
            {"spec": orders_pb2.OrderSpec(instrument={"equity": {"symbol": "?"}})},  # type: ignore[arg-type]
            r"spec\.instrument\.equity\.symbol",
        ),
        ({"updated": types_pb2.RecordTimes(trading_date={"year": 1})}, r"updated\.trading_date"),  # type: ignore[arg-type]
    ],
)
def test_a_malformed_report_is_a_failed_read_that_names_the_part(
    fields: dict[str, Any], part: str
) -> None:
    with pytest.raises(ReadFailed, match=part):
        report_from_wire(wire(**fields))


def test_an_unreadable_answer_to_a_send_proves_nothing() -> None:
    with pytest.raises(OutcomeUnknown, match="unreadable order: status"):
        report_from_wire(wire(status=None), mutation=True)
    assert report_from_wire(wire(), mutation=True) == REPORT


def test_description_that_is_unknown_here_is_none_and_the_report_counts() -> None:
    later: Any = 77
    instrument = types_pb2.Instrument()
    spec = changed(wire().spec, order_type=later, time_in_force=99, instrument=instrument)
    read = report_from_wire(wire(spec=spec, cause=changed(wire().cause, reason=9999)))
    assert (read.order_type, read.time_in_force, read.instrument) == (None, None, None)
    assert read.cause == Cause(Reason.UNSPECIFIED, "waits for the open", "42")
    assert (read.status, read.cum_qty) == (REPORT.status, REPORT.cum_qty)


@pytest.mark.parametrize(
    ("status", "signal", "order_qty", "leaves"),
    [
        (OrderStatus.PARTIALLY_FILLED, Signal.ACKNOWLEDGED, Decimal(3), "2"),
        (OrderStatus.PARTIALLY_FILLED, Signal.ACKNOWLEDGED, None, None),
        (OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED, Decimal("0.5"), "0"),
        (OrderStatus.CANCELED, Signal.CANCELED, Decimal(3), "0"),
        (OrderStatus.REJECTED, Signal.REJECTED, None, "0"),
    ],
)
def test_leaves_are_what_may_still_fill(
    status: OrderStatus, signal: Signal, order_qty: Decimal | None, leaves: str | None
) -> None:
    msg = report_to_wire(replace(REPORT, status=status, signal=signal, order_qty=order_qty))
    assert (msg.leaves_qty.value if msg.HasField("leaves_qty") else None) == leaves


@pytest.mark.parametrize(
    ("client_id", "origin"),
    [
        ("sell-1~alp~1.0", orders_pb2.ORDER_ORIGIN_CLIENT),
        ("by-hand", orders_pb2.ORDER_ORIGIN_UNSPECIFIED),
        ("", orders_pb2.ORDER_ORIGIN_EXTERNAL),
    ],
)
def test_only_a_placement_id_is_known_to_be_ours(client_id: str, origin: int) -> None:
    msg = report_to_wire(replace(REPORT, client_id=client_id))
    assert msg.origin == origin
    assert (msg.placement_id, msg.spec.client_order_id) == (client_id, client_id)


def test_text_that_no_string_of_the_wire_can_hold_does_not_stop_a_report() -> None:
    odd = "wash \ud800 trade"
    report = replace(
        REPORT, raw_status=odd, client_id=odd, cause=Cause(Reason.WASH_TRADE, odd, odd)
    )
    read = report_from_wire(report_to_wire(report))
    assert read.raw_status == read.client_id == "wash ? trade"
    assert read.cause == Cause(Reason.WASH_TRADE, "wash ? trade", "wash ? trade")
