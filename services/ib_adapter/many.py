"""Many questions at once: so many at a time, all answered or none, within one bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from services.common.domain.errors import ReadFailed, TandemError
from services.ib_adapter.asking import bounded_s

T = TypeVar("T")
V = TypeVar("V")


async def ask_each(
    items: Iterable[T], ask: Callable[[T], Awaitable[V]], free: asyncio.Semaphore
) -> list[V]:
    """The answers, in the order of the items; `free` says how many are asked for at once.

    The first error ends the rest and is raised.
    """

    async def one(item: T) -> V:
        async with free:
            return await ask(item)

    try:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(one(item)) for item in items]
    except BaseExceptionGroup as group:
        raise _first(group) from group
    return [task.result() for task in asked]


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What nobody expected goes before what a venue said: it must not be hidden."""
    errors = list(group.exceptions)
    return next((e for e in errors if not isinstance(e, TandemError)), errors[0])


@asynccontextmanager
async def whole_within(limit_s: float, what: str) -> AsyncIterator[None]:
    """Bound what runs inside by so many seconds, and by the caller's deadline; else ReadFailed."""
    within_s = bounded_s(limit_s)
    try:
        async with asyncio.timeout(within_s):
            yield
    except TimeoutError as error:
        raise ReadFailed(f"{what}: no whole answer within {within_s:g} s") from error
