"""Virtual time for tests of waiting: an hour of it passes in an instant."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import async_solipsism

from services.common.runtime.clock import LoopClock

T = TypeVar("T")
EPOCH = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a loop whose clock jumps to the next timer; a stuck test raises."""
    with asyncio.Runner(loop_factory=async_solipsism.EventLoop) as runner:
        return runner.run(main)


def virtual_clock() -> LoopClock:
    """The clock of the running virtual loop."""
    return LoopClock(asyncio.get_running_loop(), EPOCH)
