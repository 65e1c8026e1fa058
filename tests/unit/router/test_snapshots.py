"""Snapshots: replay from one is replay of all, and one that does not fit is as none.

Histories are made by a seed: orders of many kinds of ends, fills, busts, fees, cancels, activities,
strangers, so that every shelf of the books has something put away and something at hand.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest

from services.common.domain.amounts import Money
from services.common.domain.executions import ExecType, Fee
from services.common.domain.order_status import Signal
from services.router.books.books import Books
from services.router.books.digest import digest
from services.router.books.entries import BookedExecution
from services.router.books.snapshot_form import shelves_of
from services.router.books.snapshotting import Snapshots, SnapshotSettings
from services.router.journal import codec, sqlite_snapshots
from services.router.journal.records import (
    ActivityBooked,
    CancelIntended,
    ExecutionBooked,
    FeesBooked,
    Quarantined,
    Record,
)
from services.router.journal.snapshots import SnapshotUnusable
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.sqlite_snapshots import SqliteSnapshots, open_snapshots
from services.router.journal.store import Entry, Head, link
from tests.unit.domain.orders import NOW, activity, execution, spec
from tests.unit.router.folded import Folded

ENDS = [Signal.FILLED, Signal.CANCELED, Signal.REJECTED, Signal.EXPIRED, None, Signal.DOUBTED]


def history(seed: int, orders: int) -> list[Record]:
    """The records of a past with so many orders, most of them ended."""
    rng, fold = random.Random(seed), Folded()
    for number in range(orders):
        one_order(fold, rng, f"o-{number}", spec(client_order_id=f"o-{number}"))
    return fold.records


def one_order(fold: Folded, rng: random.Random, client_order_id: str, order: Any) -> None:
    venue = rng.choice(["alpaca", "second"])
    end = rng.choice(ENDS)
    if end is Signal.FILLED:
        placed = fold.order(order, venue)
        for part in range(rng.randint(1, 3)):
            fold.fill(placed, str(rng.randint(1, 2)), f"8.6{part}")
        executed = next(r for r in reversed(fold.records) if isinstance(r, ExecutionBooked))
        if rng.random() < 0.3:
            fee = Fee("commission", Money(Decimal("-0.65"), "USD"))
            exec_id = executed.execution.exec_id
            fold.add(FeesBooked("main", client_order_id, placed, exec_id, (fee,)))
        if rng.random() < 0.2:
            bust = replace(
                executed.execution,
                exec_id=f"{executed.execution.exec_id}-bust",
                exec_type=ExecType.BUST,
                exec_ref_id=executed.execution.exec_id,
            )
            fold.add(replace(executed, execution=bust))
    elif end in (None, Signal.DOUBTED):
        fold.order(order, venue, end)
        if rng.random() < 0.5:
            fold.add(CancelIntended("main", client_order_id))
    else:
        fold.order(order, venue, end)
    if rng.random() < 0.1:
        fold.add(ActivityBooked("main", activity(f"a-{client_order_id}")))
    if rng.random() < 0.1:
        stranger = execution(f"x-{client_order_id}")
        fold.add(Quarantined(f"q-{client_order_id}", "main", "alpaca", "?", execution=stranger))


def entries_of(records: list[Record]) -> list[Entry]:
    made, head = [], Head()
    for seq, record in enumerate(records, start=1):
        data = codec.encode(seq, NOW + timedelta(seconds=seq), record)
        head = Head(seq, link(head.hash, data))
        made.append(Entry(seq, data, head.hash))
    return made


class Life:
    """A router's books between two ends: restored, then fed with the journal from there."""

    def __init__(self, folder: Path, records: list[Record], **settings: int) -> None:
        self.store = SqliteJournal(folder / "j.db")
        known = self.store.head().seq
        self.entries = entries_of(records)
        if self.entries[known:]:
            self.store.append(self.entries[known:], self.store.take_epoch())
        self.rows = SqliteSnapshots(folder / "snapshots")
        self.books = Books()
        self.damages: list[SnapshotUnusable] = []
        chosen = SnapshotSettings(**{"every": 50, "behind": 30, **settings})

        async def run_blocking(call: Callable[[], None]) -> None:
            call()

        self.snapshots = Snapshots(self.rows, self.books, chosen, run_blocking, self.damages.append)
        self.begun, _ = self.snapshots.restore(self.store)
        self.read: list[int] = []

    def feed(self, until_seq: int | None = None) -> None:
        head = self.begun
        for entry in self.store.entries(after_seq=self.begun.seq):
            if until_seq is not None and entry.seq > until_seq:
                break
            self.snapshots.note(head)
            self.books.apply(*codec.decode(entry.data))
            self.read.append(entry.seq)
            head = Head(entry.seq, entry.hash)
            self.snapshots.save_due()

    def feed_and_look(self) -> list[BookedExecution]:
        self.feed()
        return list(self.books.executions)

    def end(self) -> None:
        self.rows.close()
        self.store.close()


