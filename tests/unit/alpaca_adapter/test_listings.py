"""Unit tests of listing to the end: pages, ties at their edges, and lists that can't be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.listings import FILLS_PAGE, ORDERS_PAGE
from services.common.domain.errors import ReadFailed
from tests.unit.alpaca_adapter.order_scene import bracket_json
from tests.unit.alpaca_adapter.wire import Asked, Desk, Reply, fill_json, order_json, problem

START = datetime(2024, 11, 4, 15, tzinfo=UTC)


def order(number: int, at: datetime, nanoseconds: int = 0) -> dict[str, Any]:
    """An order submitted at a moment and so many nanoseconds."""
    moment = f"{at:%Y-%m-%dT%H:%M:%S.%f}{nanoseconds:03d}Z"
    return order_json(
        id=f"order-{number:05d}",
        client_order_id=f"c{number}~sim~1.0",
        created_at=moment,
        submitted_at=moment,
    )


def order_book(
    orders: list[dict[str, Any]], *, exclusive: bool, unit_ns: int = 1
) -> Callable[[Asked], Reply]:
    """Alpaca's order list: newest first, `until` exclusive or not, compared in `unit_ns`."""

    def moment(order: dict[str, Any]) -> int:
        return wire_fields.nanoseconds(order["submitted_at"]) or 0

    def answers(asked: Asked) -> Reply:
        listed = sorted(orders, key=lambda o: (moment(o), o["id"]))
        before = asked.query.get("before_order_id")
        if before is not None:
            assert not {"after", "until"} & asked.query.keys()
            listed = listed[: [o["id"] for o in listed].index(before)]
        after = wire_fields.nanoseconds(asked.query.get("after"))
        listed = [o for o in listed if after is None or moment(o) > after]
        if asked.query["direction"] == "desc":
            listed.reverse()
        until = wire_fields.nanoseconds(asked.query.get("until"))
        if until is not None:
            limit = until // unit_ns
            listed = [o for o in listed if moment(o) // unit_ns < limit + (0 if exclusive else 1)]
        return Reply(200, listed[: int(asked.query["limit"])])

    return answers


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 1203])
async def test_orders_are_read_to_the_end(count: int, exclusive: bool) -> None:
    orders = [order(n, START + timedelta(milliseconds=n)) for n in range(count)]
    desk = Desk(order_book(orders, exclusive=exclusive))
    found = await desk.listings.orders(open_only=False)
    assert [o["id"] for o in found] == [o["id"] for o in reversed(orders)]


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("unit_ns", [1, 1000])
async def test_orders_of_one_instant_at_a_pages_edge_are_neither_lost_nor_doubled(
    exclusive: bool, unit_ns: int
) -> None:
    # 300 of one instant lie across the edge of the first page.
    orders = [order(n, START + timedelta(seconds=n)) for n in range(350)]
    orders += [order(1000 + n, START + timedelta(seconds=400)) for n in range(300)]
    orders += [order(2000 + n, START + timedelta(seconds=500 + n)) for n in range(350)]
    desk = Desk(order_book(orders, exclusive=exclusive, unit_ns=unit_ns))
    found = await desk.listings.orders(open_only=False)
    assert len(found) == len(orders) == len({o["id"] for o in found})


@pytest.mark.parametrize("count", [501, 1700])
@pytest.mark.parametrize("after", [None, START - timedelta(seconds=100)])
async def test_any_number_of_orders_of_one_instant_is_read(
    count: int, after: datetime | None
) -> None:
    older = [order(n, START + timedelta(seconds=n - 400)) for n in range(400)]
    orders = [order(1000 + n, START) for n in range(count)]
    newer = [order(5000 + n, START + timedelta(seconds=1 + n)) for n in range(300)]
    desk = Desk(order_book(older + orders + newer, exclusive=False))
    found = await desk.listings.orders(open_only=False, after=after)
    in_window = older if after is None else older[-100:]
    assert {o["id"] for o in found} == {o["id"] for o in in_window + orders + newer}
    assert len(found) == len({o["id"] for o in found})


async def test_an_instant_that_ids_pass_over_is_an_error() -> None:
    orders = [order(n, START) for n in range(ORDERS_PAGE + 2)]
    book = order_book(orders, exclusive=False)

    def answers(asked: Asked) -> Reply:
        return Reply(200, []) if "before_order_id" in asked.query else book(asked)

    with pytest.raises(ReadFailed):
        await Desk(answers).listings.orders(open_only=False)


async def test_a_page_that_comes_again_is_an_error_and_no_loop() -> None:
    page = [order(n, START) for n in range(ORDERS_PAGE)]
    desk = Desk(lambda _: Reply(200, page))
    with pytest.raises(ReadFailed):
        await desk.listings.orders(open_only=False)
    assert len(desk.venue.asked) <= 3


