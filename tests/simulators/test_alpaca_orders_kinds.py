"""Order types and times in force: what makes an order trade, and when it ends."""

from typing import Any

import pytest

from tests.simulators.desk import OrderDesk


def test_a_stop_sells_at_the_market_once_the_bid_has_come_down_to_it() -> None:
    desk = OrderDesk()
    desk.long()
    stop = desk.spy(side="sell", type="stop", stop_price="395")
    desk.wait()
    desk.price("395.03")
    assert desk.get(stop)["status"] == "new"
    desk.price("394.50")
    filled = desk.get(stop)
    assert (filled["status"], filled["filled_avg_price"]) == ("filled", "394.48")
    assert (filled["stop_price"], filled["limit_price"]) == ("395", None)


def test_a_stop_limit_that_was_reached_waits_for_its_limit() -> None:
    desk = OrderDesk()
    desk.long()
    stop = desk.spy(side="sell", type="stop_limit", stop_price="395", limit_price="394.90")
    desk.wait()
    desk.price("390")
    assert desk.get(stop)["status"] == "new"
    desk.price("396")
    assert desk.get(stop)["filled_avg_price"] == "395.98"


def test_a_stop_to_buy_is_reached_by_the_ask() -> None:
    desk = OrderDesk()
    stop = desk.spy(type="stop", stop_price="405")
    desk.wait()
    desk.price("405")
    assert desk.get(stop)["filled_avg_price"] == "405.02"


@pytest.mark.parametrize(
    ("trail", "first", "moved"),
    [({"trail_price": "5"}, "394.98", "404.98"), ({"trail_percent": "1"}, "395.98", "405.88")],
)
def test_a_trailing_stop_follows_the_best_price_and_never_turns_back(
    trail: dict[str, Any], first: str, moved: str
) -> None:
    desk = OrderDesk()
    desk.long()
    stop = desk.spy(side="sell", type="trailing_stop", **trail)
    assert (stop["hwm"], stop["stop_price"]) == ("399.98", first)
    desk.wait()
    desk.price("410")
    desk.price("407")
    now = desk.get(stop)
    assert (now["status"], now["hwm"], now["stop_price"]) == ("new", "409.98", moved)
    desk.price("404")
    assert desk.get(stop)["filled_avg_price"] == "403.98"


def test_a_trailing_stop_to_buy_follows_the_lowest_ask() -> None:
    desk = OrderDesk()
    stop = desk.spy(type="trailing_stop", trail_price="2")
    desk.wait()
    desk.price("390")
    assert desk.get(stop)["stop_price"] == "392.02"
    desk.price("392")
    assert desk.get(stop)["filled_avg_price"] == "392.02"


@pytest.mark.parametrize("force", ["ioc", "fok"])
def test_an_immediate_order_fills_or_is_canceled_at_once(force: str) -> None:
    desk = OrderDesk()
    desk.spy(time_in_force=force, type="limit", limit_price="399", client_order_id="missed")
    desk.spy(time_in_force=force, type="limit", limit_price="401", client_order_id="met")
    desk.wait()
    assert desk.heard("missed") == ["pending_new", "new", "canceled"]
    assert desk.heard("met") == ["pending_new", "new", "fill"]


def test_an_ioc_keeps_its_part_and_a_fok_has_none() -> None:
    partial = ioc = None
    for seed in range(1, 40):
        desk = OrderDesk(seed=seed, venue={"partial_fills": True})
        ioc = desk.spy(time_in_force="ioc", client_order_id="ioc")
        desk.wait()
        if "partial_fill" in desk.heard("ioc"):
            partial = desk
            break
    assert partial is not None, "no seed of forty gave a partial fill"
    assert partial.heard("ioc") == ["pending_new", "new", "partial_fill", "canceled"]
    ended = partial.get(ioc)
    assert 0 < int(ended["filled_qty"]) < 10
    for seed in range(1, 40):
        desk = OrderDesk(seed=seed, venue={"partial_fills": True})
        desk.spy(time_in_force="fok", client_order_id="fok")
        desk.wait()
        assert desk.heard("fok") == ["pending_new", "new", "fill"]


