"""Telling events: durable ones only, in order, from any token that is still kept, or an end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.router.books.entries import AlertEntry, BookEvent
from services.router.books.watching import Subscription, WatchEnded, Watching
from services.router.journal.records import AlertRaised, Severity
from tests.unit.router.harness import virtual

AT = datetime(2024, 11, 4, tzinfo=UTC)
JOURNAL = "0123-abcd"


def event(seq: int, part: int = 0) -> BookEvent:
    alert = AlertEntry(AlertRaised("TEST", Severity.INFO, f"{seq}.{part}"), AT)
    return BookEvent(seq, AT, "main", alert, part)


def watching(keep: int = 10, queue_len_max: int = 5) -> Watching:
    made = Watching(keep=keep, queue_len_max=queue_len_max)
    made.journal_id = JOURNAL
    return made


async def rest(subscription: Subscription) -> list[tuple[int, int]]:
    """What the watcher is told by now."""
    told = []
    while (one := await subscription.next(0.1)) is not None:
        told.append((one.seq, one.part))
    return told


@virtual
async def test_an_event_is_told_once_it_is_durable_and_not_before() -> None:
    it = watching()
    subscription = it.subscribe("")
    it.note([event(1), event(2)])
    assert await rest(subscription) == []
    it.durable(1)
    assert await rest(subscription) == [(1, 0)]
    it.durable(2)
    assert await rest(subscription) == [(2, 0)]


@virtual
async def test_who_begins_now_is_told_nothing_older() -> None:
    it = watching()
    it.note([event(1)])
    it.durable(1)
    assert await rest(it.subscribe("")) == []


@virtual
async def test_any_token_that_was_given_is_resumed_after_its_event() -> None:
    it = watching(keep=20)
    events = [event(1), event(2, 1), event(2, 2), event(2), event(4), event(5)]
    it.note(events)
    it.durable(5)
    places = [(e.seq, e.part) for e in events]
    for number, one in enumerate(events):
        assert await rest(it.subscribe(it.token(one))) == places[number + 1 :]
    assert await rest(it.subscribe(f"{JOURNAL}.0")) == places
    assert await rest(it.subscribe(f"{JOURNAL}.3")) == places[4:]  # a record that told nothing
    assert await rest(it.subscribe(it.token())) == []


@virtual
async def test_a_token_of_forgotten_events_is_refused_and_the_oldest_kept_is_not() -> None:
    it = watching(keep=3)
    for seq in range(1, 8):
        it.note([event(seq)])
        it.durable(seq)
    assert await rest(it.subscribe(f"{JOURNAL}.4")) == [(5, 0), (6, 0), (7, 0)]
    for seq in (0, 1, 3):
        with pytest.raises(Refused) as refused:
            it.subscribe(f"{JOURNAL}.{seq}")
        assert refused.value.reason is Reason.TOKEN_EXPIRED


@virtual
async def test_a_record_half_forgotten_is_not_resumed_before_it() -> None:
    it = watching(keep=2)
    it.note([event(1), event(2, 1), event(2, 2), event(2)])
    it.durable(2)
    with pytest.raises(Refused):
        it.subscribe(f"{JOURNAL}.1")
    assert await rest(it.subscribe(it.token(event(2, 1)))) == [(2, 2), (2, 0)]


@pytest.mark.parametrize("token", ["x", "1", f"{JOURNAL}.", f"{JOURNAL}.-1", f"{JOURNAL}.1.2.3"])
def test_what_is_no_token_is_invalid(token: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        watching().subscribe(token)
    assert refused.value.reason is Reason.INVALID_TOKEN


@pytest.mark.parametrize("token", ["ffff.0", f"{JOURNAL}.1"])
def test_a_token_of_another_journal_or_of_the_future_is_refused(token: str) -> None:
    with pytest.raises(Refused) as refused:
        watching().subscribe(token)
    assert refused.value.reason is Reason.TOKEN_EXPIRED


@virtual
async def test_a_slow_watcher_is_cut_off_and_others_do_not_notice() -> None:
    it = watching(keep=2, queue_len_max=3)
    slow, quick = it.subscribe(""), it.subscribe("")
    for seq in range(1, 9):
        it.note([event(seq)])
        it.durable(seq)
        assert await rest(quick) == [(seq, 0)]
    with pytest.raises(Refused) as refused:
        await slow.next(1.0)
    assert refused.value.reason is Reason.BUDGET_EXHAUSTED


@virtual
async def test_nothing_for_a_while_is_time_for_a_heartbeat() -> None:
    it = watching()
    subscription = it.subscribe("")
    began = asyncio.get_running_loop().time()
    assert await subscription.next(5.0) is None
    assert asyncio.get_running_loop().time() - began == pytest.approx(5.0)


@virtual
async def test_a_watcher_that_waits_is_woken_by_an_event() -> None:
    it = watching()
    waiting = asyncio.ensure_future(it.subscribe("").next(60.0))
    await asyncio.sleep(1)
    it.note([event(1)])
    it.durable(1)
    told = await waiting
    assert told is not None
    assert told.seq == 1
    assert asyncio.get_running_loop().time() == pytest.approx(1.0)


@virtual
async def test_the_end_comes_after_what_is_queued_and_for_late_comers_at_once() -> None:
    it = watching()
    subscription = it.subscribe("")
    it.note([event(1)])
    it.durable(1)
    it.close()
    assert (await subscription.next(1.0)) == event(1)
    with pytest.raises(WatchEnded):
        await subscription.next(1.0)
    with pytest.raises(WatchEnded):
        await it.subscribe("").next(1.0)


@virtual
async def test_who_has_left_is_told_nothing_and_costs_nothing() -> None:
    it = watching(keep=1, queue_len_max=1)
    subscription = it.subscribe("")
    it.unsubscribe(subscription)
    it.note([event(seq) for seq in range(1, 10)])
    it.durable(9)
    assert await rest(subscription) == []
    assert len(it._recent) == 1
    assert not it._pending
