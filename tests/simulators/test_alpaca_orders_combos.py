"""Multi-leg orders: net prices, cover inside the order, and fills of all legs at once."""

import json
from decimal import Decimal
from typing import Any

import pytest

from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from simulators.alpaca.trade_updates import StreamSession
from tests.simulators.desk import OrderDesk

P390, P395, P400 = "SPY241115P00390000", "SPY241115P00395000", "SPY241115P00400000"
C400, C410 = "SPY241115C00400000", "SPY241115C00410000"
QUOTES = {
    P390: ("4.90", "5.05"),
    P395: ("6.50", "6.70"),
    P400: ("8.50", "9.00"),
    C400: ("8.70", "8.90"),
    C410: ("3.90", "4.05"),
}


def desk_of(**more: Any) -> OrderDesk:
    desk = OrderDesk(**more)
    for symbol, (bid, ask) in QUOTES.items():
        desk.quote(symbol, bid, ask)
    return desk


def leg(symbol: str, intent: str, ratio: Any = "1") -> dict[str, Any]:
    return {
        "symbol": symbol,
        "ratio_qty": ratio,
        "side": intent.partition("_")[0],
        "position_intent": intent,
    }


PUT_SPREAD = [leg(P400, "sell_to_open"), leg(P395, "buy_to_open")]
CONDOR = [*PUT_SPREAD, leg(C400, "sell_to_open"), leg(C410, "buy_to_open")]


def combo(desk: OrderDesk, status: int = 200, **changed: Any) -> Any:
    content = {
        "order_class": "mleg",
        "qty": "2",
        "type": "limit",
        "limit_price": "-1.80",
        "time_in_force": "day",
        "legs": PUT_SPREAD,
        "client_order_id": "combo",
    }
    content.update(changed)
    content = {name: value for name, value in content.items() if value is not None}
    return desk.json("POST", "/v2/orders", content, status)


def held(desk: OrderDesk) -> dict[str, str]:
    return {p["symbol"]: p["qty"] for p in desk.json("GET", "/v2/positions")}


def test_a_multi_leg_order_has_no_symbol_and_its_legs_no_type() -> None:
    order = combo(desk_of())
    for name in ("symbol", "side", "asset_id", "asset_class"):
        assert order[name] == "", name
    assert (order["order_class"], order["qty"], order["limit_price"]) == ("mleg", "2", "-1.8")
    short, long = order["legs"]
    assert (short["symbol"], short["side"], short["position_intent"]) == (
        P400,
        "sell",
        "sell_to_open",
    )
    assert (long["type"], long["order_type"], long["ratio_qty"], long["qty"]) == ("", "", "1", "2")
    assert "ratio_qty" not in order


def test_a_credit_is_taken_when_the_legs_bring_it_and_all_fill_at_once() -> None:
    desk = desk_of()
    order = combo(desk)
    desk.wait()
    now = desk.get(order, nested="true")
    assert (now["status"], now["filled_avg_price"], now["filled_qty"]) == ("filled", "-1.8", "2")
    assert [one["filled_avg_price"] for one in now["legs"]] == ["8.5", "6.7"]
    assert held(desk) == {P400: "-2", P395: "2"}
    assert desk.json("GET", "/v2/account")["cash"] == "100360"


def test_a_limit_that_is_not_reached_rests_until_the_legs_together_reach_it() -> None:
    desk = desk_of()
    order = combo(desk, limit_price="-2.00")
    desk.wait()
    assert desk.get(order)["status"] == "new"
    desk.quote(P395, "6.30", "6.50")
    now = desk.get(order, nested="true")
    assert (now["status"], now["filled_avg_price"]) == ("filled", "-2")


def test_a_market_order_and_a_debit_and_ratios() -> None:
    desk = desk_of()
    order = combo(desk, type="market", limit_price=None)
    desk.wait()
    assert desk.get(order)["filled_avg_price"] == "-1.8"
    fly = [leg(P390, "buy_to_open"), leg(P395, "sell_to_open", 2), leg(P400, "buy_to_open")]
    desk = desk_of()
    order = combo(desk, legs=fly, limit_price="1.05", qty=1)
    desk.wait()
    assert desk.get(order)["filled_avg_price"] == "1.05"
    assert held(desk) == {P390: "1", P395: "-2", P400: "1"}


def test_a_spread_needs_what_it_can_lose_and_not_its_strike() -> None:
    desk = desk_of(cash=Decimal(1000))
    refusal = combo(desk, 403, qty="4")
    assert refusal["message"] == (
        "insufficient options buying power (required: 1280, available: 1000)"
    )
    order = combo(desk, qty="3")
    assert desk.json("GET", "/v2/account")["options_buying_power"] == "40"
    desk.wait()
    assert desk.get(order)["status"] == "filled"
    account = desk.json("GET", "/v2/account")
    assert (account["cash"], account["options_buying_power"]) == ("1540", "40")


