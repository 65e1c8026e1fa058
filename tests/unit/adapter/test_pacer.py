"""The pacer: who goes first, who waits how long, and who is told at once."""

from __future__ import annotations

import asyncio

import pytest

from services.common.adapter.pacer import BudgetTerms, Pacer, Priority
from services.common.domain.errors import Effect, Reason, Unavailable
from tests.unit.adapter.virtual_time import run_virtual, virtual_clock

TERMS = BudgetTerms(limit=4, window_s=10.0, share=1.0, cancel_reserve=1)


def test_requests_wait_for_their_turn_by_priority() -> None:
    async def main() -> list[tuple[str, float]]:
        clock = virtual_clock()
        pacer = Pacer(clock, TERMS)
        began, told = clock.monotonic(), []

        async def request(name: str, priority: Priority) -> None:
            await pacer.take(priority, within_s=60.0)
            told.append((name, clock.monotonic() - began))

        for _ in range(4):
            await pacer.take(Priority.CANCEL, within_s=0.0)
        async with asyncio.TaskGroup() as group:
            for name, priority in (
                ("probe", Priority.PROBE),
                ("read", Priority.READ),
                ("submit", Priority.SUBMIT),
                ("submit again", Priority.SUBMIT),
                ("cancel", Priority.CANCEL),
            ):
                group.create_task(request(name, priority))
                await asyncio.sleep(0)
        assert pacer.queue_len == 0
        return told

    told = run_virtual(main())
    assert [name for name, _ in told] == ["cancel", "submit", "submit again", "read", "probe"]
    # the cancel takes one of four and the others leave one for the next cancel
    assert [after_s for _, after_s in told] == [10.0, 10.0, 10.0, 20.0, 20.0]


def test_who_can_not_be_served_in_time_is_told_at_once() -> None:
    async def main() -> None:
        clock = virtual_clock()
        pacer = Pacer(clock, TERMS)
        for _ in range(3):
            await pacer.take(Priority.SUBMIT, within_s=0.0)
        began = clock.monotonic()
        with pytest.raises(Unavailable) as exhausted:
            await pacer.take(Priority.SUBMIT, within_s=9.0)
        assert clock.monotonic() == began
        assert exhausted.value.reason is Reason.BUDGET_EXHAUSTED
        assert exhausted.value.effect is Effect.NONE
        assert exhausted.value.retry_after_s == 10.0
        await pacer.take(Priority.CANCEL, within_s=0.0)

    run_virtual(main())


def test_nobody_waits_longer_than_he_said() -> None:
    async def main() -> None:
        clock = virtual_clock()
        pacer = Pacer(clock, TERMS)
        for _ in range(3):
            await pacer.take(Priority.SUBMIT, within_s=0.0)
        first = asyncio.create_task(pacer.take(Priority.SUBMIT, within_s=60.0))
        await asyncio.sleep(1.0)
        pacer.throttled(reset_in_s=30.0)
        late = asyncio.create_task(pacer.take(Priority.SUBMIT, within_s=40.0))
        await asyncio.sleep(0)
        pacer.throttled(reset_in_s=50.0)  # while both wait
        with pytest.raises(Unavailable):
            await late
        assert clock.monotonic() == pytest.approx(1.0)
        await first
        assert clock.monotonic() == pytest.approx(51.0)

    run_virtual(main())


def test_news_of_a_fresh_window_lets_the_waiting_go() -> None:
    async def main() -> None:
        clock = virtual_clock()
        pacer = Pacer(clock, BudgetTerms(limit=10, window_s=10.0, share=1.0, cancel_reserve=0))
        pacer.observe(limit=10, remaining=0, reset_in_s=4.0)
        waiting = asyncio.create_task(pacer.take(Priority.SUBMIT, within_s=60.0))
        await asyncio.sleep(1.0)
        pacer.observe(limit=10, remaining=10, reset_in_s=10.0)
        await waiting
        assert clock.monotonic() == pytest.approx(1.0)

    run_virtual(main())


def test_a_full_queue_gives_way_to_what_is_more_urgent() -> None:
    async def main() -> list[str]:
        clock = virtual_clock()
        pacer = Pacer(clock, TERMS, queue_len_max=2)
        for _ in range(4):
            await pacer.take(Priority.CANCEL, within_s=0.0)
        outcomes: list[str] = []

        async def request(name: str, priority: Priority) -> None:
            try:
                await pacer.take(priority, within_s=60.0)
                outcomes.append(f"{name} went")
            except Unavailable as error:
                outcomes.append(f"{name}: {error.message}")

        async with asyncio.TaskGroup() as group:
            for name, priority in (
                ("read", Priority.READ),
                ("probe", Priority.PROBE),
                ("late probe", Priority.PROBE),
                ("cancel", Priority.CANCEL),
            ):
                group.create_task(request(name, priority))
                await asyncio.sleep(0)
        return outcomes

    assert run_virtual(main()) == [
        "late probe: request budget of the venue: the queue for requests is full",
        "probe: request budget of the venue: displaced by a more urgent request",
        "cancel went",
        "read went",
    ]


def test_who_is_canceled_spends_nothing_and_blocks_nobody() -> None:
    async def main() -> None:
        clock = virtual_clock()
        pacer = Pacer(clock, BudgetTerms(limit=1, window_s=10.0, share=1.0, cancel_reserve=0))
        await pacer.take(Priority.SUBMIT, within_s=0.0)
        gone = asyncio.create_task(pacer.take(Priority.SUBMIT, within_s=60.0))
        await asyncio.sleep(0)
        stays = asyncio.create_task(pacer.take(Priority.SUBMIT, within_s=60.0))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await stays
        assert clock.monotonic() == pytest.approx(10.0)

    run_virtual(main())
