"""The seat of a journal in PostgreSQL: a lock of a session of its own, and a lease.

The lock goes with its session, so a killed router's is free at once. A router that stands still, or
whose host is gone, keeps its session: the kernel answers for it, or nobody says that it is dead.
For these there is the lease, a row that its holder renews and that others read by the server's own
clock. Whoever finds it run out ends the holder's session, and takes the lock.
"""

from __future__ import annotations

from typing import Final

import psycopg

from services.router.journal.postgres_session import (
    PostgresAddress,
    Session,
    connect,
    in_one_line,
)
from services.router.journal.seat import SeatLost
from services.router.journal.store import JournalError

# The lock is named by the table's own number, so that journals in other schemas have others.
_LOCK: Final = "'tandem_lease'::regclass::oid::int8::bit(32)::int4"
# One statement, which the server ends by itself: nobody has the lock and not the lease for long.
_TAKE = f"""
UPDATE tandem_lease
SET holder = %s, pid = pg_backend_pid(), lease_s = %s, renewed = clock_timestamp()
WHERE pg_try_advisory_lock({_LOCK}, 1)
"""
_RENEW = "UPDATE tandem_lease SET renewed = clock_timestamp() WHERE pid = pg_backend_pid()"
# Only the session that the lease is of: one that has just taken the lock is not to be ended for
# the lease of the one before.
_END_HOLDER = f"""
SELECT pg_terminate_backend(locks.pid)
FROM pg_locks AS locks JOIN tandem_lease AS lease ON lease.pid = locks.pid
WHERE locks.locktype = 'advisory' AND locks.granted AND locks.objsubid = 2
  AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND locks.classid::int8::bit(32)::int4 = {_LOCK} AND locks.objid = 1
  AND lease.renewed < clock_timestamp() - make_interval(secs => lease.lease_s)
"""


class PostgresSeat:
    """`Seat` on the database of a `PostgresJournal`, which must have been opened before.

    `holder` is for people. A lease lasts `lease_s` after its last renewal.
    """

    def __init__(self, dsn: str, *, holder: str, lease_s: float) -> None:
        self._address = PostgresAddress.of(dsn)
        self._holder = holder
        self._lease_s = lease_s
        self._db: Session | None = None
        self._held = False

    @property
    def lease_s(self) -> float:
        return self._lease_s

    def take(self) -> bool:
        if self._held:
            return True
        try:
            session = self._session()
            self._held = session.execute(_TAKE, (self._holder, self._lease_s)).rowcount == 1
            if not self._held:
                session.execute(_END_HOLDER)
        except psycopg.Error as error:
            self.release()
            raise JournalError(f"{self._address.shown}: {in_one_line(error)}") from error
        return self._held

    def _session(self) -> Session:
        if self._db is None or self._db.closed:
            self._db = connect(self._address, self._lease_s / 2, "tandem-router seat")
            # A heartbeat that a crash of the server forgets is no loss: its sessions end with it.
            self._db.execute("SET synchronous_commit = off")
        return self._db

    def renew(self) -> None:
        if self._db is None or not self._held:
            raise SeatLost(f"{self._address.shown}: the seat is not held")
        try:
            renewed = self._db.execute(_RENEW).rowcount
        except psycopg.Error as error:
            message = f"{self._address.shown}: the lease: {in_one_line(error)}"
            if not self._db.closed:
                raise JournalError(message) from error
            self.release()
            raise SeatLost(message) from error
        if not renewed:
            self.release()
            raise SeatLost(f"{self._address.shown}: another router has the lease")

    def release(self) -> None:
        """The lock goes with the session. The lease is left: nobody asks for it without a lock."""
        self._held = False
        if self._db is not None:
            self._db.close()
            self._db = None
