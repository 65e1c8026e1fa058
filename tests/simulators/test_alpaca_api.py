"""The REST core itself: fields, codes, headers, paging, without a socket."""

import base64
import json
from decimal import Decimal
from typing import Any

import pytest

from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from simulators.venue.orders import Side
from tests.simulators.rest import PUT, Api


def test_an_order_has_all_the_fields_of_the_wire() -> None:
    api = Api()
    order = api.order(client_order_id="mine")
    assert list(order) == [
        "id", "client_order_id", "created_at", "updated_at", "submitted_at", "filled_at",
        "expired_at", "expires_at", "canceled_at", "failed_at", "replaced_at", "replaced_by",
        "replaces", "asset_id", "symbol", "asset_class", "notional", "qty", "filled_qty",
        "filled_avg_price", "order_class", "order_type", "type", "side", "position_intent",
        "time_in_force", "limit_price", "stop_price", "status", "extended_hours", "legs",
        "trail_percent", "trail_price", "hwm",
    ]  # fmt: skip
    assert order["asset_class"] == "us_option"
    assert order["position_intent"] == "sell_to_open"
    assert (order["qty"], order["filled_qty"], order["limit_price"]) == ("1", "0", "8.5")
    assert order["submitted_at"] == "2024-11-04T15:00:00.000000523Z"
    assert order["filled_at"] is None


def test_every_answer_carries_the_date_of_the_market_and_a_request_id() -> None:
    api = Api()
    answers = [
        api("GET", "/v2/clock"),
        api("GET", "/v2/nothing"),
        api("GET", "/v2/clock", headers={}),
    ]
    assert [answer.status for answer in answers] == [200, 404, 401]
    assert {answer.headers["Date"] for answer in answers} == {"Mon, 04 Nov 2024 15:00:00 GMT"}
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 3


