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

IB may show the new terms and refuse them afterwards. What one word has decided of a change another
word does not overturn: it is *contested* then, nothing is told by the later word, and the lists,
read to their end after it, decide. The revision is then taken back, and what it was to replace is
told as in force again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeVar

import structlog

from services.common.domain.amounts import sub
from services.common.domain.errors import Cause, Reason
from services.ib_adapter import statuses
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.revision_chain import Chain
from services.ib_adapter.revision_fills import RevisionFills
from services.ib_adapter.revision_log import RevisionLog
from services.ib_adapter.revision_parts import Part, Whose, on_terms
from services.ib_adapter.revision_rows import Fate, Revision
from services.ib_adapter.revision_terms import Terms, shows
from services.ib_adapter.words import ExecutionWord, OrderWord

_log = structlog.stdlib.get_logger(__name__)

_ENDS: Final = frozenset({"Filled", "Cancelled", "ApiCancelled"})
# In which the terms that an order shows are those that IB works, or worked.
_PROOF: Final = frozenset({"PreSubmitted", "Submitted"}) | _ENDS
_NOT_TAKEN: Final = "IB did not take the change"
_NOT_WORKED: Final = "IB showed the change as taken, and works the order on the terms before it"
HEARD_MAX: Final = 1_000

V = TypeVar("V")