def replayed(records: list[Record], count: int | None = None) -> Books:
    books = Books()
    for entry in entries_of(records)[:count]:
        books.apply(*codec.decode(entry.data))
    return books


@pytest.mark.parametrize("seed", range(5))
def test_replay_from_a_snapshot_is_replay_of_all(tmp_path: Path, seed: int) -> None:
    """Stopped and started at random, as often as it gets: digest, order and derived keys agree."""
    rng, records = random.Random(seed), history(seed, 40)
    settings = {"every": rng.randint(1, 60), "behind": rng.randint(0, 60)}
    stops = [*sorted(rng.sample(range(1, len(records)), 3)), len(records) - 1, len(records)]
    begun = []
    for stop in stops:
        life = Life(tmp_path, records[:stop], **settings)
        begun.append(life.begun.seq)
        life.feed()
        whole = replayed(records, stop)
        assert digest(life.books) == digest(whole)
        assert vars(life.books) == vars(whole)
        assert life.damages == []
        life.end()
    assert begun == sorted(begun)
    assert begun[-1] > 0, "it did begin with a snapshot"


def test_what_has_ended_leaves_the_memory_and_is_read_when_asked_for(tmp_path: Path) -> None:
    records = history(1, 200)
    life = Life(tmp_path, records)
    life.feed()
    at_hand = {section: len(shelf.in_memory()) for section, shelf in shelves_of(life.books).items()}
    total = {section: len(shelf) for section, shelf in shelves_of(life.books).items()}
    open_count = len(life.books.open_orders)
    assert total["order"] == 200
    assert at_hand["order"] < open_count + 40
    assert at_hand["execution"] < total["execution"] / 2
    whole = replayed(records)
    for key, entry in whole.orders.items():
        assert life.books.orders[key] == entry
        assert life.books.find("main", entry.order.placements[0].placement_id) == entry
    assert list(life.books.orders) == list(whole.orders)
    assert list(reversed(life.books.executions)) == list(reversed(whole.executions))
    assert life.books.orders.get(("main", "nobody")) is None
    assert ("main", "nobody") not in life.books.orders
    life.end()


def test_a_late_word_on_what_was_put_away_changes_it(tmp_path: Path) -> None:
    records = history(2, 100)
    fold = Folded()
    first = replace(spec(client_order_id="first"), order_qty=Decimal(10))
    placed = fold.order(first)
    fold.fill(placed, "4")
    fold.order(spec(client_order_id="x"), signal=Signal.CANCELED)
    late = [*fold.records, *records[3:]]
    made = next(r for r in fold.records if isinstance(r, ExecutionBooked))
    fee = Fee("commission", Money(Decimal("-1"), "USD"))
    late.append(FeesBooked("main", "first", placed, made.execution.exec_id, (fee,)))
    bust = replace(
        made.execution,
        exec_id="bust",
        exec_type=ExecType.BUST,
        exec_ref_id=made.execution.exec_id,
    )
    late.append(ExecutionBooked("main", "first", placed, bust))
    life = Life(tmp_path, late)
    life.feed()
    assert digest(life.books) == digest(replayed(late))
    life.end()
    again = Life(tmp_path, late)
    again.feed()
    assert digest(again.books) == digest(replayed(late))
    again.end()


# -- what does not fit ---------------------------------------------------------------------------


