"""One question for all who ask at the same time."""

from __future__ import annotations

import asyncio

import pytest

from services.common.domain.errors import ReadFailed
from services.common.runtime.clock import SystemClock
from services.common.runtime.deadlines import deadline_scope, remaining_s
from services.ib_adapter.asked_once import AskedOnce


class Question:
    """Counts how often it is asked; answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.was_canceled = False
        self.may_answer = asyncio.Event()
        self.error: ReadFailed | None = None
        self.left_s: float | None = -1.0

    async def __call__(self) -> int:
        self.asked += 1
        self.left_s = remaining_s()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.was_canceled = True
            raise
        if self.error is not None:
            raise self.error
        return self.asked


async def asking(once: AskedOnce[int], question: Question, count: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(once.run("key", question)) for _ in range(count)]
    while not question.asked:
        await asyncio.sleep(0)
    return tasks


async def test_all_who_ask_at_once_get_one_answer() -> None:
    once, question = AskedOnce[int](), Question()
    tasks = await asking(once, question, 3)
    question.may_answer.set()
    assert await asyncio.gather(*tasks) == [1, 1, 1]
    assert await once.run("key", question) == 2  # what comes later is asked anew


async def test_other_keys_are_asked_for_by_themselves() -> None:
    once, question = AskedOnce[int](), Question()
    question.may_answer.set()
    assert await asyncio.gather(*(once.run(key, question) for key in "ab")) == [1, 2]


async def test_all_get_the_error() -> None:
    once, question = AskedOnce[int](), Question()
    question.error = ReadFailed("no")
    tasks = await asking(once, question, 2)
    question.may_answer.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in found] == [ReadFailed, ReadFailed]


async def test_one_who_leaves_does_not_end_it_for_the_others() -> None:
    once, question = AskedOnce[int](), Question()
    first, second = await asking(once, question, 2)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    question.may_answer.set()
    assert await second == 1
    assert not question.was_canceled


async def test_it_ends_when_the_last_one_leaves() -> None:
    once, question = AskedOnce[int](), Question()
    tasks = await asking(once, question, 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert question.was_canceled
    question.may_answer.set()
    assert await once.run("key", question) == 2


async def test_one_callers_deadline_is_not_the_others() -> None:
    once, question, clock = AskedOnce[int](), Question(), SystemClock()

    async def hurried() -> int:
        with deadline_scope(clock, 0.15):
            return await once.run("key", question)

    first = asyncio.create_task(hurried())
    [second] = await asking(once, question, 1)
    assert question.left_s is None
    with pytest.raises(ReadFailed, match="deadline"):
        await first
    question.may_answer.set()
    assert await second == 1
