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
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import structlog

from services.common.domain.errors import Cause
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.ib_adapter import combos, statuses
from services.ib_adapter.library import Contract, Order
from services.ib_adapter.words import ExecutionWord, OrderWord, StatusWord

_log = structlog.stdlib.get_logger(__name__)

ORDERS_MAX: Final = 20_000
_ACTIONS: Final = {"BUY": Side.BUY, "SELL": Side.SELL, "SSHORT": Side.SELL}
_SIDES: Final = {"BOT": Side.BUY, "SLD": Side.SELL}


@dataclass(slots=True, eq=False)
class OrderFacts:
    """One order, as far as it was told. `order_id` is 0 where only the permId is known.

    `refusal` is the Gateway's word that it did not take the order, until a later word says that it
    did; `was_accepted`: it worked at some time, so that what is refused of it is something else.
    `shown_filled` is what orders and statuses have told, `executed` what executions have, by the
    number of their contract; that of a multi-leg order itself has the number 0. `whole` is contract
    and order as openOrder showed them last, while the order lives.
    """

    perm_id: int
    order_ref: str = ""
    order_id: int = 0
    client_id: int = 0
    account: str = ""
    contract: Contract | None = None
    side: Side | None = None
    order_qty: Decimal | None = None
    order_type: str = ""
    time_in_force: str = ""
    limit_price: Decimal | None = None
    aux_price: Decimal | None = None
    trail_percent: Decimal | None = None
    outside_hours: bool = False
    parent_order_id: int = 0
    raw_status: str = ""
    shown_filled: Decimal = Decimal(0)
    executed: dict[int, Decimal] = field(default_factory=dict)
    avg_px: Decimal | None = None
    is_completed: bool = False
    refusal: Cause | None = None
    was_accepted: bool = False
    note: str = ""
    whole: tuple[Contract, Order] | None = None
    heard_at: float = 0.0

    @property
    def filled(self) -> Decimal:
        """The filled quantity; it also counts what only executions have told."""
        executed = self.executed
        if combos.is_combo(self.contract):  # of a leg it is no quantity of the order
            return max(self.shown_filled, executed.get(0, Decimal(0)))
        return max([self.shown_filled, *executed.values()])

    @property
    def standing(self) -> tuple[OrderStatus, Signal]:
        """Status and signal, by all that was told."""
        if self.is_refused:
            return OrderStatus.REJECTED, Signal.REJECTED
        return self._shown

    @property
    def _shown(self) -> tuple[OrderStatus, Signal]:
        return statuses.read_status(
            self.raw_status,
            filled=self.filled,
            order_qty=self.order_qty,
            is_completed=self.is_completed,
        )

    def refuse(self, cause: Cause) -> None:
        """The Gateway says that it did not take it. One that was accepted stays what it was: then
        something else about it was refused."""
        if not self.was_accepted and not self.is_ended:
            self.refusal = cause

    def accept(self) -> None:
        """It works, or worked: what was refused before this is overruled."""
        self.was_accepted, self.refusal = True, None

    @property
    def is_refused(self) -> bool:
        """Whether it is shown as Inactive and was refused: by IB's word rejected, and no end, since
        what is Inactive can become active."""
        return self.refusal is not None and self._shown[0] is OrderStatus.SUSPENDED

    @property
    def is_ended(self) -> bool:
        """Whether the venue has told its end."""
        return self._shown[0] in TERMINAL

    def is_of(self, account: str) -> bool:
        """Whether it is an order of this account. A status alone does not tell whose it is."""
        return self.account == account or (not self.account and bool(self.order_ref))

    @property
    def is_proven(self) -> bool:
        """Whether IB has it, or had it: the Gateway alone is not enough."""
        return bool(self.filled) or self.raw_status not in statuses.UNPROVEN


