"""Writes down which orders the Gateway has and IB has not answered for, for a later process.

Such an order may be handed on to IB at any time, for all that is known; a process that was started
since must not take it for absent. Noted a moment after it was told: until then it is as if the
Gateway had not told it, which nobody can rule out.
"""

from __future__ import annotations

import asyncio

import structlog

from services.common.domain.errors import Unavailable
from services.ib_adapter.send_log import SendLog

_log = structlog.stdlib.get_logger(__name__)


class HeldNotes:
    """Notes still to be made durable, the latest for each order. Used on the loop's thread only.

    No more than the orders that `Evidence` keeps.
    """

    def __init__(self, send_log: SendLog) -> None:
        self._send_log = send_log
        self._to_write: dict[str, str] = {}
        self._noted = asyncio.Event()

    def note(self, client_id: str, held_as: str) -> None:
        """The Gateway has this order in that status; "" if it is known not to hold it."""
        self._to_write[client_id] = held_as
        self._noted.set()

    async def run(self) -> None:
        """Write what is noted, until canceled."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write what was noted so far. A log that fails refuses orders by itself."""
        while self._to_write:
            client_id, held_as = next(iter(self._to_write.items()))
            try:
                await self._send_log.note_held(client_id, held_as)
            except Unavailable as error:
                _log.error("held_order_not_noted", client_id=client_id, error=error.message)
            if self._to_write.get(client_id) == held_as:
                del self._to_write[client_id]
