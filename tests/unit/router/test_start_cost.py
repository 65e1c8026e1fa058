"""What a start costs: it grows with what is open and recent, and not with all history."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.domain.executions import Side
from services.common.domain.order_terms import PositionIntent
from services.router.books.books import Books
from services.router.books.snapshotting import Snapshots, SnapshotSettings
from services.router.journal import codec
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.sqlite_snapshots import SqliteSnapshots
from services.router.journal.store import Head
from tests.unit.domain.orders import spec
from tests.unit.router.folded import Folded
from tests.unit.router.test_snapshots import Life

SETTINGS = SnapshotSettings(every=100, behind=150)
OPEN_ORDERS = 10


def past(folder: Path, closed_orders: int) -> Path:
    """A journal and its snapshot: so many orders that sold and bought back, and some open ones."""
    fold = Folded()
    for number in range(OPEN_ORDERS):
        fold.order(spec(client_order_id=f"open-{number}"))
    for number in range(closed_orders):
        sells = number % 2 == 0
        order = replace(
            spec(client_order_id=f"closed-{number}"),
            side=Side.SELL if sells else Side.BUY,
            position_intent=PositionIntent.SELL_TO_OPEN if sells else PositionIntent.BUY_TO_CLOSE,
            limit_price=Decimal("8.50"),
        )
        fold.fill(fold.order(order), "10", "8.50")
    folder.mkdir()
    life = Life(folder, fold.records, every=SETTINGS.every, behind=SETTINGS.behind)
    life.feed()
    life.end()
    return folder


@dataclass
class Start:
    """A start on a past, and what it has read."""

    books: Books
    replayed: int
    rows: Counter[str]
    seconds: float
    peak_bytes: int


def start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    with monkeypatch.context() as patch:  # counted once, however many starts there were before
        return _start(folder, patch)


def _start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    rows: Counter[str] = Counter()
    real = SqliteSnapshots._rows

    def counted(self: SqliteSnapshots, sql: str, *values: Any) -> Any:
        found = real(self, sql, *values)
        rows.update(row.section for row in found)
        return found

    async def run_blocking(call: Callable[[], None]) -> None:
        call()

    monkeypatch.setattr(SqliteSnapshots, "_rows", counted)
    journal, store = SqliteJournal(folder / "j.db"), SqliteSnapshots(folder / "snapshots")
    books = Books()
    tracemalloc.start()
    began = time.process_time()
    snapshots = Snapshots(store, books, SETTINGS, run_blocking, lambda error: None)
    head, _ = snapshots.restore(journal)
    replayed = 0
    for entry in journal.entries(after_seq=head.seq):
        snapshots.note(head)
        books.apply(*codec.decode(entry.data))
        head, replayed = Head(entry.seq, entry.hash), replayed + 1
    seconds = time.process_time() - began
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    store.close()
    journal.close()
    return Start(books, replayed, rows, seconds, peak_bytes)


def test_ten_times_the_history_reads_no_more_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = start(past(tmp_path / "short", 70), monkeypatch)
    long = start(past(tmp_path / "long", 700), monkeypatch)
    assert len(long.books.orders) == len(short.books.orders) + 630
    assert len(long.books.open_orders) == len(short.books.open_orders) == OPEN_ORDERS
    for made in (short, long):
        assert made.replayed <= SETTINGS.every + SETTINGS.behind + 10
    # Of what has ended nothing is read but what the records replayed are about.
    assert long.rows["order"] <= short.rows["order"] + 10
    assert sum(long.rows.values()) <= sum(short.rows.values()) * 1.2
    assert long.peak_bytes < short.peak_bytes * 1.5


@pytest.mark.slow
def test_ten_times_the_history_takes_less_than_one_and_a_half_times_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pasts = [past(tmp_path / str(count), count) for count in (1000, 10_000)]
    # By turns, so that both meet the same machine.
    turns = [[start(one, monkeypatch).seconds for one in pasts] for _ in range(7)]
    short_s, long_s = (min(seconds) for seconds in zip(*turns, strict=True))
    assert long_s < short_s * 1.5, f"{short_s:.3f} s and {long_s:.3f} s"
