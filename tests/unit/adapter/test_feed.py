"""The event feed: order, resumption, pulses, slow readers, the end."""

from __future__ import annotations

import asyncio

import pytest

from services.common.adapter.feed import EventFeed, FeedItem, Pulse, Subscription
from services.common.adapter.port import SessionChanged
from services.common.domain.errors import InvalidRequest, Reason, Refused, Unavailable
from services.common.runtime.clock import SystemClock
from tests.unit.adapter.virtual_time import run_virtual, virtual_clock


def event(number: int) -> SessionChanged:
    return SessionChanged(f"s{number}", "test")


def numbers(items: list[FeedItem]) -> list[int]:
    return [item.sequence for item in items]


async def read(reader: Subscription, count: int) -> list[FeedItem]:
    """The next `count` events, pulses left out."""
    items: list[FeedItem] = []
    while len(items) < count:
        item = await anext(reader)
        if not isinstance(item.event, Pulse):
            items.append(item)
    return items


def feed_of(capacity: int = 10, reader_lag_max: int = 5, feed_id: str = "f1") -> EventFeed:
    return EventFeed(
        SystemClock(),
        capacity=capacity,
        reader_lag_max=reader_lag_max,
        new_feed_id=lambda: feed_id,
    )


async def test_every_reader_gets_every_event_in_order() -> None:
    feed = feed_of()
    one, two = feed.subscribe(None, 5.0), feed.subscribe(None, 5.0)
    feed.publish(event(1), event(2))
    feed.publish(event(3))
    for reader in (one, two):
        items = await read(reader, 3)
        assert [item.event for item in items] == [event(1), event(2), event(3)]
        assert numbers(items) == [1, 2, 3]


async def test_without_a_token_a_reader_begins_now() -> None:
    feed = feed_of()
    feed.publish(event(1))
    reader = feed.subscribe("", 5.0)
    feed.publish(event(2))
    assert numbers(await read(reader, 1)) == [2]


async def test_a_reader_resumes_after_the_event_whose_token_it_has() -> None:
    feed = feed_of()
    first = feed.subscribe(None, 5.0)
    feed.publish(event(1), event(2), event(3))
    items = await read(first, 2)
    assert numbers(await read(feed.subscribe(items[0].token, 5.0), 2)) == [2, 3]
    assert numbers(await read(feed.subscribe(items[1].token, 5.0), 1)) == [3]


async def test_a_token_taken_before_a_read_misses_nothing_after_it() -> None:
    feed = feed_of()
    blank = feed.token
    feed.publish(event(1))
    assert numbers(await read(feed.subscribe(blank, 5.0), 1)) == [1]


async def test_a_token_is_good_as_long_as_what_follows_it_is_kept() -> None:
    feed = feed_of(capacity=10)
    old = feed.token
    feed.publish(*(event(n) for n in range(10)))
    assert numbers(await read(feed.subscribe(old, 5.0), 10)) == list(range(1, 11))
    feed.publish(event(11))
    with pytest.raises(Refused) as expired:
        feed.subscribe(old, 5.0)
    assert expired.value.reason is Reason.TOKEN_EXPIRED


async def test_a_token_of_another_process_is_too_old() -> None:
    earlier = feed_of(feed_id="f0")
    earlier.publish(event(1))
    with pytest.raises(Refused) as expired:
        feed_of(feed_id="f1").subscribe(earlier.token, 5.0)
    assert expired.value.reason is Reason.TOKEN_EXPIRED


@pytest.mark.parametrize(
    "token", ["nonsense", "f1", "f1.", "f1.-1", "f1.01", "f1.1 ", "f1.١", "f1.1\n", ".1", "f1.7"]
)
async def test_what_is_no_token_of_ours_is_a_wrong_request(token: str) -> None:
    with pytest.raises(InvalidRequest) as invalid:
        feed_of().subscribe(token, 5.0)
    assert invalid.value.reason is Reason.INVALID_TOKEN


async def test_a_slow_reader_is_cut_off_and_the_others_go_on() -> None:
    feed = feed_of(capacity=100, reader_lag_max=5)
    slow, quick = feed.subscribe(None, 5.0), feed.subscribe(None, 5.0)
    feed.publish(event(1))
    first = (await read(slow, 1))[0]
    assert numbers(await read(quick, 1)) == [1]
    for n in range(2, 8):
        feed.publish(event(n))
        assert numbers(await read(quick, 1)) == [n]
    with pytest.raises(Unavailable) as cut:
        await anext(slow)
    assert cut.value.reason is Reason.BUDGET_EXHAUSTED
    feed.publish(event(8))
    assert numbers(await read(quick, 1)) == [8]
    assert numbers(await read(feed.subscribe(first.token, 5.0), 7)) == [2, 3, 4, 5, 6, 7, 8]


async def test_who_resumes_far_behind_may_catch_up() -> None:
    feed = feed_of(capacity=100, reader_lag_max=5)
    token = feed.token
    feed.publish(*(event(n) for n in range(50)))
    reader = feed.subscribe(token, 5.0)
    feed.publish(event(51), event(52))
    assert numbers(await read(reader, 52)) == list(range(1, 53))


def test_pulses_come_at_the_interval_and_carry_session_and_token() -> None:
    async def main() -> None:
        clock = virtual_clock()
        feed = EventFeed(clock, new_feed_id=lambda: "f1")
        reader = feed.subscribe(None, 2.0)
        told = [(clock.monotonic(), await anext(reader))]
        feed.publish(event(7))
        for _ in range(3):
            item = await anext(reader)
            told.append((clock.monotonic(), item))
        assert told == [
            (0.0, FeedItem(0, "f1.0", Pulse(""))),
            (0.0, FeedItem(1, "f1.1", event(7))),
            (2.0, FeedItem(0, "f1.1", Pulse("s7"))),
            (4.0, FeedItem(0, "f1.1", Pulse("s7"))),
        ]

    run_virtual(main())


async def test_a_pulse_never_runs_ahead_of_the_events() -> None:
    feed = feed_of()
    token = feed.token
    feed.publish(event(1), event(2))
    reader = feed.subscribe(token, 5.0)
    told = [(await anext(reader)).event for _ in range(3)]
    assert told == [event(1), event(2), Pulse("s2")]


async def test_an_event_wakes_a_reader_that_waits() -> None:
    feed = feed_of()
    reader = feed.subscribe(None, 60.0)
    await anext(reader)
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    feed.publish(event(1))
    assert (await asyncio.wait_for(waiting, 2.0)).sequence == 1


async def test_draining_ends_streams_after_what_they_have_not_told_yet() -> None:
    feed = feed_of()
    idle, behind = feed.subscribe(None, 60.0), feed.subscribe(None, 60.0)
    await anext(idle)
    waiting = asyncio.ensure_future(anext(idle))
    await asyncio.sleep(0)
    feed.publish(event(1))
    feed.drain()
    assert (await waiting).sequence == 1
    assert [item.sequence async for item in idle] == []
    assert [item.sequence async for item in behind] == [1]
    with pytest.raises(Unavailable) as draining:
        feed.subscribe(None, 5.0)
    assert draining.value.reason is Reason.SHUTTING_DOWN
