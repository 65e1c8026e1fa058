"""Closing a position over the wire: an ordinary order, never more than is held, once."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from services.common.contract.convert import decimal_to_wire, instrument_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import orders_pb2, types_pb2
from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    ReadFailed,
    Reason,
    Unavailable,
)
from services.common.domain.instruments import Equity, Instrument
from services.common.domain.occ import parse_occ
from services.common.domain.reports import VenuePosition
from tests.conformance.fakes.venue_gateway import OnSubmit
from tests.unit.adapter.desk_world import until
from tests.unit.adapter.served import Served, error_of, fence

SPY, PUT = Equity("SPY"), parse_occ("SPY241115P00400000")


def holds(
    served: Served, qty: str, available: str | None = None, instrument: Instrument = SPY
) -> None:
    free = None if available is None else Decimal(available)
    served.gateway.position_list = [
        VenuePosition("fake", "main", instrument, Decimal(qty), available_qty=free)
    ]


def close_request(**changes: Any) -> pb.ClosePositionRequest:
    values: dict[str, Any] = {
        "account_id": "main",
        "client_order_id": "c",
        "instrument": instrument_to_wire(SPY),
        "order_type": types_pb2.ORDER_TYPE_MARKET,
        "time_in_force": types_pb2.TIME_IN_FORCE_DAY,
    }
    return pb.ClosePositionRequest(**(values | changes))


async def closes(served: Served, **changes: Any) -> orders_pb2.Order:
    order: orders_pb2.Order = (await served.broker.ClosePosition(close_request(**changes))).order
    return order


@pytest.mark.parametrize(
    ("held", "available", "side", "qty"),
    [
        ("10", None, types_pb2.SIDE_SELL, "10"),
        ("10", "4", types_pb2.SIDE_SELL, "4"),
        ("-3", "-3", types_pb2.SIDE_BUY, "3"),
        ("0.5", "0.5", types_pb2.SIDE_SELL, "0.5"),
    ],
)
async def test_all_that_is_free_is_closed_by_an_ordinary_order(
    stand_alone: Served, held: str, available: str | None, side: int, qty: str
) -> None:
    holds(stand_alone, held, available)
    order = await closes(stand_alone)
    assert (order.spec.client_order_id, order.spec.side) == ("c", side)
    assert order.spec.order_qty.value == qty
    assert stand_alone.gateway.sent == ["c"]


async def test_an_option_is_closed_with_its_intent(stand_alone: Served) -> None:
    holds(stand_alone, "-2", None, PUT)
    order = await closes(
        stand_alone,
        instrument=instrument_to_wire(PUT),
        qty=decimal_to_wire(Decimal(1)),
        order_type=types_pb2.ORDER_TYPE_LIMIT,
        limit_price=decimal_to_wire(Decimal("0.05")),
    )
    assert order.spec.position_intent == types_pb2.POSITION_INTENT_BUY_TO_CLOSE
    assert (order.spec.order_qty.value, order.spec.limit_price.value) == ("1", "0.05")


@pytest.mark.parametrize(
    ("held", "available", "qty", "reason"),
    [
        (None, None, None, Reason.POSITION_NOT_FOUND),
        ("0", None, None, Reason.POSITION_NOT_FOUND),
        ("5", "5", "6", Reason.WOULD_CROSS_ZERO),
        ("5", "2", "3", Reason.INSUFFICIENT_QTY),
        ("5", "0", None, Reason.INSUFFICIENT_QTY),
    ],
)
async def test_nothing_is_opened_by_closing(
    stand_alone: Served, held: str | None, available: str | None, qty: str | None, reason: Reason
) -> None:
    if held is not None:
        holds(stand_alone, held, available)
    asked = None if qty is None else decimal_to_wire(Decimal(qty))
    error = await error_of(stand_alone.broker.ClosePosition(close_request(qty=asked)))
    assert (error.reason, error.effect) == (reason, Effect.NONE)
    assert stand_alone.gateway.sent == []


async def test_closing_again_answers_with_the_order_also_when_nothing_is_held_any_more(
    stand_alone: Served,
) -> None:
    holds(stand_alone, "10")
    first = await closes(stand_alone)
    stand_alone.gateway.position_list = []
    assert (await closes(stand_alone)).venue_order_id == first.venue_order_id
    other = close_request(time_in_force=types_pb2.TIME_IN_FORCE_GTC)
    error = await error_of(stand_alone.broker.ClosePosition(other))
    assert error.reason is Reason.CLIENT_ORDER_ID_REUSED
    assert stand_alone.gateway.sent == ["c"]


async def test_closing_twice_at_once_is_one_order(stand_alone: Served) -> None:
    holds(stand_alone, "10")
    orders = await asyncio.gather(closes(stand_alone), closes(stand_alone))
    assert {order.venue_order_id for order in orders} == {"venue-1"}
    assert stand_alone.gateway.sent == ["c"]


async def test_closing_again_while_the_first_is_on_its_way_waits_for_it(
    stand_alone: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    under_way = stand_alone.desk.submit_under_way

    def watched(client_id: str) -> Any:
        asked.append(client_id)
        return under_way(client_id)

    monkeypatch.setattr(stand_alone.desk, "submit_under_way", watched)
    holds(stand_alone, "10")
    stand_alone.gateway.on_submit("c", OnSubmit.HANG_BEFORE_WRITE)
    first = asyncio.create_task(closes(stand_alone))
    await until(lambda: stand_alone.gateway.hanging)
    stand_alone.gateway.position_list = []  # another order has closed it meanwhile
    second = asyncio.create_task(closes(stand_alone))
    await until(lambda: len(asked) == 2)
    assert not second.done()
    stand_alone.gateway.release("c")
    assert (await second).venue_order_id == (await first).venue_order_id


@pytest.mark.parametrize(
    "changes",
    [
        {"client_order_id": ""},
        {"client_order_id": "x~y"},
        {"instrument": None},
        {"qty": types_pb2.Decimal(value="0")},
        {"order_type": types_pb2.ORDER_TYPE_STOP},
        {"order_type": types_pb2.ORDER_TYPE_LIMIT},
        {"time_in_force": types_pb2.TIME_IN_FORCE_UNSPECIFIED},
        {"fence": fence()},
    ],
)
async def test_a_closing_that_is_no_order_is_invalid(
    stand_alone: Served, changes: dict[str, Any]
) -> None:
    await stand_alone.fence()
    holds(stand_alone, "10")
    error = await error_of(stand_alone.broker.ClosePosition(close_request(**changes)))
    assert isinstance(error, InvalidRequest)
    assert stand_alone.gateway.sent == []


async def test_positions_that_cant_be_read_are_not_closed(stand_alone: Served) -> None:
    stand_alone.gateway.read_failure = ReadFailed("no answer")
    error = await error_of(stand_alone.broker.ClosePosition(close_request()))
    assert (type(error), error.effect) == (Unavailable, Effect.NONE)


async def test_a_routed_adapter_closes_nothing_past_its_router(served: Served) -> None:
    holds(served, "10")
    error = await error_of(served.broker.ClosePosition(close_request()))
    assert error.reason is Reason.FENCE_REQUIRED
