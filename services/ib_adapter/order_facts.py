"""One order of IB's, as far as it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from services.common.domain.errors import Cause
from services.common.domain.executions import Side
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.ib_adapter import combos, statuses
from services.ib_adapter.library import Contract, Order
from services.ib_adapter.words import OrderWord

_ACTIONS: Final = {"BUY": Side.BUY, "SELL": Side.SELL, "SSHORT": Side.SELL}


@dataclass(slots=True, eq=False)
class OrderFacts:
    """One order, as far as it was told. `order_id` is 0 where only the permId is known.

    `refusal` is the Gateway's word that it did not take the order, until a later word says that it
    did; `was_accepted`: it worked at some time, so that what is refused of it is something else.
    `shown_filled` is what orders and statuses have told, `executed` what executions have, by the
    number of their contract; that of a multi-leg order itself has the number 0. `whole` is contract
    and order as openOrder showed them last, while the order lives.

    `heard_no` is the number of the last word about it, `shown_no` of the last that showed it, with
    its terms, `ended_no` of the last that told its end, and `live_no` of the last that showed it as
    `live_as` after that. `is_reopened`: it works though its end was told.
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
    heard_no: int = 0
    shown_no: int = 0
    ended_no: int = 0
    live_no: int = 0
    live_as: str = ""
    is_reopened: bool = False

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
        status, signal = self._shown
        if self.is_reopened and signal is Signal.ACKNOWLEDGED:
            return status, Signal.REOPENED
        return status, signal

    @property
    def _shown(self) -> tuple[OrderStatus, Signal]:
        return statuses.read_status(
            self.raw_status,
            filled=self.filled,
            order_qty=self.order_qty,
            is_completed=self.is_completed,
        )

    @property
    def is_contested(self) -> bool:
        """Whether it was shown live after its end was told, by a word that may be old news."""
        return self.is_ended and self.live_no > self.ended_no

    def reopen(self, begun: int) -> bool:
        """Whether it works though its end was told: lists that were begun after the end, by the
        number of the last word before them, have shown it live. It is no ended one from now on."""
        if not self.is_contested or self.ended_no > begun or self.live_no <= begun:
            return False
        self.raw_status, self.is_completed, self.is_reopened = self.live_as, False, True
        self.accept()
        return True

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


def is_rejection(word: OrderWord) -> bool:
    """Whether the list of what has ended says that it was rejected."""
    return word.is_completed and word.note.startswith("Rejected") and not word.filled


def take_terms(facts: OrderFacts, word: OrderWord) -> None:
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


def take_status(facts: OrderFacts, raw_status: str) -> None:
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
        was_filled = facts.standing[0] is OrderStatus.FILLED
        if signal is Signal.ACKNOWLEDGED and raw_status not in statuses.UNPROVEN and not was_filled:
            facts.live_as, facts.live_no = raw_status, facts.heard_no
        return
    if raw_status in statuses.UNPROVEN and facts.is_proven:
        return
    if facts.raw_status == "Filled" and raw_status != "Filled":
        return
    facts.raw_status = raw_status
    if facts.is_ended:
        facts.ended_no = facts.heard_no
    if facts.filled or (signal is Signal.ACKNOWLEDGED and facts.is_proven):
        facts.accept()
