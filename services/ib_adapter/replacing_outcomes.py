"""What became of a change that was sent: read back, and answered by what the order shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.common.domain.errors import Cause, OutcomeUnknown, ReadFailed, Reason, Refused
from services.common.domain.order_status import Signal
from services.common.domain.reports import OrderReport
from services.common.runtime.clock import Clock
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.revision_news import RevisionNews
from services.ib_adapter.revision_reads import RevisionReads
from services.ib_adapter.revision_rows import Fate, Revision
from services.ib_adapter.second_looks import SecondLooks
from services.ib_adapter.translate import Translator
from services.ib_adapter.venue_reads import VenueReads


class ReplacingOutcomes:
    """Answers for changes, as `VenueGateway.replace` does. Used on the event loop's thread only."""

    def __init__(
        self,
        evidence: Evidence,
        reads: VenueReads,
        revision_reads: RevisionReads,
        news: RevisionNews,
        second_looks: SecondLooks,
        translator: Translator,
        clock: Clock,
    ) -> None:
        self._evidence = evidence
        self._reads = reads
        self._revision_reads = revision_reads
        self._news = news
        self._revisions = news.revisions
        self._second_looks = second_looks
        self._translator = translator
        self._clock = clock

    async def found(self, row: Revision, text: str, waits_s: Sequence[float] = ()) -> OrderReport:
        """The revision if it is in force by now, or what refutes it; else in doubt. It is looked at
        once more after each of the waits."""
        try:
            await self._look_if_open(row)
            for wait_s in waits_s:
                if self._is_open(row):
                    await self._clock.sleep(wait_s)
                    await self._look_if_open(row)
        except ReadFailed as error:
            raise OutcomeUnknown(f"{text}; not read back: {error.message}") from error
        return self._answer(row, text)

    async def refused(self, row: Revision, cause: Cause) -> OrderReport:
        """IB's word that it did not take the change: believed once the order shows that, also if it
        was shown on the new terms before."""
        text = f"change sent; IB said {cause.venue_code}: {cause.message}"
        self._news.refused(row.revision_id, cause)
        try:
            facts = await self._look(row)
            is_refuted = facts is not None and self._revisions.is_refuted(row, facts)
            if is_refuted and self._is_open(row):
                self._revisions.refuse(row.revision_id, cause)
                await self._news.saved()
        except ReadFailed as error:
            raise OutcomeUnknown(f"{text}; not read back: {error.message}") from error
        known = self._revisions.log.find(row.revision_id)
        if known is not None and known.fate is Fate.TAKEN:
            self._second_looks.soon(known.taken_by, again=True)
        return self._answer(row, text)

    def _is_open(self, row: Revision) -> bool:
        known = self._revisions.log.find(row.revision_id)
        return known is None or known.fate is Fate.SENT

    async def _look_if_open(self, row: Revision) -> None:
        if self._is_open(row):
            await self._look(row)
        await self._news.saved()

    async def _look(self, row: Revision) -> OrderFacts | None:
        """Read the lists; what they show of the change is decided by that."""
        facts, _ = await self._reads.look_up(row.order_ref, row.perm_id)
        if facts is not None:
            await self._revision_reads.part(facts, row.revision_id)
        return facts

    def _answer(self, row: Revision, text: str) -> OrderReport:
        known = self._revisions.log.find(row.revision_id)
        facts = None
        if known is not None:
            facts = self._evidence.of_perm(known.taken_by or known.perm_id)
        if known is None or known.fate is Fate.SENT or facts is None:
            raise OutcomeUnknown(text)
        if self._revision_reads.is_disputed(known):
            raise OutcomeUnknown(f"{text}; yet IB shows the new terms")
        if known.fate is Fate.TAKEN:
            return self._translator.report(facts, known.revision_id)
        if known.fate is Fate.SPENT:
            raise Refused(Reason.ORDER_ENDED, "all of the new quantity was filled before")
        if facts.is_ended:
            raise Refused(Reason.ORDER_ENDED, f"the order is {facts.raw_status} at IB")
        cause = known.cause or Cause(Reason.VENUE_REJECTED, "IB did not take the change")
        return replace(self._translator.report(facts), signal=Signal.REPLACE_REJECTED, cause=cause)
