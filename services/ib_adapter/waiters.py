"""Who waits for the Gateway's word on an order that was just sent, or is to be canceled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from services.common.domain.order_status import OrderStatus
from services.ib_adapter.codes import OrderEffect, Said
from services.ib_adapter.evidence import OrderFacts


class Purpose(Enum):
    """What was asked for."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Lost:
    """No word will come any more: the connection is gone."""

    reason: str


Word = OrderFacts | Said | Lost


@dataclass(eq=False, slots=True)
class Waiter:
    """One wait. `word` is the first word that settles it; `held` an order that is neither
    accepted nor refused: shown as Inactive. Words that it `ignores` are on something else."""

    order_id: int
    purpose: Purpose
    ignores: Callable[[Word], bool]
    word: asyncio.Future[Word] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    held: OrderFacts | None = None

    async def heard(self, within_s: float) -> Word | None:
        """The word, None if there is none in time. Canceled, the wait ends and nothing else."""
        await asyncio.wait({self.word}, timeout=within_s)
        return self.word.result() if self.word.done() else None

    def settle(self, word: Word) -> None:
        """Give the word, unless there was one."""
        if not self.word.done() and not self.ignores(word):
            self.word.set_result(word)


class Waiters:
    """All waits of a connection, by order id. Used on the event loop's thread only."""

    def __init__(self) -> None:
        self._waiters: dict[int, list[Waiter]] = {}

    def open(
        self, order_id: int, purpose: Purpose, ignores: Callable[[Word], bool] = lambda _: False
    ) -> Waiter:
        """Begin to wait; `close` it in any case."""
        waiter = Waiter(order_id, purpose, ignores)
        self._waiters.setdefault(order_id, []).append(waiter)
        return waiter

    def close(self, waiter: Waiter) -> None:
        """Nobody waits any more."""
        waiters = self._waiters.get(waiter.order_id, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiters.pop(waiter.order_id, None)

    def waits_for(self, order_id: int, purpose: Purpose) -> bool:
        """Whether somebody waits for that, of the order of this number."""
        return any(w.purpose is purpose for w in self._waiters.get(order_id, ()))

    def shown(self, facts: OrderFacts) -> None:
        """The Gateway has shown one of our orders."""
        status = facts.standing[0]
        for waiter in self._waiters.get(facts.order_id, ()):
            if waiter.purpose is Purpose.CANCEL:
                if facts.is_ended or status is OrderStatus.PENDING_CANCEL:
                    waiter.settle(facts)
            elif waiter.purpose is Purpose.REPLACE:
                if facts.is_ended:
                    waiter.settle(facts)
            elif status is OrderStatus.SUSPENDED:
                waiter.held = facts
            elif facts.is_proven:
                waiter.settle(facts)

    def said(self, said: Said) -> bool:
        """A code came with an order's id; False if nobody waits for a word on it."""
        waiters = self._waiters.get(said.ref_id)
        if waiters is None:
            return False
        for waiter in waiters:
            # A refused cancel says nothing to whoever waits for a new order's acceptance.
            is_of_cancel = said.effect is OrderEffect.CANCEL_REFUSED
            if said.effect is OrderEffect.NONE or (
                is_of_cancel and waiter.purpose is not Purpose.CANCEL
            ):
                continue
            waiter.settle(said)
        return True

    def decided(self, facts: OrderFacts) -> None:
        """What became of a change of one of our orders is decided, and durable."""
        for waiter in self._waiters.get(facts.order_id, ()):
            if waiter.purpose is Purpose.REPLACE:
                waiter.settle(facts)

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.settle(Lost(reason))
