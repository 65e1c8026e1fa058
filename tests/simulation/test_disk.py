"""The disk under SQLite: what was synced is found after a crash, what was not is lost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.simulation.disk import Disk


class Lucky(random.Random):
    """Chance as the test wants it."""

    def __init__(self, figure: float) -> None:
        super().__init__()
        self._figure = figure

    def random(self) -> float:
        return self._figure


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path, "node", Lucky(0.99))
    yield made
    made.close()


def opened(disk: Disk, synchronous: str = "FULL") -> apsw.Connection:
    db = apsw.Connection(str(disk.folder / "a.db"), vfs=disk.vfs)
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", synchronous)
    db.execute("CREATE TABLE IF NOT EXISTS kept (text)")
    return db


def kept(disk: Disk) -> list[str]:
    db = opened(disk)
    return [row[0] for row in db.execute("SELECT text FROM kept")]


def test_a_commit_that_was_synced_is_found_after_a_crash(disk: Disk) -> None:
    opened(disk).execute("INSERT INTO kept VALUES ('needle')")
    assert disk.holds(b"needle")
    disk.crash()
    assert disk.holds(b"needle")
    assert kept(disk) == ["needle"]


def test_a_commit_that_was_not_synced_is_lost_in_a_crash(disk: Disk) -> None:
    opened(disk).execute("INSERT INTO kept VALUES ('first')")
    db = opened(disk, "OFF")
    db.execute("INSERT INTO kept VALUES ('needle')")
    assert [row[0] for row in db.execute("SELECT text FROM kept")] == ["first", "needle"]
    assert not disk.holds(b"needle")
    disk.crash()
    assert kept(disk) == ["first"]


def test_some_unsynced_writes_may_survive_and_the_database_is_whole(tmp_path: Path) -> None:
    disk = Disk(tmp_path, "node", Lucky(0.1))
    opened(disk).execute("INSERT INTO kept VALUES ('first')")
    opened(disk, "OFF").execute("INSERT INTO kept VALUES ('second')")
    disk.crash()
    assert kept(disk)[0] == "first"
    disk.close()


def test_what_a_dead_process_still_writes_is_seen_by_nobody(disk: Disk) -> None:
    db = opened(disk)
    disk.crash()
    db.execute("INSERT INTO kept VALUES ('ghost')")
    assert not disk.holds(b"ghost")
    assert kept(disk) == []


def test_a_crash_in_the_middle_of_a_commit_leaves_all_or_nothing(tmp_path: Path) -> None:
    found = set()
    for io in range(1, 12):
        disk = Disk(tmp_path / str(io), "node", random.Random(io))
        db = opened(disk)
        began = disk.io_count

        def crash(count: int, disk: Disk = disk, at: int = began + io) -> None:
            if count == at:
                disk.on_io = None
                disk.crash()

        disk.on_io = crash
        try:
            db.execute(
                "BEGIN; INSERT INTO kept VALUES ('a'); INSERT INTO kept VALUES ('b'); COMMIT"
            )
            db.execute("INSERT INTO kept VALUES ('c')")
        except apsw.IOError:
            pass  # the crash
        disk.on_io = None
        found.add(tuple(kept(disk)))
        disk.close()
    assert found <= {(), ("a", "b"), ("a", "b", "c")}
    assert {(), ("a", "b")} <= found
