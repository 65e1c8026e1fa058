"""Brackets, ocos and otos: what waits, what is let go, and what ends with what."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from simulators.venue.orders import Fate
from tests.simulators.desk import OrderDesk


def bracket(desk: OrderDesk, status: int = 200, **changed: Any) -> Any:
    more = {
        "order_class": "bracket",
        "take_profit": {"limit_price": "410"},
        "stop_loss": {"stop_price": "390", "limit_price": "389.50"},
        "client_order_id": "entry",
    }
    return desk.spy(status, **{**more, **changed})


def oco(desk: OrderDesk, status: int = 200, **changed: Any) -> Any:
    more = {
        "order_class": "oco",
        "side": "sell",
        "type": "limit",
        "take_profit": {"limit_price": "410"},
        "stop_loss": {"stop_price": "390"},
    }
    return desk.spy(status, **{**more, **changed})


def statuses(desk: OrderDesk, order: Any) -> list[str]:
    """Of the order and of its legs."""
    now = desk.get(order, nested="true")
    return [now["status"], *(leg["status"] for leg in now["legs"])]


def test_a_bracket_shows_its_exits_as_held_legs() -> None:
    desk = OrderDesk()
    order = bracket(desk)
    profit, loss = order["legs"]
    assert (order["order_class"], order["status"]) == ("bracket", "pending_new")
    assert (profit["type"], profit["limit_price"], profit["side"]) == ("limit", "410", "sell")
    assert (loss["type"], loss["stop_price"], loss["limit_price"]) == (
        "stop_limit", "390", "389.5",
    )  # fmt: skip
    assert {leg["status"] for leg in order["legs"]} == {"held"}
    assert {leg["position_intent"] for leg in order["legs"]} == {"sell_to_close"}
    assert {leg["order_class"] for leg in order["legs"]} == {"bracket"}
    assert desk.get(order)["legs"] is None
    assert len(desk.get(order, nested="true")["legs"]) == 2


def test_exits_go_to_market_when_the_entry_has_filled() -> None:
    desk = OrderDesk()
    order = bracket(desk, type="limit", limit_price="399")
    desk.wait()
    assert statuses(desk, order) == ["new", "held", "held"]
    desk.simulated.control.fill("entry", None)
    desk.wait()
    assert statuses(desk, order) == ["filled", "new", "new"]


def test_a_part_of_the_entry_lets_no_exit_go() -> None:
    desk = OrderDesk()
    order = bracket(desk, type="limit", limit_price="399")
    desk.wait()
    desk.simulated.control.fill("entry", Decimal(4))
    assert statuses(desk, order) == ["partially_filled", "held", "held"]


@pytest.mark.parametrize(
    ("px", "ended"),
    [("411", ["filled", "filled", "canceled"]), ("389.8", ["filled", "canceled", "filled"])],
)
def test_one_exit_that_fills_cancels_the_other(px: str, ended: list[str]) -> None:
    desk = OrderDesk()
    order = bracket(desk)
    desk.wait()
    desk.price(px)
    desk.wait()
    assert statuses(desk, order) == ended
    assert desk.json("GET", "/v2/positions") == []


def test_a_part_of_one_exit_shrinks_the_other() -> None:
    desk = OrderDesk()
    order = bracket(desk)
    desk.wait()
    profit, loss = desk.get(order, nested="true")["legs"]
    desk.simulated.control.fill(profit["id"], Decimal(3))
    assert (desk.get(profit)["status"], desk.get(loss)["qty"]) == ("partially_filled", "7")
    assert desk.heard(loss["client_order_id"]) == ["held", "new", "restated"]
    desk.price("389.8")
    desk.wait()
    assert (desk.get(loss)["status"], desk.get(profit)["status"]) == ("filled", "canceled")
    assert desk.json("GET", "/v2/positions") == []


def test_a_canceled_entry_takes_its_exits_along() -> None:
    desk = OrderDesk()
    order = bracket(desk, type="limit", limit_price="399")
    desk.wait()
    assert desk.delete(order) == 204
    desk.wait()
    assert statuses(desk, order) == ["canceled", "canceled", "canceled"]


def test_an_entry_that_expires_or_is_rejected_takes_its_exits_along() -> None:
    desk = OrderDesk()
    order = bracket(desk, type="limit", limit_price="399")
    rejected = bracket(desk, type="limit", limit_price="398", client_order_id="other")
    desk.simulated.control.reject("other")
    assert statuses(desk, rejected) == ["rejected", "canceled", "canceled"]
    desk.to("16:01:00")
    assert statuses(desk, order) == ["expired", "canceled", "canceled"]


def test_canceling_one_exit_cancels_the_other_and_keeps_the_position() -> None:
    desk = OrderDesk()
    order = bracket(desk)
    desk.wait()
    profit, _ = desk.get(order, nested="true")["legs"]
    assert desk.delete(profit) == 204
    desk.wait()
    assert statuses(desk, order) == ["filled", "canceled", "canceled"]
    assert desk.json("GET", "/v2/positions/SPY")["qty_available"] == "10"


def test_two_exits_hold_the_position_once() -> None:
    desk = OrderDesk()
    bracket(desk)
    desk.wait()
    assert desk.json("GET", "/v2/positions/SPY")["qty_available"] == "0"
    refusal = desk.spy(403, side="sell", qty="1", type="limit", limit_price="420")
    assert (refusal["available"], refusal["held_for_orders"]) == ("0", "10")


def test_day_exits_expire_at_the_close_and_gtc_exits_go_on() -> None:
    desk = OrderDesk()
    day, gtc = bracket(desk), bracket(desk, time_in_force="gtc", client_order_id="gtc")
    desk.to("16:01:00")
    assert statuses(desk, day)[1:] in (["expired", "canceled"], ["canceled", "expired"])
    assert statuses(desk, gtc) == ["filled", "new", "new"]


def test_an_exit_can_be_replaced_and_stays_one_of_two() -> None:
    desk = OrderDesk()
    order = bracket(desk)
    desk.wait()
    profit, loss = desk.get(order, nested="true")["legs"]
    assert desk.patch(profit, 422, qty="5")["message"].startswith("qty of bracket orders")
    new = desk.patch(profit, limit_price="405")
    desk.wait()
    shown = desk.get(order, nested="true")["legs"]
    assert [leg["id"] for leg in shown] == [new["id"], loss["id"]]
    desk.price("406")
    desk.wait()
    assert (desk.get(new)["status"], desk.get(loss)["status"]) == ("filled", "canceled")


def test_an_entry_can_be_replaced_and_its_exits_go_with_it() -> None:
    desk = OrderDesk()
    order = bracket(desk, type="limit", limit_price="399")
    desk.wait()
    new = desk.patch(order, limit_price="401")
    desk.wait()
    assert statuses(desk, new) == ["filled", "new", "new"]
    assert desk.get(order, nested="true")["status"] == "replaced"


def test_a_held_exit_can_be_replaced_and_waits_on() -> None:
    desk = OrderDesk()
    order = bracket(desk, type="limit", limit_price="399")
    desk.wait()
    new = desk.patch(order["legs"][1], stop_price="391")
    desk.wait()
    assert (desk.get(new)["status"], desk.get(new)["stop_price"]) == ("held", "391")
    desk.simulated.control.fill("entry", None)
    desk.wait()
    assert statuses(desk, order) == ["filled", "new", "new"]


def test_an_oco_is_a_limit_exit_with_its_stop_as_a_leg() -> None:
    desk = OrderDesk()
    desk.long()
    order = oco(desk)
    (stop,) = order["legs"]
    assert (order["type"], order["limit_price"], order["order_class"]) == ("limit", "410", "oco")
    assert (stop["type"], stop["stop_price"], stop["status"]) == ("stop", "390", "held")
    desk.wait()
    assert statuses(desk, order) == ["new", "new"]
    assert desk.json("GET", "/v2/positions/SPY")["qty_available"] == "0"
    desk.price("389")
    desk.wait()
    assert statuses(desk, order) == ["canceled", "filled"]


def test_an_oco_that_takes_its_profit_cancels_its_stop() -> None:
    desk = OrderDesk()
    desk.long()
    order = oco(desk)
    desk.wait()
    desk.price("411")
    desk.wait()
    assert statuses(desk, order) == ["filled", "canceled"]
    assert desk.json("GET", "/v2/positions") == []


def test_canceling_an_oco_cancels_both() -> None:
    desk = OrderDesk()
    desk.long()
    order = oco(desk)
    desk.wait()
    assert desk.delete(order) == 204
    desk.wait()
    assert statuses(desk, order) == ["canceled", "canceled"]


def test_an_oto_lets_its_only_exit_go() -> None:
    desk = OrderDesk()
    order = bracket(desk, order_class="oto", take_profit=None, stop_loss={"stop_price": "390"})
    assert len(order["legs"]) == 1
    desk.wait()
    assert statuses(desk, order) == ["filled", "new"]
    desk.price("389")
    assert statuses(desk, order) == ["filled", "filled"]


def test_a_short_bracket_has_its_prices_the_other_way_round() -> None:
    desk = OrderDesk()
    more: Any = {"take_profit": {"limit_price": "390"}, "stop_loss": {"stop_price": "410"}}
    order = bracket(desk, side="sell", **more)
    assert {leg["side"] for leg in order["legs"]} == {"buy"}
    desk.wait()
    desk.price("389")
    desk.wait()
    assert statuses(desk, order) == ["filled", "filled", "canceled"]


@pytest.mark.parametrize(
    ("code", "message", "changed"),
    [
        (40010001, "bracket orders require take_profit.limit_price", {"take_profit": None}),
        (40010001, "bracket orders require stop_loss.stop_price", {"stop_loss": None}),
        (
            40010001,
            "bracket orders must be market or limit orders",
            {"type": "stop", "stop_price": "405"},
        ),
        (
            40010001,
            "simple orders must not have take_profit or stop_loss",
            {"order_class": "simple"},
        ),
        (42210000, "bracket orders must be DAY or GTC orders", {"time_in_force": "ioc"}),
        (
            42210000,
            "take_profit.limit_price must be > stop_loss.stop_price",
            {"take_profit": {"limit_price": "389"}},
        ),
        (42210000, "fractional orders must be simple orders", {"qty": "1.5"}),
        (
            42210000,
            "extended hours order must be DAY limit orders",
            {"extended_hours": True, "type": "limit", "limit_price": "400"},
        ),
        (
            42210000,
            "invalid stop_loss.stop_price 390.001. sub-penny increment does not fulfill minimum "
            "pricing criteria",
            {"stop_loss": {"stop_price": "390.001"}},
        ),
    ],
)
def test_a_bracket_that_cannot_be_is_422(code: int, message: str, changed: Any) -> None:
    refusal = bracket(OrderDesk(), 422, **changed)
    assert refusal == {"code": code, "message": message}


@pytest.mark.parametrize(
    ("message", "base", "changed"),
    [
        (
            "take_profit.limit_price must be >= base_price + 0.01",
            "400.02",
            {"take_profit": {"limit_price": "400.02"}},
        ),
        (
            "stop_loss.stop_price must be <= base_price - 0.01",
            "395",
            {"type": "limit", "limit_price": "395", "stop_loss": {"stop_price": "395"}},
        ),
    ],
)
def test_exits_lie_on_both_sides_of_the_entry(message: str, base: str, changed: Any) -> None:
    refusal = bracket(OrderDesk(), 422, **changed)
    assert refusal == {"code": 42210000, "message": message, "base_price": base}


def test_entries_open_and_ocos_close() -> None:
    desk = OrderDesk()
    assert oco(desk, 422)["message"] == "oco orders must be exit orders"
    assert oco(desk, 422, type="market")["message"] == "oco orders must be limit orders"
    desk.long()
    more: Any = {"take_profit": {"limit_price": "390"}, "stop_loss": {"stop_price": "410"}}
    refusal = bracket(desk, 422, side="sell", **more)
    assert refusal["message"] == "bracket orders must be entry orders"
    desk.spy(side="sell", type="limit", limit_price="405")
    refusal = bracket(desk, 200, client_order_id="passes")
    assert refusal["order_class"] == "bracket"


def test_complex_orders_are_the_way_out_of_a_wash_trade() -> None:
    desk = OrderDesk()
    desk.long()
    desk.spy(side="sell", type="limit", limit_price="405", qty="5")
    refusal = desk.spy(403)
    assert refusal["message"] == "potential wash trade detected. use complex orders"
    assert refusal["reject_reason"] == "opposite side limit order exists"
    assert bracket(desk)["status"] == "pending_new"


def test_lists_show_legs_flat_or_nested() -> None:
    desk = OrderDesk()
    order = bracket(desk, type="limit", limit_price="399")
    desk.wait()
    flat = desk.json("GET", "/v2/orders", direction="asc")
    assert [shown["id"] for shown in flat] == [order["id"], *(x["id"] for x in order["legs"])]
    assert {str(shown["legs"]) for shown in flat} == {"None"}
    (nested,) = desk.json("GET", "/v2/orders", nested="true")
    assert [leg["id"] for leg in nested["legs"]] == [leg["id"] for leg in order["legs"]]
    desk.simulated.control.fill("entry", None)
    (nested,) = desk.json("GET", "/v2/orders", nested="true")
    assert nested["status"] == "filled"


def test_cancel_all_names_an_entry_and_not_its_held_exits() -> None:
    desk = OrderDesk()
    order = bracket(desk, type="limit", limit_price="399")
    desk.wait()
    results = desk.json("DELETE", "/v2/orders", status=207)
    assert results == [{"id": order["id"], "status": 200}]
    desk.wait()
    assert statuses(desk, order) == ["canceled"] * 3


def test_a_bracket_that_vanishes_leaves_no_leg() -> None:
    desk = OrderDesk()
    venue = desk.simulated.venue
    order = venue.desk.get(bracket(desk)["id"])
    count = len(list(venue.desk))
    venue.submit(replace(order.asked, client_order_id=""), Fate.VANISHED)
    assert len(list(venue.desk)) == count == 3


def test_an_exit_that_is_being_replaced_while_its_entry_fills_is_let_go_afterwards() -> None:
    desk = OrderDesk()
    order = bracket(desk, type="limit", limit_price="399")
    desk.wait()
    desk.patch(order["legs"][0], limit_price="405")
    desk.simulated.control.fill("entry", None)
    desk.wait()
    assert statuses(desk, order) == ["filled", "new", "new"]
