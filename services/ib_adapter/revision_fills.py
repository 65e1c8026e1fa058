"""Whose an execution of an order is that was changed: decided once, by limit and quantity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.common.domain.amounts import add
from services.ib_adapter import combos
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.exec_ids import split_exec_id
from services.ib_adapter.revision_chain import Chain
from services.ib_adapter.revision_log import RevisionLog
from services.ib_adapter.revision_parts import Link, Whose, allows, is_of_combo
from services.ib_adapter.revision_rows import RevisedFill, Revision
from services.ib_adapter.revision_terms import Terms, shows
from services.ib_adapter.words import ExecutionWord

OnTaken = Callable[[Revision, int, OrderFacts | None], None]


class RevisionFills:
    """Decides it. `take` is called for a change in doubt that alone an execution can be of."""

    def __init__(self, log: RevisionLog, take: OnTaken) -> None:
        self._log = log
        self._take = take

    def decide(self, word: ExecutionWord, facts: OrderFacts | None) -> bool:
        """Decide whose an execution is, unless it is known; whether that is odd: it can't be of the
        terms in force."""
        order_ref = word.order_ref or ("" if facts is None else facts.order_ref)
        stem = split_exec_id(word.exec_id)[0]
        if not self._log.of_order(order_ref) or self._log.fill(word.perm_id, stem) is not None:
            return False
        chain = self._chain(word, order_ref)
        if word.cum_qty is not None and word.cum_qty <= chain.told_before:
            return False
        link = self._choose(word, facts, order_ref)
        chain = self._chain(word, order_ref)
        is_leg = _is_combo(chain, facts) and not combos.is_combo(word.contract)
        part = int(word.contract.conId) if is_leg else 0
        cum_qty = self._log.filled(word.perm_id, link.seq, part)
        if link == chain.links[0] and not is_leg:
            cum_qty = add(cum_qty, chain.told_before)
        cum_qty = add(cum_qty, word.last_qty)
        self._log.add_fill(RevisedFill(word.perm_id, stem, part, link.seq, word.last_qty, cum_qty))
        return link != chain.last

    def whose(self, word: ExecutionWord) -> Whose:
        """What an execution is told as; decided before."""
        plain = Whose(word.order_ref, str(word.perm_id), word.cum_qty)
        if not self._log.of_order(word.order_ref):
            return plain
        chain = self._chain(word, word.order_ref)
        fill = self._log.fill(word.perm_id, split_exec_id(word.exec_id)[0])
        if fill is None:  # told before the first change
            first = chain.links[0]
            return replace(plain, client_id=first.client_id, venue_order_id=first.venue_order_id)
        link = chain.link(fill.seq)
        return Whose(link.client_id, link.venue_order_id, fill.cum_qty)

    def _chain(self, word: ExecutionWord, order_ref: str) -> Chain:
        return Chain.of(self._log, word.perm_id, order_ref)

    def _choose(self, word: ExecutionWord, facts: OrderFacts | None, order_ref: str) -> Link:
        """Whose an execution is; a change that alone it can be of is taken by that."""
        chain = self._chain(word, order_ref)
        doubted = chain.in_doubt
        if _is_combo(chain, facts) or combos.is_combo(word.contract):
            return chain.last  # a leg has no limit of its own
        if _fits(word, facts, chain, chain.last):
            return chain.last
        if doubted is not None:
            if allows(word, doubted.after, chain.filled_in_all):
                self._take(doubted, word.perm_id, facts)
                return self._chain(word, order_ref).last
            return chain.last
        others = (*reversed(chain.links[:-1]), *reversed(chain.backs))
        return next((x for x in others if _fits(word, facts, chain, x)), chain.last)


def _is_combo(chain: Chain, facts: OrderFacts | None) -> bool:
    """Whether it is a multi-leg order; its executions may come before it is shown."""
    return is_of_combo(facts) or any(change.is_combo for change in chain.changes)


def _fits(word: ExecutionWord, facts: OrderFacts | None, chain: Chain, link: Link) -> bool:
    """Whether an execution can be of a revision, by limit and quantity."""
    if link in chain.backs:
        terms, filled = [link.change.after] if link.change else [], chain.filled_in_all
    else:
        index = chain.links.index(link)
        terms = _terms_of(chain, index, facts)
        is_last = link == chain.last
        following = None if is_last else chain.links[index + 1].seq
        filled = chain.filled_in_all if following is None else chain.filled_before(following)
    return any(allows(word, one, filled) for one in terms)


def _terms_of(chain: Chain, index: int, facts: OrderFacts | None) -> list[Terms]:
    """The terms under which a revision works or worked: as sent, and as shown if others."""
    link, doubted = chain.links[index], chain.in_doubt
    known = [] if link.change is None else [link.change.after]
    if index + 1 < len(chain.links):
        following = chain.links[index + 1].change
        return known if following is None else [*known, following.before]
    if doubted is not None:
        known.append(doubted.before)
    elif link.change is None:
        known.append(_as_placed(chain))
    if facts is not None and facts.order_qty is not None:
        shown = Terms.of(facts)
        if not _is_disputed(shown, chain):
            known.append(shown)
    return known


def _as_placed(chain: Chain) -> Terms:
    """The terms in force while no change is: those before the first that IB took back, or before
    the latest change."""
    back = next((x.change for x in chain.backs if x.change is not None), None)
    return back.before if back is not None else chain.changes[-1].before


def _is_disputed(shown: Terms, chain: Chain) -> bool:
    """Whether the terms that the order shows are proven by nothing yet."""
    doubted, last = chain.in_doubt, chain.last.change
    if doubted is not None:
        return shows(shown, doubted.before, doubted.after) is True
    if any(shows(shown, c.before, c.after) for c in chain.overruled):
        return True
    return last is not None and shows(shown, last.before, last.after) is False
