"""An order as asked for comes through whole, or is refused by the name of what is wrong."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given

from services.common.contract.convert import spec_from_wire, spec_to_wire
from services.common.contract.pb import orders_pb2, types_pb2
from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from tests.unit.contract.messages import changed
from tests.unit.contract.strategies import everything, specs, unhurried

SELL_PUT = OrderSpec(
    client_order_id="sell-1",
    instrument=parse_occ("SPY241115P00400000"),
    side=Side.SELL,
    order_qty=Decimal(1),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.DAY,
    limit_price=Decimal("8.50"),
    position_intent=PositionIntent.SELL_TO_OPEN,
    not_after=datetime(2024, 11, 4, 15, 30, tzinfo=UTC),
    venue_pin="alpaca",
    venue_preference="alpaca",
    strategy_tag="wheel",
)
PRICE = types_pb2.Decimal(value="1")
# One value for each field, so that a field which nobody reads is found out.
OTHERWISE: dict[str, Any] = {
    "client_order_id": "sell-2",
    "instrument": types_pb2.Instrument(option=types_pb2.Option(occ_symbol="SPY241115P00410000")),
    "order_qty": types_pb2.Decimal(value="2"),
    "time_in_force": types_pb2.TIME_IN_FORCE_GTC,
    "limit_price": types_pb2.Decimal(value="8.51"),
    "not_after": Timestamp(seconds=1),
    "venue_pin": "other",
    "venue_preference": "other",
    "strategy_tag": "other",
    "hedge": True,
}
# Each of these changes others with it, and has a test of its own.
COUPLED = {
    "side",
    "position_intent",
    "order_type",
    "legs",
    "notional",
    "stop_price",
    "trail_amount",
    "trail_percent",
    "extended_hours",
    "order_class",
    "take_profit",
    "stop_loss",
}


def request(**fields: Any) -> orders_pb2.OrderSpec:
    return changed(spec_to_wire(SELL_PUT), **fields)


@unhurried
@given(specs())
def test_an_order_comes_back(spec: OrderSpec) -> None:
    back = spec_from_wire(spec_to_wire(spec))
    assert everything(back) == everything(spec)
    assert back.content_hash() == spec.content_hash()


@unhurried
@given(specs(placement=True))
def test_a_placement_comes_back(spec: OrderSpec) -> None:
    assert everything(spec_from_wire(spec_to_wire(spec), placement=True)) == everything(spec)


def test_every_field_of_an_order_is_accounted_for() -> None:
    fields = {field.name for field in orders_pb2.OrderSpec.DESCRIPTOR.fields}
    assert fields == set(OTHERWISE) | COUPLED


@pytest.mark.parametrize("name", OTHERWISE)
def test_no_field_that_is_set_is_ignored(name: str) -> None:
    assert spec_from_wire(request(**{name: OTHERWISE[name]})) != SELL_PUT


@pytest.mark.parametrize("order_class", [0, types_pb2.ORDER_CLASS_SIMPLE])
def test_a_simple_order_is_simple_however_it_says_so(order_class: Any) -> None:
    assert spec_from_wire(request(order_class=order_class)) == SELL_PUT


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("order_type", 77, Reason.UNSUPPORTED_FIELD),
        ("time_in_force", 77, Reason.UNSUPPORTED_FIELD),
        ("side", 77, Reason.UNSUPPORTED_FIELD),
        ("position_intent", 77, Reason.UNSUPPORTED_FIELD),
        ("order_class", 77, Reason.UNSUPPORTED_FIELD),
    ],
)
def test_an_enum_value_that_we_lack_is_refused_by_name(
    name: str, value: Any, reason: Reason
) -> None:
    with pytest.raises(Refused, match=rf"order\.{name}") as caught:
        spec_from_wire(request(**{name: value}))
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("client_order_id", None, "client_order_id"),
        ("client_order_id", "a~b~1.0", "client_order_id"),
        ("client_order_id", "x" * 65, "client_order_id"),
        ("instrument", None, "instrument"),
        ("instrument", types_pb2.Instrument(), "instrument"),
        (
            "instrument",
            types_pb2.Instrument(option=types_pb2.Option(occ_symbol="SPY")),
            "instrument.option.occ_symbol",
        ),
        ("side", None, "side"),
        ("order_qty", None, "order_qty"),
        ("order_qty", types_pb2.Decimal(), "order_qty"),
        ("order_qty", types_pb2.Decimal(value="1e400"), "order_qty"),
        ("order_qty", types_pb2.Decimal(value="NaN"), "order_qty"),
        ("order_qty", types_pb2.Decimal(value="0"), "order_qty"),
        ("order_qty", types_pb2.Decimal(value="0.5"), "order_qty"),
        ("order_type", None, "order_type"),
        ("order_type", types_pb2.ORDER_TYPE_MARKET, "limit_price"),
        ("time_in_force", None, "time_in_force"),
        ("limit_price", None, "limit_price"),
        ("limit_price", types_pb2.Decimal(value=" 1"), "limit_price"),
        ("limit_price", types_pb2.Decimal(value="-1"), "limit_price"),
        ("position_intent", None, "position_intent"),
        ("position_intent", types_pb2.POSITION_INTENT_BUY_TO_CLOSE, "position_intent"),
        ("not_after", Timestamp(nanos=-1), "not_after"),
        ("venue_pin", "Alpaca!", "venue_pin"),
        ("venue_preference", "Alpaca!", "venue_preference"),
        ("strategy_tag", "x" * 65, "strategy_tag"),
    ],
)
def test_what_is_missing_or_malformed_is_named(name: str, value: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        spec_from_wire(request(**{name: value}))
    assert caught.value.field == f"order.{field}"
    assert caught.value.reason is Reason.INVALID_FIELD


def test_an_empty_order_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="client_order_id"):
        spec_from_wire(orders_pb2.OrderSpec())


def test_a_fenced_call_needs_a_placement_id() -> None:
    with pytest.raises(InvalidRequest, match="placement_id"):
        spec_from_wire(request(), placement=True)


def test_a_market_order_has_no_price_on_the_wire() -> None:
    msg = request(order_type=types_pb2.ORDER_TYPE_MARKET, limit_price=None)
    assert spec_from_wire(msg).limit_price is None
    assert not spec_to_wire(spec_from_wire(msg)).HasField("limit_price")
