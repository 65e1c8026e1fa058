"""Market data over REST: feeds, bars, pages, chains and snapshots, on a clock moved by hand."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.markets import new_york
from tests.simulators.rest import PUT, Api

MODELLED = "SPY241129P00380000"


def bars(api: Api, **query: Any) -> Any:
    return api.json("GET", "/v2/stocks/bars", **query)


def all_bars(api: Api, symbols: str, **query: Any) -> dict[str, list[dict[str, Any]]]:
    """Follows the page tokens to their end."""
    told: dict[str, list[dict[str, Any]]] = {}
    token: str | None = ""
    while token is not None:
        more: dict[str, Any] = {"page_token": token} if token else {}
        page = bars(api, symbols=symbols, **query, **more)
        for symbol, items in page["bars"].items():
            told.setdefault(symbol, []).extend(items)
        token = page["next_page_token"]
    return told


def test_bars_are_the_same_whenever_they_are_asked_for() -> None:
    query: dict[str, Any] = {
        "timeframe": "5Min",
        "start": "2024-10-28",
        "end": "2024-10-30",
        "feed": "iex",
    }
    first, later = Api(), Api()
    later.simulated.control.set_quote("SPY", Decimal(410), Decimal(411))
    later.wait(7200)
    assert all_bars(later, "SPY,QQQ", **query) == all_bars(first, "QQQ,SPY", **query)
    assert all_bars(Api(seed=2), "SPY", **query) != all_bars(first, "SPY", **query)


def test_pages_go_through_one_symbol_after_the_other() -> None:
    api = Api()
    query: dict[str, Any] = {"timeframe": "1Hour", "start": "2024-10-31", "feed": "iex"}
    whole = all_bars(api, "SPY,AAPL,QQQ", **query)
    assert list(whole) == ["AAPL", "QQQ", "SPY"]
    page = bars(api, symbols="SPY,AAPL,QQQ", limit="20", **query)["bars"]
    assert sum(len(items) for items in page.values()) == 20
    assert list(page) == ["AAPL", "QQQ"]
    assert all_bars(api, "SPY,AAPL,QQQ", limit="7", **query) == whole
    reverse = all_bars(api, "SPY,AAPL,QQQ", limit="7", sort="desc", **query)
    assert {symbol: items[::-1] for symbol, items in reverse.items()} == whole


def test_a_longer_bar_is_made_of_the_shorter_ones() -> None:
    api = Api()
    query: dict[str, Any] = {
        "start": "2024-10-31T00:00:00-04:00",
        "end": "2024-10-31T23:00:00-04:00",
    }
    (daily,) = all_bars(api, "AAPL", timeframe="1Day", feed="iex", **query)["AAPL"]
    minutes = all_bars(api, "AAPL", timeframe="1Min", feed="iex", **query)["AAPL"]
    assert len(minutes) == 390
    assert daily["t"] == "2024-10-31T04:00:00Z"
    assert (daily["o"], daily["c"]) == (minutes[0]["o"], minutes[-1]["c"])
    assert daily["h"] == max(bar["h"] for bar in minutes)
    assert daily["l"] == min(bar["l"] for bar in minutes)
    assert daily["v"] == sum(bar["v"] for bar in minutes)
    assert daily["l"] <= daily["vw"] <= daily["h"]


def test_bars_lead_to_the_first_quote_and_then_follow_the_quotes() -> None:
    api = Api()
    api.simulated.control.set_quote("SPY", Decimal("404.99"), Decimal("405.01"))
    api.wait(125)
    (early,) = bars(api, symbols="SPY", timeframe="1Min", start="2024-11-04T14:59:00Z", feed="iex",
                    end="2024-11-04T14:59:30Z")["bars"]["SPY"]  # fmt: skip
    assert early["c"] == 400
    since = bars(api, symbols="SPY", timeframe="1Min", start="2024-11-04T15:00:00Z", feed="iex")[
        "bars"
    ]["SPY"]
    assert [bar["t"] for bar in since] == ["2024-11-04T15:00:00Z", "2024-11-04T15:01:00Z"]
    assert (since[0]["o"], since[0]["h"], since[0]["c"]) == (400, 405, 405)


def test_nothing_is_told_of_the_future() -> None:
    api = Api()
    told = bars(api, symbols="SPY", timeframe="1Min", end="2024-11-09", feed="iex", limit="10000")
    assert told["bars"]["SPY"][-1]["t"] == "2024-11-04T14:59:00Z"
    assert told["next_page_token"] is None
    months = all_bars(api, "SPY", timeframe="1Month", start="2024-09-01", feed="iex")["SPY"]
    assert [bar["t"][:7] for bar in months] == ["2024-09", "2024-10", "2024-11"]


def test_a_minute_is_told_once_it_is_over() -> None:
    api = Api(start=new_york("2024-11-04", "10:00:30"))
    query: dict[str, Any] = {"symbols": "SPY", "timeframe": "1Min", "feed": "iex"}
    assert bars(api, **query)["bars"]["SPY"][-1]["t"] == "2024-11-04T14:59:00Z"
    api.wait(30)
    assert bars(api, **query)["bars"]["SPY"][-1]["t"] == "2024-11-04T15:00:00Z"


def test_an_end_without_a_time_is_the_end_of_its_day() -> None:
    query = {"start": "2024-10-31", "end": "2024-10-31", "timeframe": "1Hour"}
    hours = all_bars(Api(), "SPY", **query)["SPY"]
    assert [bar["t"][11:13] for bar in hours] == ["13", "14", "15", "16", "17", "18", "19"]


def test_weeks_begin_on_monday() -> None:
    weeks = all_bars(Api(), "SPY", timeframe="1Week", start="2024-10-14", feed="iex")["SPY"]
    assert [bar["t"][:10] for bar in weeks] == [
        "2024-10-14", "2024-10-21", "2024-10-28", "2024-11-04",
    ]  # fmt: skip


def test_recent_sip_data_need_a_subscription() -> None:
    api = Api()
    refusal = {"message": "subscription does not permit querying recent SIP data"}
    recent: dict[str, Any] = {"timeframe": "1Min", "end": "2024-11-04T14:59:00Z"}
    feeds: list[dict[str, Any]] = [{}, {"feed": "sip"}]
    for feed in feeds:
        path = "/v2/stocks/SPY/bars"
        assert api.json("GET", path, status=403, **recent, **feed) == refusal
    clipped = api.json("GET", "/v2/stocks/SPY/bars", timeframe="1Min")["bars"]
    assert clipped[-1]["t"] == "2024-11-04T14:45:00Z"
    path = "/v2/stocks/quotes/latest"
    assert api.json("GET", path, status=403, symbols="SPY", feed="sip") == refusal
    paid = Api(stock_feed="sip")
    assert paid.json("GET", "/v2/stocks/SPY/bars", **recent)["bars"]
    assert paid.json("GET", path, symbols="SPY")["quotes"]["SPY"]["ax"] == "P"


def test_opra_needs_an_agreement() -> None:
    refusal = {"message": "OPRA agreement is not signed"}
    asked: dict[str, Any] = {"symbols": PUT, "feed": "opra"}
    for path in ("quotes/latest", "trades/latest", "snapshots"):
        path = f"/v1beta1/options/{path}"
        assert Api().json("GET", path, status=403, **asked) == refusal
        assert Api(option_feed="opra").json("GET", path, **asked)
    path, end = "/v1beta1/options/bars", "2024-11-04T15:00:00Z"
    recent: dict[str, Any] = {"symbols": PUT, "timeframe": "1Min", "end": end}
    assert Api().json("GET", path, status=403, **recent) == refusal


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        ("bars", {"symbols": "SPY"}, "timeframe is required"),
        ("bars", {"symbols": "SPY", "timeframe": "60Min"}, "invalid timeframe: 60Min"),
        ("bars", {"timeframe": "1Min"}, "symbols is required"),
        ("bars", {"symbols": "SPY", "timeframe": "1Min", "limit": "0"}, "invalid limit: 0"),
        ("bars", {"symbols": "SPY", "timeframe": "1Min", "start": "soon"}, "invalid start: soon"),
        ("bars", {"symbols": "SPY", "timeframe": "1D", "page_token": "?"}, "invalid page_token"),
        ("quotes/latest", {"symbols": "SPY", "feed": "x"}, "invalid feed: x"),
        ("quotes/latest", {"symbols": "SP Y"}, "invalid symbol: SP Y"),
    ],
)
def test_errors_of_the_data_api_have_no_code(
    path: str, query: dict[str, Any], message: str
) -> None:
    refusal = Api().json("GET", f"/v2/stocks/{path}", status=400, **query)
    assert list(refusal) == ["message"]
    assert refusal["message"].startswith(message)


def test_a_snapshot_has_quote_trade_and_bars() -> None:
    api = Api()
    shots = api.json("GET", "/v2/stocks/snapshots", symbols="SPY,NONE,BRK.B")
    assert set(shots) == {"SPY", "BRK.B"}
    shot = shots["SPY"]
    assert shot["latestQuote"]["ap"] == 400.02
    assert shot["latestTrade"]["p"] == 400
    assert shot["minuteBar"]["t"] == "2024-11-04T14:59:00Z"
    assert shot["dailyBar"]["t"] == "2024-11-04T05:00:00Z"
    assert shot["prevDailyBar"]["t"] == "2024-11-01T04:00:00Z"
    assert shot["prevDailyBar"]["c"] == 400
    single = api.json("GET", "/v2/stocks/SPY/snapshot")
    assert single == {"symbol": "SPY", **shot}


def test_quotes_of_the_past_and_the_delayed_feed_are_as_old_as_they_say() -> None:
    api = Api()
    api.simulated.control.set_quote("SPY", Decimal("404.99"), Decimal("405.01"))
    api.wait(60)
    (delayed,) = api.json("GET", "/v2/stocks/quotes/latest", symbols="SPY", feed="delayed_sip")[
        "quotes"
    ].values()
    assert delayed["t"].startswith("2024-11-04T14:46:00")
    assert delayed["ap"] < 404
    page = api.json("GET", "/v2/stocks/SPY/quotes", feed="iex", start="2024-11-04", limit="2")
    assert [quote["t"] for quote in page["quotes"]] == [
        "2024-11-04T14:30:00.000000523Z", "2024-11-04T14:31:00.000000523Z",
    ]  # fmt: skip
    trades = api.json("GET", "/v2/stocks/trades", symbols="SPY", feed="iex", start="2024-11-04")
    assert len(trades["trades"]["SPY"]) == 31


def test_a_chain_is_there_and_keeps_the_quotes_that_were_given() -> None:
    api = Api()
    page = api.json(
        "GET",
        "/v1beta1/options/snapshots/SPY",
        expiration_date="2024-11-15",
        type="put",
        strike_price_gte="390",
        strike_price_lte="410",
        limit="1000",
    )
    shots = page["snapshots"]
    assert len(shots) == 21
    assert shots[PUT]["latestQuote"] | {"t": ""} == {
        "t": "", "ap": 9, "as": 10, "bp": 8.5, "bs": 10, "ax": "C", "bx": "C", "c": "A",
    }  # fmt: skip
    asks = [shots[symbol]["latestQuote"]["ap"] for symbol in sorted(shots)]
    assert asks[0] < asks[10] < asks[20]
    for shot in shots.values():
        assert set(shot["greeks"]) == {"delta", "gamma", "rho", "theta", "vega"}
        assert -1 < shot["greeks"]["delta"] < 0
        assert 0.1 < shot["impliedVolatility"] < 0.6


def test_a_chain_is_paged_and_filtered() -> None:
    api = Api()
    path = "/v1beta1/options/snapshots/AAPL"
    query: dict[str, Any] = {"expiration_date_lte": "2024-11-15"}
    whole = api.json("GET", path, limit="1000", **query)
    assert whole["next_page_token"] is None
    roots = {symbol[:5] for symbol in whole["snapshots"]}
    assert roots == {"AAPL2", "AAPL1"}
    told: dict[str, Any] = {}
    token: str | None = ""
    while token is not None:
        more: dict[str, Any] = {"page_token": token} if token else {}
        page = api.json("GET", path, limit="37", **query, **more)
        told |= page["snapshots"]
        token = page["next_page_token"]
    assert list(told) == list(whole["snapshots"])
    adjusted = api.json("GET", path, root_symbol="AAPL1", limit="1000", **query)["snapshots"]
    assert adjusted
    assert all(symbol.startswith("AAPL1") for symbol in adjusted)
    newer = api.json("GET", path, updated_since="2024-11-04T16:00:00Z", **query)
    assert newer["snapshots"] == {}


def test_a_modelled_quote_follows_its_underlying_and_time() -> None:
    api = Api()

    def bid() -> float:
        path = "/v1beta1/options/quotes/latest"
        return float(api.json("GET", path, symbols=MODELLED)["quotes"][MODELLED]["bp"])

    before = bid()
    api.simulated.control.set_quote("SPY", Decimal("389.98"), Decimal("390.02"))
    fallen = bid()
    assert fallen > before + 1
    api.simulated.control.advance_clock(7 * 86400)
    assert bid() < fallen


def test_an_order_on_a_modelled_contract_fills_when_its_underlying_moves() -> None:
    api = Api()
    order = api.order(symbol=MODELLED, side="buy", limit_price="1.00")
    api.wait()
    assert api.json("GET", f"/v2/orders/{order['id']}")["status"] == "new"
    api.simulated.control.set_quote("SPY", Decimal(440), Decimal("440.02"))
    filled = api.json("GET", f"/v2/orders/{order['id']}")
    assert filled["status"] == "filled"
    assert float(filled["filled_avg_price"]) <= 1


def test_an_order_on_a_modelled_contract_fills_when_time_alone_brings_the_price() -> None:
    api = Api()
    order = api.order(symbol=MODELLED, side="buy", limit_price="1.00", time_in_force="gtc")
    api.simulated.control.advance_clock(20 * 86400)
    filled = api.json("GET", f"/v2/orders/{order['id']}")
    assert (filled["status"], filled["filled_avg_price"]) == ("filled", "1")


def test_bars_of_a_contract_follow_those_of_its_underlying() -> None:
    api = Api(option_feed="opra")
    query: dict[str, Any] = {"timeframe": "1Day", "start": "2024-10-21", "end": "2024-11-01"}
    path = "/v1beta1/options/bars"
    page = api.json("GET", path, symbols=f"{MODELLED},{PUT},SPY", **query)["bars"]
    assert set(page) == {MODELLED, PUT}
    shares = all_bars(api, "SPY", feed="iex", **query)["SPY"]
    for option in page.values():
        moves = [
            (late["c"] - early["c"]) * (then["c"] - now["c"])
            for early, late, now, then in zip(option, option[1:], shares, shares[1:], strict=False)
        ]
        assert sum(move < 0.01 for move in moves) >= 8


def test_contracts_by_filter_status_and_id() -> None:
    api = Api()
    path = "/v2/options/contracts"
    query: dict[str, Any] = {"underlying_symbols": "BRK.B", "type": "call", "limit": "10000"}
    near = api.json("GET", path, **query)["option_contracts"]
    assert {c["expiration_date"] for c in near} == {"2024-11-08"}
    assert {c["root_symbol"] for c in near} == {"BRKB"}
    far = api.json("GET", path, expiration_date_lte="2025-12-31", **query)["option_contracts"]
    expiries = sorted({c["expiration_date"] for c in far})
    assert expiries[:3] == ["2024-11-08", "2024-11-15", "2024-11-22"]
    assert expiries[-1] == "2025-05-16"
    assert "2025-04-17" in expiries  # Good Friday is the 18th
    single = api.json("GET", f"{path}/{near[0]['id']}")
    assert single["symbol"] == near[0]["symbol"]
    assert single["deliverables"][0]["symbol"] == "BRK.B"
    api.json("GET", f"{path}/BRKB241109C00450000", status=404)
    api.simulated.control.advance_clock(7 * 86400)
    query["status"] = "inactive"
    response = api("GET", path, **query)
    over = json.loads(response.body)
    assert {c["expiration_date"] for c in over["option_contracts"]} == {"2024-11-08"}
    assert {c["status"] for c in over["option_contracts"]} == {"inactive"}