def test_a_spread_is_closed_as_one_and_gives_its_money_back() -> None:
    desk = desk_of(cash=Decimal(1000))
    combo(desk)
    desk.wait()
    closing = [leg(P400, "buy_to_close"), leg(P395, "sell_to_close")]
    order = combo(desk, legs=closing, limit_price="2.50", client_order_id="close")
    desk.wait()
    assert desk.get(order)["status"] == "filled"
    assert held(desk) == {}
    cash = desk.json("GET", "/v2/account")
    assert cash["cash"] == cash["options_buying_power"] == "860"


def test_the_long_leg_of_a_spread_is_not_sold_while_it_is_the_cover() -> None:
    desk = desk_of(cash=Decimal(1000))
    combo(desk, qty="1")
    desk.wait()
    refusal = desk.order(403, symbol=P395, side="sell", limit_price="6.50")
    assert refusal["message"].startswith("insufficient options buying power (required: 39500")


def test_a_call_spread_needs_no_shares_and_keeps_them_free() -> None:
    desk = desk_of()
    calls = [leg(C400, "sell_to_open"), leg(C410, "buy_to_open")]
    combo(desk, legs=calls, limit_price="-4", qty="1")
    desk.wait()
    refusal = desk.order(403, symbol=C410, side="sell", limit_price="3", qty="1")
    assert refusal["message"] == "account not eligible to trade uncovered option contracts"
    desk.long("100")
    assert desk.json("GET", "/v2/positions/SPY")["qty_available"] == "100"


@pytest.mark.parametrize(
    ("status", "message", "changed"),
    [
        (422, "mleg orders require 2 to 4 legs", {"legs": PUT_SPREAD[:1]}),
        (422, "mleg orders require 2 to 4 legs", {"legs": None}),
        (422, "all legs must have unique symbols", {"legs": [PUT_SPREAD[0], PUT_SPREAD[0]]}),
        (
            422,
            "the greatest common divisor of the legs' ratio_qty must be 1",
            {"legs": [leg(P400, "sell_to_open", 2), leg(P395, "buy_to_open", 2)]},
        ),
        (
            422,
            "leg.1 ratio_qty must be a positive integer",
            {"legs": [leg(P400, "sell_to_open"), leg(P395, "buy_to_open", "1.5")]},
        ),
        (
            422,
            "leg.0 position intent is required",
            {"legs": [{"symbol": P400, "ratio_qty": "1", "side": "sell"}, PUT_SPREAD[1]]},
        ),
        (
            422,
            "equity legs are allowed only with a corresponding amount of call contracts",
            {"legs": [leg("SPY", "buy_to_open"), leg(C400, "sell_to_open")]},
        ),
        (
            422,
            "underlying asset mismatch: QQQ != SPY",
            {"legs": [leg(P400, "buy_to_open"), leg("QQQ241115P00350000", "buy_to_open")]},
        ),
        (422, "invalid options order_type", {"type": "stop", "stop_price": "1"}),
        (422, "limit price is required for limit orders", {"limit_price": None}),
        (422, "limit price is only valid for limit orders", {"type": "market"}),
        (422, "invalid time in force", {"time_in_force": "ioc"}),
        (422, "qty must be integer for options trading", {"qty": "1.5"}),
        (422, "qty or notional is required", {"qty": None}),
        (
            422,
            "invalid limit_price -1.805. sub-penny increment does not fulfill minimum pricing "
            "criteria",
            {"limit_price": "-1.805"},
        ),
        (
            403,
            "account not eligible to trade uncovered option contracts",
            {"legs": [leg(P400, "sell_to_open"), leg(C410, "buy_to_open")]},
        ),
        (
            403,
            "account not eligible to trade uncovered option contracts",
            {"legs": [leg(P400, "sell_to_open", 2), leg(P395, "buy_to_open")]},
        ),
        (
            422,
            "position intent mismatch, inferred: sell_to_open, specified: sell_to_close",
            {"legs": [leg(P400, "sell_to_close"), leg(P395, "buy_to_open")]},
        ),
    ],
)
def test_a_multi_leg_order_that_cannot_be_is_refused(
    status: int, message: str, changed: Any
) -> None:
    desk = desk_of()
    assert combo(desk, status, **changed)["message"] == message
    assert desk.events == []


def test_spreads_need_level_three() -> None:
    refusal = combo(desk_of(level=2), 403)
    assert refusal["message"] == "account not eligible to trade spreads or uncovered contracts"


def test_what_is_closed_must_be_there() -> None:
    desk = desk_of()
    combo(desk)
    desk.wait()
    closing = [leg(P400, "buy_to_close"), leg(P395, "sell_to_close")]
    refusal = combo(desk, 403, legs=closing, qty="3", limit_price="2", client_order_id="c")
    assert refusal["existing_qty"] == "-2"