async def test_a_page_that_ends_in_an_order_without_a_time_is_an_error() -> None:
    orders = [order(n, START + timedelta(seconds=n)) for n in range(ORDERS_PAGE)]
    orders[0] |= {"submitted_at": None, "created_at": None}
    listed = list(reversed(orders))
    desk = Desk(lambda _: Reply(200, listed))
    with pytest.raises(ReadFailed):
        await desk.listings.orders(open_only=False)


async def test_exits_are_listed_with_their_order_and_without_it() -> None:
    parent = bracket_json(id="parent", status="filled")
    orphan = parent["legs"][0] | {"id": "orphan"}
    flat = [parent | {"legs": None}, *parent["legs"], orphan]

    def answers(asked: Asked) -> Reply:
        return Reply(200, [parent] if asked.query["nested"] == "true" else flat)

    desk = Desk(answers)
    found = await desk.listings.orders(open_only=True)
    assert [(o["id"], [leg["id"] for leg in o["legs"] or []]) for o in found] == [
        ("parent", ["exit-1", "exit-2"]),
        ("orphan", []),
    ]
    assert len(desk.venue.asked) == 2


async def test_simple_orders_take_one_list() -> None:
    desk = Desk(lambda _: Reply(200, [order_json()]))
    await desk.listings.orders(open_only=True)
    assert len(desk.venue.asked) == 1


async def test_what_is_asked_for_is_everything() -> None:
    desk = Desk(lambda _: Reply(200, []))
    await desk.listings.orders(open_only=False, after=START, before=START + timedelta(days=1))
    await desk.listings.orders(open_only=True)
    first, second = (asked.query for asked in desk.venue.asked)
    assert (first["status"], first["limit"], first["nested"]) == ("all", "500", "false")
    assert first["after"] == "2024-11-04T14:59:59.999998Z"
    assert first["until"] == "2024-11-05T15:00:00.000002Z"
    assert second["status"] == "open"


def activity_log(count: int) -> Callable[[Asked], Reply]:
    """Alpaca's activities, newest first, paged by the last id."""
    fills = [fill_json(n, id=f"20241104100000000::{n:06d}") for n in range(count)]

    def answers(asked: Asked) -> Reply:
        listed = list(reversed(fills))
        token = asked.query.get("page_token")
        if token:
            listed = [fill for fill in listed if fill["id"] < token]
        return Reply(200, listed[: int(asked.query["page_size"])])

    return answers


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
async def test_fills_are_read_to_the_end(count: int) -> None:
    desk = Desk(activity_log(count))
    found = await desk.listings.fills()
    assert len(found) == count == len({fill["id"] for fill in found})


async def test_a_venue_that_gives_the_same_page_of_fills_again_is_an_error_and_no_loop() -> None:
    page = [fill_json(n, id=f"x{n:03d}") for n in range(FILLS_PAGE)]
    desk = Desk(lambda _: Reply(200, page))
    with pytest.raises(ReadFailed):
        await desk.listings.fills()
    assert len(desk.venue.asked) == 2


async def test_a_list_whose_later_page_fails_is_an_error_and_never_a_part() -> None:
    orders = [order(n, START + timedelta(seconds=n)) for n in range(700)]
    book = order_book(orders, exclusive=True)
    desk = Desk(lambda asked: Reply(500) if "until" in asked.query else book(asked))
    with pytest.raises(ReadFailed):
        await desk.listings.orders(open_only=False)


@pytest.mark.parametrize(
    "content", [{"orders": []}, None, "[]", [1], [{"symbol": "SPY"}], [order_json(id="")]]
)
async def test_a_list_that_is_none_is_an_error_and_never_empty(content: Any) -> None:
    desk = Desk(lambda _: Reply(200, content))
    with pytest.raises(ReadFailed):
        await desk.listings.orders(open_only=False)


async def test_one_order_is_found_or_absent_by_alpacas_own_word() -> None:
    desk = Desk(lambda _: Reply(200, order_json()))
    assert await desk.listings.order_by_client_id("a~sim~1.0") == order_json()
    desk = Desk(lambda _: problem(404, 40410000, "order not found for x"))
    assert await desk.listings.order_by_client_id("a~sim~1.0") is None


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, raw=b"<html>404</html>"),
        Reply(404),
        Reply(404, {"message": "Not Found"}),
        problem(404, 40410000, "endpoint not found"),
        problem(404, 40499999, "what is this"),
        Reply(500),
        Reply(200),
        Reply(200, []),
        Reply(200, order_json(client_order_id="another")),
        problem(401, 40110000, "request is not authorized"),
    ],
    ids=repr,
)
async def test_any_other_answer_to_a_look_up_is_a_failed_read(reply: Reply) -> None:
    desk = Desk(lambda _: reply)
    with pytest.raises(ReadFailed):
        await desk.listings.order_by_client_id("a~sim~1.0")
