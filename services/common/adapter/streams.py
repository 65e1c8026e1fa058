"""Streams that end when the process drains, and never leave their source open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(
    source: AsyncIterator[T], ended: Callable[[], Awaitable[None]]
) -> AsyncGenerator[T, None]:
    """What `source` gives, until it is at its end, fails, or `ended` returns.

    The source is closed in any case, cancellation included, before this one ends.
    """
    stop = asyncio.ensure_future(_awaited(ended))
    step: asyncio.Future[T] | None = None
    try:
        while True:
            step = asyncio.ensure_future(_step(source))
            await asyncio.wait({step, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                return
            try:
                item = step.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        tasks = [task for task in (step, stop) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def _awaited(wait: Callable[[], Awaitable[None]]) -> None:
    await wait()


async def _step(source: AsyncIterator[T]) -> T:
    return await anext(source)
