"""Replaces: a new order takes the old one's place, or is turned down, and never fills twice."""

import json
from decimal import Decimal
from typing import Any

import pytest

from simulators.alpaca.http import HttpRequest
from simulators.venue.orders import Fate
from tests.simulators.desk import OrderDesk
from tests.simulators.rest import KEYS


def resting(desk: OrderDesk, **changed: Any) -> Any:
    order = desk.spy(**{"type": "limit", "limit_price": "390", **changed})
    desk.wait()
    return order


def test_a_replace_is_a_new_order_with_a_new_id_and_the_chain_is_kept() -> None:
    desk = OrderDesk()
    old = resting(desk, client_order_id="old")
    new = desk.patch(old, limit_price="391", qty="12", client_order_id="new")
    assert new["id"] != old["id"]
    assert (new["replaces"], new["status"], new["limit_price"]) == (old["id"], "pending_new", "391")
    pending = desk.get(old)
    assert (pending["status"], pending["replaced_by"]) == ("pending_replace", None)
    desk.wait()
    assert desk.heard("old") == ["pending_new", "new", "pending_replace", "replaced"]
    assert desk.heard("new") == ["pending_new", "new"]
    ended, now = desk.get(old), desk.get(new)
    assert (ended["status"], ended["replaced_by"]) == ("replaced", new["id"])
    assert ended["replaced_at"] is not None
    assert (now["status"], now["qty"], now["replaces"]) == ("new", "12", old["id"])
    third = desk.patch(now, limit_price="392")
    desk.wait()
    assert desk.get(third)["replaces"] == new["id"]
    assert desk.get(new)["status"] == "replaced"


def test_a_replace_without_a_client_id_gets_one_of_the_venues_own() -> None:
    desk = OrderDesk()
    old = resting(desk, client_order_id="mine")
    new = desk.patch(old, limit_price="391")
    assert new["client_order_id"] not in ("", "mine")
    desk.wait()
    query: dict[str, Any] = {"client_order_id": "mine"}
    assert desk.json("GET", "/v2/orders:by_client_order_id", **query)["id"] == old["id"]


def test_a_replacement_is_worked_like_any_order() -> None:
    desk = OrderDesk()
    new = desk.patch(resting(desk), limit_price="401")
    desk.wait()
    assert desk.get(new)["filled_avg_price"] == "400.02"


def test_every_figure_of_an_order_can_be_replaced() -> None:
    desk = OrderDesk()
    desk.long("40")
    stop = resting(desk, side="sell", type="stop_limit", stop_price="380", limit_price="379")
    new = desk.patch(stop, stop_price=381, limit_price=380.5, time_in_force="gtc")
    desk.wait()
    now = desk.get(new)
    assert (now["stop_price"], now["limit_price"], now["time_in_force"]) == ("381", "380.5", "gtc")
    trailing = desk.spy(side="sell", type="trailing_stop", trail_percent="2")
    desk.wait()
    desk.price("410")
    new = desk.patch(trailing, trail="1")
    desk.wait()
    now = desk.get(new)
    assert (now["trail_percent"], now["trail_price"]) == ("1", None)
    assert (now["hwm"], now["stop_price"]) == ("409.98", "405.88")


@pytest.mark.parametrize(("at", "status"), [("10:00:00", "pending_new"), ("08:00:00", "accepted")])
def test_an_order_that_is_not_at_the_market_yet_cannot_be_replaced(at: str, status: str) -> None:
    desk = OrderDesk(at=at)
    order = desk.spy(type="limit", limit_price="390")
    refusal = desk.patch(order, 422, limit_price="391")
    assert refusal == {
        "code": 42210000,
        "message": f"cannot replace order in {status} status",
    }


