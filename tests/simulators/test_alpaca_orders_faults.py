"""Faults of orders, replaces and cancels: what the answer said, and what became of it."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from simulators.alpaca.http import HttpRequest, HttpResponse, NoAnswer, PartialAnswer, Reply
from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from simulators.alpaca.trade_updates import StreamSession
from simulators.venue.order_status import TERMINAL, OrderStatus
from tests.simulators.desk import OrderDesk
from tests.simulators.rest import KEYS


def exchange(desk: OrderDesk, method: str, path: str, content: Any = None) -> Reply:
    """One request through the frontend, where request faults strike."""
    body = json.dumps(content).encode() if content is not None else b""
    request = HttpRequest(method, path, {}, KEYS, body)
    return asyncio.run(desk.simulated.frontend.exchange(request))


def answered(reply: Reply) -> HttpResponse:
    assert isinstance(reply, HttpResponse)
    return reply


def fault(desk: OrderDesk, kind: str, method: str = "*", **action: Any) -> None:
    match = {"method": method, "path": "/v2/orders*"}
    desk.simulated.control.add_fault({"match": match, "action": {"kind": kind, **action}})


def resting(desk: OrderDesk, client_order_id: str = "old") -> Any:
    order = desk.spy(type="limit", limit_price="390", client_order_id=client_order_id)
    desk.wait()
    return order


def test_an_order_can_be_rejected_a_moment_after_its_200() -> None:
    desk = OrderDesk()
    fault(desk, "reject_order", "POST")
    asked = {
        "symbol": "SPY", "side": "buy", "qty": "1", "type": "market", "time_in_force": "day",
        "client_order_id": "late",
    }  # fmt: skip
    reply = answered(exchange(desk, "POST", "/v2/orders", asked))
    assert (reply.status, json.loads(reply.body)["status"]) == (200, "pending_new")
    desk.wait()
    assert desk.heard("late") == ["pending_new", "rejected"]


def test_a_replace_can_be_turned_down_after_its_200() -> None:
    desk = OrderDesk()
    order = resting(desk)
    fault(desk, "reject_replace", "PATCH")
    reply = answered(exchange(desk, "PATCH", f"/v2/orders/{order['id']}", {"limit_price": "391"}))
    assert reply.status == 200
    desk.wait()
    assert desk.heard("old")[-2:] == ["pending_replace", "order_replace_rejected"]
    assert desk.get(order)["status"] == "new"
    assert desk.get(json.loads(reply.body))["status"] == "rejected"


def test_a_replace_can_be_answered_by_an_error_and_be_carried_out_all_the_same() -> None:
    desk = OrderDesk()
    order = resting(desk)
    fault(
        desk, "status", "PATCH", status=422, code=42210000, text="order is not open", when="after"
    )
    reply = answered(exchange(desk, "PATCH", f"/v2/orders/{order['id']}", {"limit_price": "391"}))
    assert (reply.status, json.loads(reply.body)) == (
        422,
        {"code": 42210000, "message": "order is not open"},
    )
    desk.wait()
    assert desk.get(order)["status"] == "replaced"


def test_a_replace_can_overfill() -> None:
    desk = OrderDesk()
    order = resting(desk)
    desk.simulated.control.fill("old", Decimal(4))
    fault(desk, "overfill_replace", "PATCH")
    changes = {"limit_price": "401"}
    reply = answered(exchange(desk, "PATCH", f"/v2/orders/{order['id']}", changes))
    assert json.loads(reply.body)["qty"] == "10"
    desk.wait()
    assert desk.json("GET", "/v2/positions/SPY")["qty"] == "14"


def test_a_cancel_can_be_forgotten_or_turned_down_after_its_204() -> None:
    desk = OrderDesk()
    forgotten, refused = resting(desk, "forgotten"), resting(desk, "refused")
    fault(desk, "ignore_cancel", "DELETE")
    assert answered(exchange(desk, "DELETE", f"/v2/orders/{forgotten['id']}")).status == 204
    fault(desk, "reject_cancel", "DELETE")
    assert answered(exchange(desk, "DELETE", f"/v2/orders/{refused['id']}")).status == 204
    desk.wait()
    assert desk.heard("forgotten") == ["pending_new", "new"]
    assert desk.heard("refused")[2:] == ["pending_cancel", "order_cancel_rejected"]
    assert desk.get(refused)["status"] == "new"


def test_day_trading_protection_can_refuse_an_exit() -> None:
    desk = OrderDesk()
    fault(desk, "status", "POST", status=403, code=40310100, text="trade denied due to pattern day")
    reply = answered(exchange(desk, "POST", "/v2/orders", {}))
    assert (reply.status, json.loads(reply.body)["code"]) == (403, 40310100)
    assert desk.events == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_names_another_place(status: int) -> None:
    desk = OrderDesk()
    fault(desk, "status", status=status)
    reply = answered(exchange(desk, "GET", "/v2/orders"))
    assert (reply.status, reply.headers["Location"]) == (status, "/maintenance")


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", ["html", "empty", "half"])
def test_answers_of_every_verb_can_be_spoiled(method: str, body: str) -> None:
    desk = OrderDesk()
    order = resting(desk)
    fault(desk, "status", method, status=504, body=body, when="after")
    path = "/v2/orders" if method == "POST" else f"/v2/orders/{order['id']}"
    reply = exchange(desk, method, path, {"limit_price": "391"})
    if body == "half":
        assert isinstance(reply, PartialAnswer)
    elif body == "html":
        assert answered(reply).body.startswith(b"<html>")
    else:
        assert answered(reply).body == b""


def test_a_reply_to_a_replace_or_cancel_can_be_lost() -> None:
    desk = OrderDesk()
    changed, ended = resting(desk, "changed"), resting(desk, "ended")
    for method, order in (("PATCH", changed), ("DELETE", ended)):
        fault(desk, "drop_reply", method)
        reply = exchange(desk, method, f"/v2/orders/{order['id']}", {"limit_price": "391"})
        assert isinstance(reply, NoAnswer)
    desk.wait()
    assert (desk.get(changed)["status"], desk.get(ended)["status"]) == ("replaced", "canceled")


def test_a_status_that_nobody_knows_is_in_the_legs_too() -> None:
    desk = OrderDesk()
    fault(desk, "order_status", "POST", order_status="teleported")
    bracket = {
        "symbol": "SPY", "side": "buy", "qty": "1", "type": "market", "time_in_force": "day",
        "order_class": "bracket", "take_profit": {"limit_price": "410"},
        "stop_loss": {"stop_price": "390"},
    }  # fmt: skip
    order = json.loads(answered(exchange(desk, "POST", "/v2/orders", bracket)).body)
    assert {order["status"], *(leg["status"] for leg in order["legs"])} == {"teleported"}


@pytest.mark.parametrize("kind", ["drop", "duplicate", "hold", "garble", "reorder"])
def test_event_faults_strike_the_events_of_replaces(kind: str) -> None:
    desk = OrderDesk()
    order = resting(desk)
    session = desk.simulated.updates.connect()
    assert isinstance(session, StreamSession)
    keys = {"key_id": SIMULATED_KEY, "secret_key": SIMULATED_SECRET}
    session.receive(json.dumps({"action": "authenticate", "data": keys}))
    session.receive(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
    desk.simulated.control.add_fault(
        {
            "place": "event",
            "match": {"event": "*replace*"},
            "times": 2,
            "action": {"kind": kind},
        }
    )
    desk.patch(order, limit_price="391", client_order_id="new")
    desk.wait()
    desk.simulated.venue.advance()
    heard = []
    while not session.outgoing.empty():
        frame = session.outgoing.get_nowait() or b""
        try:
            heard.append(json.loads(frame)["data"].get("event"))
        except ValueError:
            heard.append("?")
    assert heard[2:] == {
        "drop": ["pending_new", "new"],
        "hold": ["pending_new", "new"],
        "duplicate": [
            "pending_replace", "pending_replace", "pending_new", "replaced", "replaced", "new",
        ],
        "garble": ["?", "pending_new", "?", "new"],
        "reorder": ["pending_new", "replaced", "pending_replace", "new"],
    }[kind]  # fmt: skip
    assert desk.simulated.control.release_events() == (2 if kind == "hold" else 0)


REACHED_BY_HAND = [
    "done_for_day", "stopped", "suspended", "calculated", "accepted_for_bidding",
    "pending_review", "pending_cancel", "canceled", "expired", "rejected",
]  # fmt: skip


@pytest.mark.parametrize("status", REACHED_BY_HAND)
def test_an_order_can_be_put_into_a_status_by_hand(status: str) -> None:
    desk = OrderDesk()
    order = resting(desk)
    desk.simulated.control.do("order_status", order="old", status=status)
    now = desk.get(order)
    assert now["status"] == status
    is_open = OrderStatus(status) not in TERMINAL
    assert (len(desk.json("GET", "/v2/orders")) == 1) is is_open
    desk.price("389")
    works = status == "pending_cancel"
    assert (desk.get(order)["status"] == "filled") is works


def test_an_order_that_was_put_aside_comes_back() -> None:
    desk = OrderDesk()
    order = resting(desk)
    desk.simulated.control.do("order_status", order="old", status="suspended")
    desk.price("389")
    desk.wait()
    assert desk.get(order)["status"] == "suspended"
    desk.simulated.control.do("order_status", order="old", status="new")
    desk.wait()
    assert desk.get(order)["status"] == "filled"


def test_an_order_that_is_done_for_the_day_goes_on_at_the_next_opening() -> None:
    desk = OrderDesk()
    order = desk.spy(type="limit", limit_price="390", time_in_force="gtc", client_order_id="gtc")
    desk.wait()
    desk.simulated.control.do("order_status", order="gtc", status="done_for_day")
    desk.to("09:31:00", "2024-11-05")
    assert desk.get(order)["status"] == "new"


def test_the_ledger_tells_what_hangs_together() -> None:
    desk = OrderDesk()
    old = desk.spy(
        type="limit", limit_price="390", order_class="oto", stop_loss={"stop_price": "380"}
    )
    desk.wait()
    new = desk.patch(old, limit_price="401")
    desk.wait()
    orders = {order["venue_order_id"]: order for order in desk.simulated.control.ledger()["orders"]}
    stop = old["legs"][0]["id"]
    assert orders[old["id"]]["replaced_by"] == new["id"]
    assert orders[new["id"]]["replaces"] == old["id"]
    assert orders[new["id"]]["leg_ids"] == [stop]
    assert (orders[stop]["parent_id"], orders[stop]["stop_price"]) == (new["id"], "380")
    assert orders[stop]["order_class"] == "oto"
