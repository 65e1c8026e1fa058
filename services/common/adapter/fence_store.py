"""The fence store: which router may act through this adapter, and which ids are dead for good.

It keeps when it was created, the newest claim, the tombstones, and the instructions that are never
sent twice, in a small file on a volume of its own. What it says is durable before anybody is told.
What it is asked right before a write (`check`, `is_buried`) is answered from memory, by any thread.

A file that failed once is not trusted again, see `one_writer`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from services.common.adapter.fence_file import FenceClaim, FenceFile
from services.common.adapter.instruction_file import Recorded
from services.common.adapter.one_writer import OneWriter, StoreFailed
from services.common.domain.errors import OutcomeUnknown, Reason, Refused, Unavailable
from services.common.runtime.blocking import RunBlocking
from services.common.runtime.clock import Clock

__all__ = ["FenceClaim", "FenceStore", "FenceStoreFailed"]


class FenceStoreFailed(StoreFailed):
    """The fence store's file failed."""


class FenceStore:
    """The adapter's memory of claims and tombstones. Made by `open`; one per process.

    With `routed` (the default) every mutation must carry a claim; without it, mutations that
    carry none are let through, and those that carry one are checked all the same.
    """

    def __init__(
        self,
        file: FenceFile,
        clock: Clock,
        run_blocking: RunBlocking,
        *,
        routed: bool = True,
        write_timeout_s: float = 5.0,
    ) -> None:
        self._file = file
        self._clock = clock
        self._routed = routed
        self._writer = OneWriter(
            "fence store",
            run_blocking,
            write_timeout_s=write_timeout_s,
            failed=FenceStoreFailed,
        )
        self._created = file.created()
        self._seen = file.claim()
        self._buried = file.tombstones()
        self._instructions = file.instructions.all()
        self._noting = asyncio.Lock()
        self._newest_note: FenceClaim | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        clock: Clock,
        run_blocking: RunBlocking,
        *,
        routed: bool = True,
        write_timeout_s: float = 5.0,
        vfs: str | None = None,
    ) -> FenceStore:
        """Open or create the store at `path` and lock it. Blocks; call it at start.

        `run_blocking` should be of a pool of its own: behind calls to a broker that hangs, the
        store could not be written, and no order sent anywhere.

        Raises FenceFileUnusable (a StartupError) if another process has it, or it is broken.
        """
        file = FenceFile.open(path, now=clock.now(), vfs=vfs)
        return cls(file, clock, run_blocking, routed=routed, write_timeout_s=write_timeout_s)

    @property
    def created(self) -> datetime:
        """When the store was created (UTC): of ids sent before, absence can't be proven."""
        return self._created

    @property
    def seen(self) -> FenceClaim | None:
        """The newest claim, durable; None while the store is blank."""
        return self._seen

    @property
    def failure(self) -> str:
        """Why the store refuses everything; empty while it works."""
        return self._writer.failure

    def check(self, claim: FenceClaim | None) -> None:
        """Raise Refused (effect NONE) unless a mutation with this claim may go out now.

        From memory, at once, from any thread.
        """
        self._writer.require_working()
        seen = self._seen
        if claim is None:
            if self._routed:
                raise Refused(Reason.FENCE_REQUIRED, "this adapter takes orders from routers only")
            return
        if seen is None:
            raise Refused(Reason.FENCE_NOT_TAKEN, "no router has called Fence here yet")
        _refuse_stale(seen, claim)
        if claim.term > seen.term:
            raise Refused(Reason.FENCE_NOT_TAKEN, f"call Fence first: taken is {seen}, not {claim}")

    def is_buried(self, placement_id: str) -> bool:
        """Whether this id has a tombstone. From memory, at once, from any thread."""
        return placement_id in self._buried

    async def take(self, claim: FenceClaim) -> FenceClaim | None:
        """Take `claim` and give what had been seen before; durable before it returns.

        The same claim again is taken again; of its journal heads the higher is kept. Raises
        Refused STALE_EPOCH if a higher one was seen, or an equal one of another journal;
        FenceStoreFailed; OutcomeUnknown if the disk doesn't answer in time. Canceled, the write
        may still take place.
        """
        return await self._writer.run(lambda: self._take(claim))

    async def note(self, claim: FenceClaim) -> None:
        """Make the journal head that a mutation carries durable, before the mutation goes out.

        So a journal that was restored to a state before that mutation finds out at its next
        Fence. Callers at the same time share one sync. Raises as `check` does, and Unavailable
        (effect NONE: the mutation has not gone out) if it can't be made durable.
        """
        self.check(claim)
        note = self._newest_note
        if note is None or (note.term, note.head_sequence) < (claim.term, claim.head_sequence):
            self._newest_note = claim
        async with self._noting:
            newest, seen = self._newest_note, self._seen
            assert newest is not None
            if seen is not None and (claim.term, claim.head_sequence) > (
                seen.term,
                seen.head_sequence,
            ):
                await self._note(newest)

    async def _note(self, claim: FenceClaim) -> None:
        try:
            await self._writer.run(lambda: self._take(claim))
        except OutcomeUnknown as error:
            raise Unavailable(error.reason, error.message) from error

    async def bury(self, placement_id: str, evidence: str) -> None:
        """Refuse this id from now on, for good; durable before it returns. Raises as `take`."""
        await self._writer.run(lambda: self._bury(placement_id, evidence))

    def instruction(self, key: str) -> Recorded | None:
        """An instruction that was begun under this key. From memory, at once."""
        return self._instructions.get(key)

    async def save_instruction(self, key: str, recorded: Recorded) -> None:
        """Keep an instruction as it now stands; durable before it returns. Raises as `take`."""
        await self._writer.run(lambda: self._save_instruction(key, recorded))

    async def forget_instruction(self, key: str) -> None:
        """Keep an instruction no more, since it had no effect. Raises as `take`."""
        await self._writer.run(lambda: self._forget_instruction(key))

    def close(self) -> None:
        """Release the file, after the write that runs, if any. Blocks.

        Raises FenceStoreFailed if the disk fails in it; all that was answered is durable already.
        """
        self._writer.close(self._file.close)

    def _take(self, claim: FenceClaim) -> FenceClaim | None:
        before = self._seen
        if before is not None:
            _refuse_stale(before, claim)
        higher = before is None or claim.term > before.term
        if higher or (before is not None and claim.head_sequence > before.head_sequence):
            self._writer.persist(lambda: self._file.save_claim(claim))
            self._seen = claim
        return before

    def _save_instruction(self, key: str, recorded: Recorded) -> None:
        # In memory first: if the disk fails or is late, it counts as begun.
        self._instructions[key] = recorded
        self._writer.persist(lambda: self._file.instructions.save(key, recorded))

    def _forget_instruction(self, key: str) -> None:
        self._writer.persist(lambda: self._file.instructions.forget(key))
        self._instructions.pop(key, None)

    def _bury(self, placement_id: str, evidence: str) -> None:
        if placement_id not in self._buried:
            now = self._clock.now()
            self._writer.persist(lambda: self._file.save_tombstone(placement_id, evidence, now))
            self._buried.add(placement_id)


def _refuse_stale(seen: FenceClaim, claim: FenceClaim) -> None:
    if claim.term < seen.term:
        raise Refused(Reason.STALE_EPOCH, f"{claim} is older than what was taken: {seen}")
    if claim.term == seen.term and claim.journal_id != seen.journal_id:
        raise Refused(Reason.STALE_EPOCH, f"{claim} stands beside what was taken: {seen}")
