"""Looking after strangers' orders: what happened to them while nobody listened is asked for.

After each (re)connect those that lived and are not listed as open any more are looked up, since
that list does not say how they ended; and at intervals the orders of executions that came without
one, a few times each. Nothing here holds up the venue's own catch-up, and a failure is logged and
left to the next time.
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
            is_new_session = wanted.is_set()
            wanted.clear()
            if link.is_fenced and self._journal.is_leading:
                gone = await self._not_listed(link) if is_new_session else []
                await self._look_up(link, [*gone, *self._orderless(link)][:LOOK_UPS_MAX])

    async def _look_up(self, link: VenueLink, orders: list[ExternalId]) -> None:
        for order in orders:
            try:
                found = await link.port.find_order(str(order))
            except TandemError as error:
                self._failed(link, order.venue_order_id, error)
                continue
            if found.report is not None and self._journal.is_leading:
                self._intake.take_report(found.report, fresh=True)

    async def _not_listed(self, link: VenueLink) -> list[ExternalId]:
        """Orders that lived when last heard of and are not open now."""
        live = [entry.venue_order_id for entry in self._kept(link) if self._is_live(entry)]
        if not live:
            return []
        try:
            listed = {report.venue_order_id for report in await link.port.open_orders()}
        except TandemError as error:
            self._failed(link, "", error)
            return []
        return [self._named(link, vid) for vid in live if vid not in listed]

    def _orderless(self, link: VenueLink) -> list[ExternalId]:
        """Orders of which only an execution is known, as long as they are worth a try."""
        kept = (entry for entry in self._kept(link) if self._is_orderless(entry))
        found = dict.fromkeys(self._named(link, entry.venue_order_id) for entry in kept)
        asked = [order for order in found if self._tries[order] < ORDERLESS_TRIES_MAX]
        self._tries.update(asked)
        return asked

    def _kept(self, link: VenueLink) -> list[QuarantineEntry]:
        at_venue = (
            entry
            for entry in self._books.quarantine.open(link.account_id)
            if entry.record.venue == link.name
        )
        return [entry for entry in at_venue if entry.venue_order_id]

    def _named(self, link: VenueLink, venue_order_id: str) -> ExternalId:
        return ExternalId(link.account_id, link.name, venue_order_id)

    def _failed(self, link: VenueLink, venue_order_id: str, error: TandemError) -> None:
        which = {"venue": link.name, "venue_order_id": venue_order_id}
        _log.warning("stranger_not_looked_up", **which, error=error.message)

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