def test_a_minutes_requests_over_the_limit_are_429_until_the_reset() -> None:
    api = Api(rate_limit_per_min=3)
    answers = [api("GET", "/v2/account") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    remaining = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert remaining == ["2", "1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"3"}
    assert json.loads(answers[3].body) == {"code": 42910000, "message": "rate limit exceeded"}
    reset = int(answers[3].headers["X-RateLimit-Reset"])
    left_s = reset - api.simulated.venue.clock.now().timestamp()
    assert 60 <= left_s <= 61
    api.wait(left_s - 1.5)
    assert api("GET", "/v2/account").status == 429
    api.wait(1.5)
    assert api("GET", "/v2/account").status == 200


def test_data_has_a_limit_of_its_own_and_strangers_use_up_none() -> None:
    api = Api(rate_limit_per_min=1)
    for _ in range(3):
        assert api("GET", "/v2/account", headers={}).status == 401
    assert api("GET", "/v2/account").status == 200
    assert api("GET", "/v2/stocks/quotes/latest", symbols="SPY").status == 200
    assert api("GET", "/v2/stocks/quotes/latest", symbols="SPY").status == 429


def test_basic_authorisation_opens_the_account_too() -> None:
    token = base64.b64encode(f"{SIMULATED_KEY}:{SIMULATED_SECRET}".encode()).decode()
    assert Api()("GET", "/v2/account", headers={"authorization": f"Basic {token}"}).status == 200
    assert Api()("GET", "/v2/account", headers={"authorization": "Basic ?"}).status == 401


def test_a_bearers_token_opens_the_account_too() -> None:
    for token, status in ((SIMULATED_SECRET, 200), ("another", 401), ("", 401)):
        headers = {"authorization": f"Bearer {token}"}
        assert Api()("GET", "/v2/account", headers=headers).status == status


@pytest.mark.parametrize(
    ("code", "message", "changed"),
    [
        (40010001, "qty or notional is required", {"qty": None}),
        (40010001, "invalid side", {"side": "up"}),
        (40010001, "qty must be > 0", {"qty": "0"}),
        (40010001, "invalid qty", {"qty": "1e400"}),
        (40010001, "invalid qty", {"qty": "NaN"}),
        (40010001, "symbol is required", {"symbol": None}),
        (40010001, "limit orders require a limit price", {"limit_price": None}),
        (40010001, "time_in_force is required", {"time_in_force": None}),
        (
            40010001,
            "client_order_id must be no more than 128 characters",
            {"client_order_id": "x" * 129},
        ),
        (42210000, "qty must be integer for options trading", {"qty": "1.5"}),
        (
            42210000,
            "invalid limit_price 8.505. sub-penny increment does not fulfill minimum pricing "
            "criteria",
            {"limit_price": "8.505"},
        ),
        (
            42210000,
            "position intent mismatch, inferred: sell_to_open, specified: sell_to_close",
            {"position_intent": "sell_to_close"},
        ),
    ],
)
def test_a_malformed_order_is_422(code: int, message: str, changed: dict[str, Any]) -> None:
    api = Api()
    assert api.order(status=422, **changed) == {"code": code, "message": message}
    assert api.json("GET", "/v2/orders", status_="") == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"qty": NaN}', b"\xff", b""])
def test_a_body_that_is_no_json_object_is_400(body: bytes) -> None:
    assert Api()("POST", "/v2/orders", body).status == 400


def test_an_endpoint_that_is_not_built_yet_is_501() -> None:
    api = Api()
    assert api("GET", "/v2/corporate_actions/announcements").status == 501


def test_a_403_carries_the_figures_behind_it() -> None:
    api = Api()
    api.order(symbol="SPY", side="buy", limit_price=None, type="market", qty="10")
    api.wait()
    refusal = api.order(403, symbol="SPY", qty="11", limit_price="500")
    assert refusal == {
        "code": 40310000,
        "message": "insufficient qty available for order (requested: 11, available: 10)",
        "available": "10",
        "existing_qty": "10",
        "held_for_orders": "0",
        "symbol": "SPY",
    }
    refusal = api.order(403, symbol="SPY", side="buy", qty="5000", limit_price="400")
    assert set(refusal) == {"code", "message", "buying_power", "cost_basis"}
    resting = api.order(symbol="SPY", qty="1", limit_price="500")
    refusal = api.order(403, symbol="SPY", side="buy", qty="1", limit_price="500")
    assert refusal["message"] == "potential wash trade detected. use complex orders"
    assert refusal["existing_order_id"] == resting["id"]


def test_orders_are_listed_by_window_direction_and_limit() -> None:
    api = Api()
    orders = []
    for n in range(3):
        orders.append(api.order(limit_price=f"{20 + n}", symbol="AAPL", side="buy"))
        api.wait()
    newest_first = [order["id"] for order in reversed(orders)]
    listed = api.json("GET", "/v2/orders")
    assert [order["id"] for order in listed] == newest_first
    oldest = api.json("GET", "/v2/orders", direction="asc", limit="1")
    assert [order["id"] for order in oldest] == newest_first[-1:]
    second = orders[1]["submitted_at"]
    after = api.json("GET", "/v2/orders", after=second)
    assert [order["id"] for order in after] == newest_first[:1]
    until = api.json("GET", "/v2/orders", until=second)
    assert [order["id"] for order in until] == newest_first[1:]
    for wrong in ({"limit": "501"}, {"limit": "x"}, {"status": "x"}, {"after": "x"}):
        assert api("GET", "/v2/orders", **wrong).status == 422


def fill_some(api: Api, count: int) -> list[Any]:
    for n in range(count):
        api.order(side="buy" if n % 2 else "sell", type="market", limit_price=None)
        api.wait(0.5)
    activities = api.json("GET", "/v2/account/activities/FILL", page_size="100")
    assert isinstance(activities, list)
    return activities


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("page_size", [1, 2, 5, 7, 100])
def test_pages_of_activities_join_without_gap_or_double(direction: str, page_size: int) -> None:
    api = Api(rate_limit_per_min=0)
    everything = fill_some(api, 7)
    if direction == "asc":
        everything = everything[::-1]
    joined: list[Any] = []
    page: list[Any] = [None]
    while page:
        token = {"page_token": joined[-1]["id"]} if joined else {}
        page = api.json(
            "GET",
            "/v2/account/activities",
            direction=direction,
            page_size=str(page_size),
            **token,
        )
        assert len(page) <= page_size
        joined += page
    assert joined == everything


def test_an_activity_names_its_order_and_its_place_in_it() -> None:
    api = Api()
    order = api.order(qty="2", limit_price="20")
    api.wait()
    api.simulated.control.fill(order["id"], Decimal(1))
    newest = api.json("GET", "/v2/account/activities/FILL")[0]
    assert newest["id"].startswith("20241104100001000::")
    assert (newest["type"], newest["order_status"]) == ("partial_fill", "partially_filled")
    assert (newest["cum_qty"], newest["leaves_qty"], newest["qty"]) == ("1", "1", "1")
    assert (newest["order_id"], newest["price"]) == (order["id"], "20")


def test_activities_filter_by_type_and_time() -> None:
    api = Api()
    activities = fill_some(api, 3)
    assert api.json("GET", "/v2/account/activities", activity_types="OPASN,OPEXC") == []
    assert api.json("GET", "/v2/account/activities", date="2024-11-04") == activities
    assert api.json("GET", "/v2/account/activities", date="2024-11-05") == []
    middle = activities[1]["transaction_time"]
    assert api.json("GET", "/v2/account/activities", after=middle) == activities[:1]
    assert api.json("GET", "/v2/account/activities", until=middle) == activities[1:]
    refusal = api.json("GET", "/v2/account/activities/NONE", status=422)
    assert refusal == {"code": 40010001, "message": "invalid activity type: NONE"}
    assert api("GET", "/v2/account/activities", page_size="101").status == 422
    assert api("GET", "/v2/account/activities", date="2024-11-04", after=middle).status == 422


def test_quotes_move_on_with_the_market_unless_frozen() -> None:
    api = Api()
    api.wait(90)
    quotes = api.json("GET", "/v1beta1/options/quotes/latest", symbols=PUT)["quotes"]
    assert quotes[PUT]["t"].startswith("2024-11-04T15:01:30")
    assert (quotes[PUT]["bp"], quotes[PUT]["ap"]) == (8.5, 9)
    api.simulated.control.set_quote("SPY", Decimal(400), Decimal(401), frozen=True)
    api.wait(60)
    single = api.json("GET", "/v2/stocks/SPY/quotes/latest")
    assert single["quote"]["t"].startswith("2024-11-04T15:01:30")
    api.simulated.control.advance_clock(12 * 3600)
    closed = api.json("GET", "/v2/stocks/quotes/latest", symbols="AAPL,NONE")["quotes"]
    assert closed["AAPL"]["t"].startswith("2024-11-04T21:00:00")
    assert "NONE" not in closed


def test_contracts_are_paged() -> None:
    api = Api()
    query: dict[str, Any] = {
        "underlying_symbols": "QQQ",
        "expiration_date": "2024-11-15",
        "type": "put",
        "limit": "50",
    }
    symbols: list[str] = []
    token: str | None = ""
    while token is not None:
        more: dict[str, Any] = {"page_token": token} if token else {}
        page = api.json("GET", "/v2/options/contracts", **query, **more)
        symbols += [contract["symbol"] for contract in page["option_contracts"]]
        token = page["next_page_token"]
    assert len(symbols) == len(set(symbols)) > 100
    assert symbols == sorted(symbols)
    assert api("GET", "/v2/options/contracts", page_token="offset-x").status == 422


def test_an_order_placed_by_hand_is_the_accounts_like_any_other() -> None:
    api = Api()
    by_hand = api.simulated.control.place_by_hand(PUT, Side.SELL, Decimal(1))
    api.wait()
    order = api.json("GET", f"/v2/orders/{by_hand.venue_order_id}")
    assert order["status"] == "filled"
    assert api.json("GET", "/v2/positions")[0]["qty"] == "-1"
    assert api.simulated.control.ledger()["orders"][0]["by_hand"]
