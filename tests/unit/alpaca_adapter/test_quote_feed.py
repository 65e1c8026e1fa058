"""Unit tests of streamed quotes: one connection for all, a gap told, limits and refusals named."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from services.alpaca_adapter.quote_feed import FeedTerms
from services.alpaca_adapter.quote_readers import QuoteReaders
from services.common.adapter.conflated import ConflatedQuotes
from services.common.domain.errors import ReadFailed, Reason, Unavailable
from services.common.domain.instruments import Equity
from services.common.domain.market import QuoteQuality
from services.common.domain.occ import parse_occ
from tests.unit.alpaca_adapter.quote_scene import AT, Scene, scene, until
from tests.unit.alpaca_adapter.wire import Reply

SPY, QQQ, AAPL = Equity("SPY"), Equity("QQQ"), Equity("AAPL")
PUT = parse_occ("SPY241115P00400000")


async def test_a_stream_begins_with_what_is_known_and_goes_on_with_what_comes() -> None:
    async with scene() as s:
        s.latest = {"SPY": 400.5}
        reader = await s.reads(SPY, QQQ)
        await reader.has(1)
        socket = await s.socket()
        assert (socket.url, socket.wanted) == ("ws://venue.test/v2/iex", {"SPY", "QQQ"})
        socket.connects()
        socket.quotes("QQQ", 350.1)
        socket.quotes("SPY", 400.7)
        await reader.has(3)
    assert reader.bids() == [
        ("SPY", Decimal("400.5"), False),
        ("QQQ", Decimal("350.1"), False),
        ("SPY", Decimal("400.7"), False),
    ]
    quote = reader.told[1].quote
    assert (quote.feed, quote.quality, quote.venue_time) == ("iex", QuoteQuality.REALTIME, AT)
    assert (quote.ask_price, quote.bid_qty, quote.ask_qty) == (Decimal("351.1"), 3, 4)
    assert quote.age_s is not None
    assert 1.0 < quote.age_s < 3.5


async def test_a_change_before_the_stream_was_subscribed_to_is_told() -> None:
    async with scene() as s:
        s.latest = {"SPY": 400.5, "QQQ": 350.0}
        reader = await s.reads(SPY, QQQ)
        await reader.has(2)
        socket = await s.socket()
        s.latest, s.latest_at = {"SPY": 400.6, "QQQ": 350.0}, "2024-11-04T15:00:02Z"
        socket.connects()
        await reader.has(3)
        socket.quotes("QQQ", 350.1)
        await reader.has(4)
    assert reader.bids()[2:] == [("SPY", Decimal("400.6"), False), ("QQQ", Decimal("350.1"), False)]


async def test_all_readers_share_one_connection_and_each_symbol_is_subscribed_to_once() -> None:
    async with scene(symbols_max=3) as s:
        first = await s.reads(SPY, QQQ)
        socket = await s.socket()
        socket.connects()
        second = await s.reads(QQQ, AAPL)
        await until(lambda: socket.changes == [("subscribe", {"AAPL"})])
        socket.quotes("QQQ", 350)
        await first.has(1)
        await second.has(1)
        third = await s.reads(QQQ)
        await third.has(1)  # what is known from the others
        await first.leaves()
        await until(lambda: socket.changes[1:] == [("unsubscribe", {"SPY"})])
        socket.quotes("SPY", 400)  # on its way
        socket.quotes("AAPL", 220)
        await second.has(2)
        assert len(s.sockets) == 1
    assert [symbol for symbol, *_ in second.bids()] == ["QQQ", "AAPL"]
    assert first.bids() == [("QQQ", 350, False)]


async def test_one_symbol_too_many_is_refused_with_the_limit_named() -> None:
    async with scene(symbols_max=2) as s:
        await s.reads(SPY)
        refused = await (await s.reads(QQQ, AAPL)).error()
        assert isinstance(refused, Unavailable)
        assert refused.reason is Reason.BUDGET_EXHAUSTED
        assert "2 symbols" in refused.message
        allowed = await s.reads(SPY, QQQ)
        assert not allowed.task.done()


async def test_alpacas_own_symbol_limit_ends_those_that_are_over_it() -> None:
    async with scene() as s:
        first = await s.reads(SPY)
        socket = await s.socket()
        socket.connects()
        socket.answers = False
        second = await s.reads(QQQ)
        await until(lambda: socket.changes)
        socket.says({"T": "error", "code": 405, "msg": "symbol limit exceeded"})
        assert (await second.error()).reason is Reason.BUDGET_EXHAUSTED
        socket.quotes("SPY", 400)
        await first.has(1)
        assert socket.changes == [("subscribe", {"QQQ"})]
        assert socket.dropped == 0


async def test_a_reader_that_was_ended_holds_no_symbols_however_slowly_it_leaves() -> None:
    readers = QuoteReaders(
        1, too_many=lambda: Unavailable(Reason.BUDGET_EXHAUSTED, "no"), on_change=lambda: None
    )
    with readers.joined(ConflatedQuotes([SPY]), [SPY]):
        readers.fail(ReadFailed("gone"), {"QQQ"})
        assert set(readers.wanted) == {"SPY"}
        readers.fail(ReadFailed("gone"))
        assert set(readers.wanted) == set()
        with readers.joined(ConflatedQuotes([QQQ]), [QQQ]):
            assert set(readers.wanted) == {"QQQ"}


async def test_a_quote_that_waited_for_its_reader_is_older() -> None:
    async with scene() as s:
        s.latest = {"SPY": 400}
        stream = s.streams.stream([SPY])
        assert (await anext(stream)).quote.age_s is not None
        socket = await s.socket()
        socket.connects()
        socket.quotes("SPY", 401)
        s.desk.clock.at += 30.0
        age_s = (await anext(stream)).quote.age_s
        assert age_s is not None
        assert age_s > 30.0
        await stream.aclose()  # type: ignore[attr-defined]


async def test_an_interruption_is_told_with_the_next_quote_of_each() -> None:
    async with scene() as s:
        reader = await s.reads(SPY, QQQ)
        socket = await s.socket()
        socket.listener.ended("no connection yet")  # nothing was heard that could be missed
        socket.connects()
        socket.quotes("SPY", 400)
        await reader.has(1)
        socket.listener.ended("reset by peer")
        await asyncio.sleep(0.01)
        socket.connects()
        socket.quotes("SPY", 401)
        socket.quotes("QQQ", 350)
        await reader.has(3)
        socket.quotes("SPY", 402)
        await reader.has(4)
    assert reader.bids() == [
        ("SPY", 400, False),
        ("SPY", 401, True),
        ("QQQ", 350, False),
        ("SPY", 402, False),
    ]


async def test_what_comes_back_with_another_subscription_is_set_right() -> None:
    async with scene() as s:
        await s.reads(SPY, QQQ)
        socket = await s.socket()
        socket.confirms({"SPY", "AAPL"})
        await until(lambda: socket.subscribed == {"SPY", "QQQ"})
    assert socket.changes == [("unsubscribe", {"AAPL"}), ("subscribe", {"QQQ"})]
    assert socket.orderly == 1


@pytest.mark.parametrize(
    "frame",
    [
        b"\xc1",
        b"",
        "text",
        msgspec.msgpack.encode({"T": "q"}),
        msgspec.msgpack.encode([7]),
        msgspec.msgpack.encode([{"T": "q", "S": "SPY", "bp": "x"}]),
        msgspec.msgpack.encode([{"T": "q"}]),
    ],
)
async def test_a_frame_that_cant_be_read_is_a_gap_and_no_end(frame: str | bytes) -> None:
    async with scene() as s:
        reader = await s.reads(SPY)
        socket = await s.socket()
        socket.connects()
        socket.quotes("SPY", 400)
        await reader.has(1)
        socket.listener.heard(frame)
        socket.quotes("SPY", 401)
        await reader.has(2)
    assert reader.bids() == [("SPY", 400, False), ("SPY", 401, True)]


async def test_messages_of_other_kinds_are_passed_over() -> None:
    async with scene() as s:
        reader = await s.reads(SPY)
        socket = await s.socket()
        socket.says({"T": "success", "msg": "connected"}, {"T": "t", "S": "SPY", "p": 7})
        socket.connects()
        socket.quotes("SPY", 400)
        await reader.has(1)
    assert reader.bids() == [("SPY", 400, False)]


async def test_a_refused_feed_gives_way_to_the_free_one() -> None:
    async with scene() as s:
        reader = await s.reads(PUT)
        socket = await s.socket()
        assert socket.url == "ws://venue.test/v1beta1/opra"
        socket.says({"T": "error", "code": 409, "msg": "insufficient subscription"})
        socket.gives_up.set()
        free = await s.socket(2)
        assert free.url == "ws://venue.test/v1beta1/indicative"
        free.connects()
        free.quotes(PUT.occ, 8.5)
        await reader.has(1)
    quote = reader.told[0].quote
    assert (quote.feed, quote.quality) == ("indicative", QuoteQuality.INDICATIVE)


async def test_without_any_feed_a_stream_is_an_error_that_says_so() -> None:
    async with scene() as s:
        reader = await s.reads(SPY)
        (await s.socket()).says({"T": "error", "code": 409, "msg": "insufficient subscription"})
        failed = await reader.error()
    assert isinstance(failed, ReadFailed)
    assert "iex" in failed.message
    assert "insufficient subscription" in failed.message


async def test_refused_credentials_end_the_stream() -> None:
    async with scene() as s:
        reader = await s.reads(SPY)
        (await s.socket()).says({"T": "error", "code": 402, "msg": "auth failed"})
        assert (await reader.error()).reason is Reason.CREDENTIALS_REFUSED


async def test_a_connection_that_stays_away_ends_its_streams_with_the_reason() -> None:
    async with scene(lost_s=0.05) as s:
        reader = await s.reads(SPY)
        socket = await s.socket()
        socket.says({"T": "error", "code": 406, "msg": "connection limit exceeded"})
        failed = await reader.error()
        assert failed.reason is Reason.VENUE_UNAVAILABLE
        assert "connection limit exceeded" in failed.message
        again = await s.reads(SPY)
        socket.connects()
        socket.quotes("SPY", 400)
        await again.has(1)


async def test_a_subscription_without_an_answer_is_made_on_a_new_connection() -> None:
    async with scene(answer_s=0.05) as s:
        await s.reads(SPY)
        socket = await s.socket()
        socket.connects()
        socket.answers = False
        reader = await s.reads(QQQ)
        await until(lambda: socket.dropped)
        socket.connects()
        assert socket.subscribed == {"SPY", "QQQ"}
        socket.quotes("QQQ", 350)
        await reader.has(1)


async def test_a_connection_that_nobody_needs_is_closed_after_a_while() -> None:
    async with scene(idle_s=0.05) as s:
        reader = await s.reads(SPY)
        socket = await s.socket()
        socket.connects()
        await reader.leaves()
        await until(lambda: socket.closed)
        again = await s.reads(SPY)
        anew = await s.socket(2)
        anew.connects()
        anew.quotes("SPY", 400)
        await again.has(1)


async def test_a_connection_is_kept_for_who_comes_soon() -> None:
    async with scene() as s:
        await (await s.reads(SPY)).leaves()
        socket = await s.socket()
        socket.connects()
        reader = await s.reads(QQQ)
        await until(lambda: socket.subscribed == {"QQQ"})
        socket.quotes("QQQ", 350)
        await reader.has(1)
        assert len(s.sockets) == 1
        assert socket.changes == [("unsubscribe", {"SPY"}), ("subscribe", {"QQQ"})]


@pytest.mark.parametrize("heard", [True, False])
async def test_a_stream_that_is_mute_while_the_market_moves_is_made_anew(heard: bool) -> None:
    async with scene(silence_s=0.02, late_s=0.0) as s:
        s.latest = {"SPY": 400}
        reader = await s.reads(SPY)
        await reader.has(1)
        socket = await s.socket()
        socket.connects()
        if heard:
            socket.quotes("SPY", 400)
            await reader.has(2)
        asked = len(s.desk.venue.asked)
        s.latest_at = "2024-11-04T15:00:02Z"  # nothing new, only later
        await until(lambda: len(s.desk.venue.asked) > asked + 2)
        assert socket.dropped == 0
        s.latest, s.latest_at = {"SPY": 400.5}, "2024-11-04T15:00:03Z"
        await until(lambda: socket.dropped)
        await until(lambda: reader.bids()[-1] == ("SPY", Decimal("400.5"), True))


async def test_silence_that_cant_be_checked_proves_nothing() -> None:
    async with scene(silence_s=0.02, late_s=0.0) as s:
        await s.reads(SPY)
        socket = await s.socket()
        socket.connects()
        s.desk.venue.answers = lambda _: Reply(400, {"message": "no"})
        asked = len(s.desk.venue.asked)
        await until(lambda: len(s.desk.venue.asked) > asked + 2)
        assert socket.dropped == 0


async def test_a_latest_quote_that_cant_be_read_does_not_stop_the_stream() -> None:
    async with scene() as s:
        s.desk.venue.answers = lambda _: Reply(400, {"message": "no"})
        reader = await s.reads(SPY)
        socket = await s.socket()
        socket.connects()
        socket.quotes("SPY", 400)
        await reader.has(1)


async def test_streams_end_with_the_adapter() -> None:
    built = Scene(FeedTerms(url="", symbols_max=30))
    running = [asyncio.create_task(feed.run()) for feed in built.feeds.values()]
    reader = await built.reads(SPY)
    await built.socket()
    for task in running:
        task.cancel()
    assert (await reader.error()).reason is Reason.SHUTTING_DOWN
    await asyncio.gather(*running, return_exceptions=True)
