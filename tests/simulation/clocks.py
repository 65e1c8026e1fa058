"""A machine's two clocks: seconds that go on with the loop, and wall time that can jump."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from services.common.runtime.clock import LoopClock

# Wall time has nothing to do with the venues': their simulated year is another.
EPOCH: Final = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


class NodeClock(LoopClock):
    """One node's clock; as an incarnation sees it, monotonic time never jumps."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, EPOCH)
        self._jumped = timedelta()

    def now(self) -> datetime:
        return super().now() + self._jumped

    def jump(self, seconds: float) -> None:
        """Wall time is another from now on, as when somebody sets it or a machine is resumed."""
        self._jumped += timedelta(seconds=seconds)
