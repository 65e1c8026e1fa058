"""Owned tasks: failures are told, deadlines aren't inherited, none is left behind."""

import asyncio
from typing import Any

import pytest

from services.common.runtime.clock import SystemClock
from services.common.runtime.deadlines import deadline_scope, remaining_s
from services.common.runtime.tasks import TaskOwner


def owner_with_log() -> tuple[TaskOwner, list[Any]]:
    ended: list[Any] = []
    return TaskOwner("unit", lambda name, error: ended.append((name, type(error)))), ended


async def fail() -> None:
    raise ValueError


async def test_critical_tasks_end_is_told_whether_it_fails_or_returns(log_lines: Any) -> None:
    owner, ended = owner_with_log()
    failing = owner.start("feed", fail(), critical=True)
    returning = owner.start("pulse", asyncio.sleep(0), critical=True)
    await asyncio.wait({failing, returning})
    await asyncio.sleep(0)
    assert sorted(ended) == [("feed", ValueError), ("pulse", type(None))]
    assert [x["task"] for x in log_lines() if x["event"] == "task_failed"] == ["feed"]
    assert len(owner) == 0


async def test_other_tasks_failures_are_logged_and_stop_nothing(log_lines: Any) -> None:
    owner, ended = owner_with_log()
    await asyncio.wait({owner.start("order o-1", fail(), critical=False)})
    await asyncio.sleep(0)
    assert ended == []
    assert [x["task"] for x in log_lines() if x["event"] == "task_failed"] == ["order o-1"]


async def test_task_does_not_inherit_the_deadline_of_its_call() -> None:
    owner, _ = owner_with_log()

    async def look() -> float | None:
        return remaining_s()

    with deadline_scope(SystemClock(), 1):
        task = owner.start("order", look(), critical=False)
        assert remaining_s() is not None
    assert await task is None
    await owner.close()


async def test_close_lets_finish_then_cancels_and_tells_of_none(log_lines: Any) -> None:
    owner, ended = owner_with_log()
    seen: list[str] = []

    async def short() -> None:
        await asyncio.sleep(0.01)
        seen.append("finished")

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("canceled")

    owner.start("short", short(), critical=False)
    owner.start("endless", endless(), critical=True)
    assert await owner.close(finish_s=0.1) == []
    assert (seen, ended) == (["finished", "canceled"], [])


async def test_task_that_holds_on_is_named_and_not_waited_for(log_lines: Any) -> None:
    owner, _ = owner_with_log()
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    task = owner.start("stubborn", stubborn(), critical=False)
    await asyncio.sleep(0)
    assert await owner.close(cancel_s=0.02) == ["unit.stubborn"]
    assert [x["level"] for x in log_lines() if x["event"] == "tasks_left_running"] == ["error"]
    release.set()
    await task


async def test_no_task_is_started_after_close() -> None:
    owner, _ = owner_with_log()
    await owner.close()
    with pytest.raises(RuntimeError, match="closing"):
        owner.start("late", fail(), critical=False)
