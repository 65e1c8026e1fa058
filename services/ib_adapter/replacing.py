"""Replace: a modify, which is the whole order written again under its own number.

The way of a replace: the order is looked up, since what is written is what IB shows now plus the
change; the change is noted in the log, synced; then without any wait: in sync still, nothing before
it in the socket's buffer, the order still what it was, the caller's last check, the bytes.

Taken is what the order shows; a refusal counts once the lists show the old terms, also after the
new ones were shown; everything else is in doubt until the lists settle it (`revision_reads`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog

from services.common.adapter.port import LastCheck
from services.common.domain.amounts import sub
from services.common.domain.errors import (
    NotFound,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import OrderReport
from services.common.runtime.broker_calls import broker_span
from services.common.runtime.clock import Clock
from services.ib_adapter import brackets, combos
from services.ib_adapter.codes import Kind, OrderEffect, Said
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.library import Contract, Order
from services.ib_adapter.replacing_outcomes import ReplacingOutcomes
from services.ib_adapter.replacing_terms import changed_order, changed_terms, check_kind
from services.ib_adapter.requests import BROKER
from services.ib_adapter.revision_news import RevisionNews
from services.ib_adapter.revision_parts import Part
from services.ib_adapter.revision_reads import RevisionReads
from services.ib_adapter.revision_rows import Fate, Revision
from services.ib_adapter.revision_terms import Terms
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.session import Session
from services.ib_adapter.telling import Telling
from services.ib_adapter.venue_reads import VenueReads
from services.ib_adapter.waiters import Lost, Purpose, Waiters, Word
from services.ib_adapter.wire import Wire

_log = structlog.stdlib.get_logger(__name__)

# What a code has left open may be shown a moment later.
_LOOK_AGAIN_S: Final = (0.1, 0.1)


@dataclass(frozen=True, slots=True)
class _Modify:
    """What is to be written, and the order as it was when that was made up."""

    facts: OrderFacts
    shown: tuple[Contract, Order]
    contract: Contract
    order: Order
    row: Revision


class Replacing:
    """Changes orders, each change sent once.

    `client_id` is ours at the Gateway; `current_epoch` that of the router's claim, for the record.
    """

    def __init__(
        self,
        session: Session,
        evidence: Evidence,
        waiters: Waiters,
        reads: VenueReads,
        revision_reads: RevisionReads,
        outcomes: ReplacingOutcomes,
        news: RevisionNews,
        telling: Telling,
        send_log: SendLog,
        clock: Clock,
        *,
        client_id: int,
        ack_timeout_s: float,
        current_epoch: Callable[[], int],
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._waiters = waiters
        self._reads = reads
        self._revision_reads = revision_reads
        self._outcomes = outcomes
        self._news = news
        self._revisions = news.revisions
        self._telling = telling
        self._send_log = send_log
        self._clock = clock
        self._client_id = client_id
        self._ack_timeout_s = ack_timeout_s
        self._current_epoch = current_epoch

    async def replace(
        self, client_id: str, new_client_id: str, change: OrderChange, last_check: LastCheck
    ) -> OrderReport:
        """See `VenueGateway.replace`."""
        wire = self._session.ready_wire()
        self._send_log.require_working()
        order_ref = self._revisions.order_ref_of(client_id)
        earlier = self._revisions.log.find(new_client_id)
        if earlier is not None and earlier.fate is not Fate.NOT_SENT:
            return await self._answer_earlier(earlier, order_ref, change)
        if await self._send_log.find(new_client_id) is not None:
            raise _reused(f"{new_client_id} was sent before, as an order of its own")
        facts, part = await self._to_change(order_ref, client_id)
        modify = self._modify(facts, part, new_client_id, change)
        # From here to the log's own note of it nothing waits: one change of an order at a time.
        self._require_calm(facts)
        self._news.writing(new_client_id)
        try:
            earlier = await self._revisions.log.begin(modify.row)
        except TandemError:
            self._news.not_written(new_client_id)
            raise
        if earlier is not None:
            self._news.not_written(new_client_id)
            return await self._answer_earlier(earlier, order_ref, change)
        return await self._write(wire, modify, last_check)

    def is_late_refusal(self, said: Said) -> bool:
        """Whether a code that nobody waits for may say that a change was not taken."""
        return _is_refusal(said) and self._revisions.log.latest_under(said.ref_id) is not None

    async def refused_late(self, said: Said) -> None:
        """Look at the order before it is believed; if it shows the old terms, tell so."""
        row = self._revisions.log.latest_under(said.ref_id)
        if row is None or self._is_of_another(row, said):
            return
        try:
            report = await self._outcomes.refused(row, said.cause)
        except TandemError as error:
            _log.info("refusal_not_believed", client_id=row.revision_id, error=error.message)
            return
        if row.fate is Fate.SENT:  # what had been told as taken is told as taken back by itself
            self._telling.hear_report(report)
            self._telling.flush()

    def _is_of_another(self, row: Revision, word: Word) -> bool:
        """Whether a word is on an earlier change of the order: what was decided of that, or a
        refusal, which does not say of which change it is, while an earlier one had no answer."""
        if isinstance(word, OrderFacts):
            return not word.is_ended and self._revisions.in_doubt(row.order_ref) is not None
        if not (isinstance(word, Said) and _is_refusal(word)):
            return False
        earlier = self._revisions.unanswered_before(row)
        if earlier is None:
            return False
        _log.warning("refusal_of_an_earlier_change", client_id=earlier.revision_id, code=word.code)
        self._revisions.refuse(earlier.revision_id, word.cause)
        self._news.save_soon()
        return True

    # -- before the write --------------------------------------------------------------------

    async def _to_change(self, order_ref: str, client_id: str) -> tuple[OrderFacts, Part]:
        """The order as IB shows it now, and its revision of that id, which is in force and ours to
        change. Nothing is sent otherwise."""
        try:
            facts, why = await self._reads.look_up(client_id)
            part = None
            if facts is not None:
                part, why = await self._revision_reads.part(facts, client_id)
        except ReadFailed as error:
            text = f"not sent: the order could not be looked up: {error.message}"
            raise Unavailable(error.reason, text, retry_after_s=error.retry_after_s) from error
        if facts is None or part is None:
            if why:
                raise Unavailable(Reason.READ_FAILED, f"not sent: what to change is unknown: {why}")
            raise NotFound(Reason.ORDER_NOT_FOUND, f"IB has no order under {client_id}")
        if part.is_replaced or part.is_taken_back or facts.is_ended or facts.is_refused:
            raise Refused(Reason.ORDER_ENDED, f"the order is {_shown(facts, part)} at IB")
        if facts.client_id != self._client_id or facts.order_id <= 0:
            text = f"client {facts.client_id} of the Gateway placed it, and no other can change it"
            raise Refused(Reason.NOT_PERMITTED, text)
        self._require_calm(facts)
        if len(self._evidence.all_of_ref(order_ref)) > 1:
            raise _in_progress("IB made several orders of it, under one number: cancel them")
        await self._require_number_in_use(facts.order_id)
        return facts, part

    async def _require_number_in_use(self, order_id: int) -> None:
        """A Gateway that was rolled back, and would give the number to another order, may take a
        change under it for that other order, beside the one that works."""
        try:
            lowest = await self._session.requests().next_order_id()
        except ReadFailed as error:
            text = f"not sent: the next order id could not be read: {error.message}"
            raise Unavailable(error.reason, text, retry_after_s=error.retry_after_s) from error
        if lowest <= order_id:
            text = f"the Gateway gives order id {order_id} out again: cancel it, and send it anew"
            raise Refused(Reason.UNSUPPORTED_BY_VENUE, text)

    def _require_calm(self, facts: OrderFacts) -> None:
        """Refuse to change what is being changed or canceled, or has ended by now."""
        if facts.is_ended:
            raise Refused(Reason.ORDER_ENDED, f"the order is {facts.raw_status} at IB")
        if self._revisions.in_doubt(facts.order_ref) is not None:
            raise _in_progress("an earlier change of it is in doubt")
        self._require_no_cancel(facts)

    def _require_no_cancel(self, facts: OrderFacts) -> None:
        canceling = self._waiters.waits_for(facts.order_id, Purpose.CANCEL)
        if canceling or facts.standing[0] is OrderStatus.PENDING_CANCEL:
            raise _in_progress("the order is being canceled")

    def _modify(
        self, facts: OrderFacts, part: Part, new_client_id: str, change: OrderChange
    ) -> _Modify:
        refs = brackets.exit_refs(facts.order_ref)
        has_exits = any(self._evidence.of_ref(ref) is not None for ref in refs)
        check_kind(facts, change, has_exits=has_exits)
        if facts.whole is None or facts.order_qty is None or part.facts.order_qty is None:
            raise Unavailable(Reason.READ_FAILED, "not sent: IB does not show the whole order")
        after = changed_terms(facts, change, sub(facts.order_qty, part.facts.order_qty))
        contract, order = changed_order(facts, after)
        row = Revision(
            revision_id=new_client_id,
            order_ref=facts.order_ref,
            seq=self._revisions.next_seq(facts.order_ref),
            order_id=facts.order_id,
            perm_id=facts.perm_id,
            content=repr(change),
            before=Terms.of(facts),
            after=after,
            filled_before=self._revisions.told_before(facts),
            epoch=self._current_epoch(),
            session_id=self._session.session_id,
            sent_at=self._clock.now(),
            is_combo=combos.is_combo(facts.contract),
        )
        return _Modify(facts, facts.whole, contract, order, row)

    # -- the write ---------------------------------------------------------------------------

    async def _write(self, wire: Wire, modify: _Modify, last_check: LastCheck) -> OrderReport:
        row = modify.row
        with broker_span(BROKER, "placeOrder", clock=self._clock) as call:
            waiter = self._waiters.open(
                row.order_id, Purpose.REPLACE, lambda word: self._is_of_another(row, word)
            )
            try:
                try:
                    self._require_unchanged(wire, modify)
                    wire.require_writable()
                    last_check()
                except TandemError:
                    await self._withdraw(row)
                    raise
                self._news.written(row.revision_id)
                wire.place(row.order_id, modify.contract, modify.order)
                word = await waiter.heard(self._ack_timeout_s)
            finally:
                self._waiters.close(waiter)
            if isinstance(word, Said):
                call.failed(str(word.code))
        return await self._meaning(row, word)

    def _require_unchanged(self, wire: Wire, modify: _Modify) -> None:
        """What is to be written was made of what the order was: it must still be that."""
        if self._session.ready_wire() is not wire:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, "not sent: the connection was lost")
        facts = modify.facts
        if facts.is_ended:
            raise Refused(Reason.ORDER_ENDED, f"the order is {facts.raw_status} at IB")
        self._require_no_cancel(facts)
        if facts.whole is None or vars(facts.whole[1]) != vars(modify.shown[1]):
            raise _in_progress("the order was changed by somebody else just now")

    async def _withdraw(self, row: Revision) -> None:
        """Take back what the log says of a change that was not written."""
        self._news.not_written(row.revision_id)
        try:
            await self._revisions.log.withdraw(row.revision_id)
        except TandemError as error:
            _log.error("change_not_withdrawn", client_id=row.revision_id, error=error.message)
            self._news.save_soon()

    # -- what became of it -------------------------------------------------------------------

    async def _meaning(self, row: Revision, word: Word | None) -> OrderReport:
        if isinstance(word, Lost):
            text = f"change sent, and the connection was lost: {word.reason}"
        elif isinstance(word, Said):
            if _is_refusal(word):
                return await self._outcomes.refused(row, word.cause)
            return await self._outcomes.found(row, f"change sent; {word}", _LOOK_AGAIN_S)
        elif word is None:
            text = f"change sent, and IB said nothing for {self._ack_timeout_s:g} s"
        else:
            text = "change sent, and the order has ended"
        return await self._outcomes.found(row, text)

    async def _answer_earlier(
        self, earlier: Revision, order_ref: str, change: OrderChange
    ) -> OrderReport:
        """The change under an id that may have been sent before: what became of it."""
        if (earlier.order_ref, earlier.content) != (order_ref, repr(change)):
            raise _reused(f"{earlier.revision_id} was another change")
        return await self._outcomes.found(earlier, "it was sent before; it is never sent again")


def _is_refusal(said: Said) -> bool:
    """Whether it says of a modify that it was not taken."""
    return said.kind is Kind.MODIFY_REFUSED or said.effect is OrderEffect.REJECTED


def _shown(facts: OrderFacts, part: Part) -> str:
    if part.is_taken_back:
        return "on the terms before it"
    return "replaced" if part.is_replaced else facts.raw_status


def _in_progress(text: str) -> Refused:
    return Refused(Reason.CHANGE_IN_PROGRESS, f"{text}; ask again")


def _reused(text: str) -> NoReturn:
    raise Refused(Reason.CLIENT_ORDER_ID_REUSED, text)
