"""The control API over HTTP: hand tools, truth, and clear answers to nonsense."""

from typing import Any

import pytest

from tests.simulators.process import RunningAlpaca, eventually

PUT = "SPY241115P00400000"


def external(alpaca: RunningAlpaca, **more: Any) -> Any:
    order = {"symbol": PUT, "side": "sell", "qty": "2", "limit_price": "20.00", **more}
    return alpaca.control("POST", "/orders/external", order, status=201)


def test_an_order_by_hand_can_be_filled_in_parts_and_rejected(alpaca: RunningAlpaca) -> None:
    order = external(alpaca, client_order_id="hand")
    fill = alpaca.control("POST", "/fill", {"order": "hand", "qty": "1", "px": "19.50"})
    assert (fill["cum_qty"], fill["leaves_qty"], fill["last_px"]) == ("1", "1", "19.5")
    rejected = alpaca.control("POST", "/reject", {"order": order["venue_order_id"]})
    assert (rejected["status"], rejected["cum_qty"]) == ("rejected", "1")
    ledger = alpaca.control("GET", "/ledger?entries=1")
    (account,) = ledger["accounts"].values()
    assert account["cash"] == "101950"
    assert account["positions"] == [{"symbol": PUT, "qty": "-1", "cost": "-1950", "avg_px": "19.5"}]
    kinds = [entry["kind"] for entry in ledger["entries"] if entry["kind"] != "order_event"]
    assert kinds == ["order", "execution", "cash"]


def test_an_order_by_hand_can_be_canceled(alpaca: RunningAlpaca) -> None:
    external(alpaca, client_order_id="hand")
    assert alpaca.control("POST", "/cancel", {"order": "hand"})["status"] == "pending_cancel"
    eventually(lambda: alpaca.control("GET", "/ledger")["orders"][0]["status"] == "canceled")


def test_the_clock_is_set_and_advanced(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading(raw_data=True)
    external(alpaca)
    alpaca.control("POST", "/clock", {"set": "2024-11-28T10:00:00-05:00"})
    assert not client.get("/clock")["is_open"]
    assert alpaca.control("GET", "/ledger")["orders"][0]["status"] == "expired"
    alpaca.control("POST", "/clock", {"advance_s": 86400})
    clock = client.get("/clock")
    assert clock["is_open"]
    assert clock["next_close"] == "2024-11-29T13:00:00-05:00"


def test_a_quote_lists_an_instrument_that_was_not_there(alpaca: RunningAlpaca) -> None:
    new = "IWM241115P00220000"
    alpaca.control("POST", "/quotes", {"symbol": new, "bid": "3.10", "ask": "3.20"})
    client = alpaca.trading(raw_data=True)
    assert client.get(f"/options/contracts/{new}")["underlying_symbol"] == "IWM"


def test_an_account_can_be_blocked(alpaca: RunningAlpaca) -> None:
    alpaca.control("POST", "/account", {"trading_blocked": True})
    assert alpaca.trading().get_account().trading_blocked
    order = {"symbol": PUT, "side": "sell", "qty": "1"}
    alpaca.control("POST", "/orders/external", order, status=409)


def test_the_request_log_says_who_asked_what_and_when(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading(raw_data=True)
    client.get("/clock")
    client.get("/orders", {"status": "all"})
    first, second = alpaca.control("GET", "/requests")
    assert (first["seq"], first["method"], first["path"]) == (1, "GET", "/v2/clock")
    assert second["query"] == {"status": "all"}
    assert first["arrived_s"] < second["arrived_s"]
    assert alpaca.control("GET", "/requests?after=1") == [second]


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/faults", {"action": {"kind": "explode"}}, 400),
        ("/faults", {"action": {"kind": "drop"}}, 400),
        ("/faults", {"action": {"kind": "delay"}, "oops": 1}, 400),
        ("/faults", {"action": {"kind": "delay"}, "probability": 2}, 400),
        ("/faults", {"action": {"kind": "delay", "delay_before_s": -1}}, 400),
        ("/clock", {}, 400),
        ("/clock", {"advance_s": 1e300}, 400),
        ("/clock", {"set": "2424-11-05T10:00:00-05:00"}, 400),
        ("/clock", {"set": "2024-11-05T10:00:00"}, 400),
        ("/quotes", {"symbol": PUT, "bid": "2", "ask": "1"}, 409),
        ("/quotes", {"symbol": PUT, "bid": "NaN", "ask": "1"}, 400),
        ("/quotes", {"symbol": "not one", "bid": "1", "ask": "2"}, 400),
        ("/fill", {"order": "unknown"}, 404),
        ("/options", {"name": "colour", "value": "red"}, 400),
        ("/account", {"cash": 1}, 400),
        ("/account", {"trading_blocked": "yes"}, 400),
    ],
)
def test_nonsense_is_answered_with_a_reason(
    alpaca: RunningAlpaca, path: str, content: Any, status: int
) -> None:
    assert alpaca.control("POST", path, content, status)["error"]
