"""Changes of orders and their fills, as rows of a file: see `revision_log`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Final

import apsw

from services.common.domain.amounts import format_decimal
from services.common.domain.errors import Cause, Reason
from services.ib_adapter.revision_terms import Terms

# Not in the first releases' files.
ADDED: Final = """
CREATE TABLE IF NOT EXISTS revision (
  revision_id TEXT PRIMARY KEY,
  order_ref TEXT NOT NULL,
  seq INTEGER NOT NULL,
  order_id INTEGER NOT NULL,
  perm_id INTEGER NOT NULL,
  content TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  filled_before TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  sent_at TEXT NOT NULL,
  fate TEXT NOT NULL,
  taken_by INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  is_combo INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS revised_fill (
  perm_id INTEGER NOT NULL,
  exec_stem TEXT NOT NULL,
  part INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  last_qty TEXT NOT NULL,
  cum_qty TEXT NOT NULL,
  PRIMARY KEY (perm_id, exec_stem)
) STRICT;
"""

_COLUMNS: Final = (
    "revision_id, order_ref, seq, order_id, perm_id, content, before, after, filled_before, epoch,"
    " session_id, sent_at, fate, taken_by, reason, message, is_combo"
)


class Fate(Enum):
    """What became of a change."""

    SENT = "sent"  # or may have been: in doubt
    NOT_SENT = "not_sent"  # by our own proof that nothing was written
    TAKEN = "taken"
    REFUSED = "refused"  # by IB's word, or by proof that it can't be taken any more
    TAKEN_BACK = "taken_back"  # shown as taken, and not worked after all
    SPENT = "spent"  # taken when nothing was left for it to work: all of it had filled before


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of an order.

    `order_ref` is the id of the order's first revision, IB's own reference; `seq` counts the
    changes of it from 1. `perm_id` is the order that was changed, `taken_by` the one that shows the
    new terms: the same, unless IB made two of it. `content` is the change as it was asked for.
    `filled_before`: so much was filled, and told, when it was sent. `is_combo`: the order has legs,
    which executions of them that come before it is shown don't tell.
    """

    revision_id: str
    order_ref: str
    seq: int
    order_id: int
    perm_id: int
    content: str
    before: Terms
    after: Terms
    filled_before: Decimal
    epoch: int
    session_id: str
    sent_at: datetime
    fate: Fate = Fate.SENT
    taken_by: int = 0
    cause: Cause | None = None
    is_combo: bool = False


@dataclass(frozen=True, slots=True)
class RevisedFill:
    """Whose an execution is. `exec_stem` is its id without the last part, which corrections share;
    `part` the leg's contract id in a combo, else 0; `cum_qty` is counted for its revision."""

    perm_id: int
    exec_stem: str
    part: int
    seq: int
    last_qty: Decimal
    cum_qty: Decimal


def load_revisions(connection: apsw.Connection, count_max: int) -> list[Revision]:
    """The changes that were noted last, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM revision ORDER BY rowid DESC LIMIT {count_max}"
    ).fetchall()
    return [_revision(row) for row in reversed(rows)]


def load_fills(connection: apsw.Connection, count_max: int) -> list[RevisedFill]:
    """The fills that were noted last, oldest first."""
    rows = connection.execute(
        "SELECT perm_id, exec_stem, part, seq, last_qty, cum_qty FROM revised_fill"
        f" ORDER BY rowid DESC LIMIT {count_max}"
    ).fetchall()
    return [
        RevisedFill(perm_id, stem, part, seq, Decimal(last_qty), Decimal(cum_qty))
        for perm_id, stem, part, seq, last_qty, cum_qty in reversed(rows)
    ]


def find_revision(connection: apsw.Connection, revision_id: str) -> Revision | None:
    """The change of that id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM revision WHERE revision_id = ?", (revision_id,)
    ).fetchone()
    return None if row is None else _revision(row)


def save(connection: apsw.Connection, entries: Iterable[Revision | RevisedFill]) -> None:
    """Write all of them, or none. A fill that is there stays what it was."""
    with connection:
        for entry in entries:
            if isinstance(entry, Revision):
                marks = ", ".join("?" * 17)
                sql = f"INSERT OR REPLACE INTO revision ({_COLUMNS}) VALUES ({marks})"
                connection.execute(sql, _row(entry))
            else:
                sql = "INSERT OR IGNORE INTO revised_fill VALUES (?, ?, ?, ?, ?, ?)"
                connection.execute(sql, _fill_row(entry))


def _row(revision: Revision) -> tuple[str | int, ...]:
    cause = revision.cause
    return (
        revision.revision_id,
        revision.order_ref,
        revision.seq,
        revision.order_id,
        revision.perm_id,
        revision.content,
        revision.before.text,
        revision.after.text,
        format_decimal(revision.filled_before),
        revision.epoch,
        revision.session_id,
        revision.sent_at.astimezone(UTC).isoformat(),
        revision.fate.value,
        revision.taken_by,
        "" if cause is None else cause.reason.value,
        "" if cause is None else cause.message,
        int(revision.is_combo),
    )


def _fill_row(fill: RevisedFill) -> tuple[str | int, ...]:
    last_qty, cum_qty = format_decimal(fill.last_qty), format_decimal(fill.cum_qty)
    return (fill.perm_id, fill.exec_stem, fill.part, fill.seq, last_qty, cum_qty)


def _revision(row: apsw.SQLiteValues) -> Revision:
    (revision_id, order_ref, seq, order_id, perm_id, content, before, after) = row[:8]
    (filled_before, epoch, session_id, sent_at, fate, taken_by, reason, message) = row[8:16]
    return Revision(
        revision_id=str(revision_id),
        order_ref=str(order_ref),
        seq=int(str(seq)),
        order_id=int(str(order_id)),
        perm_id=int(str(perm_id)),
        content=str(content),
        before=Terms.read(str(before)),
        after=Terms.read(str(after)),
        filled_before=Decimal(str(filled_before)),
        epoch=int(str(epoch)),
        session_id=str(session_id),
        sent_at=datetime.fromisoformat(str(sent_at)),
        fate=Fate(fate),
        taken_by=int(str(taken_by)),
        cause=Cause(Reason(reason), str(message)) if reason else None,
        is_combo=bool(row[16]),
    )
