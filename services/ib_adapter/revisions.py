"""Which revision an order, a report or an execution of IB's is of.

IB changes an order in place: its permId, its reference and its cumulative quantity go on. Here each
set of terms is an order of its own, with an id of its own. So one order of IB's is told as several:
the earlier ones REPLACED, each with what filled of it, the last with the rest.

    venue_order_id   900        placed         900.1      changed once       900.2 …
    client_id        o-1~ib~1.0                o-1~ib~1.1                    o-1~ib~1.2
    order_qty        as placed                 the new total, less what the earlier ones filled

Whose a fill is, nobody says. It goes to the terms in force, or to a change in doubt if it can be of
that only, which proves the change; afterwards to the newest terms whose limit and quantity it fits.
Each is decided once and kept (`revision_log`), so that stream, lists and a later process say the
same. Whatever fits nowhere goes to the terms in force: nothing is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import structlog

from services.common.domain.amounts import add, sub, total
from services.common.domain.errors import Cause, Reason
from services.ib_adapter import combos
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.exec_ids import split_exec_id
from services.ib_adapter.revision_log import RevisionLog
from services.ib_adapter.revision_parts import (
    Link,
    Part,
    Whose,
    allows,
    is_of_combo,
    on_terms,
)
from services.ib_adapter.revision_rows import Fate, RevisedFill, Revision
from services.ib_adapter.revision_terms import Terms, shows
from services.ib_adapter.words import ExecutionWord, OrderWord

_log = structlog.stdlib.get_logger(__name__)

_ZERO: Final = Decimal(0)
_ENDS: Final = frozenset({"Filled", "Cancelled", "ApiCancelled"})
# In which the terms that an order shows are those that IB works, or worked.
_PROOF: Final = frozenset({"PreSubmitted", "Submitted"}) | _ENDS


class Revisions:
    """Parts orders into their revisions. Used on the event loop's thread only.

    What is decided here is in the log at once, and durable after its next `save`.
    """

    def __init__(self, log: RevisionLog) -> None:
        self.log = log

    # -- what is asked -----------------------------------------------------------------------

    def order_ref_of(self, client_id: str) -> str:
        """IB's own reference of the order that has a revision of that id."""
        change = self.log.find(client_id)
        return client_id if change is None else change.order_ref

    def in_doubt(self, order_ref: str) -> Revision | None:
        """The change of an order of which nobody knows whether it is in force."""
        return next((c for c in self.log.of_order(order_ref) if c.fate is Fate.SENT), None)

    def next_seq(self, order_ref: str) -> int:
        """The number of the next change of an order."""
        return max((change.seq for change in self.log.of_order(order_ref)), default=0) + 1

    def told_before(self, facts: OrderFacts) -> Decimal:
        """What had filled of an order before its first change, this one if there is none yet."""
        own = [c for c in self.log.of_order(facts.order_ref) if c.perm_id == facts.perm_id]
        return own[0].filled_before if own else facts.filled

    def is_held(self, perm_id: int, order_ref: str) -> bool:
        """Whether something about the order is not durable yet, so that nothing may be told."""
        unsaved = self.log.unsaved()
        return bool(unsaved) and (perm_id in unsaved or order_ref in unsaved)

    def parts(self, facts: OrderFacts) -> tuple[Part, ...]:
        """The revisions of an order, oldest first; itself, if it was never changed."""
        changes = self.log.of_order(facts.order_ref)
        if not changes:
            return (Part(facts.order_ref, str(facts.perm_id), facts),)
        links = self._links(facts.perm_id, facts.order_ref)
        ends = [link.change.before for link in links[1:] if link.change is not None]
        parts: list[Part] = []
        earlier = _ZERO
        for index, (link, terms) in enumerate(zip(links, ends, strict=False)):
            filled = self._filled(facts.perm_id, facts.order_ref, link)
            qty = None if terms.order_qty is None else sub(terms.order_qty, earlier)
            parts.append(
                Part(
                    link.client_id,
                    link.venue_order_id,
                    on_terms(facts, replace(terms, order_qty=qty), filled),
                    is_revised=True,
                    is_replaced=True,
                    replaces=parts[-1].venue_order_id if parts else self._parent(link),
                    replaced_by=links[index + 1].venue_order_id,
                )
            )
            earlier = add(earlier, filled)
        return (*parts, self._last(facts, links, earlier, parts))

    def part(self, facts: OrderFacts, client_id: str) -> Part | None:
        """The revision of that id, None if the order does not have it (yet)."""
        return next((p for p in self.parts(facts) if p.client_id == client_id), None)

    def whose(self, word: ExecutionWord) -> Whose:
        """What an execution is told as; decided before by `take_execution`."""
        plain = Whose(word.order_ref, str(word.perm_id), word.cum_qty)
        if not self.log.of_order(word.order_ref):
            return plain
        links = self._links(word.perm_id, word.order_ref)
        fill = self.log.fill(word.perm_id, split_exec_id(word.exec_id)[0])
        if fill is None:  # told before the first change
            return replace(
                plain, client_id=links[0].client_id, venue_order_id=links[0].venue_order_id
            )
        link = next((known for known in links if known.seq == fill.seq), links[-1])
        return Whose(link.client_id, link.venue_order_id, fill.cum_qty)

    # -- what is heard -----------------------------------------------------------------------

    def take_order(self, facts: OrderFacts, word: OrderWord) -> None:
        """An order was shown: by its terms a change is taken, or at its end was not."""
        if word.raw_status not in _PROOF and not word.is_completed:
            return  # the Gateway's own, or neither accepted nor refused
        shown = Terms.of(facts)
        has_ended = word.is_completed or word.raw_status in _ENDS
        for change in self._open_changes(facts):
            told = shows(shown, change.before, change.after)
            if told:
                self._take(change, facts.perm_id)
                return
            is_left = told is False and has_ended and change.perm_id == facts.perm_id
            if is_left and change.fate is Fate.SENT:
                self._refuse(change, Cause(Reason.ORDER_ENDED, "the order ended without it"))

    def take_execution(self, word: ExecutionWord, facts: OrderFacts | None) -> None:
        """An execution was told: decide whose it is, unless it is known. It may prove a change."""
        order_ref = word.order_ref or ("" if facts is None else facts.order_ref)
        stem = split_exec_id(word.exec_id)[0]
        if not self.log.of_order(order_ref) or self.log.fill(word.perm_id, stem) is not None:
            return
        told_before = self._told_before(word.perm_id, order_ref)
        if word.cum_qty is not None and word.cum_qty <= told_before:
            return
        link = self._choose(word, facts, order_ref)
        is_leg = self._is_combo(facts, order_ref) and not combos.is_combo(word.contract)
        part = int(word.contract.conId) if is_leg else 0
        cum_qty = self.log.filled(word.perm_id, link.seq, part)
        if link == self._links(word.perm_id, order_ref)[0] and not is_leg:
            cum_qty = add(cum_qty, told_before)
        cum_qty = add(cum_qty, word.last_qty)
        self.log.add_fill(RevisedFill(word.perm_id, stem, part, link.seq, word.last_qty, cum_qty))

    def settle(self, facts: OrderFacts) -> str:
        """Decide what is in doubt, now that nothing of it can be on its way any more: the lists
        were read after the settling time. Why it can't be decided, "" if it was."""
        change = self.in_doubt(facts.order_ref)
        if change is None:
            return ""
        told = shows(Terms.of(facts), change.before, change.after)
        if told:
            self._take(change, facts.perm_id)
        elif told is False or facts.is_ended:
            self._refuse(change, Cause(Reason.VENUE_REJECTED, "IB did not take the change"))
        else:
            return "it shows terms that are neither the old nor the new ones"
        return ""

    def refuse(self, revision_id: str, cause: Cause) -> None:
        """IB's word that it did not take a change, and the order shows that it did not."""
        change = self.log.find(revision_id)
        if change is not None and change.fate is Fate.SENT:
            self._refuse(change, cause)

    # -- inside ------------------------------------------------------------------------------

    def _open_changes(self, facts: OrderFacts) -> list[Revision]:
        """Changes that the order may come to show: what is in doubt first, then what was called
        refused, latest first, which must not be overlooked either."""
        links = self._links(facts.perm_id, facts.order_ref)
        later = [c for c in self.log.of_order(facts.order_ref) if c.seq > links[-1].seq]
        sent = [c for c in later if c.fate is Fate.SENT]
        return sent + [c for c in reversed(later) if c.fate is Fate.REFUSED]

    def _take(self, change: Revision, perm_id: int) -> None:
        if change.fate is Fate.REFUSED:
            _log.error("change_taken_after_all", client_id=change.revision_id, perm_id=perm_id)
        if perm_id != change.perm_id:
            _log.error("two_orders_for_one", client_id=change.revision_id, perm_id=perm_id)
        filled = self._filled_in_all(perm_id, change.order_ref)
        left = None if change.after.order_qty is None else sub(change.after.order_qty, filled)
        fate = Fate.SPENT if left is not None and left <= 0 else Fate.TAKEN
        self.log.decide(change.revision_id, fate, taken_by=perm_id)
        _log.info("change_taken", client_id=change.revision_id, fate=fate.value)

    def _refuse(self, change: Revision, cause: Cause) -> None:
        self.log.decide(change.revision_id, Fate.REFUSED, cause=cause)
        _log.info("change_refused", client_id=change.revision_id, reason=cause.message)

    def _links(self, perm_id: int, order_ref: str) -> list[Link]:
        """The revisions of one order of IB's that are or were in force, oldest first; at least one.

        IB may have made a second order of a change: that one begins with the change.
        """
        changes = self.log.of_order(order_ref)
        taken = [c for c in changes if c.fate is Fate.TAKEN and c.taken_by == perm_id]
        is_first = not changes or changes[0].perm_id == perm_id
        links = []
        if is_first or not taken:
            links.append(Link(0, order_ref, str(perm_id), None))
        for change in taken:
            own_id = f"{perm_id}.{change.seq}" if links else str(perm_id)
            links.append(Link(change.seq, change.revision_id, own_id, change))
        return links

    def _parent(self, first: Link) -> str:
        """What the first revision of an order has replaced: something if it is a second order."""
        return "" if first.change is None else str(first.change.perm_id)

    def _told_before(self, perm_id: int, order_ref: str) -> Decimal:
        """What had filled when the order was changed first: it is of the terms as placed."""
        own = (c for c in self.log.of_order(order_ref) if c.perm_id == perm_id)
        return next((change.filled_before for change in own), _ZERO)

    def _filled(self, perm_id: int, order_ref: str, link: Link) -> Decimal:
        filled = self.log.filled(perm_id, link.seq)
        if link == self._links(perm_id, order_ref)[0]:
            filled = add(filled, self._told_before(perm_id, order_ref))
        return filled

    def _filled_in_all(self, perm_id: int, order_ref: str) -> Decimal:
        links = self._links(perm_id, order_ref)
        return total(self._filled(perm_id, order_ref, link) for link in links)

    def _last(
        self, facts: OrderFacts, links: Sequence[Link], earlier: Decimal, parts: Sequence[Part]
    ) -> Part:
        """The revision in force, with what no earlier one has filled."""
        link, doubted = links[-1], self.in_doubt(facts.order_ref)
        terms, is_cut = Terms.of(facts), False
        if doubted is not None and shows(terms, doubted.before, doubted.after):
            terms = doubted.before  # shown, and not proven yet
        spent = [c for c in self.log.of_order(facts.order_ref) if c.fate is Fate.SPENT]
        if spent and spent[-1].seq > link.seq:
            terms = replace(terms, order_qty=spent[-1].before.order_qty)
            is_cut = facts.is_ended
        decided = self._filled(facts.perm_id, facts.order_ref, link)
        told = max(sub(facts.filled, earlier), decided)
        filled = told if doubted is None else decided
        qty = None if terms.order_qty is None else sub(terms.order_qty, earlier)
        is_cut = is_cut and qty is not None and filled < qty
        return Part(
            link.client_id,
            link.venue_order_id,
            on_terms(facts, replace(terms, order_qty=qty), filled),
            is_revised=True,
            is_in_doubt=doubted is not None,
            awaits_fills=told > filled,
            is_cut=is_cut,
            replaces=parts[-1].venue_order_id if parts else self._parent(link),
        )

    def _choose(self, word: ExecutionWord, facts: OrderFacts | None, order_ref: str) -> Link:
        """Whose an execution is; a change that alone it can be of is taken by that."""
        links, doubted = self._links(word.perm_id, order_ref), self.in_doubt(order_ref)
        if self._is_combo(facts, order_ref) or combos.is_combo(word.contract):
            return links[-1]  # a leg has no limit of its own
        if self._fits(word, facts, order_ref, links[-1]):
            return links[-1]
        if doubted is not None:
            filled = self._filled_in_all(word.perm_id, order_ref)
            if allows(word, doubted.after, filled):
                self._take(doubted, word.perm_id)
                return self._links(word.perm_id, order_ref)[-1]
            return links[-1]
        fitting = (x for x in reversed(links[:-1]) if self._fits(word, facts, order_ref, x))
        return next(fitting, links[-1])

    def _is_combo(self, facts: OrderFacts | None, order_ref: str) -> bool:
        """Whether it is a multi-leg order; its executions may come before it is shown."""
        changes = self.log.of_order(order_ref)
        return is_of_combo(facts) or any(change.is_combo for change in changes)

    def _fits(
        self, word: ExecutionWord, facts: OrderFacts | None, order_ref: str, link: Link
    ) -> bool:
        """Whether an execution can be of a revision, by limit and quantity."""
        links = self._links(word.perm_id, order_ref)
        index = links.index(link)
        before = total(self._filled(word.perm_id, order_ref, one) for one in links[: index + 1])
        return any(
            allows(word, terms, before) for terms in self._terms_of(links, index, facts, order_ref)
        )

    def _terms_of(
        self, links: Sequence[Link], index: int, facts: OrderFacts | None, order_ref: str
    ) -> list[Terms]:
        """The terms under which a revision works or worked: as sent, and as shown if others."""
        link, doubted = links[index], self.in_doubt(order_ref)
        known = [] if link.change is None else [link.change.after]
        if index + 1 < len(links):
            following = links[index + 1].change
            return known if following is None else [*known, following.before]
        if doubted is not None:
            known.append(doubted.before)
        elif link.change is None:
            known.append(self.log.of_order(order_ref)[-1].before)
        if facts is not None and facts.order_qty is not None:
            shown = Terms.of(facts)
            if doubted is None or not shows(shown, doubted.before, doubted.after):
                known.append(shown)
        return known
