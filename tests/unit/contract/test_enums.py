"""Our enums and the contract's are pairs by name, and neither side grows unseen."""

from enum import Enum

import pytest
from google.protobuf.descriptor import EnumDescriptor

from services.common.contract.convert import enums
from services.common.contract.convert.enums import EnumTable
from services.common.contract.pb import orders_pb2, types_pb2
from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import ExerciseStyle
from services.common.domain.order_terms import OrderType

TABLES: dict[str, EnumTable[Enum, int]] = {
    name: table for name, table in vars(enums).items() if isinstance(table, EnumTable)
}


def wire_names(descriptor: EnumDescriptor, prefix: str) -> set[str]:
    return {value.name.removeprefix(prefix) for value in descriptor.values}


@pytest.mark.parametrize("name", TABLES)
def test_each_side_has_the_names_of_the_other(name: str) -> None:
    table = TABLES[name]
    ours = {member.name for member in table.ours} | {"UNSPECIFIED"}
    theirs = wire_names(table.descriptor, table.prefix)
    assert ours == theirs


@pytest.mark.parametrize("name", TABLES)
def test_each_member_comes_back(name: str) -> None:
    table = TABLES[name]
    members = list(table.ours)
    assert [table.get(table.to_wire(member)) for member in members] == members
    assert len({table.to_wire(member) for member in members}) == len(members)


def test_none_and_unspecified_are_the_same_where_we_have_no_word_for_it() -> None:
    assert enums.SIDES.to_wire(None) == types_pb2.SIDE_UNSPECIFIED
    assert enums.SIDES.get(types_pb2.SIDE_UNSPECIFIED) is None


def test_unspecified_is_a_member_where_we_have_one() -> None:
    number = types_pb2.EXERCISE_STYLE_UNSPECIFIED
    assert enums.EXERCISE_STYLES.required(number, "style") is ExerciseStyle.UNSPECIFIED


def test_a_required_enum_that_is_unspecified_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        enums.SIDES.required(0, "order.side")
    assert (caught.value.field, caught.value.message) == ("order.side", "order.side: required")


class Half(Enum):
    """An enum of ours that lacks half of the contract's."""

    BUY = "BUY"


def test_a_value_of_the_contract_that_we_lack_is_not_implemented() -> None:
    table = EnumTable(Half, types_pb2.Side, "SIDE_")
    with pytest.raises(Refused, match=r"order\.side: SELL is not implemented") as caught:
        table.optional(types_pb2.SIDE_SELL, "order.side")
    assert caught.value.reason is Reason.NOT_IMPLEMENTED


def test_a_value_outside_the_contract_is_unsupported() -> None:
    with pytest.raises(Refused, match=r"order\.side: .* 99") as caught:
        enums.SIDES.optional(99, "order.side")
    assert caught.value.reason is Reason.UNSUPPORTED_FIELD


def test_a_member_without_a_namesake_fails_when_the_table_is_made() -> None:
    with pytest.raises(ValueError, match="ORDER_CLASS_BUY"):
        EnumTable(Side, types_pb2.OrderClass, "ORDER_CLASS_")


def test_every_enum_of_an_order_has_a_table() -> None:
    described = {table.descriptor.full_name for table in TABLES.values()}
    without = {
        field.enum_type.full_name
        for field in orders_pb2.OrderSpec.DESCRIPTOR.fields
        if field.enum_type is not None
    } - described
    assert without == set()
    assert OrderType in {table.ours for table in TABLES.values()}
