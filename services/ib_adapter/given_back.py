"""What is not wanted any more is given back to the Gateway: paced as every message is.

IB counts cancellations of market data and history as it counts requests, and ends the connection of
whoever sends too many. So they are written one by one by a task, and who wants another line waits
until the old ones are back, since the Gateway counts those too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from services.common.adapter.pacer import Pacer, Priority
from services.common.domain.errors import ReadFailed, Unavailable
from services.common.runtime.clock import Clock
from services.common.runtime.deadlines import no_deadline
from services.ib_adapter.data_pace import DataPace
from services.ib_adapter.wire import Wire

_WAIT_S: Final = 5.0
_AGAIN_S: Final = 0.1


class GivenBack:
    """Cancellations that wait to be written, on one connection. They end with it.

    At most one for each request that is open, of which the callers bound the number. Used on the
    event loop's thread only.
    """

    def __init__(self, wire: Wire, pacer: Pacer, pace: DataPace, clock: Clock) -> None:
        self._wire = wire
        self._pacer = pacer
        self._pace = pace
        self._clock = clock
        self._waiting: deque[Callable[[], None]] = deque()
        self._writing: asyncio.Task[None] | None = None

    def put(self, write: Callable[[], None]) -> None:
        """Write this when it may be; never waits."""
        self._waiting.append(write)
        if self._writing is None or self._writing.done():
            with no_deadline():
                self._writing = asyncio.create_task(self._write(), name="ib.given_back")

    async def settled(self, within_s: float) -> None:
        """Wait until all is written; TimeoutError if it is not in time."""
        async with asyncio.timeout(within_s):
            while self._writing is not None and not self._writing.done():
                await asyncio.wait({self._writing})

    async def _write(self) -> None:
        while self._waiting and self._wire.is_open:
            try:
                await self._pace.take(within_s=_WAIT_S)
                await self._pacer.take(Priority.READ, within_s=_WAIT_S)
            except (ReadFailed, Unavailable) as error:
                await self._clock.sleep(error.retry_after_s or _AGAIN_S)
                continue
            if self._wire.is_open:
                self._waiting.popleft()()
        self._waiting.clear()  # a connection that is gone keeps nothing