def test_an_order_that_is_being_canceled_or_replaced_cannot_be_replaced() -> None:
    desk = OrderDesk()
    leaving, changing = resting(desk), resting(desk)
    desk.delete(leaving)
    desk.patch(changing, limit_price="391")
    for order, status in ((leaving, "pending_cancel"), (changing, "pending_replace")):
        refusal = desk.patch(order, 422, limit_price="392")
        assert refusal["message"] == f"cannot replace order in {status} status"
    assert desk.delete(changing) == 422
    desk.wait()
    assert desk.patch(leaving, 422, qty="1")["message"] == 'order is already in "canceled" state'
    assert desk.patch(changing, 422, qty="1")["message"] == "order already replaced"


@pytest.mark.parametrize(
    ("status", "code", "message", "changes"),
    [
        (422, 42210000, "order parameters are not changed", {"limit_price": "390"}),
        (422, 42210000, "order parameters are not changed", {"qty": None}),
        (422, 42210000, "limit orders must not have stop_price", {"stop_price": "380"}),
        (422, 42210000, "limit orders must not have trail", {"trail": "1"}),
        (422, 40010001, "qty must be integer", {"qty": "1.5"}),
        (422, 40010001, "qty must be > 0", {"qty": "0"}),
        (422, 40010001, "invalid limit_price", {"limit_price": "high"}),
        (422, 40010001, "invalid time_in_force", {"time_in_force": "gtd"}),
        (422, 40010001, "client_order_id must be unique", {"client_order_id": "mine"}),
        (400, 40010000, "request body format is invalid", {"qty": [1]}),
        (403, 40310000, "insufficient buying power", {"qty": "5000"}),
    ],
)
def test_a_replace_that_cannot_be_changes_nothing(
    status: int, code: int, message: str, changes: Any
) -> None:
    desk = OrderDesk()
    order = resting(desk, client_order_id="mine")
    if "client_order_id" in changes:
        changes = {**changes, "qty": "3"}
    refusal = desk.patch(order, status, **changes)
    assert (refusal["code"], refusal["message"]) == (code, message)
    assert desk.get(order)["status"] == "new"
    assert desk.heard("mine") == ["pending_new", "new"]


def test_what_is_being_replaced_is_not_counted_twice() -> None:
    desk = OrderDesk(cash=Decimal(1000))
    order = resting(desk, qty="10")
    before = desk.json("GET", "/v2/account")["buying_power"]
    new = desk.patch(order, qty="10", limit_price="391")
    desk.wait()
    after = desk.json("GET", "/v2/account")["buying_power"]
    assert desk.get(new)["status"] == "new"
    assert Decimal(before) - Decimal(after) == 10


def test_an_order_that_filled_meanwhile_is_not_replaced() -> None:
    desk = OrderDesk()
    old = resting(desk, client_order_id="old")
    new = desk.patch(old, limit_price="391", client_order_id="new")
    desk.price("389")
    desk.wait()
    assert desk.heard("old") == [
        "pending_new", "new", "pending_replace", "fill", "order_replace_rejected",
    ]  # fmt: skip
    assert desk.heard("new") == ["pending_new", "rejected"]
    assert (desk.get(old)["status"], desk.get(new)["status"]) == ("filled", "rejected")
    assert desk.get(new)["failed_at"] is not None


def partly_filled(desk: OrderDesk) -> Any:
    order = resting(desk, client_order_id="old")
    desk.simulated.control.fill("old", Decimal(4))
    return order


def test_the_replacement_of_a_partly_filled_order_is_for_what_is_left() -> None:
    desk = OrderDesk()
    order = partly_filled(desk)
    assert desk.patch(order, 422, qty="4")["message"] == "qty must be > filled_qty"
    new = desk.patch(order, limit_price="401")
    assert (new["qty"], new["filled_qty"]) == ("6", "0")
    desk.wait()
    assert desk.json("GET", "/v2/positions/SPY")["qty"] == "10"
    assert desk.get(order)["filled_qty"] == "4"


def test_what_fills_while_a_replace_is_pending_shrinks_the_replacement() -> None:
    desk = OrderDesk()
    order = resting(desk, client_order_id="old")
    new = desk.patch(order, limit_price="389", client_order_id="new")
    desk.simulated.control.fill("old", Decimal(3))
    desk.wait()
    assert desk.get(new)["qty"] == "7"
    assert desk.heard("new") == ["pending_new", "restated", "new"]
    assert desk.heard("old")[-2:] == ["partial_fill", "replaced"]


