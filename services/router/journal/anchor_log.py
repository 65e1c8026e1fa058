"""The journal's anchor in the log, at intervals and at the end: log shipping carries it away.

Whoever can change the journal's file can't change what has left the host.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from services.common.runtime.clock import Clock
from services.router.journal.journal import Journal
from services.router.journal.store import Head

_log = structlog.stdlib.get_logger(__name__)


class AnchorLog:
    """Logs the durable head with the journal's id; `run` is its task, `tell` for the last one."""

    def __init__(
        self, journal: Journal, journal_id: Callable[[], str], clock: Clock, interval_s: float
    ) -> None:
        self._journal = journal
        self._journal_id = journal_id
        self._clock = clock
        self._interval_s = interval_s
        self._told = Head()

    async def run(self) -> None:
        """Tell at intervals; ends only by cancellation."""
        while True:
            self.tell()
            await self._clock.sleep(self._interval_s)

    def tell(self) -> None:
        """Log the anchor unless it was logged before."""
        head = self._journal.durable_head
        if head == self._told or not head.seq:
            return
        self._told = head
        _log.info(
            "journal_anchor",
            journal_id=self._journal_id(),
            sequence=head.seq,
            hash=head.hash.hex(),
        )
