"""Cancel: a request, and no end; what became of the order is read.

It is written whenever there is a connection with the right account, whether in sync or not.
"""

from __future__ import annotations

from dataclasses import replace

from services.common.adapter.port import LastCheck
from services.common.domain.errors import (
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.order_terms import OrderClass
from services.common.domain.reports import OrderReport
from services.common.runtime.broker_calls import broker_span
from services.common.runtime.clock import Clock
from services.ib_adapter import brackets
from services.ib_adapter.codes import OrderEffect, Said
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.requests import BROKER
from services.ib_adapter.revision_rows import Fate
from services.ib_adapter.revisions import Revisions
from services.ib_adapter.session import Session
from services.ib_adapter.translate import Translator
from services.ib_adapter.venue_reads import VenueReads
from services.ib_adapter.waiters import Lost, Purpose, Waiters


class Cancels:
    """Asks for the end of orders, each time once."""

    def __init__(
        self,
        session: Session,
        evidence: Evidence,
        waiters: Waiters,
        reads: VenueReads,
        revisions: Revisions,
        translator: Translator,
        clock: Clock,
        *,
        client_id: int,
        ack_timeout_s: float,
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._waiters = waiters
        self._reads = reads
        self._revisions = revisions
        self._translator = translator
        self._clock = clock
        self._client_id = client_id
        self._ack_timeout_s = ack_timeout_s

    async def cancel(self, client_id: str, last_check: LastCheck) -> OrderReport:
        """See `VenueGateway.cancel`."""
        wire = self._session.wire()
        facts = await self._to_cancel(client_id)
        with broker_span(BROKER, "cancelOrder", clock=self._clock) as call:
            waiter = self._waiters.open(facts.order_id, Purpose.CANCEL)
            try:
                if self._session.wire() is not wire:
                    raise Unavailable(Reason.VENUE_UNAVAILABLE, "not sent: the connection was lost")
                wire.require_writable()
                last_check()
                for order_id in (facts.order_id, *self._twins(facts)):
                    wire.cancel(order_id)
                word = await waiter.heard(self._ack_timeout_s)
            finally:
                self._waiters.close(waiter)
            if isinstance(word, Said) and word.effect is not OrderEffect.CANCELED:
                call.failed(str(word.code))
        if isinstance(word, Lost):
            raise OutcomeUnknown(f"cancel sent, and the connection was lost: {word.reason}")
        if isinstance(word, Said) and word.effect is not OrderEffect.CANCELED:
            return await self._cancel_refused(facts, word)
        if word is None:
            return await self._unheard(facts, client_id)
        return self._canceling(facts, client_id)

    async def _unheard(self, before: OrderFacts, client_id: str) -> OrderReport:
        """Nobody said that it is so much as pending: who believed that would never ask again."""
        text = f"cancel sent, and IB said nothing for {self._ack_timeout_s:g} s"
        try:
            facts, why = await self._reads.look_up(before.order_ref, before.perm_id)
        except ReadFailed as error:
            raise OutcomeUnknown(f"{text}; not read back: {error.message}") from error
        if facts is None:
            raise OutcomeUnknown(f"{text}; {why or 'it is not there any more'}")
        report = self._translator.report(facts, client_id)
        if facts.is_ended or report.status is OrderStatus.PENDING_CANCEL:
            return report
        raise OutcomeUnknown(f"{text}; it is {facts.raw_status}")

    async def _to_cancel(self, client_id: str) -> OrderFacts:
        """The order under the id, live and ours to cancel. Nothing is sent otherwise."""
        facts = self._evidence.of_ref(self._revisions.order_ref_of(client_id))
        if facts is None or facts.is_ended or not facts.order_id:
            try:
                facts, why = await self._reads.look_up(client_id)
            except ReadFailed as error:
                text = f"the order could not be looked up: {error.message}"
                raise Unavailable(error.reason, text, retry_after_s=error.retry_after_s) from error
            if facts is None and why:
                raise Unavailable(Reason.READ_FAILED, f"which order to cancel is unknown: {why}")
        if facts is None:
            raise NotFound(Reason.ORDER_NOT_FOUND, f"IB has no order under {client_id}")
        facts = self._in_force(facts, client_id)
        if facts.is_ended:
            raise _ended(facts)
        if not self._is_ours(facts):
            raise Refused(
                Reason.NOT_PERMITTED,
                f"client {facts.client_id} of the Gateway placed it, and no other can cancel it",
            )
        return facts

    def _in_force(self, facts: OrderFacts, client_id: str) -> OrderFacts:
        """The order of which the revision of that id is in force. Refused, NotFound or Unavailable
        if it is replaced, refused or in doubt."""
        change = self._revisions.log.find(client_id)
        if change is not None and change.fate is Fate.TAKEN:
            facts = self._evidence.of_perm(change.taken_by) or facts
        part = self._revisions.part(facts, client_id)
        if part is not None:
            if part.is_replaced:
                raise Refused(Reason.ORDER_ENDED, "the order is replaced at IB")
            if part.is_taken_back:
                raise Refused(Reason.ORDER_ENDED, "IB did not take the change after all")
            return facts
        if change is not None and change.fate is Fate.SENT:
            text = "whether it is in force is in doubt: cancel the order that it was to change"
            raise Unavailable(Reason.CHANGE_IN_PROGRESS, text)
        raise NotFound(Reason.ORDER_NOT_FOUND, f"IB did not take {client_id}")

    def _twins(self, facts: OrderFacts) -> list[int]:
        """Numbers of live orders that end with this one by no rule of IB's that can be relied on:
        those of an OCO, and others that IB works under the same reference. Exits of other orders
        end with them."""
        same = self._evidence.all_of_ref(facts.order_ref)
        refs = brackets.exit_refs(facts.order_ref, OrderClass.OCO)
        twins = [twin for twin in map(self._evidence.of_ref, refs) if twin is not None]
        numbers = {t.order_id for t in (*twins, *same) if self._is_ours(t) and not t.is_ended}
        return sorted(numbers - {facts.order_id})

    def _is_ours(self, facts: OrderFacts) -> bool:
        return facts.client_id == self._client_id and facts.order_id > 0

    def _canceling(self, facts: OrderFacts, client_id: str) -> OrderReport:
        """The order after the request was written: ended if it was shown so, else on its way."""
        report = self._translator.report(facts, client_id)
        if facts.is_ended:  # IB may work two orders for one: none has ended before both have
            others = (t for t in self._evidence.all_of_ref(facts.order_ref) if not t.is_ended)
            shown = (r for t in others for r in self._translator.reports(t))
            report = next((r for r in shown if r.client_id == report.client_id), report)
        if report.status in TERMINAL or report.status is OrderStatus.PENDING_CANCEL:
            return report
        return replace(report, status=OrderStatus.PENDING_CANCEL, signal=Signal.PENDING_CANCEL)

    async def _cancel_refused(self, before: OrderFacts, said: Said) -> OrderReport:
        """By itself no word on the order: it is read back."""
        try:
            facts, why = await self._reads.look_up(before.order_ref, before.perm_id)
        except ReadFailed as error:
            raise OutcomeUnknown(f"cancel sent: {said}; not read back: {error.message}") from error
        if facts is None:
            if why:
                raise OutcomeUnknown(f"cancel sent: {said}; {why}")
            raise NotFound(Reason.ORDER_NOT_FOUND, str(said))
        report = self._translator.report(facts)
        # A code that leaves it open may well have ended it: "no effect" would be false.
        ended_it = said.effect is not OrderEffect.CANCEL_REFUSED
        if ended_it and report.status is OrderStatus.CANCELED:
            return report
        if facts.is_ended or facts.is_refused:
            raise _ended(facts)
        if report.status is OrderStatus.PENDING_CANCEL:
            return report
        if said.effect is not OrderEffect.CANCEL_REFUSED:
            raise OutcomeUnknown(f"cancel sent: {said}")
        return replace(report, signal=Signal.CANCEL_REJECTED, cause=said.cause)


def _ended(facts: OrderFacts) -> Refused:
    return Refused(Reason.ORDER_ENDED, f"the order is {facts.standing[0].value} at IB")
