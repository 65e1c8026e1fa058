"""A mutation that says more than we know is refused, wherever in it that stands."""

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from services.common.contract.convert import check_known_fields
from services.common.contract.pb import broker_service_pb2, orders_pb2, types_pb2
from services.common.domain.errors import Effect, Reason, Refused
from tests.unit.contract.messages import nested, tag, varint

SUBMIT = broker_service_pb2.SubmitOrderRequest
ORDER, INSTRUMENT, LEGS, SIDE, OPTION, EXPIRY = 2, 2, 3, 4, 2, 5
UNKNOWN = tag(999, 0) + varint(1)


def number(field: int, value: int) -> bytes:
    return tag(field, 0) + varint(value)


def refusal(message: Message) -> str:
    with pytest.raises(Refused) as caught:
        check_known_fields(message)
    assert caught.value.reason is Reason.UNSUPPORTED_FIELD
    assert caught.value.effect is Effect.NONE
    return caught.value.message


def test_what_we_know_is_let_through() -> None:
    message = SUBMIT(
        account_id="main",
        order=orders_pb2.OrderSpec(
            instrument=types_pb2.Instrument(
                option=types_pb2.Option(right=types_pb2.OPTION_RIGHT_PUT, root="SPY")
            ),
            legs=[orders_pb2.OrderLeg(side=types_pb2.SIDE_BUY)],
            order_class=types_pb2.ORDER_CLASS_MULTI_LEG,
        ),
        fence=broker_service_pb2.Fence(head_hash=b"\x00" * 32),
    )
    check_known_fields(SUBMIT.FromString(message.SerializeToString()))
    check_known_fields(SUBMIT())


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (UNKNOWN, "tandem.v1.SubmitOrderRequest: this server does not know field number 999"),
        (tag(999, 2) + varint(3) + b"new", "tandem.v1.SubmitOrderRequest"),
        (tag(999, 5) + b"\0\0\0\0", "tandem.v1.SubmitOrderRequest"),
        (tag(999, 1) + b"\0" * 8, "tandem.v1.SubmitOrderRequest"),
        (tag(999, 3) + tag(999, 4), "tandem.v1.SubmitOrderRequest"),
        (nested(ORDER, UNKNOWN), "order: this server does not know field number 999"),
        (nested(ORDER, nested(INSTRUMENT, UNKNOWN)), "order.instrument: "),
        (nested(ORDER, nested(INSTRUMENT, nested(OPTION, UNKNOWN))), "order.instrument.option: "),
        (
            nested(ORDER, nested(INSTRUMENT, nested(OPTION, nested(EXPIRY, UNKNOWN)))),
            "order.instrument.option.expiry: ",
        ),
        (nested(ORDER, nested(18, UNKNOWN)), "order.not_after: "),
        (nested(ORDER, nested(LEGS, b"") + nested(LEGS, UNKNOWN)), "order.legs[1]: "),
        (nested(ORDER, number(SIDE, 3)), "order.side: this server does not know the value 3"),
        (nested(ORDER, number(SIDE, 2**64 - 1)), "order.side: "),
        (nested(ORDER, nested(LEGS, number(2, 9))), "order.legs[0].side: "),
        (
            nested(ORDER, nested(INSTRUMENT, nested(OPTION, number(6, 9)))),
            "order.instrument.option.right: ",
        ),
    ],
)
def test_what_we_do_not_know_is_refused_by_its_path(raw: bytes, told: str) -> None:
    assert told in refusal(SUBMIT.FromString(raw))


def test_a_known_field_in_another_wire_format_is_not_known() -> None:
    raw = nested(ORDER, nested(SIDE, b"\x02"))
    assert "order: this server does not know field number 4" in refusal(SUBMIT.FromString(raw))


def test_an_unknown_field_beside_known_ones_is_found() -> None:
    known = SUBMIT(account_id="main").SerializeToString()
    assert "999" in refusal(SUBMIT.FromString(known + nested(ORDER, UNKNOWN)))


def test_repeated_enums_are_searched() -> None:
    raw = nested(2, varint(1) + varint(77))
    message = broker_service_pb2.ListActivitiesRequest.FromString(raw)
    assert "activity_types[1]: this server does not know the value 77" in refusal(message)


def test_maps_and_what_stands_in_their_oneofs_are_searched() -> None:
    def entry(value: bytes) -> Struct:
        return Struct.FromString(nested(1, nested(1, b"key") + nested(2, value)))

    check_known_fields(entry(number(1, 0)))
    assert "fields['key'].null_value" in refusal(entry(number(1, 5)))
    assert "fields['key']: " in refusal(entry(UNKNOWN))
    deeper = nested(5, nested(1, nested(1, b"in") + nested(2, UNKNOWN)))
    assert "fields['key'].struct_value.fields['in']: " in refusal(entry(deeper))
