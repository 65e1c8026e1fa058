"""What the client's own types take, and that they are the contract's."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum

import pytest
from tandem_client import (
    AmountError,
    Effect,
    Equity,
    InvalidRequest,
    MalformedReply,
    Money,
    Option,
    OptionRight,
    OrderClass,
    OrderLeg,
    OrderSpec,
    OrderStatus,
    OrderType,
    PositionIntent,
    Side,
    StopLoss,
    SymbolError,
    TimeInForce,
    enums,
    format_decimal,
    new_client_order_id,
    parse_decimal,
    parse_occ,
    parse_symbol,
)
from tandem_client.orders import CLIENT_ORDER_ID
from tandem_client.pb import (
    accounts_pb2,
    broker_service_pb2,
    errors_pb2,
    events_pb2,
    market_pb2,
    operations_service_pb2,
    orders_pb2,
    types_pb2,
)
from tandem_client.reasons import Reason
from tandem_client.wire import orders, values

MODULES = (
    accounts_pb2,
    broker_service_pb2,
    errors_pb2,
    events_pb2,
    market_pb2,
    operations_service_pb2,
    orders_pb2,
)
ENUMS = [
    kind
    for _, kind in inspect.getmembers(enums, inspect.isclass)
    if issubclass(kind, Enum) and kind is not Enum
]


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: str(kind.__name__))
def test_each_enumeration_is_the_contracts(kind: type[Enum]) -> None:
    wire = next(
        getattr(module, kind.__name__)
        for module in (*MODULES, types_pb2)
        if kind.__name__ in module.DESCRIPTOR.enum_types_by_name
    )
    prefix = values.prefix_of(wire)
    assert [member.name for member in kind] == [n.removeprefix(prefix) for n in wire.keys()]  # noqa: SIM118
    assert all(member.name == member.value for member in kind)


def test_reasons_are_the_contracts() -> None:
    names = [name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()]  # noqa: SIM118
    assert [reason.name for reason in Reason] == names


def test_a_value_of_a_newer_server_is_unspecified() -> None:
    read = values.read_enum(OrderStatus, types_pb2.OrderStatus, 999)
    assert read is OrderStatus.UNSPECIFIED


@pytest.mark.parametrize(
    "text",
    [
        *("", "1e400", "NaN", "Infinity", "+1", "01", "1_000", "-0", "-0.0", "1.", ".5"),
        *("１２", "1\n", "1234567890123456789", "0.1234567890123456789"),
    ],
)
def test_only_the_contracts_grammar_is_a_decimal(text: str) -> None:
    with pytest.raises(AmountError):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [("8.50", "8.5"), ("1E+3", "1000"), ("-0", "0"), ("0.00", "0"), ("100", "100")],
)
def test_decimals_are_written_without_exponent_and_trailing_zeros(value: str, text: str) -> None:
    assert format_decimal(Decimal(value)) == text


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1e400")])
def test_what_the_grammar_cannot_hold_is_not_sent(value: Decimal, spec: OrderSpec) -> None:
    with pytest.raises(InvalidRequest) as caught:
        orders.write_spec(replace(spec, limit_price=value))
    assert (caught.value.field, caught.value.effect) == ("order.limit_price", Effect.NONE)


def test_a_float_is_no_price(spec: OrderSpec) -> None:
    with pytest.raises(TypeError, match=r"order\.limit_price.*float"):
        orders.write_spec(replace(spec, limit_price=8.5))  # type: ignore[arg-type]


def test_a_naive_time_is_refused(spec: OrderSpec) -> None:
    with pytest.raises(InvalidRequest, match=r"order\.not_after"):
        orders.write_spec(replace(spec, not_after=datetime(2024, 11, 4)))  # noqa: DTZ001


@pytest.mark.parametrize("client_order_id", ["", "a b", "a~b", "x" * 65, "é"])
def test_a_bad_client_order_id_is_named_and_not_sent(client_order_id: str, spec: OrderSpec) -> None:
    with pytest.raises(InvalidRequest) as caught:
        orders.write_spec(replace(spec, client_order_id=client_order_id))
    assert caught.value.field == "order.client_order_id"
    assert caught.value.effect is Effect.NONE


def test_a_minted_id_is_one_that_the_contract_takes_and_never_the_same() -> None:
    minted = {new_client_order_id("wheel") for _ in range(100)}
    assert len(minted) == 100
    assert all(CLIENT_ORDER_ID.fullmatch(name) for name in minted)


@pytest.mark.parametrize("text", ["SPY241115P00400000", "SPY   241115P00400000"])
def test_an_option_symbol_is_read_in_both_forms(text: str) -> None:
    option = parse_symbol(text)
    assert option == Option(
        root="SPY", expiry=date(2024, 11, 15), right=OptionRight.PUT, strike=Decimal(400)
    )
    assert isinstance(option, Option)
    assert option.symbol == "SPY241115P00400000"
    assert option.osi_symbol == "SPY   241115P00400000"


def test_a_strike_keeps_its_thousandths() -> None:
    assert parse_occ("F241115C00001005").strike == Decimal("1.005")
    assert parse_occ("F241115C00001005").symbol == "F241115C00001005"


def test_a_short_text_is_a_ticker() -> None:
    assert parse_symbol("BRK.B") == Equity("BRK.B")


@pytest.mark.parametrize(
    "text", ["", "spy", "SPY241115X00400000", "SPY241332P00400000", "SPY241115P00000000", "BRK/B"]
)
def test_a_malformed_symbol_is_refused(text: str) -> None:
    with pytest.raises(SymbolError):
        parse_symbol(text)


def test_a_specification_comes_back_as_it_was_sent(spec: OrderSpec) -> None:
    leg = OrderLeg(parse_occ("SPY241115P00400000"), Side.SELL, PositionIntent.SELL_TO_OPEN, 1)
    full = replace(
        spec,
        legs=(leg,),
        order_type=OrderType.STOP_LIMIT,
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.BRACKET,
        stop_price=Decimal(0),
        trail_amount=Decimal("1.5"),
        trail_percent=Decimal(2),
        notional=Money(Decimal(1000)),
        extended_hours=True,
        take_profit_price=Decimal(4),
        stop_loss=StopLoss(Decimal(12), Decimal("12.5")),
        not_after=datetime(2024, 11, 4, 15, 0, tzinfo=UTC),
        venue_pin="alpaca",
        venue_preference="ib",
        strategy_tag="wheel",
        hedge=True,
    )
    assert orders.read_spec(orders.write_spec(full)) == full


def test_nothing_unset_is_sent(spec: OrderSpec) -> None:
    assert {field.name for field, _ in orders.write_spec(spec).ListFields()} == {
        *("client_order_id", "instrument", "side", "position_intent", "order_qty"),
        *("order_type", "time_in_force", "limit_price"),
    }


def test_a_broken_amount_in_a_reply_is_not_taken_for_a_number() -> None:
    order = orders_pb2.Order(spec=orders_pb2.OrderSpec(), cum_qty=types_pb2.Decimal(value="1e3"))
    with pytest.raises(MalformedReply):
        orders.read_order(order)
