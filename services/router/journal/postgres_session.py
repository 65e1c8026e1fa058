"""Sessions at PostgreSQL as the journal needs them: bounded, checked, and without secrets.

A server that acknowledges commits before they are on disk, or a replica, is refused at each
connect: on such a one "durable" would be a word. No message holds the password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import conninfo

from services.router.journal.store import JournalError

Session = psycopg.Connection[tuple[Any, ...]]

_CONNECT_TIMEOUT_MIN_S: Final = 2  # libpq takes no less
_SYNCED: Final = frozenset({"on", "remote_apply"})

_BOUNDS = """
SELECT set_config('statement_timeout', %(timeout_ms)s, false),
       set_config('lock_timeout', %(timeout_ms)s, false),
       set_config('idle_in_transaction_session_timeout', %(timeout_ms)s, false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('tcp_keepalives_idle', '2', false),
       set_config('tcp_keepalives_interval', '1', false),
       set_config('tcp_keepalives_count', '3', false)
"""
_TRUTH = """
SELECT current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery()
"""
# The cluster, and its timeline: the first eight digits of a log file's name.
_HOME = """
SELECT system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
FROM pg_control_system()
"""


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A connection string, and how it may be shown."""

    dsn: str
    shown: str

    @classmethod
    def of(cls, dsn: str) -> PostgresAddress:
        """Read a URI or `key=value` pairs. Raises JournalError, which does not quote it."""
        try:
            parts = conninfo.conninfo_to_dict(dsn)
        except psycopg.Error:
            # `from None`: libpq's message quotes what it did not understand.
            raise JournalError("not a connection string of PostgreSQL") from None
        host = str(parts.get("host") or parts.get("hostaddr") or "localhost")
        port = str(parts.get("port") or "5432")
        user = f"{parts['user']}@" if parts.get("user") else ""
        return cls(dsn, f"postgresql://{user}{host}:{port}/{parts.get('dbname') or ''}")


def connect(
    address: PostgresAddress, timeout_s: float, name: str, *, read_only: bool = False
) -> Session:
    """Open a session, each statement of it a transaction of its own and bounded by `timeout_s`.

    Raises JournalError if nothing answers, or what answers would lose what it has acknowledged;
    one that only reads may be at any server.
    """
    timeout_ms = max(int(timeout_s * 1000), 1)
    bounds: dict[str, Any] = {
        "connect_timeout": max(round(timeout_s), _CONNECT_TIMEOUT_MIN_S),
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "tcp_user_timeout": timeout_ms,
        # Of several hosts, the one that leads.
        "target_session_attrs": "any" if read_only else "read-write",
        "application_name": name,
    }
    given = conninfo.conninfo_to_dict(address.dsn)
    bounds = {key: value for key, value in bounds.items() if key not in given}
    try:
        session = psycopg.connect(address.dsn, autocommit=True, **bounds)
    except psycopg.Error as error:
        raise JournalError(f"{address.shown}: can't be reached: {in_one_line(error)}") from None
    try:
        session.execute(_BOUNDS, {"timeout_ms": str(timeout_ms)})
        if read_only:
            session.execute("SET default_transaction_read_only = on")
        else:
            _check(session, address)
    except psycopg.Error as error:
        session.close()
        raise JournalError(f"{address.shown}: can't be used: {in_one_line(error)}") from error
    except JournalError:
        session.close()
        raise
    return session


def _check(session: Session, address: PostgresAddress) -> None:
    row = session.execute(_TRUTH).fetchone()
    assert row is not None, "a SELECT of settings has one row"
    fsync, synchronous_commit, in_recovery = row
    if in_recovery:
        raise JournalError(f"{address.shown}: is a replica: nothing can be written there")
    if fsync != "on":
        raise JournalError(
            f"{address.shown}: its fsync is {fsync}: what it acknowledges may be lost; set it on"
        )
    if synchronous_commit not in _SYNCED:
        raise JournalError(
            f"{address.shown}: its synchronous_commit is {synchronous_commit}: what it "
            "acknowledges may be lost; set it on"
        )


def home_of(session: Session) -> str:
    """Which server's history this is: another after a promotion, a restore to a point in time, or
    a dump that was loaded elsewhere. Empty if the role may not know. Raises psycopg.Error."""
    try:
        row = session.execute(_HOME).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return ""
    assert row is not None, "it has one row"
    return str(row[0])


def in_one_line(error: psycopg.Error) -> str:
    """What PostgreSQL or its library says, for a message."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def is_undone(error: psycopg.Error) -> bool:
    """Whether the server itself said that the statement failed, and so had no effect.

    A broken connection says nothing, and neither does the end of a session (FATAL): it may come
    after the commit.
    """
    return error.diag.severity_nonlocalized == "ERROR"
