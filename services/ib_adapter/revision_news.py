"""What is heard of orders that were changed: decided, made durable, and held back until it is."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from services.common.adapter.one_writer import StoreFailed
from services.common.domain.errors import Cause, ReadFailed, Unavailable
from services.common.domain.executions import ExecSource
from services.common.runtime.clock import Clock
from services.common.runtime.tasks import TaskOwner
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.revision_rows import Fate
from services.ib_adapter.revisions import Revisions
from services.ib_adapter.words import ExecutionWord, OrderWord

_log = structlog.stdlib.get_logger(__name__)

HELD_MAX: Final = 10_000
_AGAIN_S: Final = 0.5

Keys = frozenset[int | str]
HeldExecution = tuple[ExecutionWord, ExecSource]


class RevisionNews:
    """Decides what news mean for revisions, and saves that in a task of its own.

    `on_saved` is called with the orders (permId, or reference) of which something became durable,
    `on_contested` with the permId of one that shows otherwise than was decided.
    Used on the event loop's thread only. Of more than `HELD_MAX` executions the oldest is dropped:
    its order then shows more filled than was told, and all is read again.
    """

    def __init__(self, revisions: Revisions, clock: Clock) -> None:
        self.revisions = revisions
        self._clock = clock
        self.on_saved: Callable[[Keys], None] = _nobody
        self.on_contested: Callable[[int], None] = _ignored
        self._tasks = TaskOwner("ib revisions", _never)
        self._saving: asyncio.Task[None] | None = None
        self._held: OrderedDict[str, HeldExecution] = OrderedDict()
        self._written_at: OrderedDict[str, float] = OrderedDict()
        self._refused_at: OrderedDict[str, float] = OrderedDict()

    def writing(self, revision_id: str) -> None:
        """A change is about to be written."""
        self._note(self._written_at, revision_id, math.inf)

    def written(self, revision_id: str) -> None:
        """It is written now."""
        self._note(self._written_at, revision_id, self._clock.monotonic())

    def not_written(self, revision_id: str) -> None:
        """It was not written after all, nor will be."""
        self._written_at.pop(revision_id, None)

    def written_at(self, revision_id: str) -> float:
        """When this process wrote it, in monotonic seconds: infinite if it is about to, 0 if it did
        not write it."""
        return self._written_at.get(revision_id, 0.0)

    def refused(self, revision_id: str, cause: Cause) -> None:
        """IB says that it did not take a change; it counts once the lists agree."""
        self.revisions.hear_refusal(revision_id, cause)
        self._note(self._refused_at, revision_id, self._clock.monotonic())

    def refused_ago_s(self, revision_id: str) -> float:
        """How long ago IB said so last, in seconds; infinite if it did not."""
        at = self._refused_at.get(revision_id)
        return math.inf if at is None else self._clock.monotonic() - at

    def _note(self, notes: OrderedDict[str, float], revision_id: str, at: float) -> None:
        notes[revision_id] = at
        notes.move_to_end(revision_id)
        while len(notes) > HELD_MAX:
            notes.popitem(last=False)

    def hear_order(self, facts: OrderFacts, word: OrderWord) -> None:
        """An order was shown."""
        self.revisions.take_order(facts, word)
        self.save_soon()
        if facts.is_contested or self.revisions.contested(facts):
            self.on_contested(facts.perm_id)

    def hear_execution(
        self, word: ExecutionWord, source: ExecSource, facts: OrderFacts | None
    ) -> bool:
        """An execution was told: whether it is held back."""
        if self.revisions.take_execution(word, facts):
            self.on_contested(word.perm_id)
        self.save_soon()
        if not self.revisions.is_held(word.perm_id, word.order_ref):
            return False
        self._held[word.exec_id] = (word, source)
        while len(self._held) > HELD_MAX:
            exec_id, _ = self._held.popitem(last=False)
            _log.error("execution_dropped", exec_id=exec_id)
        return True

    def was_changed(self, order_ref: str) -> bool:
        """Whether a change of this order may have been sent: what is refused may be that."""
        changes = self.revisions.log.of_order(order_ref)
        return any(change.fate is not Fate.NOT_SENT for change in changes)

    def is_held(self, facts: OrderFacts) -> bool:
        """Whether the order must not be told now."""
        return self.revisions.is_held(facts.perm_id, facts.order_ref)

    def release(self) -> list[HeldExecution]:
        """Executions that may be told by now, each given once, as they came."""
        free = [
            exec_id
            for exec_id, (word, _) in self._held.items()
            if not self.revisions.is_held(word.perm_id, word.order_ref)
        ]
        return [self._held.pop(exec_id) for exec_id in free]

    def save_soon(self) -> None:
        """Begin to make durable what was decided, if anything was."""
        if not self.revisions.log.unsaved():
            return
        if self._saving is None or self._saving.done():
            try:
                self._saving = self._tasks.start("save", self._save(), critical=False)
            except RuntimeError:  # closing: a later process decides it anew
                _log.info("not_saved")

    async def saved(self) -> None:
        """Wait until all that was decided is durable and may be told. Raises ReadFailed."""
        keys = self.revisions.log.unsaved()
        if not keys:
            return
        try:
            await self.revisions.log.save()
        except Unavailable as error:
            self.save_soon()
            raise ReadFailed(error.message, reason=error.reason) from error
        self.on_saved(keys)

    async def close(self) -> None:
        """End the saving."""
        await self._tasks.close(finish_s=1.0, cancel_s=1.0)

    async def _save(self) -> None:
        while keys := self.revisions.log.unsaved():
            try:
                await self.revisions.log.save()
            except Unavailable as error:
                _log.error("revisions_not_saved", error=error.message)
                if isinstance(error, StoreFailed):
                    return  # nothing is told of them before a restart
                await self._clock.sleep(_AGAIN_S)
                continue
            self.on_saved(keys)


def _nobody(_keys: Keys) -> None:
    """Nobody listens yet."""


def _ignored(_perm_id: int) -> None:
    """Nobody looks."""


def _never(_name: str, _error: BaseException | None) -> None:
    """No task is critical."""
