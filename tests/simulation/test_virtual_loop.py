"""The loop under the simulation: time jumps, the frozen stay frozen, mistakes are told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from tests.simulation.incarnation import CURRENT, Incarnation
from tests.simulation.virtual_loop import Livelock, NothingLeft, VirtualLoop


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.close()


def run(loop: VirtualLoop, story: Coroutine[Any, Any, Any]) -> Any:
    return loop.run_until_complete(story)


def test_waiting_takes_virtual_time_only(loop: VirtualLoop) -> None:
    async def story() -> list[str]:
        order: list[str] = []

        async def wait(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            order.append(name)

        await asyncio.gather(wait("late", 3600.0), wait("soon", 1.0), wait("now", 0.0))
        return order

    assert run(loop, story()) == ["now", "soon", "late"]
    assert loop.time() == pytest.approx(3600.0)


def test_timers_of_one_moment_run_in_the_order_in_which_they_were_set(loop: VirtualLoop) -> None:
    async def story() -> list[int]:
        order: list[int] = []
        for i in range(5):
            loop.call_later(1.0, order.append, i)
        await asyncio.sleep(2.0)
        return order

    assert run(loop, story()) == [0, 1, 2, 3, 4]


def test_a_frozen_incarnation_takes_no_step_and_runs_no_finally(loop: VirtualLoop) -> None:
    seen: list[str] = []
    life = Incarnation("node")

    async def work() -> None:
        try:
            seen.append("began")
            await asyncio.sleep(1.0)
            seen.append("went on")
        finally:
            seen.append("cleaned up")

    async def story() -> list[str]:
        life.spawn(work())
        await asyncio.sleep(0.5)
        life.freeze()
        await asyncio.sleep(100.0)
        return list(seen)

    assert run(loop, story()) == ["began"]


def test_what_an_incarnation_starts_belongs_to_it(loop: VirtualLoop) -> None:
    owners: list[Incarnation | None] = []
    life = Incarnation("node")

    async def child() -> None:
        owners.append(CURRENT.get())

    async def work() -> None:
        asyncio.get_running_loop().call_later(1.0, lambda: owners.append(CURRENT.get()))
        await asyncio.create_task(child())

    async def story() -> None:
        await life.spawn(work())
        await asyncio.sleep(2.0)
        owners.append(CURRENT.get())

    run(loop, story())
    assert owners == [life, life, None]


def test_an_incarnation_can_be_frozen_at_each_of_its_steps(loop: VirtualLoop) -> None:
    async def life_of(steps: int) -> tuple[int, bool]:
        life, reached = Incarnation("node"), [0]

        async def work() -> None:
            for _ in range(5):
                reached[0] += 1
                await asyncio.sleep(0.1)

        life.in_steps(steps, life.freeze)
        life.spawn(work())
        await asyncio.sleep(10.0)
        return reached[0], life.frozen

    async def story() -> list[tuple[int, bool]]:
        return [await life_of(steps) for steps in (1, 2, 4)]

    first, second, third = run(loop, story())
    assert first == (0, True)
    assert first < second < third


def test_a_wait_that_nothing_can_end_is_told(loop: VirtualLoop) -> None:
    async def story() -> None:
        await loop.create_future()

    with pytest.raises(NothingLeft):
        run(loop, story())


def test_a_loop_that_spins_without_time_is_told(loop: VirtualLoop) -> None:
    async def story() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Livelock):
        run(loop, story())


def test_a_rest_too_small_to_be_added_still_passes(loop: VirtualLoop) -> None:
    async def story() -> None:
        await asyncio.sleep(12345.678)
        until = loop.time() + 1e-13
        while loop.time() <= until:
            await asyncio.sleep(max(until - loop.time(), 1e-18))

    run(loop, story())
