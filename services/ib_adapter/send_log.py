"""The send log: what was sent under which number, durable before the first byte leaves.

IB takes two orders under one reference without a word, and a Gateway that was restarted may give
out order ids again that it gave out before. So neither can tell whether an order was sent: this log
does. It has one row for each id that may have been sent, and the highest order id ever used.

An id that is in it is never sent again, by this process or a later one. One way leads out: the
adapter's own durable word that nothing was written (`withdraw`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apsw

from services.common.adapter import synced_file
from services.common.adapter.one_writer import OneWriter, StoreFailed
from services.common.adapter.synced_file import FileKind, FileUnusable
from services.common.domain.errors import OutcomeUnknown, Unavailable
from services.common.runtime.blocking import RunBlocking
from services.common.runtime.clock import Clock
from services.ib_adapter import activity_log, revision_rows
from services.ib_adapter.activity_log import ActivityLog
from services.ib_adapter.revision_log import RevisionLog

ORDER_ID_MAX: Final = 2**31 - 2

_SCHEMA: Final = """
CREATE TABLE high_water (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  order_id INTEGER NOT NULL
) STRICT;
INSERT INTO high_water VALUES (1, 0);
CREATE TABLE send (
  placement_id TEXT PRIMARY KEY,
  content_hash TEXT NOT NULL,
  order_id INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  sent_at TEXT NOT NULL,
  venue_time TEXT,
  not_sent INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
"""


# Not in the first releases' files: tables, and columns.
_ADDED: Final = """
CREATE TABLE IF NOT EXISTS account (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  number TEXT NOT NULL
) STRICT;
"""


_ADDED_COLUMNS: Final = (
    ("send", "client_id", "INTEGER NOT NULL DEFAULT 0"),
    ("send", "held_as", "TEXT NOT NULL DEFAULT ''"),
    ("revision", "is_combo", "INTEGER NOT NULL DEFAULT 0"),
)


class SendLogUnusable(FileUnusable):
    """The send log's file can't be used."""


class SendLogFailed(StoreFailed):
    """The send log's file failed: nothing is sent until a restart has read back what is there."""


_KIND: Final = FileKind(
    name="send log",
    application_id=0x546E534C,  # "TnSL"
    schema_version=1,
    schema=_SCHEMA,
    unusable=SendLogUnusable,
)


@dataclass(frozen=True, slots=True)
class Send:
    """One row: an order that may have been sent, or was provably not (`not_sent`).

    `venue_time` is IB's time as far as it was known, since a trading day is a matter of its clock.
    `client_id` is the one at the Gateway, 0 if it was not noted. `held_as` is the status in which
    the Gateway had the order without IB's word on it, "" if it did not say so: see `note_held`.
    """

    placement_id: str
    content_hash: str
    order_id: int
    epoch: int
    session_id: str
    sent_at: datetime
    venue_time: datetime | None
    client_id: int = 0
    not_sent: bool = False
    held_as: str = ""


class SendLog:
    """The log of one account and client id; made by `open`, one process alone has it. What was sent
    to change orders is in `revisions`, what changed positions without a trade in `activities`.

    Everything in it is durable before it is told. Used on the event loop's thread only.
    """

    def __init__(self, connection: apsw.Connection, writer: OneWriter) -> None:
        self._connection = connection
        self._writer = writer
        self._created = synced_file.created(connection)
        self.revisions = RevisionLog(connection, writer)
        self.activities = ActivityLog(connection, writer)
        self._high_water = int(connection.execute("SELECT order_id FROM high_water").get)
        self._account: str = connection.execute("SELECT number FROM account").get or ""

    @classmethod
    def open(
        cls,
        path: Path,
        clock: Clock,
        run_blocking: RunBlocking,
        *,
        write_timeout_s: float = 5.0,
        vfs: str | None = None,
    ) -> SendLog:
        """Open or create the log at `path` and lock it. Blocks; call it at start.

        Raises SendLogUnusable (a StartupError) if another process has it, or it is broken.
        """
        connection = synced_file.open_synced(_KIND, path, now=clock.now(), vfs=vfs)
        try:
            _add(connection)
        except apsw.Error as error:
            connection.close()
            raise SendLogUnusable(f"send log {path}: {error}") from error
        writer = OneWriter(
            "send log", run_blocking, write_timeout_s=write_timeout_s, failed=SendLogFailed
        )
        return cls(connection, writer)

    @property
    def created(self) -> datetime:
        """When the log was created (UTC): of sends before that it knows nothing."""
        return self._created

    @property
    def high_water(self) -> int:
        """The highest order id that was ever used, 0 for none."""
        return self._high_water

    @property
    def failure(self) -> str:
        """Why nothing can be sent; empty while the log works."""
        return self._writer.failure

    def require_working(self) -> None:
        """Raise SendLogFailed (effect NONE) if the log failed."""
        self._writer.require_working()

    async def bind(self, account: str) -> str:
        """The number of the account whose sends these are: `account` from now on, durable on
        return, unless it is another's already. Raises as `begin` does."""
        if not self._account:
            await self._write("INSERT OR REPLACE INTO account VALUES (1, ?)", (account,))
            self._account = account
        return self._account

    async def begin(self, *sends: Send) -> Send | None:
        """Note sends that are about to happen together, durable on return; None then.

        If an id was, or may have been, sent already, nothing is noted and that earlier row is
        given. A row of a send that provably did not happen gives way. Raises SendLogFailed and
        Unavailable, with effect NONE: the caller has sent nothing, whatever the log may hold.
        """
        self._high_water = max(self._high_water, *(send.order_id for send in sends))
        try:
            return await self._writer.run(lambda: self._begin(sends))
        except OutcomeUnknown as error:
            raise Unavailable(error.reason, error.message) from error

    async def withdraw(self, *placement_ids: str) -> None:
        """Note that sends that were begun did not happen: nothing was written, or will be.

        Durable on return. Raises as `begin` does; the ids then stay such as may have been sent.
        """
        await self._write(
            "UPDATE send SET not_sent = 1 WHERE placement_id IN (SELECT value FROM json_each(?))",
            (json.dumps(placement_ids),),
        )

    async def use(self, order_id: int) -> None:
        """Note that a number was used for what is no order, durable on return: no order may have
        it. Raises as `begin`."""
        self._high_water = max(self._high_water, order_id)
        await self._write("UPDATE high_water SET order_id = max(order_id, ?)", (order_id,))

    async def note_held(self, placement_id: str, held_as: str) -> None:
        """Note that the Gateway has an order and may hand it on to IB, or ("") no longer does.

        Durable on return; nothing happens for an id that is not in the log. Raises as `begin`.
        """
        await self._write(
            "UPDATE send SET held_as = ? WHERE placement_id = ?", (held_as, placement_id)
        )

    async def find(self, placement_id: str) -> Send | None:
        """The row of an id, None if it was never sent from here. Raises as `begin` does."""
        try:
            return await self._writer.run(lambda: self._find(placement_id))
        except OutcomeUnknown as error:
            raise Unavailable(error.reason, error.message) from error

    async def has_any(self, prefix: str) -> bool:
        """Whether any id that begins so, and goes on, may have been sent. Raises as `begin`."""
        try:
            return await self._writer.run(lambda: self._has_any(prefix))
        except OutcomeUnknown as error:
            raise Unavailable(error.reason, error.message) from error

    def close(self) -> None:
        """Release the file, after the write that runs, if any. Blocks."""
        self._writer.close(self._connection.close)

    async def _write(self, statement: str, values: tuple[str | int, ...]) -> None:
        try:
            await self._writer.run(
                lambda: self._writer.persist(lambda: self._connection.execute(statement, values))
            )
        except OutcomeUnknown as error:
            raise Unavailable(error.reason, error.message) from error

    def _begin(self, sends: Sequence[Send]) -> Send | None:
        for send in sends:
            earlier = self._find(send.placement_id)
            if earlier is not None and not earlier.not_sent:
                return earlier
        self._writer.persist(lambda: self._save_all(sends))
        return None

    def _save_all(self, sends: Sequence[Send]) -> None:
        with self._connection:  # all or none, with one sync
            for send in sends:
                self._save(send)

    def _save(self, send: Send) -> None:
        venue_time = None if send.venue_time is None else _text(send.venue_time)
        with self._connection:  # both or neither
            self._connection.execute(
                "INSERT OR REPLACE INTO send (placement_id, content_hash, order_id, epoch,"
                " session_id, sent_at, venue_time, client_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    send.placement_id,
                    send.content_hash,
                    send.order_id,
                    send.epoch,
                    send.session_id,
                    _text(send.sent_at),
                    venue_time,
                    send.client_id,
                ),
            )
            self._connection.execute(
                "UPDATE high_water SET order_id = max(order_id, ?)", (send.order_id,)
            )

    def _has_any(self, prefix: str) -> bool:
        behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        row = self._writer.persist(
            lambda: self._connection.execute(
                "SELECT 1 FROM send WHERE placement_id > ? AND placement_id < ? AND not_sent = 0",
                (prefix, behind),
            ).fetchone()
        )
        return row is not None

    def _find(self, placement_id: str) -> Send | None:
        row = self._writer.persist(
            lambda: self._connection.execute(
                "SELECT placement_id, content_hash, order_id, epoch, session_id, sent_at,"
                " venue_time, client_id, not_sent, held_as FROM send WHERE placement_id = ?",
                (placement_id,),
            ).fetchone()
        )
        if row is None:
            return None
        return Send(
            placement_id=row[0],
            content_hash=row[1],
            order_id=row[2],
            epoch=row[3],
            session_id=row[4],
            sent_at=datetime.fromisoformat(row[5]),
            venue_time=None if row[6] is None else datetime.fromisoformat(row[6]),
            client_id=row[7],
            not_sent=bool(row[8]),
            held_as=row[9],
        )


def _add(connection: apsw.Connection) -> None:
    """What a file of an earlier release does not have yet."""
    connection.execute(_ADDED + revision_rows.ADDED + activity_log.ADDED)
    for table, name, kind in _ADDED_COLUMNS:
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        if name not in known:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
