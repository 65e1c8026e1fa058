"""Closing positions, the account's settings, and its history."""

from decimal import Decimal
from typing import Any

from tests.simulators.rest import PUT, Api


def bought(qty: str = "10") -> Api:
    """An account that holds shares."""
    api = Api()
    api.order(symbol="SPY", side="buy", qty=qty, limit_price="401")
    api.wait()
    return api


def test_closing_a_position_is_an_order_for_the_other_side() -> None:
    api = bought()
    order = api.json("DELETE", "/v2/positions/SPY")
    assert (order["side"], order["qty"], order["type"]) == ("sell", "10", "market")
    api.wait()
    assert api.json("GET", "/v2/positions") == []
    assert api.json("DELETE", "/v2/positions/SPY", status=404)["code"] == 40410000


def test_a_part_of_a_position_is_closed_by_quantity_or_percentage() -> None:
    api = bought()
    position = api.json("GET", "/v2/positions/SPY")
    by_id = f"/v2/positions/{position['asset_id']}"
    assert api.json("DELETE", by_id, qty="2.5")["qty"] == "2.5"
    api.wait()
    assert api.json("DELETE", "/v2/positions/SPY", percentage="50")["qty"] == "3.75"
    api.wait()
    assert api.json("GET", "/v2/positions/SPY")["qty"] == "3.75"
    assert api.json("DELETE", "/v2/positions/SPY", status=403, qty="4")["code"] == 40310000
    assert api.json("DELETE", "/v2/positions/SPY", status=422, percentage="101")


def test_closing_all_tells_what_became_of_each_position() -> None:
    api = bought("100")
    api.order(symbol=PUT, side="sell")
    api.order(symbol="SPY", side="sell", qty="60", limit_price="500")
    api.wait()
    kept = api("DELETE", "/v2/positions")
    assert kept.status == 207
    result: list[dict[str, Any]] = api.json("GET", "/v2/positions")
    assert len(result) == 2
    api.wait()
    closed = api.json("DELETE", "/v2/positions", status=207, cancel_orders="true")
    assert [(item["symbol"], item["status"]) for item in closed] == [("SPY", 200)]
    api.wait()
    assert api.json("GET", "/v2/positions") == []


def test_a_position_that_cannot_be_closed_says_why() -> None:
    api = bought()
    api.order(symbol="SPY", side="sell", qty="6", limit_price="500")
    (item,) = api.json("DELETE", "/v2/positions", status=207)
    assert (item["symbol"], item["status"]) == ("SPY", 403)
    assert item["body"]["code"] == 40310000
    assert item["body"]["held_for_orders"] == "6"


def test_configurations_take_effect_on_the_orders_that_follow() -> None:
    api = Api()
    path = "/v2/account/configurations"
    found = api.json("GET", path)
    assert (found["suspend_trade"], found["max_options_trading_level"]) == (False, None)
    assert api.json("PATCH", path, found) == found
    assert api.json("PATCH", path, {"suspend_trade": True})["suspend_trade"]
    assert api.json("GET", "/v2/account")["trade_suspended_by_user"]
    api.order(403)
    api.json("PATCH", path, {"suspend_trade": False, "max_options_trading_level": 1})
    account = api.json("GET", "/v2/account")
    assert (account["options_approved_level"], account["options_trading_level"]) == (2, 1)
    api.order(403, side="buy")
    api.json("PATCH", path, {"no_shorting": True, "max_margin_multiplier": "1"})
    assert api.json("GET", "/v2/account")["multiplier"] == "1"
    assert api.json("PATCH", path, {"max_margin_multiplier": "3"}, 422)["code"] == 40010001


def test_portfolio_history_follows_the_equity_without_nulls() -> None:
    api = bought("100")
    path = "/v2/account/portfolio/history"
    api.wait(600)
    api.simulated.control.set_quote("SPY", Decimal(410), Decimal(410))
    api.wait(600)
    history = api.json("GET", path, period="1D", timeframe="5Min")
    assert history["timestamp"][0] == 1730732400
    assert history["equity"] == [99998, 99998, 100998, 100998, 100998]
    assert history["profit_loss"] == [-2, -2, 998, 998, 998]
    assert history["base_value"] == 100_000
    api.simulated.control.advance_clock(86400)
    daily = api.json("GET", path)
    assert daily["timeframe"] == "1D"
    assert daily["equity"] == [100998, 100998]
    assert None not in daily["profit_loss_pct"]
    assert api.json("GET", path, status=422, timeframe="2D")["code"] == 40010001
