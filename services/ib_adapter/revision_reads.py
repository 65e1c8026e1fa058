"""Looks up single revisions, and decides what is in doubt once the lists can be believed.

A change in doubt that the order does not show may still be on its way to IB. It is refuted by what
the lists show after the settling time, in one session in sync all the while.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from services.common.domain.errors import InvalidRequest, ReadFailed, Unavailable
from services.common.domain.order_spec import PlacementId
from services.common.domain.reports import Lookup, LookupResult
from services.common.runtime.clock import Clock
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.revision_news import RevisionNews
from services.ib_adapter.revision_parts import Part
from services.ib_adapter.revision_rows import Fate, Revision
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.session import Session
from services.ib_adapter.translate import Translator
from services.ib_adapter.venue_reads import VenueReads

_DIGITS_MAX: Final = 18


class RevisionReads:
    """Look-ups by our ids and IB's. Each raises ReadFailed if the lists can't be read whole."""

    def __init__(
        self,
        session: Session,
        evidence: Evidence,
        reads: VenueReads,
        news: RevisionNews,
        send_log: SendLog,
        translator: Translator,
        clock: Clock,
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._reads = reads
        self._news = news
        self._revisions = news.revisions
        self._send_log = send_log
        self._translator = translator
        self._clock = clock

    async def find_order(
        self, client_id: str, venue_order_id: str, attempted_at: datetime | None = None
    ) -> LookupResult:
        """See `VenueGateway.find_order`. InvalidRequest for an id that can't be IB's."""
        perm_id = perm_id_of(venue_order_id) if venue_order_id else 0
        facts, why = await self._reads.look_up(client_id, perm_id, attempted_at)
        if facts is not None:
            part, why = await self.part(facts, client_id, venue_order_id)
            if part is not None:
                return LookupResult(Lookup.FOUND, self._translator.part(part))
        if why and not await self._was_never_sent(client_id):
            return LookupResult(Lookup.UNKNOWN, reason=why)
        return LookupResult(Lookup.ABSENT)

    async def _was_never_sent(self, client_id: str) -> bool:
        """Whether it is the id of a change that is not in the log, of an order that is: then the
        log is older than the order, and so than any change of it. Raises ReadFailed."""
        order_ref = first_id(client_id)
        if not order_ref or self._revisions.log.find(client_id) is not None:
            return False
        try:
            if await self._send_log.find(client_id) is not None:
                return False
            return await self._send_log.find(order_ref) is not None
        except Unavailable as error:
            raise ReadFailed(error.message, reason=error.reason) from error

    async def part(
        self, facts: OrderFacts, client_id: str, venue_order_id: str = ""
    ) -> tuple[Part | None, str]:
        """The revision of that id of an order that was just looked up; if there is none, why that
        proves nothing: "" means that there is none. Raises ReadFailed."""
        change, why = self._revisions.in_doubt(facts.order_ref), ""
        if change is not None:
            why = self._why_open(change, facts) or self._revisions.settle(facts)
        await self._news.saved()
        own = self._revisions.log.find(client_id)
        if own is not None and own.fate is Fate.TAKEN:
            if self.is_disputed(own):
                return None, "IB has shown the change as taken and said that it did not take it"
            facts = self._evidence.of_perm(own.taken_by) or facts
        for part in self._revisions.parts(facts):
            if client_id == part.client_id or (venue_order_id == part.venue_order_id != ""):
                return part, ""
        is_doubted = change is not None and client_id == change.revision_id
        return None, why if is_doubted else ""

    def is_disputed(self, change: Revision) -> bool:
        """Whether IB said lately that it did not take a change which it had shown as taken: what
        its lists show may not have come to that yet."""
        is_refused = self._news.refused_ago_s(change.revision_id) < self._reads.settling_s
        return change.fate is Fate.TAKEN and is_refused

    def settled_for_s(self, client_id: str) -> float | None:
        """See `VenueGateway.settled_for_s`; None while there is no session."""
        settled_s = self._reads.settled_for_s(client_id)
        if settled_s is None:
            return None
        since_s = self._clock.monotonic() - self._news.written_at(client_id)
        return max(min(settled_s, since_s), 0.0)

    def _why_open(self, change: Revision, facts: OrderFacts) -> str:
        """Why a change that is not shown may still be taken; "" if it can't."""
        if not self._session.session_id:
            return "not in sync with IB: a change that is not shown may be in force"
        since = max(self._news.written_at(change.revision_id), self._session.in_sync_since)
        seen_at = self._clock.monotonic() if facts.is_ended else facts.heard_at
        if seen_at - since < self._reads.settling_s:
            return f"it was sent, and may still be taken within {self._reads.settling_s:g} s"
        return ""


def first_id(client_id: str) -> str:
    """The id of the order that an id of this form is a change of, "" if it is none of a change."""
    placement = PlacementId.parse(client_id)
    if placement is None:  # a client's own, as `adapter.revisions` makes it
        return client_id.rpartition("~")[0]
    return str(replace(placement, revision=0)) if placement.revision else ""


def perm_id_of(venue_order_id: str) -> int:
    """The permId in an id of IB's as we write it; InvalidRequest if it is none."""
    perm_id, dot, seq = venue_order_id.partition(".")
    parts = (perm_id, seq) if dot else (perm_id,)
    if not all(p.isascii() and p.isdigit() and len(p) <= _DIGITS_MAX for p in parts):
        text = "not an order id of IB's (a permId, digits only, and the number of a change)"
        raise InvalidRequest("venue_order_id", text)
    return int(perm_id)
