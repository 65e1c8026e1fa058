"""The log of changes: what was sent to change an order, and which fill was told of which revision.

A modify is written under the order's own number and reference, so nothing at IB tells one revision
from another, nor whose an execution is. This log does. It is a part of the send log's file: a row
is durable before the modify's first byte leaves, and its id is never sent again. What became of it,
and whose a fill is, are decided once, and are durable before anything is told by them.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from decimal import Decimal
from typing import Final

import apsw

from services.common.adapter.one_writer import OneWriter
from services.common.domain.amounts import total
from services.common.domain.errors import Cause, OutcomeUnknown, Unavailable
from services.ib_adapter.revision_rows import (
    Fate,
    RevisedFill,
    Revision,
    find_revision,
    load_fills,
    load_revisions,
    save,
)

KEPT_MAX: Final = 50_000


class RevisionLog:
    """Changes and their fills, in memory and in the send log's file. On the event loop's thread.

    What is decided counts at once; until `save` has made it durable, nothing may be told by it. In
    memory are the `KEPT_MAX` latest; an older id is still never sent again.
    """

    def __init__(self, connection: apsw.Connection, writer: OneWriter) -> None:
        self._connection = connection
        self._writer = writer
        self._by_id: OrderedDict[str, Revision] = OrderedDict()
        self._by_ref: dict[str, list[str]] = {}
        self._fills: OrderedDict[tuple[int, str], RevisedFill] = OrderedDict()
        self._of_perm: dict[int, list[RevisedFill]] = {}
        self._unsaved: list[Revision | RevisedFill] = []
        self._load()

    # -- what is known -----------------------------------------------------------------------

    def find(self, revision_id: str) -> Revision | None:
        """The change of that id."""
        return self._by_id.get(revision_id)

    def of_order(self, order_ref: str) -> list[Revision]:
        """All changes of an order, oldest first."""
        return [self._by_id[known] for known in self._by_ref.get(order_ref, ())]

    def latest_under(self, order_id: int) -> Revision | None:
        """The change of the order of that number that a word on it may be on: the one in doubt,
        else the latest that was taken."""
        known = (c for c in self._by_id.values() if c.order_id == order_id)
        changes = sorted(known, key=lambda change: (change.sent_at, change.seq), reverse=True)
        for fate in (Fate.SENT, Fate.TAKEN):
            for change in changes:
                if change.fate is fate:
                    return change
        return None

    def fill(self, perm_id: int, exec_stem: str) -> RevisedFill | None:
        """Whose an execution was decided to be."""
        return self._fills.get((perm_id, exec_stem))

    def filled(self, perm_id: int, seq: int, part: int = 0) -> Decimal:
        """What was decided to be of one revision of an order."""
        fills = self._of_perm.get(perm_id, ())
        return total(f.last_qty for f in fills if (f.seq, f.part) == (seq, part))

    def unsaved(self) -> frozenset[int | str]:
        """Of which orders (permId, or reference) something is not durable yet."""
        return frozenset(
            entry.perm_id if isinstance(entry, RevisedFill) else entry.order_ref
            for entry in self._unsaved
        )

    # -- a change is sent --------------------------------------------------------------------

    async def begin(self, revision: Revision) -> Revision | None:
        """Note a change that is about to be sent, durable on return; None then.

        If the id was, or may have been, sent already, nothing is noted and that one is given.
        Raises SendLogFailed and Unavailable, with effect NONE: the caller has sent nothing.
        """
        known = self._by_id.get(revision.revision_id)
        if known is not None and known.fate is not Fate.NOT_SENT:
            return known
        self._put(revision)
        try:
            earlier = await self._writer.run(lambda: self._begin(revision))
        except OutcomeUnknown as error:
            self._put(replace(revision, fate=Fate.NOT_SENT))
            raise Unavailable(error.reason, error.message) from error
        except BaseException:
            self._put(replace(revision, fate=Fate.NOT_SENT))
            raise
        if earlier is not None:
            self._put(earlier)
        return earlier

    async def withdraw(self, revision_id: str) -> None:
        """Note that a change that was begun was not written, nor will be. Durable on return;
        raises as `begin`, and the id then stays one that may have been sent."""
        self.decide(revision_id, Fate.NOT_SENT)
        await self.save()

    # -- what becomes of it ------------------------------------------------------------------

    def decide(
        self, revision_id: str, fate: Fate, *, taken_by: int = 0, cause: Cause | None = None
    ) -> Revision:
        """What became of a change; to be saved."""
        decided = replace(self._by_id[revision_id], fate=fate, taken_by=taken_by, cause=cause)
        self._put(decided)
        self._unsaved.append(decided)
        return decided

    def add_fill(self, fill: RevisedFill) -> None:
        """Whose an execution is; to be saved."""
        self._keep_fill(fill)
        self._unsaved.append(fill)

    async def save(self) -> None:
        """Make durable all that was decided before this call. Raises as `begin`."""
        batch = list(self._unsaved)
        if not batch:
            return
        try:
            await self._writer.run(
                lambda: self._writer.persist(lambda: save(self._connection, batch))
            )
        except OutcomeUnknown as error:
            raise Unavailable(error.reason, error.message) from error
        # What was decided meanwhile comes after it, and so stays; a batch of another call may
        # have been saved as well, which does no harm.
        done = {id(entry) for entry in batch}
        self._unsaved = [entry for entry in self._unsaved if id(entry) not in done]

    # -- inside ------------------------------------------------------------------------------

    def _put(self, revision: Revision) -> None:
        if revision.revision_id in self._by_id:
            self._forget(revision.revision_id)
        self._by_id[revision.revision_id] = revision
        known = self._by_ref.setdefault(revision.order_ref, [])
        known.append(revision.revision_id)
        known.sort(key=lambda revision_id: self._by_id[revision_id].seq)
        while len(self._by_id) > KEPT_MAX:
            self._forget(next(iter(self._by_id)))

    def _forget(self, revision_id: str) -> None:
        gone = self._by_id.pop(revision_id)
        known = self._by_ref[gone.order_ref]
        known.remove(revision_id)
        if not known:
            del self._by_ref[gone.order_ref]

    def _keep_fill(self, fill: RevisedFill) -> None:
        self._fills[fill.perm_id, fill.exec_stem] = fill
        self._of_perm.setdefault(fill.perm_id, []).append(fill)
        while len(self._fills) > KEPT_MAX:
            _, oldest = self._fills.popitem(last=False)
            fills = self._of_perm[oldest.perm_id]
            fills.remove(oldest)
            if not fills:
                del self._of_perm[oldest.perm_id]

    def _load(self) -> None:
        for revision in load_revisions(self._connection, KEPT_MAX):
            self._put(revision)
        for fill in load_fills(self._connection, KEPT_MAX):
            self._keep_fill(fill)

    def _begin(self, revision: Revision) -> Revision | None:
        persist, connection = self._writer.persist, self._connection
        earlier = persist(lambda: find_revision(connection, revision.revision_id))
        if earlier is not None and earlier.fate is not Fate.NOT_SENT:
            return earlier
        persist(lambda: save(connection, [revision]))
        return None
