"""Clocks: virtual time moves both, and a venue's time is measured, not assumed."""

import asyncio
from datetime import UTC, datetime, timedelta

import async_solipsism
import pytest

from services.common.runtime.clock import LoopClock, SystemClock, VenueClock

EPOCH = datetime(2024, 11, 4, 15, tzinfo=UTC)


class SetClock:
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.wall = EPOCH

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.wall

    async def sleep(self, seconds: float) -> None:
        self.pass_s(seconds)

    def pass_s(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)


def test_loop_clock_follows_virtual_time() -> None:
    loop = async_solipsism.EventLoop()  # type: ignore[no-untyped-call]
    clock = LoopClock(loop, EPOCH)
    before = clock.now()
    loop.run_until_complete(clock.sleep(80_000))
    loop.close()
    assert clock.now() - before == timedelta(seconds=80_000)
    assert clock.now() == EPOCH + timedelta(seconds=clock.monotonic())


def test_system_clock_is_aware_and_goes_on() -> None:
    clock = SystemClock()
    started = clock.monotonic()
    asyncio.run(clock.sleep(0.01))
    assert clock.monotonic() - started >= 0.01
    assert clock.now().utcoffset() == timedelta(0)


def test_venue_time_is_unknown_before_the_first_measurement() -> None:
    clock = VenueClock(SetClock())
    assert (clock.now(), clock.offset_s, clock.error_s) == (None, None, None)


def test_offset_is_measured_at_the_middle_of_the_round_trip() -> None:
    ours = SetClock()
    clock = VenueClock(ours)
    sent = ours.monotonic()
    ours.pass_s(0.4)
    clock.observe(EPOCH + timedelta(days=3, seconds=0.2), sent, ours.monotonic())
    assert clock.offset_s == pytest.approx(3 * 86_400)
    assert clock.error_s == pytest.approx(0.2)
    ours.pass_s(10)
    venue_now = clock.now()
    assert venue_now is not None
    assert (venue_now - EPOCH).total_seconds() == pytest.approx(3 * 86_400 + 10.4)


def test_answer_is_reckoned_from_when_it_came_not_from_when_it_is_read() -> None:
    ours = SetClock()
    clock = VenueClock(ours)
    at = ours.monotonic()
    ours.pass_s(5)
    clock.observe(EPOCH + timedelta(seconds=7), at, at)
    assert clock.offset_s == pytest.approx(7)


def test_coarse_answers_that_agree_do_not_move_a_fine_measurement() -> None:
    ours = SetClock()
    clock = VenueClock(ours)
    at = ours.monotonic()
    clock.observe(EPOCH + timedelta(seconds=2.3), at, at)
    assert clock.observe(EPOCH + timedelta(seconds=2), at, at, resolution_s=1) == 0
    assert clock.offset_s == pytest.approx(2.3)


def test_finer_answer_replaces_a_coarse_one() -> None:
    ours = SetClock()
    clock = VenueClock(ours)
    at = ours.monotonic()
    clock.observe(EPOCH + timedelta(seconds=2), at, at, resolution_s=1)
    assert clock.observe(EPOCH + timedelta(seconds=2.3), at, at) == pytest.approx(-0.2)
    assert clock.offset_s == pytest.approx(2.3)


def test_finer_answer_that_agrees_bounds_the_error() -> None:
    ours = SetClock()
    clock = VenueClock(ours)
    at = ours.monotonic()
    clock.observe(EPOCH, at, at, resolution_s=1)
    clock.observe(EPOCH + timedelta(seconds=0.45), at, at, resolution_s=0.2)
    assert clock.offset_s == pytest.approx(0.55)
    assert clock.error_s == pytest.approx(0.1)


def test_jump_of_the_venues_clock_is_seen_whatever_the_resolution() -> None:
    ours = SetClock()
    clock = VenueClock(ours)
    at = ours.monotonic()
    clock.observe(EPOCH, at, at)
    jump = clock.observe(EPOCH + timedelta(hours=17, minutes=30), at, at, resolution_s=1)
    assert jump == pytest.approx(17.5 * 3600, abs=0.51)


def test_naive_times_and_answers_from_the_future_are_refused() -> None:
    clock = VenueClock(SetClock())
    with pytest.raises(ValueError, match="aware"):
        clock.observe(datetime(2024, 11, 4), 0, 0)  # noqa: DTZ001
    with pytest.raises(ValueError, match="received"):
        clock.observe(EPOCH, 2, 1)
    with pytest.raises(ValueError, match="aware"):
        LoopClock(asyncio.new_event_loop(), datetime(2024, 11, 4))  # noqa: DTZ001
