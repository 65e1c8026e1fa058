"""The journal's tables in PostgreSQL, with a version, made by whoever comes first."""

from __future__ import annotations

from typing import Final

import psycopg

from services.router.journal.postgres_session import Session, in_one_line
from services.router.journal.store import JournalError

SCHEMA_VERSION: Final = 1
# Any number, the same in each release: two routers must not make the tables at once.
_MAKING: Final = 0x74616E64656D

_KNOWN = "SELECT to_regclass('tandem_journal') IS NOT NULL"
_VERSION = "SELECT schema_version FROM tandem_journal"
_TABLES = f"""
CREATE TABLE tandem_journal (
    id int PRIMARY KEY CHECK (id = 1),
    schema_version int NOT NULL,
    epoch bigint NOT NULL,
    read_backs bigint NOT NULL,
    home text NOT NULL
);
CREATE TABLE tandem_entries (
    seq bigint PRIMARY KEY,
    data bytea NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE TABLE tandem_lease (
    id int PRIMARY KEY CHECK (id = 1),
    holder text NOT NULL,
    pid int NOT NULL,
    lease_s double precision NOT NULL,
    renewed timestamptz NOT NULL
);
INSERT INTO tandem_journal VALUES (1, {SCHEMA_VERSION}, 0, 0, '');
INSERT INTO tandem_lease VALUES (1, '', 0, 0, '-infinity');
"""


def create(session: Session, shown: str) -> None:
    """Make the tables unless they are there. Raises JournalError if they can't be used."""
    try:
        with session.transaction():
            session.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
            if session.execute(_KNOWN).fetchone() == (False,):
                session.execute(_TABLES)
            found = session.execute(_VERSION).fetchone()
    except psycopg.Error as error:
        raise JournalError(f"{shown}: can't be opened: {in_one_line(error)}") from error
    if found is None or found[0] != SCHEMA_VERSION:
        raise JournalError(
            f"{shown}: its tables have version {found and found[0]}, "
            f"this release knows {SCHEMA_VERSION}"
        )