def test_an_opening_order_trades_in_the_auction_at_the_open_or_expires() -> None:
    desk = OrderDesk(at="08:00:00")
    met = desk.spy(time_in_force="opg", client_order_id="met")
    desk.spy(time_in_force="opg", type="limit", limit_price="300", client_order_id="missed")
    assert met["status"] == "accepted"
    desk.to("09:31:00")
    assert desk.heard("met") == ["accepted", "new", "fill"]
    assert desk.heard("missed") == ["accepted", "new", "expired"]
    assert desk.get(met)["filled_at"].startswith("2024-11-04T14:30:00.0000")


def test_a_closing_order_trades_in_the_auction_at_the_close_or_expires() -> None:
    desk = OrderDesk()
    met = desk.spy(time_in_force="cls", client_order_id="met")
    desk.spy(time_in_force="cls", type="limit", limit_price="300", client_order_id="missed")
    desk.to("15:59:00")
    assert desk.get(met)["status"] == "new"
    desk.to("16:01:00")
    assert desk.heard("met") == ["pending_new", "new", "fill"]
    assert desk.heard("missed") == ["pending_new", "new", "expired"]


@pytest.mark.parametrize(
    ("force", "at", "taken"),
    [
        ("opg", "09:27:00", True),
        ("opg", "09:28:00", False),
        ("opg", "18:59:00", False),
        ("opg", "19:00:00", True),
        ("cls", "15:49:00", True),
        ("cls", "15:50:00", False),
        ("cls", "19:00:00", True),
    ],
)
def test_auction_orders_are_taken_until_shortly_before_and_again_from_seven(
    force: str, at: str, taken: bool
) -> None:
    refusal = OrderDesk(at=at).spy(200 if taken else 422, time_in_force=force)
    assert taken or refusal["code"] == 42210000


def test_an_extended_hours_order_works_from_four_until_eight() -> None:
    desk = OrderDesk(at="03:00:00")
    more: dict[str, Any] = {"extended_hours": True, "type": "limit"}
    met = desk.spy(**more, limit_price="401", client_order_id="met")
    late = desk.spy(**more, limit_price="300", client_order_id="late")
    assert (met["extended_hours"], met["status"]) == (True, "accepted")
    assert late["expires_at"].startswith("2024-11-05T01:00:00")
    desk.to("03:59:59")
    assert desk.heard("met") == ["accepted"]
    desk.to("04:00:01")
    assert desk.heard("met") == ["accepted", "new", "fill"]
    desk.to("16:01:00")
    assert desk.get(late)["status"] == "new"
    desk.to("19:59:00")
    early = desk.spy(**more, limit_price="401", client_order_id="evening")
    assert early["status"] == "pending_new"
    desk.to("20:00:01")
    assert desk.heard("evening")[-1] == "fill"
    assert desk.get(late)["status"] == "expired"


def test_an_order_without_extended_hours_does_not_trade_in_them() -> None:
    desk = OrderDesk(at="08:00:00")
    order = desk.spy(type="limit", limit_price="401")
    desk.to("09:29:59")
    assert desk.get(order)["status"] == "accepted"
    desk.to("09:30:01")
    assert desk.get(order)["status"] == "filled"