class Evidence:
    """Orders by permId and by reference. Used on the event loop's thread only.

    Beyond `ORDERS_MAX` the one that was heard of longest ago is forgotten.
    """

    def __init__(self, client_id: int, monotonic: Callable[[], float]) -> None:
        self._client_id = client_id
        self._monotonic = monotonic
        self._orders: OrderedDict[int, OrderFacts] = OrderedDict()
        self._by_ref: dict[str, dict[int, OrderFacts]] = {}
        self._sent: OrderedDict[int, OrderSpec] = OrderedDict()
        self._written_at: dict[str, float] = {}
        # What only the Gateway had when it was last told of, by reference: the raw status.
        self._held: OrderedDict[str, str] = OrderedDict()
        # Called when that changes: with the reference and the status, "" if it is not held.
        self.on_held: Callable[[str, str], None] = _not_noted
        # Refusals of orders that were not shown under a permId yet, by order id.
        self._refused: dict[int, Cause] = {}

    def __iter__(self) -> Iterator[OrderFacts]:
        return iter(list(self._orders.values()))

    def sending(self, client_id: str) -> None:
        """An order is about to go out: from here on it may come up at any time."""
        self._written_at.setdefault(client_id, math.inf)

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
        """The order under this reference: a live one before one that has ended.

        IB does not enforce that there is one only; more than one live one is logged as an error.
        """
        found = list(self._by_ref.get(order_ref, {}).values())
        live = [facts for facts in found if not facts.is_ended]
        if len(live) > 1:
            perm_ids = [facts.perm_id for facts in live]
            _log.error("several_orders_under_one_id", client_id=order_ref, perm_ids=perm_ids)
        best = live or found
        return best[-1] if best else None

    def is_own(self, word: ExecutionWord) -> bool:
        """Whether it may be an execution of an order that was placed from here."""
        return word.client_id == self._client_id or PlacementId.parse(word.order_ref) is not None

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

    def dismissed(self, order_id: int) -> None:
        """The Gateway says that it refused or canceled what was sent under a number."""
        spec = self._sent.get(order_id)
        if spec is not None:
            self._let_go(spec.client_order_id)

    def held_as(self, order_ref: str) -> str:
        """The status in which the Gateway had an order that IB gave no permId; "" for none."""
        return self._held.get(order_ref, "")

    def take_order(self, word: OrderWord) -> OrderFacts | None:
        """openOrder or completedOrder; None for one that IB has given no permId yet."""
        if not word.perm_id:
            self._hold(word, word.order_ref)
            return None
        facts = self._facts(word.perm_id, word.order_id, word.client_id)
        self._name(facts, word.order_ref)
        facts.account = word.account or facts.account
        if not (word.raw_status in statuses.UNPROVEN and facts.is_proven):
            _take_terms(facts, word)  # else a change that only the Gateway has
        facts.note = word.note
        if word.filled is not None:
            facts.shown_filled = max(facts.shown_filled, word.filled)
        facts.is_completed = facts.is_completed or word.is_completed
        _take_status(facts, word.raw_status)
        if word.raw_status == facts.raw_status == "Filled" and facts.order_qty is not None:
            facts.shown_filled = max(facts.filled, facts.order_qty)  # openOrder tells no quantity
            facts.accept()
        if facts.is_ended:
            facts.whole = None
        return facts

    def take_status(self, word: StatusWord) -> OrderFacts | None:
        """orderStatus; None for one that IB has given no permId yet."""
        if not word.perm_id:
            self._hold(word, "")
            return None
        facts = self._facts(word.perm_id, word.order_id, word.client_id)
        facts.shown_filled = max(facts.shown_filled, word.filled)
        facts.avg_px = word.avg_px or facts.avg_px
        _take_status(facts, word.raw_status)
        return facts

    def take_execution(self, word: ExecutionWord) -> OrderFacts | None:
        """execDetails: it proves the order as well as any status does."""
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
        if self._held.get(order_ref) != held_as:
            self.on_held(order_ref, held_as)
        self._held[order_ref] = held_as
        while len(self._held) > ORDERS_MAX:
            self._held.popitem(last=False)

    def _let_go(self, order_ref: str) -> None:
        self._held.pop(order_ref, None)
        self.on_held(order_ref, "")

    def _facts(self, perm_id: int, order_id: int, client_id: int) -> OrderFacts:
        facts = self._orders.get(perm_id)
        if facts is None:
            facts = self._orders[perm_id] = OrderFacts(perm_id)
        facts.heard_at = self._monotonic()
        self._orders.move_to_end(perm_id)
        if order_id > 0:
            facts.order_id, facts.client_id = order_id, client_id
        spec = self._sent.get(order_id) if client_id == self._client_id else None
        if spec is not None and facts.order_ref in ("", spec.client_order_id):
            self._name(facts, spec.client_order_id)
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


def _take_terms(facts: OrderFacts, word: OrderWord) -> None:
    """The order as it is shown now."""
    facts.contract = word.contract
    facts.side = _ACTIONS.get(word.action)
    if facts.order_qty is None or (word.order_qty and not word.is_completed):
        facts.order_qty = word.order_qty
    facts.order_type, facts.time_in_force = word.order_type, word.time_in_force
    facts.limit_price, facts.aux_price = word.limit_price, word.aux_price
    facts.trail_percent, facts.outside_hours = word.trail_percent, word.outside_hours
    facts.parent_order_id = word.parent_order_id or facts.parent_order_id
    facts.whole = None if word.whole is None else (word.contract, word.whole)


def _take_status(facts: OrderFacts, raw_status: str) -> None:
    """A later status, unless it would undo an end: those come twice and late.

    A refusal is no end: it is overruled by any sign that IB works on the order.
    """
    if raw_status in statuses.UNPROVEN and facts.raw_status == "Inactive":
        facts.refusal = None
    status, signal = statuses.read_status(
        raw_status,
        filled=facts.filled,
        order_qty=facts.order_qty,
        is_completed=facts.is_completed,
    )
    if facts.raw_status and facts.is_ended and status not in TERMINAL:
        return
    if raw_status in statuses.UNPROVEN and facts.is_proven:
        return
    if facts.raw_status == "Filled" and raw_status != "Filled":
        return
    facts.raw_status = raw_status
    if facts.filled or (signal is Signal.ACKNOWLEDGED and facts.is_proven):
        facts.accept()
