"""Signals: the first one ends the work in good order, the second one ends the children at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(work: Callable[[], Awaitable[int]], at_once: Callable[[], None]) -> int:
    """Run `work` in an event loop of its own and give its exit code.

    A signal cancels it; once it has cleaned up the exit code is 128 and the signal's number (130
    for Ctrl-C). A further signal calls `at_once`.
    """
    return asyncio.run(_interruptible(work, at_once))


async def _interruptible(work: Callable[[], Awaitable[int]], at_once: Callable[[], None]) -> int:
    loop = asyncio.get_running_loop()
    received: list[signal.Signals] = []
    working = asyncio.ensure_future(work())

    def on_signal(number: signal.Signals) -> None:
        if received:
            at_once()
        else:
            working.cancel()
        received.append(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        return await working
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
