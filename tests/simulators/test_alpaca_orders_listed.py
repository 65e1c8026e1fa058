"""Lists of orders: every filter, and pages that join whatever their size."""

import json
from typing import Any

import pytest

from tests.simulators.desk import OrderDesk

PUT = "SPY241115P00400000"


def ids(orders: list[Any]) -> list[str]:
    return [order["id"] for order in orders]


def market_of(count: int, desk: OrderDesk) -> list[str]:
    """So many orders of one instant, oldest first."""
    return [
        desk.spy(symbol="AAPL", qty="1", type="limit", limit_price=str(100 + n))["id"]
        for n in range(count)
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 500])
@pytest.mark.parametrize(
    ("direction", "name"), [("asc", "after_order_id"), ("desc", "before_order_id")]
)
def test_pages_join_without_gap_or_double_even_for_orders_of_one_instant(
    size: int, direction: str, name: str
) -> None:
    desk = OrderDesk()
    everything = market_of(7, desk)
    joined: list[str] = []
    while True:
        more: dict[str, Any] = {name: joined[-1]} if joined else {}
        page = desk.json("GET", "/v2/orders", limit=str(size), direction=direction, **more)
        if not page:
            break
        assert len(page) <= size
        joined += ids(page)
    assert joined == (everything if direction == "asc" else everything[::-1])


def test_fifty_are_listed_unless_more_are_asked_for_and_never_over_five_hundred() -> None:
    desk = OrderDesk()
    market_of(60, desk)
    assert len(desk.json("GET", "/v2/orders")) == 50
    assert len(desk.json("GET", "/v2/orders", limit="500")) == 60
    for limit in ("0", "501", "-1", "many", "1.5"):
        assert desk("GET", "/v2/orders", limit=limit).status == 422


def test_orders_are_chosen_by_status_symbols_side_and_class() -> None:
    desk = OrderDesk()
    shares = desk.spy(type="limit", limit_price="390")["id"]
    apple = desk.spy(symbol="AAPL", type="limit", limit_price="100")["id"]
    option = desk.order(limit_price="20")["id"]
    filled = desk.spy(symbol="QQQ")["id"]
    desk.wait()

    def listed(**query: str) -> list[str]:
        answer = desk("GET", "/v2/orders", direction="asc", **query)
        return ids(json.loads(answer.body))

    assert listed() == [shares, apple, option]
    assert listed(status="all") == [shares, apple, option, filled]
    assert listed(status="closed") == [filled]
    assert listed(symbols="SPY,QQQ") == [shares]
    assert listed(symbols=f"AAPL, {PUT}") == [apple, option]
    assert listed(side="sell") == [option]
    assert listed(asset_class="us_option") == [option]
    assert listed(asset_class="us_option,us_equity") == [shares, apple, option]


@pytest.mark.parametrize(
    "query",
    [
        {"direction": "up"},
        {"side": "both"},
        {"asset_class": "bonds"},
        {"nested": "deep"},
        {"after": "yesterday"},
        {"until": "2024-13-01"},
    ],
)
def test_a_parameter_that_makes_no_sense_is_422(query: dict[str, Any]) -> None:
    desk = OrderDesk()
    assert desk("GET", "/v2/orders", **query).status == 422
    assert desk("GET", "/v2/orders", status="done").status == 422


def test_an_order_that_pages_cannot_begin_at_is_404() -> None:
    for name in ("before_order_id", "after_order_id"):
        assert OrderDesk()("GET", "/v2/orders", **{name: "none"}).status == 404


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end() -> None:
    desk = OrderDesk()
    first = desk.spy(type="limit", limit_price="390")
    desk.wait()
    second = desk.spy(type="limit", limit_price="391")
    window = {"after": first["submitted_at"], "until": second["submitted_at"]}
    assert ids(desk.json("GET", "/v2/orders", **window)) == [second["id"]]
    assert ids(desk.json("GET", "/v2/orders", until=first["submitted_at"])) == [first["id"]]


def test_paths_may_end_in_a_slash() -> None:
    desk = OrderDesk()
    order = desk.spy(type="limit", limit_price="390")
    assert desk.json("GET", f"/v2/orders/{order['id']}/")["id"] == order["id"]
    assert ids(desk.json("GET", "/v2/orders/")) == [order["id"]]
