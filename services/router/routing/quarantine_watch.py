"""Looking after strangers' orders: what happened to them while nobody listened is asked for.

After each (re)connect the live ones are looked up, since a list of open orders does not say how the
others ended; and at intervals the orders of executions that came without one, a few times each.
Nothing here holds up the venue's own catch-up, and a failure is logged and left to the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Final

import structlog

from services.common.domain.errors import TandemError
from services.common.domain.external_orders import ExternalId
from services.common.domain.order_status import TERMINAL
from services.router.books.books import Books
from services.router.books.entries import QuarantineEntry
from services.router.journal.journal import Journal
from services.router.routing.intake import Intake
from services.router.routing.link import VenueLink

_log = structlog.stdlib.get_logger(__name__)
ROUND_S: Final = 60.0
LOOK_UPS_MAX: Final = 50
ORDERLESS_TRIES_MAX: Final = 3


class QuarantineWatch:
    """Looks strangers up, each venue in a task of its own; at most `LOOK_UPS_MAX` a round."""

    def __init__(self, journal: Journal, books: Books, intake: Intake) -> None:
        self._journal = journal
        self._books = books
        self._intake = intake
        self._wanted: dict[tuple[str, str], asyncio.Event] = {}
        self._tries: Counter[ExternalId] = Counter()

    def want(self, link: VenueLink) -> None:
        """A session with the venue has begun."""
        self._event(link).set()

    async def run(self, link: VenueLink) -> None:
        """Look them up when wanted and at intervals; ends only by cancellation."""
        wanted = self._event(link)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_S):
                    await wanted.wait()
            all_of_them = wanted.is_set()
            wanted.clear()
            if link.is_fenced and self._journal.is_leading:
                await self._look_up(link, self._to_ask(link, live_ones=all_of_them))

    async def _look_up(self, link: VenueLink, orders: list[ExternalId]) -> None:
        for order in orders:
            try:
                found = await link.port.find_order(str(order))
            except TandemError as error:
                which = {"venue": link.name, "venue_order_id": order.venue_order_id}
                _log.warning("stranger_not_looked_up", **which, error=error.message)
                continue
            if found.report is not None and self._journal.is_leading:
                self._intake.take_report(found.report, fresh=True)

    def _to_ask(self, link: VenueLink, *, live_ones: bool) -> list[ExternalId]:
        """Live orders, if those are asked for, and orders of which only an execution is known."""
        found: dict[ExternalId, None] = {}
        for entry in self._books.quarantine.open(link.account_id):
            if entry.record.venue != link.name or not entry.venue_order_id:
                continue
            order = ExternalId(link.account_id, link.name, entry.venue_order_id)
            if self._is_live(entry):
                if live_ones:
                    found[order] = None
            elif self._is_orderless(entry) and self._tries[order] < ORDERLESS_TRIES_MAX:
                found[order] = None
        asked = list(found)[:LOOK_UPS_MAX]
        self._tries.update(asked)
        return asked

    def _is_live(self, entry: QuarantineEntry) -> bool:
        report = entry.record.order
        if report is None or report.status in TERMINAL:
            return False
        return self._intake.owner_of(report) is None

    def _is_orderless(self, entry: QuarantineEntry) -> bool:
        execution = entry.record.execution
        if execution is None or self._intake.owner_of(execution) is not None:
            return False
        return not any(e.record.order for e in self._intake.quarantine.of_order(execution))

    def _event(self, link: VenueLink) -> asyncio.Event:
        return self._wanted.setdefault((link.account_id, link.name), asyncio.Event())