def test_a_cancel_and_an_expiry_end_all_legs() -> None:
    desk = desk_of()
    order = combo(desk, limit_price="-3")
    other = combo(desk, limit_price="-3.10", client_order_id="other")
    desk.wait()
    refusal = desk.json("DELETE", f"/v2/orders/{order['legs'][0]['id']}", status=422)
    assert refusal["code"] == 42210000
    assert desk.delete(order) == 204
    desk.wait()
    now = desk.get(order, nested="true")
    assert {now["status"], *(one["status"] for one in now["legs"])} == {"canceled"}
    desk.to("16:01:00")
    now = desk.get(other, nested="true")
    assert {now["status"], *(one["status"] for one in now["legs"])} == {"expired"}


def test_a_multi_leg_order_is_replaced_with_its_legs() -> None:
    desk = desk_of(cash=Decimal(1000))
    order = combo(desk, limit_price="-3", qty="3")
    desk.wait()
    new = desk.patch(order, limit_price="-1.80")
    assert new["replaces"] == order["id"]
    assert {one["status"] for one in new["legs"]} == {"pending_new"}
    desk.wait()
    assert desk.get(new)["status"] == "filled"
    old = desk.get(order, nested="true")
    assert {old["status"], *(one["status"] for one in old["legs"])} == {"replaced"}
    assert held(desk) == {P400: "-3", P395: "3"}
    refusal = desk.patch(order["legs"][0], 422, qty="1")
    assert refusal["code"] == 42210000


def test_a_closing_spread_can_be_replaced_though_it_holds_all_that_there_is() -> None:
    desk = desk_of()
    combo(desk)
    desk.wait()
    closing = [leg(P400, "buy_to_close"), leg(P395, "sell_to_close")]
    order = combo(desk, legs=closing, limit_price="0.10", client_order_id="close")
    desk.wait()
    new = desk.patch(order, limit_price="2.50")
    desk.wait()
    assert desk.get(new)["status"] == "filled"
    assert held(desk) == {}


def test_parts_of_a_multi_leg_order_fill_in_proportion() -> None:
    for seed in range(1, 60):
        desk = desk_of(seed=seed, venue={"partial_fills": True})
        combo(desk, qty="5")
        desk.wait(0.5)
        if "partial_fill" in desk.heard("combo"):
            break
    else:
        pytest.fail("no seed of sixty gave a partial fill")
    positions = held(desk)
    assert 0 < int(positions[P395]) < 5
    assert positions[P400] == f"-{positions[P395]}"
    desk.wait(3)
    assert held(desk) == {P400: "-5", P395: "5"}


def test_the_hand_fills_a_multi_leg_order_at_its_net_price() -> None:
    desk = desk_of()
    order = combo(desk, limit_price="-3")
    desk.simulated.control.fill("combo", Decimal(1))
    now = desk.get(order, nested="true")
    assert (now["status"], now["filled_avg_price"]) == ("partially_filled", "-3")
    assert [one["filled_qty"] for one in now["legs"]] == ["1", "1"]


def test_events_of_a_multi_leg_order_tell_of_its_legs_and_have_no_execution_of_their_own() -> None:
    desk = desk_of()
    session = desk.simulated.updates.connect()
    assert isinstance(session, StreamSession)
    heard: list[Any] = []
    keys = {"key_id": SIMULATED_KEY, "secret_key": SIMULATED_SECRET}
    session.receive(json.dumps({"action": "authenticate", "data": keys}))
    session.receive(b'{"action":"listen","data":{"streams":["trade_updates"]}}')
    order = combo(desk)
    desk.wait()
    desk.simulated.venue.advance()
    while not session.outgoing.empty():
        frame = session.outgoing.get_nowait()
        assert frame is not None
        heard.append(json.loads(frame)["data"])
    updates = heard[2:]
    assert [update["event"] for update in updates] == ["pending_new", "new", "fill"]
    for update in updates:
        assert not {"execution_id", "position_qty"} & set(update)
        assert update["order"]["id"] == order["id"]
    fill = updates[-1]
    assert (fill["price"], fill["qty"]) == ("-1.8", "2")
    assert [set(one) for one in fill["legs"]] == [
        {"execution_id", "order_id", "symbol", "qty", "price", "timestamp"}
    ] * 2
    assert [one["order_id"] for one in fill["legs"]] == [one["id"] for one in order["legs"]]
    assert [(one["symbol"], one["price"]) for one in fill["legs"]] == [(P400, "8.5"), (P395, "6.7")]
    executions = desk.simulated.control.ledger()["executions"]
    assert [e["exec_id"] for e in executions] == [one["execution_id"] for one in fill["legs"]]


def test_a_list_finds_a_multi_leg_order_by_its_legs() -> None:
    desk = desk_of()
    order = combo(desk, limit_price="-3")
    nested = desk.json("GET", "/v2/orders", nested="true", symbols=P395)
    assert [shown["id"] for shown in nested] == [order["id"]]
    assert desk.json("GET", "/v2/orders", nested="true", symbols=C410) == []
    assert desk.json("GET", "/v2/orders", nested="true", side="sell") == []