class Revisions:
    """Parts orders into their revisions. Used on the event loop's thread only.

    What is decided here is in the log at once, and durable after its next `save`.
    """

    def __init__(self, log: RevisionLog) -> None:
        self.log = log
        self._fills = RevisionFills(log, self._take_by_fill)
        # What IB said against changes, by revision: it counts once the lists agree.
        self._said: OrderedDict[str, Cause] = OrderedDict()
        # What a fill has proven, by revision: the number of the last word that showed the order.
        self._proven: OrderedDict[str, int] = OrderedDict()

    # -- what is asked -----------------------------------------------------------------------

    def order_ref_of(self, client_id: str) -> str:
        """IB's own reference of the order that has a revision of that id."""
        change = self.log.find(client_id)
        return client_id if change is None else change.order_ref

    def in_doubt(self, order_ref: str) -> Revision | None:
        """The change of an order of which nobody knows whether it is in force."""
        return next((c for c in self.log.of_order(order_ref) if c.fate is Fate.SENT), None)

    def unanswered_before(self, row: Revision) -> Revision | None:
        """An earlier change of the order that was settled without a word of IB's: one that comes
        late may be of that."""
        earlier = (c for c in self.log.of_order(row.order_ref) if c.seq < row.seq)
        return next((c for c in earlier if c.cause and c.cause.message == _NOT_TAKEN), None)

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
        """The revisions of an order, oldest first; itself, if it was never changed. What was taken
        back comes after what is in force."""
        chain = self._chain(facts)
        if not chain.changes:
            return (Part(facts.order_ref, str(facts.perm_id), facts),)
        ends = [link.change.before for link in chain.links[1:] if link.change is not None]
        parts: list[Part] = []
        for index, (link, terms) in enumerate(zip(chain.links, ends, strict=False)):
            parts.append(
                Part(
                    link.client_id,
                    link.venue_order_id,
                    _on_own(facts, terms, chain.filled_before(link.seq), chain.filled(link)),
                    is_revised=True,
                    is_replaced=True,
                    replaces=parts[-1].venue_order_id if parts else _parent(chain),
                    replaced_by=chain.links[index + 1].venue_order_id,
                )
            )
        return (*parts, self._last(facts, chain, parts), *_taken_back(facts, chain))

    def part(self, facts: OrderFacts, client_id: str) -> Part | None:
        """The revision of that id, None if the order does not have it (yet)."""
        return next((p for p in self.parts(facts) if p.client_id == client_id), None)

    def whose(self, word: ExecutionWord) -> Whose:
        """What an execution is told as; decided before by `take_execution`."""
        return self._fills.whose(word)

    def contested(self, facts: OrderFacts) -> list[Revision]:
        """Changes of which the order shows otherwise than was decided: one that was refused, or
        taken back, or those that were taken, latest first. Only lists that are read to their end
        after this may overturn it."""
        if facts.raw_status in statuses.UNPROVEN and not facts.is_completed:
            return []
        chain, shown = self._chain(facts), Terms.of(facts)
        if facts.raw_status in _PROOF or facts.is_completed:
            for change in chain.overruled:
                if shows(shown, change.before, change.after):
                    return [change]
        taken: list[Revision] = []
        for link in reversed(chain.links):
            if link.change is None or link.change.perm_id != facts.perm_id:
                break
            taken.append(link.change)
            if shows(shown, link.change.before, taken[0].after) is False:
                return taken
        return []

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
            if told is False and has_ended and change.perm_id == facts.perm_id:
                self._refuse(change, Cause(Reason.ORDER_ENDED, "the order ended without it"))

    def take_execution(self, word: ExecutionWord, facts: OrderFacts | None) -> bool:
        """An execution was told: decide whose it is, unless it is known. It may prove a change.
        True if it can't be of the terms in force: then the lists must say what those are."""
        return self._fills.decide(word, facts)

    def confirm(self, facts: OrderFacts) -> None:
        """The lists were read to their end, and the order was in them: what they show otherwise
        than was decided is overturned."""
        for change in self.contested(facts):
            if change.fate is not Fate.TAKEN:
                self._take(change, facts.perm_id)
                return
            if facts.shown_no <= self._proven.get(change.revision_id, -1):
                return  # shown before the fill that it was taken by
            cause = self._said.get(change.revision_id)
            cause = cause or Cause(Reason.VENUE_REJECTED, _NOT_WORKED)
            self.log.decide(
                change.revision_id, Fate.TAKEN_BACK, taken_by=facts.perm_id, cause=cause
            )
            _log.error("change_taken_back", client_id=change.revision_id, reason=cause.message)

    def settle(self, facts: OrderFacts) -> str:
        """Decide what is in doubt, now that nothing of it can be on its way any more: the lists
        were read after the settling time. Why it can't be decided, "" if it was."""
        change = self.in_doubt(facts.order_ref)
        if change is None:
            return ""
        if shows(Terms.of(facts), change.before, change.after):
            self._take(change, facts.perm_id)
        elif self.is_refuted(change, facts) or facts.is_ended:
            cause = self._said.get(change.revision_id)
            self._refuse(change, cause or Cause(Reason.VENUE_REJECTED, _NOT_TAKEN))
        else:
            return "it shows terms that are neither the old nor the new ones"
        return ""

    def is_refuted(self, change: Revision, facts: OrderFacts) -> bool:
        """Whether the order shows the terms that were in force before a change in doubt, or before
        what that was made of and was taken back."""
        shown = Terms.of(facts)
        backs = (x.change.before for x in self._chain(facts).backs if x.change is not None)
        return any(shows(shown, old, change.after) is False for old in (change.before, *backs))

    def hear_refusal(self, revision_id: str, cause: Cause) -> None:
        """IB's word that it did not take a change: the cause, should the lists show that."""
        _note(self._said, revision_id, cause)

    def refuse(self, revision_id: str, cause: Cause) -> None:
        """IB's word that it did not take a change, and the order shows that it did not."""
        change = self.log.find(revision_id)
        if change is not None and change.fate in (Fate.SENT, Fate.REFUSED):
            self._refuse(change, cause)

    # -- inside ------------------------------------------------------------------------------

    def _chain(self, facts: OrderFacts) -> Chain:
        return Chain.of(self.log, facts.perm_id, facts.order_ref)

    def _open_changes(self, facts: OrderFacts) -> list[Revision]:
        """Changes in doubt that the order may come to show."""
        chain = self._chain(facts)
        later = (c for c in chain.changes if c.seq > chain.last.seq)
        return [c for c in later if c.fate is Fate.SENT]

    def _take_by_fill(self, change: Revision, perm_id: int, facts: OrderFacts | None) -> None:
        _note(self._proven, change.revision_id, 0 if facts is None else facts.shown_no)
        self._take(change, perm_id)

    def _take(self, change: Revision, perm_id: int) -> None:
        if change.fate in (Fate.REFUSED, Fate.TAKEN_BACK):
            _log.error("change_taken_after_all", client_id=change.revision_id, perm_id=perm_id)
        if perm_id != change.perm_id:
            _log.error("two_orders_for_one", client_id=change.revision_id, perm_id=perm_id)
        filled = Chain.of(self.log, perm_id, change.order_ref).filled_in_all
        left = None if change.after.order_qty is None else sub(change.after.order_qty, filled)
        fate = Fate.SPENT if left is not None and left <= 0 else Fate.TAKEN
        self.log.decide(change.revision_id, fate, taken_by=perm_id)
        _log.info("change_taken", client_id=change.revision_id, fate=fate.value)

    def _refuse(self, change: Revision, cause: Cause) -> None:
        self.log.decide(change.revision_id, Fate.REFUSED, cause=cause)
        _log.info("change_refused", client_id=change.revision_id, reason=cause.message)

    def _last(self, facts: OrderFacts, chain: Chain, parts: Sequence[Part]) -> Part:
        """The revision in force, with what no other one has filled."""
        link, doubted = chain.last, chain.in_doubt
        terms, is_cut = self._terms_in_force(facts, chain), False
        spent = [c for c in chain.changes if c.fate is Fate.SPENT]
        if spent and spent[-1].seq > link.seq:
            terms = replace(terms, order_qty=spent[-1].before.order_qty)
            is_cut = facts.is_ended
        back_filled = any(chain.filled(back) for back in chain.backs if back.seq > link.seq)
        decided = chain.filled(link)
        others = sub(chain.filled_in_all, decided)
        told = max(sub(facts.filled, others), decided)
        filled = told if doubted is None else decided
        own = _on_own(facts, terms, chain.filled_before(link.seq), filled)
        is_cut = is_cut or (back_filled and facts.is_ended)
        return Part(
            link.client_id,
            link.venue_order_id,
            own,
            is_revised=True,
            is_in_doubt=doubted is not None,
            awaits_fills=told > filled,
            is_cut=is_cut and own.order_qty is not None and filled < own.order_qty,
            is_reopened=any(back.seq > link.seq for back in chain.backs),
            replaces=parts[-1].venue_order_id if parts else _parent(chain),
        )

    def _terms_in_force(self, facts: OrderFacts, chain: Chain) -> Terms:
        """What the order shows, unless that is not proven yet: then what was proven last."""
        terms = Terms.of(facts)
        doubted = chain.in_doubt
        if doubted is not None and shows(terms, doubted.before, doubted.after):
            return doubted.before
        contested = self.contested(facts)
        if not contested:
            return terms
        latest = contested[0]
        return latest.after if latest.fate is Fate.TAKEN else latest.before


def _note(notes: OrderedDict[str, V], key: str, value: V) -> None:
    notes[key] = value
    while len(notes) > HEARD_MAX:
        notes.popitem(last=False)


def _on_own(facts: OrderFacts, terms: Terms, earlier: Decimal, filled: Decimal) -> OrderFacts:
    """The order on the terms of one revision, whose quantity is what earlier ones have left."""
    qty = None if terms.order_qty is None else sub(terms.order_qty, earlier)
    return on_terms(facts, replace(terms, order_qty=qty), filled)


def _taken_back(facts: OrderFacts, chain: Chain) -> list[Part]:
    return [
        Part(
            back.client_id,
            back.venue_order_id,
            _on_own(facts, back.change.after, chain.filled_before(back.seq), chain.filled(back)),
            is_revised=True,
            is_taken_back=True,
            cause=back.change.cause,
            replaces=chain.last.venue_order_id,
        )
        for back in chain.backs
        if back.change is not None
    ]


def _parent(chain: Chain) -> str:
    """What the first revision of an order has replaced: something if it is a second order."""
    first = chain.links[0].change
    return "" if first is None else str(first.perm_id)