def test_option_stops_are_single_orders_for_the_day_or_until_canceled() -> None:
    desk = OrderDesk()
    bought = desk.order(side="buy", type="market", limit_price=None)
    desk.wait()
    assert desk.get(bought)["status"] == "filled"
    stop = desk.order(type="stop", stop_price="7", limit_price=None, time_in_force="gtc")
    desk.wait()
    desk.quote("SPY241115P00400000", "6.90", "7.10")
    assert desk.get(stop)["filled_avg_price"] == "6.9"


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        ("market orders require no stop or limit price", {"limit_price": "400"}),
        ("limit orders require a limit price", {"type": "limit"}),
        ("stop orders require a stop price", {"type": "stop"}),
        (
            "stop limit orders require both stop and limit price",
            {"type": "stop_limit", "stop_price": "410"},
        ),
        (
            "trailing stop orders must specify one of trail_price or trail_percent",
            {"type": "trailing_stop"},
        ),
        (
            "trailing stop orders must specify one of trail_price or trail_percent",
            {"type": "trailing_stop", "trail_price": "1", "trail_percent": "1"},
        ),
        ("invalid type", {"type": "iceberg"}),
        ("invalid time_in_force", {"time_in_force": "gtd"}),
        ("invalid order_class", {"order_class": "straddle"}),
        ("invalid position_intent", {"position_intent": "hold"}),
    ],
)
def test_prices_that_do_not_go_with_the_type_are_422(message: str, changed: Any) -> None:
    assert OrderDesk().spy(422, **changed) == {"code": 40010001, "message": message}


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        ("extended hours order must be DAY limit orders", {"extended_hours": True}),
        (
            "extended hours order must be DAY limit orders",
            {
                "extended_hours": True,
                "type": "limit",
                "limit_price": "400",
                "time_in_force": "gtc",
            },
        ),
        (
            "stop price must be greater than current price",
            {"type": "stop", "stop_price": "399"},
        ),
        (
            "stop price must be less than current price",
            {"type": "stop", "stop_price": "400", "side": "sell"},
        ),
        (
            "invalid stop_price 405.001. sub-penny increment does not fulfill minimum pricing "
            "criteria",
            {"type": "stop", "stop_price": "405.001"},
        ),
        (
            "opg orders must be market or limit orders",
            {"type": "stop", "stop_price": "405", "time_in_force": "opg"},
        ),
    ],
)
def test_orders_that_cannot_be_are_422(message: str, changed: Any) -> None:
    refusal = OrderDesk().spy(422, **changed)
    assert (refusal["code"], refusal["message"]) == (42210000, message)


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        (
            "order_time_in_force provided not supported for options trading",
            {"time_in_force": "ioc"},
        ),
        ("extended hours is not supported for options trading", {"extended_hours": True}),
        ("notional orders are not supported for options trading", {"qty": None, "notional": "9"}),
        (
            "invalid order type for options trading",
            {"type": "trailing_stop", "trail_price": "1", "limit_price": None},
        ),
        (
            "complex orders not supported for options trading",
            {
                "order_class": "bracket",
                "take_profit": {"limit_price": "9"},
                "stop_loss": {"stop_price": "7"},
            },
        ),
    ],
)
def test_what_options_do_not_have_is_422(message: str, changed: Any) -> None:
    refusal = OrderDesk().order(422, **changed)
    assert refusal == {"code": 42210000, "message": message}


@pytest.mark.parametrize(
    "changed",
    [
        {"symbol": 7},
        {"side": ["buy"]},
        {"qty": True},
        {"qty": {"value": 1}},
        {"type": 1.5},
        {"time_in_force": {}},
        {"extended_hours": "yes"},
        {"client_order_id": 12},
        {"take_profit": "99999"},
        {"limit_price": [400]},
        {"order_class": "mleg", "legs": "two"},
        {"order_class": "mleg", "legs": [1, 2]},
    ],
)
def test_a_field_of_another_json_type_makes_the_body_malformed(changed: Any) -> None:
    refusal = OrderDesk().spy(400, **changed)
    assert refusal == {"code": 40010000, "message": "request body format is invalid"}


def test_numbers_and_strings_are_the_same() -> None:
    desk = OrderDesk()
    order = desk.spy(type="limit", limit_price=399.5, qty=2)
    assert (order["limit_price"], order["qty"]) == ("399.5", "2")
    same = desk.spy(type="limit", limit_price="399.50", qty="2.0")
    assert (same["limit_price"], same["qty"]) == ("399.5", "2")
    odd = desk.spy(422, type="limit", limit_price=0.1 + 0.2)
    assert odd["message"].startswith("invalid limit_price 0.30000000000000004. sub-penny")