def replaced_with(desk: OrderDesk, fate: Fate, order: Any, **changes: Any) -> Any:
    body = json.dumps(changes).encode()
    request = HttpRequest("PATCH", f"/v2/orders/{order['id']}", {}, KEYS, body)
    return json.loads(desk.simulated.api.handle(request, fate).body)


def test_a_fault_can_give_the_replacement_the_whole_new_quantity() -> None:
    desk = OrderDesk()
    new = replaced_with(desk, Fate.OVERFILLED, partly_filled(desk), qty="10", limit_price="401")
    desk.wait()
    assert desk.get(new)["filled_qty"] == "10"
    assert desk.json("GET", "/v2/positions/SPY")["qty"] == "14"


def test_a_fault_can_turn_a_replace_down_after_its_200() -> None:
    desk = OrderDesk()
    order = resting(desk, client_order_id="old")
    new = replaced_with(desk, Fate.REPLACE_REJECTED, order, limit_price="401", qty="10")
    desk.wait()
    assert desk.heard("old")[-2:] == ["pending_replace", "order_replace_rejected"]
    assert (desk.get(order)["status"], desk.get(new)["status"]) == ("new", "rejected")
    desk.price("389")
    assert desk.get(order)["status"] == "filled"


def test_canceling_a_replacement_before_it_takes_place_ends_both() -> None:
    desk = OrderDesk()
    old = resting(desk)
    new = desk.patch(old, limit_price="391")
    assert desk.delete(new) == 204
    desk.wait()
    assert (desk.get(old)["status"], desk.get(new)["status"]) == ("replaced", "canceled")
    assert desk.json("GET", "/v2/orders") == []


def test_cancel_all_answers_207_with_each_order() -> None:
    desk = OrderDesk()
    orders = [resting(desk) for _ in range(3)]
    desk.delete(orders[0])
    results = desk.json("DELETE", "/v2/orders", status=207)
    assert results == [{"id": order["id"], "status": 200} for order in orders[1:]]
    desk.wait()
    assert desk.json("GET", "/v2/orders") == []
    assert desk.json("DELETE", "/v2/orders", status=207) == []


def test_a_cancel_can_be_turned_down_or_forgotten_by_a_fault() -> None:
    desk = OrderDesk()
    order = resting(desk, client_order_id="mine")
    venue = desk.simulated.venue
    venue.cancel(order["id"], Fate.CANCEL_IGNORED)
    desk.wait()
    assert desk.heard("mine") == ["pending_new", "new"]
    venue.cancel(order["id"], Fate.CANCEL_REJECTED)
    assert desk.get(order)["status"] == "pending_cancel"
    desk.wait()
    assert desk.heard("mine")[2:] == ["pending_cancel", "order_cancel_rejected"]
    desk.price("389")
    assert desk.get(order)["status"] == "filled"


def test_a_replace_that_could_trade_with_an_own_order_is_a_wash_trade() -> None:
    desk = OrderDesk()
    desk.long()
    selling = desk.spy(side="sell", type="limit", limit_price="405")
    buying = resting(desk)
    refusal = desk.patch(buying, 403, limit_price="405")
    assert refusal["existing_order_id"] == selling["id"]
    assert desk.patch(buying, limit_price="399")["status"] == "pending_new"


def test_a_fault_can_overfill_an_exit_into_a_short_position() -> None:
    desk = OrderDesk()
    desk.long()
    order = desk.spy(side="sell", type="limit", limit_price="405", client_order_id="exit")
    desk.wait()
    desk.simulated.control.fill("exit", Decimal(4))
    replaced_with(desk, Fate.OVERFILLED, order, limit_price="399")
    desk.wait()
    assert desk.json("GET", "/v2/positions/SPY")["qty"] == "-4"
