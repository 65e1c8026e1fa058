"""Cancel of many: by IB's own cancel of everything, or one by one.

The global cancel ends every order of every client, those placed by hand too, and of every account
of the login: it is used for "all" where the login has one account. One by one only orders of this
client can be canceled; those of others are among the failures. Nothing answers a global cancel:
what became of each order is heard, or read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import structlog

from services.common.adapter.pacer import Pacer, Priority
from services.common.adapter.port import LastCheck
from services.common.domain.errors import (
    Cause,
    ReadFailed,
    Reason,
    TandemError,
    Unavailable,
)
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.order_terms import OptionCombo
from services.common.domain.reports import CancelAllOutcome, OrderReport
from services.common.runtime.broker_calls import broker_span
from services.common.runtime.clock import Clock
from services.ib_adapter import combos
from services.ib_adapter.brackets import ExitRef
from services.ib_adapter.codes import OrderEffect, Said
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.requests import BROKER
from services.ib_adapter.session import Session
from services.ib_adapter.translate import Translator
from services.ib_adapter.waiters import Purpose, Waiter, Waiters
from services.ib_adapter.wire import Wire

_log = structlog.stdlib.get_logger(__name__)

_NO_WORD: Final = Cause(Reason.OUTCOME_UNKNOWN, "IB said nothing of this order")
_OTHERS: Final = "another client of the Gateway placed it, and no other can cancel it"
_READ_AGAIN_S: Final = 0.25


class CancelAll:
    """Asks for the end of many orders, of each once."""

    def __init__(
        self,
        session: Session,
        evidence: Evidence,
        waiters: Waiters,
        cache: ContractCache,
        translator: Translator,
        pacer: Pacer,
        clock: Clock,
        *,
        client_id: int,
        ack_timeout_s: float,
        pace_s: float,
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._waiters = waiters
        self._cache = cache
        self._translator = translator
        self._pacer = pacer
        self._clock = clock
        self._client_id = client_id
        self._ack_timeout_s = ack_timeout_s
        self._pace_s = pace_s

    async def cancel_all(
        self, instrument: Instrument | None, last_check: LastCheck
    ) -> CancelAllOutcome:
        """See `VenueGateway.cancel_all`."""
        wire = self._session.wire()
        targets = await self._open_orders(instrument)
        unanswered = [
            number
            for number, spec in self._evidence.unanswered().items()
            if instrument in (None, spec.instrument)
        ]
        if not targets and not unanswered:
            return CancelAllOutcome(())
        mine = [facts for facts in targets if self._is_mine(facts)]
        waits = {f.perm_id: self._waiters.open(f.order_id, Purpose.CANCEL) for f in mine}
        causes: dict[int, Cause] = {}
        try:
            if instrument is None and len(wire.accounts) == 1:
                self._write_all(wire, last_check)
            else:
                causes = await self._write_each(wire, targets, last_check)
                await self._write_unanswered(wire, unanswered, last_check)
            await self._settled([f for f in targets if f.perm_id not in causes], waits)
        finally:
            for waiter in waits.values():
                self._waiters.close(waiter)
        words = {perm_id: _refusal(waiter) for perm_id, waiter in waits.items()}
        return self._outcome(targets, causes | {p: c for p, c in words.items() if c is not None})

    # -- which -------------------------------------------------------------------------------

    async def _open_orders(self, instrument: Instrument | None) -> list[OrderFacts]:
        """The open orders of this account, as the lists show them now."""
        began = self._clock.monotonic()
        try:
            await self._session.read_all()
            con_id = 0
            if isinstance(instrument, OptionContract):
                con_id = (await self._cache.contract(instrument)).conId
        except ReadFailed as error:
            text = f"not sent: the orders could not be read: {error.message}"
            raise Unavailable(error.reason, text, retry_after_s=error.retry_after_s) from error
        return [
            facts
            for facts in self._evidence
            if facts.heard_at >= began
            and facts.is_proven
            and not facts.is_ended
            and facts.is_of(self._session.account)
            and (instrument is None or self._is_for(facts, instrument, con_id))
        ]

    def _is_for(self, facts: OrderFacts, instrument: Instrument, con_id: int) -> bool:
        if combos.is_combo(facts.contract):
            return con_id in combos.ratios(facts.contract)
        shown = self._translator.report(facts).instrument
        return not isinstance(shown, OptionCombo) and shown == instrument

    def _is_mine(self, facts: OrderFacts) -> bool:
        return facts.client_id == self._client_id and facts.order_id > 0

    # -- the requests ------------------------------------------------------------------------

    def _write_all(self, wire: Wire, last_check: LastCheck) -> None:
        with broker_span(BROKER, "reqGlobalCancel", clock=self._clock):
            self._require(wire)
            last_check()
            wire.cancel_everything()

    async def _write_each(
        self, wire: Wire, targets: Iterable[OrderFacts], last_check: LastCheck
    ) -> dict[int, Cause]:
        """Ask for each that can be asked for; why the others were not."""
        causes, is_paced = {}, True
        for facts in _heads(targets):
            if not self._is_mine(facts):
                causes[facts.perm_id] = Cause(Reason.NOT_PERMITTED, _OTHERS)
                continue
            try:
                if not is_paced:
                    await self._pacer.take(Priority.CANCEL, within_s=self._pace_s)
                is_paced = False  # the first one was, by who called
                self._require(wire)
                last_check()
            except TandemError as error:
                causes[facts.perm_id] = error.cause
                continue
            with broker_span(BROKER, "cancelOrder", clock=self._clock):
                wire.cancel(facts.order_id)
        return causes

    async def _write_unanswered(
        self, wire: Wire, numbers: Iterable[int], last_check: LastCheck
    ) -> None:
        """Ask for what the Gateway has and IB has not answered for. Nothing is told of it: it is
        no order of IB's yet, and stays in doubt."""
        for number in numbers:
            try:
                await self._pacer.take(Priority.CANCEL, within_s=self._pace_s)
                self._require(wire)
                last_check()
            except TandemError as error:
                _log.warning("not_canceled", order_id=number, error=error.message)
                return
            with broker_span(BROKER, "cancelOrder", clock=self._clock):
                wire.cancel(number)

    def _require(self, wire: Wire) -> None:
        if self._session.wire() is not wire:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, "not sent: the connection was lost")
        wire.require_writable()

    # -- what came of it ---------------------------------------------------------------------

    async def _settled(self, asked: list[OrderFacts], waits: dict[int, Waiter]) -> None:
        """Wait for a word on each; those of other clients are told in the lists only."""
        ends_at = self._clock.monotonic() + self._ack_timeout_s
        own = [waits[facts.perm_id].word for facts in asked if facts.perm_id in waits]
        if own:
            await asyncio.wait(own, timeout=self._ack_timeout_s)
        while not all(map(_is_settled, asked)) and self._clock.monotonic() < ends_at:
            try:
                await self._session.read_all()
            except ReadFailed as error:
                _log.warning("orders_not_read_after_cancel", error=error.message)
                return
            await self._clock.sleep(_READ_AGAIN_S)

    def _outcome(self, targets: Iterable[OrderFacts], causes: dict[int, Cause]) -> CancelAllOutcome:
        asked, failed = [], []
        for facts in targets:
            report = self._translator.report(facts)
            if _is_settled(facts):
                asked.append(_asked(report))
            else:
                failed.append((report, causes.get(facts.perm_id, _NO_WORD)))
        return CancelAllOutcome(tuple(asked), tuple(failed))


def _heads(targets: Iterable[OrderFacts]) -> list[OrderFacts]:
    """What has to be asked for by itself: not the children of what is asked for."""
    known = list(targets)
    refs = {facts.order_ref for facts in known}
    return [facts for facts in known if not _is_child_of(facts, refs)]


def _is_child_of(facts: OrderFacts, refs: set[str]) -> bool:
    exit_ = ExitRef.parse(facts.order_ref)
    return exit_ is not None and exit_.is_child and exit_.head in refs


def _is_settled(facts: OrderFacts) -> bool:
    return facts.is_ended or facts.standing[0] is OrderStatus.PENDING_CANCEL


def _refusal(waiter: Waiter) -> Cause | None:
    """Why it was not canceled, by a word that says so."""
    word = waiter.word.result() if waiter.word.done() else None
    if isinstance(word, Said) and word.effect is not OrderEffect.CANCELED:
        return word.cause
    return None


def _asked(report: OrderReport) -> OrderReport:
    """An order whose cancel was taken: live ones as PENDING_CANCEL."""
    if report.status in TERMINAL:
        return report
    return replace(report, status=OrderStatus.PENDING_CANCEL, signal=Signal.PENDING_CANCEL)
