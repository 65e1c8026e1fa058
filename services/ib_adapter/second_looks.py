"""Looks at the lists soon after a word that contradicts an earlier one: see `overturning`."""

from __future__ import annotations

from typing import Final

import structlog

from services.common.domain.errors import ReadFailed
from services.common.runtime.clock import Clock
from services.common.runtime.tasks import TaskOwner
from services.ib_adapter.revision_news import RevisionNews
from services.ib_adapter.venue_reads import VenueReads

_log = structlog.stdlib.get_logger(__name__)

ORDERS_MAX: Final = 1_000


class SecondLooks:
    """One look at an order at a time, and one more for what comes meanwhile.

    A look that fails is not repeated: it is the next session that reads all again. Beyond
    `ORDERS_MAX` orders at a time none is begun, for the same reason.
    """

    def __init__(self, reads: VenueReads, changes: RevisionNews, clock: Clock) -> None:
        self._reads = reads
        self._changes = changes
        self._clock = clock
        self._tasks = TaskOwner("ib second looks", _never)
        self._due: dict[int, int] = {}

    def soon(self, perm_id: int, *, again: bool = False) -> None:
        """Look at the order now; with `again` once more after the settling time, since what it was
        told may not have come to the lists yet."""
        looks = 2 if again else 1
        if perm_id in self._due:
            self._due[perm_id] = max(self._due[perm_id], looks)
            return
        if len(self._due) >= ORDERS_MAX:
            _log.error("too_many_second_looks", perm_id=perm_id)
            return
        self._due[perm_id] = looks
        try:
            self._tasks.start(f"look at {perm_id}", self._look(perm_id), critical=False)
        except RuntimeError:  # closing: the next session reads all
            del self._due[perm_id]

    async def close(self) -> None:
        """End the looks."""
        await self._tasks.close(cancel_s=1.0)

    async def _look(self, perm_id: int) -> None:
        try:
            while self._due[perm_id]:
                self._due[perm_id] -= 1
                await self._reads.look_up("", perm_id)
                await self._changes.saved()
                if self._due[perm_id]:
                    await self._clock.sleep(self._reads.settling_s)
        except ReadFailed as error:
            _log.info("no_second_look", perm_id=perm_id, error=error.message)
        finally:
            del self._due[perm_id]


def _never(_name: str, _error: BaseException | None) -> None:
    """No task is critical."""
