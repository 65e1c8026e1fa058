"""Where the settings say that the journal lies, and what is said of a place that can't be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.common.runtime.errors import SettingsError, StartupError
from services.router.journal.postgres import PostgresJournal
from services.router.journal.postgres_seat import PostgresSeat
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.sqlite_standby import SqliteStandby
from services.router.leading.place import open_place
from services.router.settings import RouterSettings

SECRET = "correct-horse"
VENUE = {"name": "fake", "address": "127.0.0.1:1", "account_tag": "t1"}


def settings(**given: str) -> RouterSettings:
    accounts = json.dumps([{"account_id": "main", "venues": [VENUE]}])
    return RouterSettings.load(environ={"TANDEM_ROUTER_ACCOUNTS": accounts, **given})


def test_a_path_is_a_file_and_a_dsn_is_postgresql(path: Path, journal_dsn: str) -> None:
    in_file = open_place(settings(TANDEM_ROUTER_JOURNAL_PATH=str(path)), "test")
    in_server = open_place(settings(TANDEM_JOURNAL_DSN=journal_dsn), "test")
    assert isinstance(in_file.store, SqliteJournal)
    assert isinstance(in_server.store, PostgresJournal)
    assert isinstance(in_server.seat, PostgresSeat)
    assert (in_file.setting, in_server.setting) == (
        "TANDEM_ROUTER_JOURNAL_PATH",
        "TANDEM_JOURNAL_DSN",
    )
    in_file.store.close()
    in_server.store.close()


def test_a_second_router_on_a_file_is_refused_unless_it_is_a_standby(path: Path) -> None:
    where = {"TANDEM_ROUTER_JOURNAL_PATH": str(path)}
    leader = open_place(settings(**where), "first")
    with pytest.raises(StartupError, match="another router has this journal open"):
        open_place(settings(**where), "second")
    standby = open_place(settings(**where, TANDEM_ROUTER_STANDBY="true"), "second")
    assert isinstance(standby.store, SqliteStandby)
    standby.store.close()
    leader.store.close()


def test_a_journal_lies_in_one_place_only(path: Path) -> None:
    dsn = f"postgresql://u:{SECRET}@h/books"
    with pytest.raises(SettingsError, match="journal_path and journal_dsn") as refused:
        settings(TANDEM_ROUTER_JOURNAL_PATH=str(path), TANDEM_JOURNAL_DSN=dsn)
    assert SECRET not in str(refused.value)


def test_what_is_no_connection_string_is_named_by_its_setting() -> None:
    with pytest.raises(StartupError, match="TANDEM_JOURNAL_DSN: not a connection") as refused:
        open_place(settings(TANDEM_JOURNAL_DSN=f"{SECRET} x"), "test")
    assert SECRET not in str(refused.value)