def sql(*statements: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        db = apsw.Connection(str(folder / "snapshots"))
        for one in statements:
            db.execute(one)
        db.close()

    return damage


def another_journal(folder: Path) -> None:
    """The snapshot stays, and the journal is one of before: restored from a copy."""
    for path in folder.glob("j.db*"):
        path.unlink()
    write_journal(folder, history(3, 12))


def write_journal(folder: Path, records: list[Record]) -> None:
    store = SqliteJournal(folder / "j.db")
    store.append(entries_of(records), store.take_epoch())
    store.close()


DAMAGES: list[tuple[str, Callable[[Path], None]]] = [
    ("another form", sql("UPDATE snapshot SET form = 'x'")),
    ("another place in the chain", sql("UPDATE snapshot SET hash = zeroblob(32)")),
    ("beyond the journal", sql("UPDATE snapshot SET seq = seq + 100000")),
    ("a rest that is none", sql("UPDATE snapshot SET rest = CAST('{}' AS BLOB)")),
    ("a journal of before", another_journal),
]


@pytest.mark.parametrize(("what", "damage"), DAMAGES, ids=[what for what, _ in DAMAGES])
def test_a_snapshot_that_does_not_fit_is_ignored_and_all_is_replayed(
    tmp_path: Path, what: str, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = history(3, 100)
    life = Life(tmp_path, records)
    life.feed()
    life.end()
    damage(tmp_path)
    # With checksums that fit: it is the form and the chain that tell.
    monkeypatch.setattr(sqlite_snapshots, "_checksum", lambda *_: b"")
    db = apsw.Connection(str(tmp_path / "snapshots"))
    db.execute("UPDATE snapshot SET checksum = x''; UPDATE rows SET checksum = x''")
    db.close()
    if what == "a journal of before":
        records = history(3, 12)
    life = Life(tmp_path, records)
    assert life.begun == Head()
    assert vars(life.books) == vars(Books())
    life.feed()
    assert digest(life.books) == digest(replayed(records))
    life.end()
    again = Life(tmp_path, records)  # and the next is a good one
    again.feed()
    assert digest(again.books) == digest(replayed(records))
    again.end()


def test_a_file_that_was_tampered_with_is_found(tmp_path: Path) -> None:
    records = history(4, 100)
    for table in ("snapshot", "rows"):
        life = Life(tmp_path, records)
        life.feed()
        life.end()
        column = "rest" if table == "snapshot" else "data"
        which = "" if table == "snapshot" else "WHERE section = 'execution'"
        change = f"SET {column} = CAST(replace({column}, '1', '2') AS BLOB)"
        sql(f"UPDATE {table} {change} {which}")(tmp_path)
        life = Life(tmp_path, records)
        if table == "snapshot":
            assert life.begun == Head()
        else:
            with pytest.raises(SnapshotUnusable):
                life.feed_and_look()
            assert life.damages, "the process is told to end"
            assert life.rows.latest() is None, "and the next start replays all"
        life.end()


def test_a_file_that_is_none_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "snapshots"
    path.write_bytes(b"This is a text, and by no means a database.\n" * 50)
    store = open_snapshots(path)
    assert store.latest() is None
    second = open_snapshots(path)  # a standby on the same host has its own
    assert second.path != store.path
    second.close()
    store.close()


def test_a_snapshot_that_can_not_be_written_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, real, failing = history(5, 150), SqliteSnapshots.save, [True] * 3

    def save(self: SqliteSnapshots, *given: Any) -> None:
        if failing:
            failing.pop()
            raise SnapshotUnusable("the disk is full")
        real(self, *given)

    monkeypatch.setattr(SqliteSnapshots, "save", save)
    life = Life(tmp_path, records)
    life.feed()
    assert failing == []
    assert digest(life.books) == digest(replayed(records))
    life.end()
    again = Life(tmp_path, records)
    assert again.begun.seq > 0
    again.feed()
    assert digest(again.books) == digest(replayed(records))
    again.end()


def test_a_fault_in_writing_one_ends_snapshots_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(self: SqliteSnapshots, *given: Any) -> None:
        raise TypeError("a fault of ours")

    monkeypatch.setattr(SqliteSnapshots, "save", breaks)
    records = history(6, 60)
    life = Life(tmp_path, records)
    life.feed()
    assert digest(life.books) == digest(replayed(records))
    assert life.rows.latest() is None
    life.end()
