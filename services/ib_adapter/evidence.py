"""What the Gateway has said of each order, put together from the messages that each tell a part.

openOrder shows an order without what has filled, orderStatus what has filled without the order,
execDetails may be all that comes for a market order. The permId joins them: it is IB's own, and
survives the Gateway; order ids don't. Our id is in the order's reference.

This is no book: it is what was heard, bounded, and gone with the process. An order that was heard
of long ago may have changed, so whoever looks one up reads the lists first and asks `heard_since`.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeVar

import structlog

from services.common.domain.errors import Cause
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.order_status import TERMINAL
from services.common.domain.order_terms import OptionCombo
from services.ib_adapter import brackets, combos, statuses
from services.ib_adapter.order_facts import OrderFacts, is_rejection, take_status, take_terms
from services.ib_adapter.words import ExecutionWord, OrderWord, StatusWord

__all__ = ["Evidence", "OrderFacts"]

_log = structlog.stdlib.get_logger(__name__)

W = TypeVar("W", OrderWord, ExecutionWord)

ORDERS_MAX: Final = 20_000
_SIDES: Final = {"BOT": Side.BUY, "SLD": Side.SELL}


class Evidence:
    """Orders by permId and by reference. Used on the event loop's thread only.

    Beyond `ORDERS_MAX` the one that was heard of longest ago is forgotten. `highest_number` is the
    highest order id that was told of under our client id, `heard_no` the number of the last word.
    """

    def __init__(self, client_id: int, monotonic: Callable[[], float]) -> None:
        self._client_id = client_id
        self._monotonic = monotonic
        self._orders: OrderedDict[int, OrderFacts] = OrderedDict()
        self._by_ref: dict[str, dict[int, OrderFacts]] = {}
        self._sent: OrderedDict[int, OrderSpec] = OrderedDict()
        self._written_at: dict[str, float] = {}
        # What only the Gateway had when it was last told of, by reference: the raw status.
        self._held: OrderedDict[str, tuple[str, float]] = OrderedDict()
        # Called when that changes: with the reference and the status, "" if it is not held.
        self.on_held: Callable[[str, str], None] = _not_noted
        # Refusals of orders that were not shown under a permId yet, by order id.
        self._refused: dict[int, Cause] = {}
        self.highest_number = 0
        self.heard_no = 0

    def __iter__(self) -> Iterator[OrderFacts]:
        return iter(list(self._orders.values()))

    def sending(self, client_id: str) -> None:
        """An order is about to go out: from here on it may come up at any time."""
        self._written_at.setdefault(client_id, math.inf)

    def sent_as(self, facts: OrderFacts) -> OrderSpec | None:
        """What this process sent an order as; None if it did not."""
        spec = self._sent.get(facts.order_id) if facts.client_id == self._client_id else None
        return spec if spec is not None and spec.client_order_id == facts.order_ref else None

    def number_of(self, client_id: str) -> int:
        """Under which number this process sent an order last, 0 if it did not."""
        sent = reversed(self._sent.items())
        return next((number for number, spec in sent if spec.client_order_id == client_id), 0)

    def sent(self, order_id: int, spec: OrderSpec) -> None:
        """It goes out now under this number: what it is need not be told by the Gateway."""
        self._written_at[spec.client_order_id] = self._monotonic()
        self._sent[order_id] = spec
        while len(self._sent) > ORDERS_MAX:
            oldest_id, oldest = self._sent.popitem(last=False)
            self._written_at.pop(oldest.client_order_id, None)
            self._refused.pop(oldest_id, None)

    def not_sent(self, client_id: str) -> None:
        """It did not go out now; it may have earlier."""
        if self._written_at.get(client_id) == math.inf:
            del self._written_at[client_id]

    def written_at(self, client_id: str) -> float:
        """When this process wrote it, in monotonic seconds: infinite if it is about to, 0 for what
        it did not write or has forgotten."""
        return self._written_at.get(client_id, 0.0)

    def spec_of(self, order_id: int) -> OrderSpec | None:
        """What this process sent under a number."""
        return self._sent.get(order_id)

    def of_perm(self, perm_id: int) -> OrderFacts | None:
        """The order with this permId, if it was heard of."""
        return self._orders.get(perm_id)

    def of_order_id(self, order_id: int) -> OrderFacts | None:
        """The order that this process sent under a number, if it was heard of."""
        spec = self._sent.get(order_id)
        facts = None if spec is None else self.of_ref(spec.client_order_id)
        return facts if facts is not None and facts.order_id == order_id else None

    def of_ref(self, order_ref: str) -> OrderFacts | None:
        """The order under this reference: a live one before one that has ended, of several one that
        is ours to cancel.

        IB does not enforce that there is one only; more than one live one is logged as an error.
        """
        found = list(self._by_ref.get(order_ref, {}).values())
        live = [facts for facts in found if not facts.is_ended]
        if len(live) > 1:
            perm_ids = [facts.perm_id for facts in live]
            _log.error("several_orders_under_one_id", client_id=order_ref, perm_ids=perm_ids)
        best = live or found
        own = [facts for facts in best if facts.client_id == self._client_id]
        return (own or best)[-1] if best else None

    def all_of_ref(self, order_ref: str) -> list[OrderFacts]:
        """All orders under this reference."""
        return list(self._by_ref.get(order_ref, {}).values())

    def is_own(self, word: ExecutionWord | OrderFacts) -> bool:
        """Whether it may be an order, or an execution of one, that was placed from here."""
        return word.client_id == self._client_id or _is_placed_here(word.order_ref)

    # -- what is told ------------------------------------------------------------------------

    def refuse(self, order_id: int, cause: Cause) -> OrderFacts | None:
        """A refusal of what this process sent under a number; kept for an order that is still to
        be shown."""
        facts = self.of_order_id(order_id)
        if facts is not None:
            facts.refuse(cause)
        elif order_id in self._sent:
            self._refused[order_id] = cause
        return facts

    def refusal_of(self, order_id: int) -> Cause | None:
        """Why what this process sent under a number was refused, and not shown since."""
        return self._refused.get(order_id)

    def unanswered(self) -> dict[int, OrderSpec]:
        """What this process sent and only the Gateway has, as far as it was told, by number."""
        held = (
            (n, s, self.of_ref(s.client_order_id))
            for n, s in self._sent.items()
            if s.client_order_id in self._held
        )
        return {
            n: s for n, s, facts in held if facts is None or not (facts.is_proven or facts.is_ended)
        }

    def dismissed(self, order_id: int) -> None:
        """The Gateway says that it refused or canceled what was sent under a number."""
        spec = self._sent.get(order_id)
        if spec is not None:
            self._let_go(spec.client_order_id)

    def held_as(self, order_ref: str) -> tuple[str, float]:
        """The status in which the Gateway had an order that IB gave no permId, and when it said so
        last (monotonic seconds); "" for none."""
        return self._held.get(order_ref, ("", 0.0))

    def take_order(self, word: OrderWord) -> OrderFacts | None:
        """openOrder or completedOrder; None for one that IB has given no permId yet."""
        self._count(word)
        if not word.perm_id:
            self._hold(word, word.order_ref)
            return None
        facts = self._facts(word.perm_id, word.order_id, word.client_id)
        self._name(facts, word.order_ref)
        facts.account, facts.shown_no = word.account or facts.account, facts.heard_no
        if not (word.raw_status in statuses.UNPROVEN and facts.is_proven):
            take_terms(facts, word)  # else a change that only the Gateway has
        facts.note = word.note
        if word.filled is not None:
            facts.shown_filled = max(facts.shown_filled, word.filled)
        # What IB rejected is Inactive for its client, and Cancelled in the list of what has ended.
        is_rejected = facts.is_refused or (is_rejection(word) and not facts.was_accepted)
        facts.is_completed = facts.is_completed or word.is_completed
        take_status(facts, "Inactive" if word.is_completed and is_rejected else word.raw_status)
        if word.raw_status == facts.raw_status == "Filled" and facts.order_qty is not None:
            facts.shown_filled = max(facts.filled, facts.order_qty)  # openOrder tells no quantity
            facts.accept()
        if facts.is_ended:
            facts.whole = None
        return facts

    def take_status(self, word: StatusWord) -> OrderFacts | None:
        """orderStatus; None for one that IB has given no permId yet."""
        self._count(word)
        if not word.perm_id:
            self._hold(word, "")
            return None
        facts = self._facts(word.perm_id, word.order_id, word.client_id)
        facts.shown_filled = max(facts.shown_filled, word.filled)
        facts.avg_px = word.avg_px or facts.avg_px
        take_status(facts, word.raw_status)
        return facts

    def take_execution(self, word: ExecutionWord) -> OrderFacts | None:
        """execDetails: it proves the order as well as any status does."""
        self._count(word)
        if not word.perm_id:
            return None
        facts = self._facts(word.perm_id, word.order_id, word.client_id)
        self._name(facts, word.order_ref)
        facts.account = word.account or facts.account
        facts.contract = facts.contract or word.contract
        facts.side = facts.side or _SIDES.get(word.side)
        con_id = 0 if combos.is_combo(word.contract) else word.contract.conId
        executed = facts.executed.get(con_id, Decimal(0))
        facts.executed[con_id] = max(executed, word.cum_qty or word.last_qty)
        facts.accept()
        return facts

    def whole_ref(self, word: W) -> W:
        """The word with the reference as this process sent it, should IB have cut it short: by the
        number that the order went out under, or the permId under which it is known."""
        facts = self._orders.get(word.perm_id)
        spec = self._sent.get(word.order_id) if word.client_id == self._client_id else None
        whole = spec.client_order_id if spec is not None else facts.order_ref if facts else ""
        if not word.order_ref or whole == word.order_ref or not whole.startswith(word.order_ref):
            return word
        if facts is None:
            _log.error("reference_cut_short", client_id=whole, order_ref=word.order_ref)
        return replace(word, order_ref=whole)

    def _count(self, word: OrderWord | StatusWord | ExecutionWord) -> None:
        if word.client_id == self._client_id:
            self.highest_number = max(self.highest_number, word.order_id)

    def _hold(self, word: OrderWord | StatusWord, order_ref: str) -> None:
        """The Gateway has it: until it says otherwise, it may hand it on."""
        spec = self._sent.get(word.order_id) if word.client_id == self._client_id else None
        order_ref = order_ref or ("" if spec is None else spec.client_order_id)
        if not order_ref:
            return
        if statuses.STATUSES.get(word.raw_status, ("",))[0] in TERMINAL:
            self._let_go(order_ref)
            return
        held_as = word.raw_status or "unsent"
        if self.held_as(order_ref)[0] != held_as:
            self.on_held(order_ref, held_as)
        self._held[order_ref] = (held_as, self._monotonic())
        while len(self._held) > ORDERS_MAX:
            self._held.popitem(last=False)

    def _let_go(self, order_ref: str) -> None:
        self._held.pop(order_ref, None)
        self.on_held(order_ref, "")

    def _facts(self, perm_id: int, order_id: int, client_id: int) -> OrderFacts:
        facts = self._orders.get(perm_id)
        if facts is None:
            facts = self._orders[perm_id] = OrderFacts(perm_id)
        self.heard_no += 1
        facts.heard_at, facts.heard_no = self._monotonic(), self.heard_no
        self._orders.move_to_end(perm_id)
        if order_id > 0:
            facts.order_id, facts.client_id = order_id, client_id
        spec = self._sent.get(order_id) if client_id == self._client_id else None
        if spec is not None and facts.order_ref in ("", spec.client_order_id):
            self._name(facts, spec.client_order_id)
            if not _is_combo(spec):  # of which executions tell legs: it must be shown first
                facts.order_qty = facts.order_qty or spec.order_qty
            facts.side = facts.side or spec.side
            refusal = self._refused.pop(order_id, None)
            if refusal is not None:
                facts.refuse(refusal)
        while len(self._orders) > ORDERS_MAX:
            self._forget(*self._orders.popitem(last=False))
        return facts

    def _name(self, facts: OrderFacts, order_ref: str) -> None:
        if order_ref and order_ref != facts.order_ref:
            self._forget(facts.perm_id, facts)
            facts.order_ref = order_ref
            self._by_ref.setdefault(order_ref, {})[facts.perm_id] = facts

    def _forget(self, perm_id: int, facts: OrderFacts) -> None:
        named = self._by_ref.get(facts.order_ref, {})
        named.pop(perm_id, None)
        if not named:
            self._by_ref.pop(facts.order_ref, None)


def _not_noted(_order_ref: str, _held_as: str) -> None:
    """Nobody notes it."""


def _is_combo(spec: OrderSpec) -> bool:
    return isinstance(spec.instrument, OptionCombo)


def _is_placed_here(order_ref: str) -> bool:
    return PlacementId.parse(brackets.head_of(order_ref)) is not None
