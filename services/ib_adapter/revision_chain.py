"""The revisions of one order of IB's, by what was decided of its changes: see `revisions`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from services.common.domain.amounts import add, total
from services.ib_adapter.revision_log import RevisionLog
from services.ib_adapter.revision_parts import Link
from services.ib_adapter.revision_rows import Fate, Revision

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Chain:
    """One order of IB's as of now. `links` are its revisions that are or were in force, oldest
    first and at least one; `backs` those that IB showed as in force and did not work after all.

    IB may have made a second order of a change: that one begins with the change.
    """

    log: RevisionLog
    perm_id: int
    changes: tuple[Revision, ...]
    links: tuple[Link, ...]
    backs: tuple[Link, ...]

    @classmethod
    def of(cls, log: RevisionLog, perm_id: int, order_ref: str) -> Chain:
        """That of the order with this permId."""
        changes = tuple(log.of_order(order_ref))
        taken = [c for c in changes if c.fate is Fate.TAKEN and c.taken_by == perm_id]
        is_first = not changes or changes[0].perm_id == perm_id
        links = []
        if is_first or not taken:
            links.append(Link(0, order_ref, str(perm_id), None))
        for change in taken:
            own_id = f"{perm_id}.{change.seq}" if links else str(perm_id)
            links.append(Link(change.seq, change.revision_id, own_id, change))
        backs = tuple(
            Link(change.seq, change.revision_id, f"{perm_id}.{change.seq}", change)
            for change in changes
            if change.fate is Fate.TAKEN_BACK and change.taken_by == perm_id
        )
        return cls(log, perm_id, changes, tuple(links), backs)

    @property
    def last(self) -> Link:
        """The revision in force."""
        return self.links[-1]

    @property
    def in_doubt(self) -> Revision | None:
        """The change of which nobody knows whether it is in force."""
        return next((c for c in self.changes if c.fate is Fate.SENT), None)

    @property
    def overruled(self) -> list[Revision]:
        """Later changes that were called refused, or taken back, latest first."""
        refused = (Fate.REFUSED, Fate.TAKEN_BACK)
        return [c for c in reversed(self.changes) if c.seq > self.last.seq and c.fate in refused]

    @property
    def told_before(self) -> Decimal:
        """What had filled when the order was changed first: it is of the terms as placed."""
        own = (c for c in self.changes if c.perm_id == self.perm_id)
        return next((change.filled_before for change in own), _ZERO)

    def filled(self, link: Link) -> Decimal:
        """What was decided to be of one revision."""
        filled = self.log.filled(self.perm_id, link.seq)
        return add(filled, self.told_before) if link == self.links[0] else filled

    def filled_before(self, seq: int) -> Decimal:
        """What was decided to be of all revisions before that number."""
        return total(self.filled(x) for x in (*self.links, *self.backs) if x.seq < seq)

    @property
    def filled_in_all(self) -> Decimal:
        """What was decided to be of any."""
        return total(self.filled(link) for link in (*self.links, *self.backs))

    def link(self, seq: int) -> Link:
        """The revision of that number; the one in force if there is none such."""
        known = (link for link in (*self.links, *self.backs) if link.seq == seq)
        return next(known, self.last)
