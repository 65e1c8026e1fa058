"""What is told of orders: into the evidence, to those who wait for it, and on to the feed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from services.common.domain.executions import ExecSource, Fee
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import TERMINAL
from services.ib_adapter import combos, contracts
from services.ib_adapter.codes import OrderEffect, Said
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.overturning import Overturning
from services.ib_adapter.preview_ids import PreviewIds
from services.ib_adapter.revision_news import Keys, RevisionNews
from services.ib_adapter.telling import Telling, keep
from services.ib_adapter.translate import Translator
from services.ib_adapter.waiters import Purpose, Waiters
from services.ib_adapter.words import ExecutionWord, OrderWord, StatusWord

_log = structlog.stdlib.get_logger(__name__)

LEFT_OUT_MAX: Final = 20_000


class HearsActivities(Protocol):
    """Who takes what changes positions without a trade; see `Activities`."""

    def hears(self, word: ExecutionWord) -> bool:
        """Take an execution; True if it is one of these and no trade."""

    def soon(self) -> None:
        """A position has changed."""


OnRefused = Callable[[OrderSpec, Said], None]


class OrderNews:
    """Takes facts about the orders of one account; `account` is "" until it is known.

    `on_late_refusal` is called for a refusal of an order that nobody waits for any more: it is to
    be looked up before it is believed; `on_refused` for each of an order that was never accepted.
    `on_late_word` is called for any code with an order's number while no change of it is waited
    for, and `on_preview_worked` for an order that was to be a preview only. Used on the event
    loop's thread only.
    """

    def __init__(
        self,
        evidence: Evidence,
        telling: Telling,
        waiters: Waiters,
        translator: Translator,
        changes: RevisionNews,
        overturning: Overturning,
        *,
        client_id: int,
    ) -> None:
        self.evidence = evidence
        self.telling = telling
        self.waiters = waiters
        self._translator = translator
        self._changes = changes
        changes.on_saved = self._saved
        self.overturning = overturning
        overturning.on_reopened = self._shown
        self._client_id = client_id
        self._left_out: OrderedDict[str, None] = OrderedDict()
        self.account = ""
        self.activities: HearsActivities | None = None
        self.on_late_refusal: OnRefused | None = None
        self.on_late_word: Callable[[Said], None] = _unheard
        self.on_refused: OnRefused | None = None
        self.previews = PreviewIds(client_id)
        self.on_preview_worked: Callable[[int], None] | None = None

    def on_positions_moved(self) -> None:
        """See `News`."""
        if self.activities is not None:
            self.activities.soon()

    def on_order(self, word: OrderWord) -> None:
        """See `News`."""
        if not self._is_ours(word.account):
            return
        self._watch_previews(word)
        word = self.evidence.whole_ref(word)
        facts = self.evidence.take_order(word)
        if facts is not None:
            self._changes.hear_order(facts, word)
        self._shown(facts)

    def _watch_previews(self, word: OrderWord | StatusWord | ExecutionWord) -> None:
        order_ref = "" if isinstance(word, StatusWord) else word.order_ref
        if not self.previews.has(word.client_id, word.order_id, order_ref):
            return
        if self.on_preview_worked is not None:
            # Another client's number may be that of an order of ours.
            self.on_preview_worked(word.order_id if word.client_id == self._client_id else 0)

    def on_status(self, word: StatusWord) -> None:
        """See `News`."""
        self._watch_previews(word)
        facts = self.evidence.take_status(word)
        if facts is not None and facts.is_contested:
            self._changes.on_contested(facts.perm_id)
        self._shown(facts)

    def on_execution(self, word: ExecutionWord, *, is_live: bool) -> None:
        """See `News`. Raises Unreadable for one of our orders that has no name here."""
        if not self._is_ours(word.account):
            return
        if self.activities is not None and self.activities.hears(word):
            return
        self._watch_previews(word)
        word = self.evidence.whole_ref(word)
        source = ExecSource.STREAM if is_live else ExecSource.QUERY
        known = self.evidence.of_perm(word.perm_id)
        is_new = not self._changes.hear_execution(word, source, known) and self._hear(word, source)
        if is_new and self.telling.is_open and not is_live and word.client_id == self._client_id:
            _log.warning("execution_was_not_told", exec_id=word.exec_id)
        self._shown(self.evidence.take_execution(word))
        self.telling.flush()

    async def lists_read(self, begun: int) -> None:
        """All lists were read to their ends: what they overturn is durable on return. Raises
        ReadFailed."""
        self.overturning.lists_read(begun)
        await self._changes.saved()

    def _hear(self, word: ExecutionWord, source: ExecSource) -> bool:
        """Whether it is news. What others trade and has no name here is left out: their orders
        must not wait for it, nor may it hide executions of ours."""
        try:
            if contracts.is_ours(word.contract):
                return self.telling.hear_execution(word, source)
        except Unreadable as error:
            if self.evidence.is_own(word):
                raise
            if word.exec_id not in self._left_out:
                _log.warning("execution_left_out", exec_id=word.exec_id, error=str(error))
        if combos.is_combo(word.contract) and self.evidence.is_own(word):
            return False  # its legs are told
        keep(self._left_out, word.exec_id, None, LEFT_OUT_MAX)
        self.telling.settle(str(word.perm_id), word.cum_qty or word.last_qty)
        return False

    def _saved(self, keys: Keys) -> None:
        """What was decided of these orders is durable: tell what was held back."""
        for word, source in self._changes.release():
            self._hear(word, source)
        for facts in [facts for key in keys for facts in self._under(key)]:
            self._shown(facts)
            if facts.order_ref in keys and facts.client_id == self._client_id:
                self.waiters.decided(facts)
        self.telling.flush()

    def _under(self, key: int | str) -> list[OrderFacts]:
        if isinstance(key, str):
            return self.evidence.all_of_ref(key)
        facts = self.evidence.of_perm(key)
        return [] if facts is None else [facts]

    def on_commission(self, exec_id: str, fee: Fee | None) -> None:
        """See `News`."""
        if fee is not None:
            self.telling.hear_fee(exec_id, fee)
            self.telling.flush()

    def on_said(self, said: Said) -> None:
        """A code that came with the number of an order."""
        spec = self.evidence.spec_of(said.ref_id)
        if spec is None:
            self._said_of_earlier(said)
            return
        client_id = spec.client_order_id
        say = _log.warning if said.changes_order else _log.info
        say("said_of_order", client_id=client_id, code=said.code, text=said.text[:300])
        facts = self.evidence.of_order_id(said.ref_id)
        if said.effect in (OrderEffect.REJECTED, OrderEffect.CANCELED):
            self.evidence.dismissed(said.ref_id)
        if said.effect is OrderEffect.REJECTED and not self._changes.was_changed(client_id):
            self._refused(spec, said)
        if not self.waiters.said(said):
            self._said_late(spec, said, facts)
        self._said_of_change(said)

    def _refused(self, spec: OrderSpec, said: Said) -> None:
        refused = self.evidence.refuse(said.ref_id, said.cause)
        self._shown(refused)
        is_new = refused is None or refused.refusal is not None
        if is_new and self.on_refused is not None:
            self.on_refused(spec, said)

    def _said_of_earlier(self, said: Said) -> None:
        """A code with the number of an order that an earlier process sent."""
        _log.info("said_of_order", order_id=said.ref_id, code=said.code, text=said.text[:300])
        self.waiters.said(said)
        self._said_of_change(said)

    def _said_of_change(self, said: Said) -> None:
        """Nobody waits for a change of the order, to which this might be the answer."""
        if not self.waiters.waits_for(said.ref_id, Purpose.REPLACE):
            self.on_late_word(said)

    def _said_late(self, spec: OrderSpec, said: Said, facts: OrderFacts | None) -> None:
        is_refusal = said.effect in (OrderEffect.REJECTED, OrderEffect.CANCELED)
        if is_refusal and facts is None and self.on_late_refusal is not None:
            self.on_late_refusal(spec, said)
        elif said.effect is OrderEffect.DOUBT:
            _log.warning("code_not_understood", code=said.code, client_id=spec.client_order_id)

    def _shown(self, facts: OrderFacts | None) -> None:
        if facts is None or not facts.is_proven:
            return
        if self.account and not facts.is_of(self.account):
            return
        if facts.order_qty is None and not facts.is_completed:
            return  # a status or an execution alone: the order itself is still to be shown
        if self._changes.is_held(facts):
            return
        twins = [t for t in self.evidence.all_of_ref(facts.order_ref) if t is not facts]
        for report in self._translator.reports(facts):
            if report.status in TERMINAL and self._is_worked_by(report.client_id, twins):
                continue  # it is told once the other has ended as well
            if combos.is_combo(facts.contract) and self.evidence.is_own(facts):
                ratios = combos.ratios(facts.contract)
                self.telling.expect_legs(report.venue_order_id, ratios)
            self.telling.hear_report(report)
        if facts.is_ended:
            for twin in (twin for twin in twins if twin.is_ended):
                self._tell_end(twin, [t for t in twins if t is not twin])
        if facts.client_id == self._client_id:
            self.waiters.shown(facts)
        self.telling.flush()

    def _tell_end(self, facts: OrderFacts, twins: list[OrderFacts]) -> None:
        """Tell what was held back while another order worked under the same id."""
        for report in self._translator.reports(facts):
            if not self._is_worked_by(report.client_id, twins):
                self.telling.hear_report(report)

    def _is_worked_by(self, client_id: str, twins: list[OrderFacts]) -> bool:
        """Whether IB works another order under this id: whoever heard an end would think that
        nothing is live under it any more."""
        live = (twin for twin in twins if not twin.is_ended and twin.is_proven)
        return any(r.client_id == client_id for t in live for r in self._translator.reports(t))

    def _is_ours(self, account: str) -> bool:
        return not account or not self.account or account == self.account


def _unheard(_said: Said) -> None:
    """Nobody listens yet."""
