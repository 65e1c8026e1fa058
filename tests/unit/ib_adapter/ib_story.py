"""An order at IB that is filled and changed, told in odd ways, to one process after another."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any

from services.common.domain.executions import Execution, Side
from services.common.domain.reports import OrderReport
from services.common.runtime.clock import SystemClock
from services.ib_adapter.evidence import Evidence
from services.ib_adapter.families import Families
from services.ib_adapter.revision_news import RevisionNews
from services.ib_adapter.revision_rows import Fate, Revision
from services.ib_adapter.revision_terms import Terms
from services.ib_adapter.revisions import Revisions
from services.ib_adapter.telling import Telling, TellingTerms
from services.ib_adapter.translate import Translator
from services.ib_adapter.waiters import Waiters
from services.ib_adapter.words import ExecutionWord, OrderWord, StatusWord
from tests.unit.ib_adapter.scene import (
    NOW,
    OURS,
    A,
    Disk,
    Ticking,
    Told,
    execution_word,
    order_news,
    order_word,
    status_word,
)

PERM = 900


class Process:
    """The adapter from a start to its end: what it heard is gone with it, the disk is not."""

    def __init__(self, disk: Disk, told: Told) -> None:
        clock = Ticking()
        self.evidence = Evidence(OURS, clock)
        self.changes = RevisionNews(Revisions(disk.log()), SystemClock())
        self.translator = Translator(
            "ib",
            "main",
            lambda: NOW,
            lambda: NOW,
            Families(self.evidence),
            self.changes.revisions,
        )
        telling = Telling(told, self.translator, clock, TellingTerms(0.0, 5.0))
        telling.open()
        self.contested: list[int] = []
        self.changes.on_contested = self.contested.append
        self.news = order_news(self.evidence, telling, Waiters(), self.translator, self.changes)

    def hear(self, word: OrderWord | StatusWord | ExecutionWord) -> None:
        """One message."""
        if isinstance(word, OrderWord):
            self.news.on_order(word)
        elif isinstance(word, StatusWord):
            self.news.on_status(word)
        else:
            self.news.on_execution(word, is_live=True)

    async def read(self, *words: OrderWord | StatusWord | ExecutionWord) -> None:
        """The lists, read to their end."""
        begun = self.news.overturning.begin()
        for word in words:
            self.hear(word)
        await self.news.lists_read(begun)

    async def quiet(self) -> None:
        """Wait until what was decided is durable, and told."""
        for _ in range(10):
            await asyncio.sleep(0)
        await self.changes.saved()

    def reports(self) -> list[OrderReport]:
        facts = self.evidence.of_perm(PERM)
        return [] if facts is None else self.translator.reports(facts)


@dataclass(frozen=True, slots=True)
class AtIb:
    """The order as IB has it."""

    total: Decimal = Decimal(10)
    limit: Decimal = Decimal(5)
    filled: Decimal = Decimal(0)
    is_live: bool = True


class Story:
    """Decides by chance what happens next. The order is to sell; IB fills it within its limit."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.disk, self.told = Disk(), Told()
        self.at_ib = AtIb()
        self.executions: list[ExecutionWord] = []
        self.on_the_way: Terms | None = None
        self.looked_up: list[OrderReport] = []
        self._messages: dict[str, deque[Any]] = {"order": deque(), "status": deque()}
        self._messages["execution"] = deque()
        self._said()
        self.process = Process(self.disk, self.told)

    async def run(self, steps: int) -> None:
        """So many steps, and then all that IB knows, read to the end by a process that lives."""
        steps_taken = (self._fill, self._change, self._arrive, self._restart, self._read)
        weights = (5, 2, 2, 1, 1)
        for _ in range(steps):
            [step] = self.random.choices([*steps_taken, self._deliver], [*weights, 8])
            await step()
        await self._arrive()
        await self._read()
        await self._settle()
        await self._read()

    # -- at IB -------------------------------------------------------------------------------

    async def _fill(self) -> None:
        ib = self.at_ib
        if not ib.is_live:
            return
        qty = Decimal(self.random.randint(1, min(2, int(ib.total - ib.filled))))
        px = ib.limit + Decimal(self.random.choice((0, 0, 1, 2)))
        filled = ib.filled + qty
        self.at_ib = replace(ib, filled=filled, is_live=filled < ib.total)
        word = execution_word(f"x.{len(self.executions)}.01", str(filled), last_qty=qty, last_px=px)
        self.executions.append(word)
        self._messages["execution"].append(word)
        self._said()

    async def _arrive(self) -> None:
        """What was written reaches IB, which takes it, or does not if the order has ended."""
        after, self.on_the_way = self.on_the_way, None
        ib = self.at_ib
        if after is None or not ib.is_live:
            return
        assert after.order_qty is not None
        assert after.limit_price is not None
        is_live = ib.filled < after.order_qty
        total = max(after.order_qty, ib.filled)
        self.at_ib = replace(ib, total=total, limit=after.limit_price, is_live=is_live)
        self._said()

    def _said(self) -> None:
        """IB tells how the order is now."""
        self._messages["order"].append(self._order())
        self._messages["status"].append(self._status())

    def _order(self) -> OrderWord:
        ib = self.at_ib
        return order_word(
            "Submitted" if ib.is_live else "Filled", order_qty=ib.total, limit_price=ib.limit
        )

    def _status(self) -> StatusWord:
        ib = self.at_ib
        return status_word("Submitted" if ib.is_live else "Filled", str(ib.filled))

    # -- the adapter -------------------------------------------------------------------------

    async def _deliver(self) -> None:
        """A message comes, late by any number of the other kinds, twice, or never."""
        waiting = [kind for kind, messages in self._messages.items() if messages]
        if not waiting:
            return
        kind = self.random.choice(waiting)
        messages = self._messages[kind]
        if kind == "execution":  # in any order; how the order is now is told in its own
            messages.rotate(self.random.randrange(len(messages)))
        word = messages.popleft()
        fate = self.random.random()
        if fate < 0.1:
            return
        self.process.hear(word)
        if fate > 0.9:
            self.process.hear(word)
        if self.random.random() < 0.5:
            await asyncio.sleep(0)

    async def _read(self) -> None:
        """The lists: executions first, then the order."""
        for messages in self._messages.values():
            messages.clear()
        executions = self.random.sample(self.executions, len(self.executions))
        await self.process.read(*executions, self._order(), self._status())
        await self.process.quiet()
        self.looked_up += self.process.reports()

    async def _restart(self) -> None:
        """The process dies here, and another reads what there is."""
        await self.process.changes.close()
        self.process = Process(self.disk, self.told)
        await self._read()

    async def _change(self) -> None:
        """As `Replacing` does it: read, note, write; the bytes are on their way then, or lost."""
        await self._read()
        if self.on_the_way is None:
            await self._settle()
        revisions = self.process.changes.revisions
        facts = self.process.evidence.of_perm(PERM)
        assert facts is not None
        if facts.is_ended or revisions.in_doubt(A) is not None:
            return
        before = Terms.of(facts)
        assert before.order_qty is not None
        qty = max(before.order_qty + self.random.randint(-2, 3), facts.filled + 1)
        limit = Decimal(self.random.choice((3, 4, 5, 6, 7)))
        after = replace(before, order_qty=qty, limit_price=limit)
        if after == before:
            return
        seq = revisions.next_seq(A)
        told_before = revisions.told_before(facts)
        revision = Revision(
            f"{A[:-1]}{seq}", A, seq, 5, PERM, "", before, after, told_before, 1, "s", NOW
        )
        await revisions.log.begin(revision)
        if self.random.random() < 0.8:
            self.on_the_way = after

    async def _settle(self) -> None:
        """Nothing can be on its way any more, and the lists were read."""
        facts = self.process.evidence.of_perm(PERM)
        assert facts is not None
        self.process.changes.revisions.settle(facts)
        await self.process.changes.saved()

    # -- what it came to ---------------------------------------------------------------------

    def told_executions(self) -> dict[str, set[tuple[str, str, Decimal | None]]]:
        """As what each execution was told, in all processes."""
        told: dict[str, set[tuple[str, str, Decimal | None]]] = {}
        for event in self.told.events:
            if isinstance(event, Execution):
                whose = (event.client_id, event.venue_order_id, event.cum_qty)
                told.setdefault(event.exec_id, set()).add(whose)
        return told

    def allowed(self, client_id: str, px: Decimal) -> bool:
        """Whether the terms of a revision allow a price."""
        if client_id == A:
            first = Terms(limit_price=Decimal(5))
            return first.allows(px, Side.SELL)
        change = self.process.changes.revisions.log.find(client_id)
        assert change is not None
        assert change.fate is Fate.TAKEN
        return change.after.allows(px, Side.SELL)
