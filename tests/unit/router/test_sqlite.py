"""The journal's file: one writer, whole commits, and a clear word for each way to break it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from services.router.journal.sqlite import SqliteJournal
from services.router.journal.store import (
    CommitFailed,
    Head,
    JournalCorrupt,
    JournalError,
    JournalLocked,
    check_chain,
)
from tests.unit.adapter.recording_vfs import RecordingVfs
from tests.unit.router.test_store import chain


@contextmanager
def opened(path: Path, vfs: str | None = None) -> Iterator[SqliteJournal]:
    store = SqliteJournal(path, vfs=vfs)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "j.db"


def test_a_second_router_on_the_same_file_is_refused(path: Path) -> None:
    with opened(path), pytest.raises(JournalLocked, match="another router"):
        SqliteJournal(path)
    with opened(path):  # the lock went with its holder
        pass


def test_a_failed_sync_is_a_failed_commit(path: Path) -> None:
    vfs = RecordingVfs()
    with opened(path, vfs.name) as store:
        epoch = store.take_epoch()
        vfs.sync_fails = True
        with pytest.raises(CommitFailed):
            store.append(chain(1), epoch)
        vfs.sync_fails = False  # lets the test close the file


def test_an_append_returns_only_after_the_sync(path: Path) -> None:
    vfs = RecordingVfs()
    with opened(path, vfs.name) as store:
        epoch = store.take_epoch()
        for batch in (chain(1), chain(50, Head(1, chain(1)[0].hash))):
            vfs.log.clear()
            store.append(batch, epoch)
            assert vfs.log[-1] == ("sync", "j.db-wal")
            assert vfs.log.count(("sync", "j.db-wal")) == 1


def test_a_file_of_another_kind_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"This is a text, and by no means a database.\n" * 50)
    with pytest.raises(JournalError, match=r"j\.db: can't be opened"):
        SqliteJournal(path)
    with pytest.raises(JournalError, match=r"j\.db"):  # and the lock was given back
        SqliteJournal(path)


def test_a_damaged_file_is_found_when_it_is_read(path: Path) -> None:
    with opened(path) as store:
        store.append(chain(500), store.take_epoch())
    raw = bytearray(path.read_bytes())
    for place in range(8192, len(raw), 4096):
        raw[place : place + 64] = b"\xff" * 64
    path.write_bytes(raw)
    with opened(path) as store, pytest.raises(JournalCorrupt):
        list(check_chain(store.entries()))


@pytest.mark.parametrize("column", ["data", "hash"])
def test_a_row_edited_into_text_is_found(path: Path, column: str) -> None:
    with opened(path) as store:
        store.append(chain(3), store.take_epoch())
    apsw.Connection(str(path)).execute(
        f"UPDATE entries SET {column} = CAST('{'x' * 32}' AS TEXT) WHERE seq = 2"
    )
    with opened(path) as store, pytest.raises(JournalCorrupt, match="entry 2"):
        list(check_chain(store.entries()))


@pytest.mark.parametrize("wrong", ["a file as folder", "a folder as file", "no room to write"])
def test_a_path_that_cannot_be_is_named(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "j.db"
    if wrong == "a file as folder":
        path.write_bytes(b"")
        path = path / "j.db"
    elif wrong == "a folder as file":
        path.mkdir()
    else:
        path = Path("/proc/nobody-may-write-here/j.db")
    with pytest.raises(JournalError, match=r"j\.db"):
        SqliteJournal(path)
