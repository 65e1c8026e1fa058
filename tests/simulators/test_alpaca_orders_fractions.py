"""Parts of shares: quantities with nine places, orders for so many dollars, what they can't be."""

from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.desk import OrderDesk


def test_part_of_a_share_is_bought_and_sold() -> None:
    desk = OrderDesk()
    order = desk.spy(qty="0.123456789")
    assert order["qty"] == "0.123456789"
    desk.wait()
    assert desk.get(order)["filled_qty"] == "0.123456789"
    assert desk.json("GET", "/v2/positions/SPY")["qty"] == "0.123456789"
    desk.spy(side="sell", qty="0.123456789")
    desk.wait()
    assert desk.json("GET", "/v2/positions") == []


def test_an_order_for_dollars_has_no_quantity_and_fills_to_nine_places() -> None:
    desk = OrderDesk()
    order = desk.spy(qty=None, notional="1000", client_order_id="dollars")
    assert (order["qty"], order["notional"], order["filled_qty"]) == (None, "1000", "0")
    desk.wait()
    now = desk.get(order)
    assert (now["status"], now["qty"], now["filled_qty"]) == ("filled", None, "2.499875006")
    cash = desk.json("GET", "/v2/account")["cash"]
    assert Decimal(99000) <= Decimal(cash) < Decimal("99000.0001")


def test_dollars_buy_at_the_price_of_the_moment() -> None:
    desk = OrderDesk()
    order = desk.spy(qty=None, notional="1000")
    desk.price("500")
    desk.wait()
    assert desk.get(order)["filled_qty"] == "1.999920003"


def test_dollars_with_a_limit_rest() -> None:
    desk = OrderDesk()
    order = desk.spy(qty=None, notional="100", type="limit", limit_price="390")
    desk.wait()
    assert desk.get(order)["status"] == "new"
    assert desk.patch(order, 422, limit_price="391")["code"] == 42210000
    desk.price("380")
    assert desk.get(order)["filled_avg_price"] == "380.02"


def test_dollars_are_sold_from_what_is_held() -> None:
    desk = OrderDesk()
    desk.long("10")
    order = desk.spy(side="sell", qty=None, notional="399.98")
    desk.wait()
    assert desk.get(order)["filled_qty"] == "1"
    refusal = desk.spy(403, side="sell", qty=None, notional="10000")
    assert refusal["message"].startswith("insufficient qty available for order (requested: 25.")


def test_parts_fill_in_parts() -> None:
    for seed in range(1, 60):
        desk = OrderDesk(seed=seed, venue={"partial_fills": True})
        order = desk.spy(qty=None, notional="4000", client_order_id="dollars")
        desk.wait()
        if "partial_fill" in desk.heard("dollars"):
            break
    else:
        pytest.fail("no seed of sixty gave a partial fill")
    desk.wait(5)
    fills = desk.json("GET", "/v2/account/activities/FILL")
    assert sum(Decimal(fill["qty"]) for fill in fills) == Decimal(desk.get(order)["filled_qty"])
    assert desk.get(order)["status"] == "filled"


def test_fractional_orders_trade_in_extended_hours() -> None:
    desk = OrderDesk(at="08:00:00")
    order = desk.spy(qty="0.5", type="limit", limit_price="401", extended_hours=True)
    desk.wait()
    assert desk.get(order)["status"] == "filled"


@pytest.mark.parametrize(
    ("status", "code", "message", "changed"),
    [
        (422, 40010001, "only one of qty or notional is accepted", {"notional": "100"}),
        (422, 40010001, "notional must be > 0", {"qty": None, "notional": "0"}),
        (
            422,
            42210000,
            "notional value must be limited to 2 decimal places",
            {"qty": None, "notional": "10.001"},
        ),
        (422, 42210000, "qty must be limited to 9 decimal places", {"qty": "0.1234567891"}),
        (422, 42210000, "fractional orders must be DAY orders", {"time_in_force": "gtc"}),
        (
            422,
            42210000,
            "fractional orders must be DAY orders",
            {"qty": None, "notional": "100", "time_in_force": "ioc"},
        ),
        (422, 42210000, "fractional orders cannot be sold short", {"side": "sell"}),
        (
            422,
            42210000,
            "fractional orders must not be trailing stop orders",
            {"type": "trailing_stop", "trail_price": "1"},
        ),
        (
            403,
            40310000,
            "cost basis must be >= minimal amount of order 1",
            {"qty": None, "notional": "0.99"},
        ),
        (
            403,
            40310000,
            "cost basis must be >= minimal amount of order 1",
            {"qty": "0.001"},
        ),
    ],
)
def test_parts_that_cannot_be_are_refused(
    status: int, code: int, message: str, changed: Any
) -> None:
    refusal = OrderDesk().spy(status, **{"qty": "0.5", **changed})
    assert (refusal["code"], refusal["message"]) == (code, message)


def test_the_ledger_has_dollars_and_no_quantity_for_such_an_order() -> None:
    desk = OrderDesk()
    desk.spy(qty=None, notional="100", type="limit", limit_price="390")
    (order,) = desk.simulated.control.ledger()["orders"]
    assert (order["notional"], order["order_qty"]) == ("100", None)
