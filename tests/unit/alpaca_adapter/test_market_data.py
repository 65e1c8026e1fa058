"""Unit tests of quotes, snapshots and bars: exact, whole, and honest about their feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter.feeds import Feeds
from services.alpaca_adapter.market_data import MarketData, timeframe
from services.alpaca_adapter.reads import NotEntitled
from services.alpaca_adapter.rest import Api
from services.alpaca_adapter.translate_market import read_quote
from services.common.adapter.port import BarQuery
from services.common.domain.errors import InvalidRequest, ReadFailed, Reason
from services.common.domain.instruments import Equity
from services.common.domain.market import Bar, Greeks, QuoteQuality
from services.common.domain.occ import parse_occ
from tests.unit.alpaca_adapter.wire import Asked, Desk, Reply, problem

PUT, CALL = parse_occ("SPY241115P00400000"), parse_occ("SPY241115C00400000")
SPY = Equity("SPY")
START = datetime(2024, 11, 4, 14, 30, tzinfo=UTC)
NO_SIP = problem(403, None, "subscription does not permit querying recent SIP data")
NO_OPRA = problem(403, None, "OPRA agreement is not signed")

QUOTE = {"t": "2024-11-04T15:00:00Z", "bp": Decimal("8.50"), "bs": 10, "ap": 9, "as": 7}


def test_a_quote_says_its_feed_and_its_age_by_the_venues_clock() -> None:
    now = datetime(2024, 11, 4, 15, 0, 3, tzinfo=UTC)
    quote = read_quote(QUOTE, PUT, "alpaca", "indicative", now)
    assert (quote.feed, quote.quality) == ("indicative", QuoteQuality.INDICATIVE)
    assert (str(quote.bid_price), quote.ask_price) == ("8.50", Decimal(9))
    assert (quote.bid_qty, quote.ask_qty) == (Decimal(10), Decimal(7))
    assert quote.age_s == 3.0
    assert read_quote(QUOTE, PUT, "alpaca", "opra", None).age_s is None


@pytest.mark.parametrize(
    ("feed", "quality"),
    [
        ("iex", QuoteQuality.REALTIME),
        ("sip", QuoteQuality.REALTIME),
        ("delayed_sip", QuoteQuality.DELAYED),
    ],
)
def test_a_stock_feed_is_worth_what_it_is(feed: str, quality: QuoteQuality) -> None:
    assert read_quote(QUOTE, Equity("SPY"), "alpaca", feed, None).quality is quality


def test_a_side_at_price_zero_is_no_side() -> None:
    quote = read_quote(QUOTE | {"ap": 0, "as": 0}, PUT, "alpaca", "opra", None)
    assert (quote.ask_price, quote.ask_qty) == (None, None)
    assert quote.bid_price is not None


def market_data(desk: Desk, stocks: str = "iex", options: str = "indicative") -> MarketData:
    feeds = Feeds(desk.clock.monotonic, stock_feed=stocks, option_feed=options, refused_s=3600.0)
    return MarketData(desk.reader, desk.watch, "alpaca", feeds)


async def test_quotes_are_asked_for_a_hundred_at_a_time_and_missing_ones_left_out() -> None:
    options = [parse_occ(f"SPY241115P{strike:08d}") for strike in range(100_000, 250_000, 1000)]

    def answers(asked: Asked) -> Reply:
        symbols = asked.query["symbols"].split(",")
        assert len(symbols) <= 100
        quote = {"t": "2024-11-04T15:00:00Z", "bp": 1, "bs": 1, "ap": 2, "as": 1}
        return Reply(200, {"quotes": {s: None if s.endswith("5000") else quote for s in symbols}})

    desk = Desk(answers)
    found = await market_data(desk).quotes([Equity("SPY"), *options, options[0]])
    assert [asked.path for asked in desk.venue.asked] == [
        "/v2/stocks/quotes/latest",
        "/v1beta1/options/quotes/latest",
        "/v1beta1/options/quotes/latest",
    ]
    assert desk.venue.asked[1].query["feed"] == "indicative"
    wanted = [o for o in options if not o.occ.endswith("5000")]
    assert [quote.instrument for quote in found] == [Equity("SPY"), *wanted]


@pytest.mark.parametrize(
    "content", [[], {}, {"quotes": []}, {"quotes": {"SPY": []}}, {"quotes": {"SPY": {"bp": "x"}}}]
)
async def test_quotes_that_cant_be_read_are_an_error(content: Any) -> None:
    with pytest.raises(ReadFailed):
        await market_data(Desk(lambda _: Reply(200, content))).quotes([Equity("SPY")])


async def test_the_age_of_a_quote_follows_the_venues_clock_and_not_ours() -> None:
    quote = {"t": "2024-05-01T12:00:00Z", "bp": 1, "bs": 1, "ap": 2, "as": 1}
    headers = {"Date": "Wed, 01 May 2024 12:00:30 GMT"}
    desk = Desk(lambda _: Reply(200, {"quotes": {"SPY": quote}}, headers=headers))
    (found,) = await market_data(desk).quotes([Equity("SPY")])
    assert found.age_s is not None
    assert abs(found.age_s - 30) < 1.2
    assert desk.clock.now() - timedelta(days=1) > datetime(2024, 5, 1, tzinfo=UTC)


# -- feeds ---------------------------------------------------------------------------------------


def entitled_to(*feeds: str, refusal: Reply = NO_SIP) -> Desk:
    """A venue that refuses all other feeds."""

    def answers(asked: Asked) -> Reply:
        if asked.query["feed"] not in feeds:
            return refusal
        if asked.path.endswith("/bars"):
            return Reply(200, {"bars": {"SPY": []}, "next_page_token": None})
        quote = {"t": "2024-11-04T15:00:00Z", "bp": 1, "bs": 1, "ap": 2, "as": 1}
        return Reply(200, {"quotes": {"SPY": quote, PUT.occ: quote}})

    return Desk(answers)


def feeds_asked(desk: Desk) -> list[str]:
    return [asked.query["feed"] for asked in desk.venue.asked]


async def test_a_refused_feed_gives_way_to_the_free_one_and_is_tried_again_later() -> None:
    desk = entitled_to("iex", "indicative", refusal=NO_OPRA)
    market = market_data(desk, "sip", "opra")
    assert market.feeds_in_use() == {Api.STOCKS: "sip", Api.OPTIONS: "opra"}
    for _ in range(2):
        (found,) = await market.quotes([PUT])
        assert (found.feed, found.quality) == ("indicative", QuoteQuality.INDICATIVE)
    (found,) = await market.quotes([SPY])
    assert (found.feed, found.quality) == ("iex", QuoteQuality.REALTIME)
    assert feeds_asked(desk) == ["opra", "indicative", "indicative", "sip", "iex"]
    assert market.feeds_in_use() == {Api.STOCKS: "iex", Api.OPTIONS: "indicative"}
    desk.clock.at += 3600.0
    desk.venue.answers = entitled_to("opra").venue.answers
    (found,) = await market.quotes([PUT])
    assert (found.feed, found.quality) == ("opra", QuoteQuality.REALTIME)
    assert desk.clock.slept == []


async def test_a_refusal_of_the_present_says_nothing_of_the_past() -> None:
    desk = entitled_to("iex")
    market = market_data(desk, "sip")
    await market.quotes([SPY])
    assert (await market.bars(BarQuery(SPY, 60.0, START))).feed == "iex"
    desk.venue.answers = entitled_to("sip").venue.answers  # what is asked for is old enough now
    assert (await market.bars(BarQuery(SPY, 60.0, START))).feed == "sip"


async def test_the_past_is_not_delayed() -> None:
    desk = entitled_to("sip", "delayed_sip")
    market = market_data(desk, "delayed_sip")
    assert (await market.bars(BarQuery(SPY, 60.0, START))).feed == "sip"
    (quote,) = await market.quotes([SPY])
    assert (quote.feed, quote.quality) == ("delayed_sip", QuoteQuality.DELAYED)


async def test_a_free_feed_that_is_refused_is_an_error() -> None:
    for market in (market_data(entitled_to(), "sip"), market_data(entitled_to())):
        with pytest.raises(NotEntitled):
            await market.quotes([SPY])


@pytest.mark.parametrize(
    "reply",
    [Reply(403, raw=b"<html>no</html>"), Reply(500), problem(403, None, "forbidden.")],
    ids=repr,
)
async def test_what_is_not_about_the_feed_does_not_change_it(reply: Reply) -> None:
    desk = Desk(lambda _: reply)
    market = market_data(desk, "sip")
    with pytest.raises(ReadFailed):
        await market.quotes([SPY])
    assert set(feeds_asked(desk)) == {"sip"}


async def test_a_request_that_is_refused_as_such_is_not_sent_again() -> None:
    desk = Desk(lambda _: problem(400, None, "invalid symbol: SPY"))
    with pytest.raises(ReadFailed) as failed:
        await market_data(desk).quotes([SPY])
    assert len(desk.venue.asked) == 1
    assert failed.value.reason is Reason.READ_FAILED


# -- bars ----------------------------------------------------------------------------------------


def bar_json(minute: int, **changed: Any) -> dict[str, Any]:
    at = START + timedelta(minutes=minute)
    return {
        "t": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "o": 400.1,
        "h": 401,
        "l": 399.99,
        "c": 400.25,
        "v": 1000,
        "n": 17,
        "vw": 400.123457,
    } | changed


def paged_bars(symbol: str, *pages: list[dict[str, Any]]) -> Desk:
    def answers(asked: Asked) -> Reply:
        number = int(asked.query.get("page_token", "0"))
        token = str(number + 1) if number + 1 < len(pages) else None
        return Reply(200, {"bars": {symbol: pages[number]}, "next_page_token": token})

    return Desk(answers)


async def test_bars_are_read_to_the_end_and_stay_exact() -> None:
    desk = paged_bars("SPY", [bar_json(0), bar_json(1)], [bar_json(2), bar_json(3)])
    query = BarQuery(SPY, 60.0, START, START + timedelta(minutes=3))
    found = await market_data(desk).bars(query)
    assert found.feed == "iex"
    assert [bar.start_time.minute for bar in found.bars] == [30, 31, 32]  # the end is not of them
    assert found.bars[0] == Bar(
        START,
        Decimal("400.1"),
        Decimal(401),
        Decimal("399.99"),
        Decimal("400.25"),
        Decimal(1000),
        17,
        Decimal("400.123457"),
    )
    first = desk.venue.asked[0]
    assert first.path == "/v2/stocks/bars"
    assert dict(first.query) == {
        "symbols": "SPY",
        "timeframe": "1Min",
        "start": "2024-11-04T14:30:00.000000Z",
        "end": "2024-11-04T14:33:00.000000Z",
        "limit": "10000",
        "sort": "asc",
        "feed": "iex",
    }
    assert [asked.query.get("page_token") for asked in desk.venue.asked] == [None, "1"]


async def test_bars_of_options_name_no_feed_in_the_request() -> None:
    desk = paged_bars(PUT.occ, [bar_json(0)])
    found = await market_data(desk).bars(BarQuery(PUT, 86400.0, START))
    (asked,) = desk.venue.asked
    assert (asked.path, asked.query["timeframe"]) == ("/v1beta1/options/bars", "1Day")
    assert "feed" not in asked.query
    assert (found.feed, len(found.bars)) == ("opra", 1)


@pytest.mark.parametrize(
    ("length_s", "name"),
    [
        (60, "1Min"),
        (59 * 60, "59Min"),
        (3600, "1Hour"),
        (23 * 3600, "23Hour"),
        (86400, "1Day"),
        (7 * 86400, "1Week"),
        (30 * 86400, "1Month"),
    ],
)
def test_each_bar_length_has_its_name(length_s: float, name: str) -> None:
    assert timeframe(length_s) == name


@pytest.mark.parametrize("length_s", [90 * 60, 2 * 86400, 14 * 86400])
async def test_a_bar_length_that_alpaca_lacks_is_refused_unsent(length_s: float) -> None:
    desk = paged_bars("SPY", [])
    with pytest.raises(InvalidRequest) as refused:
        await market_data(desk).bars(BarQuery(SPY, length_s, START))
    assert refused.value.field == "bar_length"
    assert desk.venue.asked == []


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"bars": []},
        {"bars": {"SPY": {}}},
        {"bars": {"SPY": [bar_json(0, c=None)]}},
        {"bars": {"SPY": [bar_json(0, t="yesterday")]}},
        {"bars": {"SPY": [bar_json(0)]}, "next_page_token": "again"},
    ],
)
async def test_bars_that_cant_be_read_whole_are_an_error(content: Any) -> None:
    desk = Desk(lambda _: Reply(200, content))
    with pytest.raises(ReadFailed):
        await market_data(desk).bars(BarQuery(SPY, 60.0, START))


async def test_more_bars_than_can_be_held_are_refused() -> None:
    desk = paged_bars("SPY", [bar_json(0)], [bar_json(1)], [bar_json(2)])
    with pytest.raises(InvalidRequest) as refused:
        await market_data(desk).bars(BarQuery(SPY, 60.0, START))
    assert (refused.value.field, len(desk.venue.asked)) == ("start_time", 2)


async def test_a_page_that_fails_fails_the_list() -> None:
    desk = paged_bars("SPY", [bar_json(0)], [bar_json(1)])
    whole = desk.venue.answers
    desk.venue.answers = lambda asked: Reply(500) if "page_token" in asked.query else whole(asked)
    with pytest.raises(ReadFailed):
        await market_data(desk).bars(BarQuery(SPY, 60.0, START))


@pytest.mark.parametrize("content", [{"bars": {}}, {"bars": None}, {"bars": {"SPY": None}}])
async def test_no_bars_are_none_and_not_an_error(content: Any) -> None:
    desk = Desk(lambda _: Reply(200, content))
    assert (await market_data(desk).bars(BarQuery(SPY, 60.0, START))).bars == ()


# -- snapshots -----------------------------------------------------------------------------------

SNAPSHOT = {
    "latestQuote": {"t": "2024-11-04T15:00:00Z", "bp": 8.5, "bs": 10, "ap": 9, "as": 7, "c": " "},
    "latestTrade": {"t": "2024-11-04T14:59:58.5Z", "p": 8.75, "s": 2, "x": "C", "c": "a"},
    "greeks": {"delta": -0.41, "gamma": 0.02, "theta": -0.3, "vega": 0.29, "rho": -0.05},
    "impliedVolatility": 0.2034,
}


async def test_a_snapshot_has_quote_trade_and_greeks() -> None:
    answer = {"snapshots": {PUT.occ: SNAPSHOT, CALL.occ: {"latestTrade": None}}}
    desk = Desk(lambda _: Reply(200, answer | {"next_page_token": None}))
    (found,) = await market_data(desk, options="opra").snapshots([PUT, CALL])
    assert found.quote.instrument == PUT
    assert (found.quote.feed, found.quote.quality) == ("opra", QuoteQuality.REALTIME)
    assert (found.quote.bid_price, found.quote.ask_qty) == (Decimal("8.5"), Decimal(7))
    assert (found.last_price, found.last_qty) == (Decimal("8.75"), Decimal(2))
    assert found.last_trade_time == datetime(2024, 11, 4, 14, 59, 58, 500000, tzinfo=UTC)
    assert found.greeks == Greeks(-0.41, 0.02, -0.3, 0.29, -0.05, 0.2034)
    (asked,) = desk.venue.asked
    assert asked.path == "/v1beta1/options/snapshots"
    assert asked.query["symbols"] == f"{PUT.occ},{CALL.occ}"


async def test_a_snapshot_without_greeks_says_so() -> None:
    bare = {"latestQuote": SNAPSHOT["latestQuote"], "latestTrade": None, "greeks": None}
    desk = Desk(lambda _: Reply(200, {"snapshots": {PUT.occ: bare}}))
    (found,) = await market_data(desk).snapshots([PUT])
    assert (found.greeks, found.last_price, found.last_trade_time) == (None, None, None)


async def test_snapshots_are_asked_for_a_hundred_at_a_time() -> None:
    options = [parse_occ(f"SPY241115P{strike:08d}") for strike in range(100_000, 250_000, 1000)]

    def answers(asked: Asked) -> Reply:
        symbols = asked.query["symbols"].split(",")
        half = len(symbols) // 2
        second = "page_token" in asked.query
        told = symbols[half:] if second else symbols[:half]
        token = None if second else "half"
        return Reply(200, {"snapshots": dict.fromkeys(told, SNAPSHOT), "next_page_token": token})

    desk = Desk(answers)
    found = await market_data(desk).snapshots(options)
    assert [snapshot.quote.instrument for snapshot in found] == options
    assert [len(asked.query["symbols"].split(",")) for asked in desk.venue.asked] == [
        100,
        100,
        50,
        50,
    ]


@pytest.mark.parametrize("content", [{}, [], {"snapshots": {PUT.occ: {"latestQuote": 7}}}])
async def test_snapshots_that_cant_be_read_are_an_error(content: Any) -> None:
    with pytest.raises(ReadFailed):
        await market_data(Desk(lambda _: Reply(200, content))).snapshots([PUT])
