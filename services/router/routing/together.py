"""Several pieces of work at once, at a venue each: none holds up another or ends it by failing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from services.common.domain.errors import Effect, OutcomeUnknown, TandemError

T = TypeVar("T")


async def all_done(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all to their ends, each in a task of its own; their results in the same order.

    An exception of one is raised once all have ended, the first one's if several failed. Canceling
    this cancels all of them and waits for them.
    """
    if len(works) == 1:
        return [await works[0]]
    tasks = [asyncio.create_task(work) for work in works]
    try:
        if tasks:
            await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]


def of_all(errors: Sequence[TandemError | None]) -> TandemError | None:
    """What to say of the parts of one order, None if none of them met an error.

    It had no effect only if all say so.
    """
    failed = [error for error in errors if error is not None]
    if not failed:
        return None
    if len(failed) == len(errors) and all(error.effect is Effect.NONE for error in failed):
        return failed[0]
    unknown = (error for error in failed if error.effect is not Effect.NONE)
    return next(unknown, None) or OutcomeUnknown(f"a part of it was sent: {failed[0].message}")
