"""Journals of each version replay for ever, and a reader refuses what it does not understand.

The files beside this were written by the version in their names: one line for each record, and
what the books said then. They are never made anew.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.runtime.tasks import TaskOwner
from services.router.books.books import Books
from services.router.core import CoreSettings, RouterCore
from services.router.journal import codec, versions
from services.router.journal.codec import READER_VERSION, WRITER_VERSION, UnreadableRecord
from services.router.journal.frozen import FROZEN
from services.router.journal.records import AlertRaised, Severity, UnknownRecord
from services.router.journal.replay import read_back
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.store import Entry, Head, link
from tests.unit.adapter.virtual_time import virtual_clock
from tests.unit.router.harness import virtual
from tests.unit.router.test_codec import KINDS, SAMPLES

AT = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.jsonl"))
each_journal = pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)


def entries_of(path: Path) -> list[Entry]:
    made = []
    for seq, line in enumerate(path.read_text().splitlines(), start=1):
        stored = json.loads(line)
        data = json.dumps(stored["record"], sort_keys=True, separators=(",", ":")).encode()
        made.append(Entry(seq, data, bytes.fromhex(stored["hash"])))
    return made


def said_by(books: Books) -> dict[str, Any]:
    orders = {
        key[1]: {
            "status": entry.order.status.value,
            "cum_qty": Decimal(entry.order.cum_qty),
            "placements": {p.placement_id: p.status.value for p in entry.order.placements},
        }
        for key, entry in books.orders.items()
    }
    return {
        "orders": orders,
        "positions": {" ".join(key): p.qty for key, p in books.positions.items()},
        "executions": len(books.executions),
        "trading": {account_id: gate.state.value for account_id, gate in books.gates.items()},
        "quarantine": sorted(books.quarantine),
        "failover_count": books.failover_count,
    }


def then(path: Path) -> dict[str, Any]:
    said = json.loads(path.with_suffix(".json").read_text())
    said.pop("kinds", None)
    for order in said["orders"].values():
        order["cum_qty"] = Decimal(order["cum_qty"])
    said["positions"] = {key: Decimal(qty) for key, qty in said["positions"].items()}
    return said  # type: ignore[no-any-return]


@each_journal
def test_a_journal_of_any_version_replays_to_what_it_said_then(path: Path) -> None:
    books = Books()
    for head, at, record in read_back(entries_of(path)):
        books.apply(head.seq, at, record)
    assert said_by(books) == then(path)


def test_there_is_a_journal_of_every_version() -> None:
    written = {
        json.loads(line)["record"]["v"] for path in FIXTURES for line in path.open(encoding="utf-8")
    }
    assert written == set(range(1, WRITER_VERSION + 1))


# -- what a record needs of its reader -----------------------------------------------------------


def entry_of(data: bytes) -> dict[str, Any]:
    return json.loads(data)  # type: ignore[no-any-return]


def test_what_version_1_knew_is_written_so_that_version_1_can_read_it() -> None:
    known = FROZEN[1]
    names = {name for shape in known.values() for name in shape.split()} | {"type"}
    by_version: dict[int, int] = {}
    for _, record in SAMPLES:
        entry = entry_of(codec.encode(1, AT, record))
        by_version[entry["min_reader"]] = by_version.get(entry["min_reader"], 0) + 1
        if entry["min_reader"] == 1:
            assert entry["kind"] in known
            assert keys_of(entry["body"]) <= names
    assert by_version[1] > 30
    assert set(by_version) == set(range(1, WRITER_VERSION + 1))


def keys_of(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*(keys_of(item) for item in value))
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(keys_of(item) for item in value.values()))


def test_each_new_kind_field_and_member_needs_the_reader_that_knows_it() -> None:
    present, old = versions.present_shapes(KINDS), FROZEN[1]
    for name, record in SAMPLES:
        kind, _, field = name.partition(" with ")
        if not field or kind not in old:
            continue
        is_new = field not in old[kind].split()
        assert (entry_of(codec.encode(1, AT, record))["min_reader"] > 1) >= is_new, name
    for kind in set(present) - set(old):
        made = [record for name, record in SAMPLES if name.split()[0] == kind]
        assert all(entry_of(codec.encode(1, AT, one))["min_reader"] > 1 for one in made), kind


def test_nothing_that_an_earlier_version_knew_has_gone() -> None:
    """Or its journals could not be read any more."""
    present = versions.present_shapes(KINDS)
    for version, shapes in FROZEN.items():
        for name, shape in shapes.items():
            gone = set(shape.split()) - set(present.get(name, "").split())
            assert not gone, f"version {version} had {name}: {gone}"


def altered(**changes: Any) -> bytes:
    entry = entry_of(codec.encode(5, AT, AlertRaised("TEST", Severity.INFO, "hello")))
    body = {**entry["body"], **changes.pop("body", {})}
    return json.dumps({**entry, **changes, "body": body}).encode()


def test_a_newer_writers_word_that_we_may_go_on_without_it_is_taken() -> None:
    newer = WRITER_VERSION + 1
    read = codec.decode(altered(v=newer, body={"colour": "red"}))[2]
    assert isinstance(read, AlertRaised)
    assert codec.decode(altered(v=newer, kind="Painted"))[2] == UnknownRecord("Painted")
    with pytest.raises(UnreadableRecord):
        codec.decode(altered(body={"colour": "red"}))  # ours has no such field: damaged
    with pytest.raises(UnreadableRecord):
        codec.decode(altered(kind="Painted"))


def core_on(store: SqliteJournal) -> RouterCore:
    async def run_blocking(call: Any) -> None:
        call()

    tasks = TaskOwner("orders", lambda *_: None)
    return RouterCore(
        CoreSettings("test", "0"),
        [],
        store,
        clock=virtual_clock(),
        rng=random.Random(1),
        run_blocking=run_blocking,
        order_tasks=tasks,
        stop=lambda reason: None,
    )


@virtual
async def test_a_router_that_can_not_read_a_record_does_not_lead(tmp_path: Path) -> None:
    """It takes no epoch, so that the one that can is not stopped by it."""
    entries = entries_of(FIXTURES[0])
    head = Head(entries[-1].seq, entries[-1].hash)
    store = SqliteJournal(tmp_path / "j.db")
    store.append(entries, 0)
    entry = entry_of(codec.encode(head.seq + 1, AT, AlertRaised("TEST", Severity.INFO, "")))
    entry |= {"v": READER_VERSION + 1, "min_reader": READER_VERSION + 1}
    data = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    store.append([Entry(head.seq + 1, data, link(head.hash, data))], 0)
    try:
        with pytest.raises(UnreadableRecord, match=f"needs reader version {READER_VERSION + 1}"):
            core_on(store).open()
        assert store.take_epoch() == 1
    finally:
        store.close()


@each_journal
@virtual
async def test_a_router_leads_on_a_journal_of_any_version(tmp_path: Path, path: Path) -> None:
    store = SqliteJournal(tmp_path / "j.db")
    try:
        store.append(entries_of(path), 0)
        core = core_on(store)
        core.open()
        assert core.journal.is_leading
        said = then(path)["orders"]
        assert {key[1] for key in core.books.orders} == set(said)
    finally:
        store.close()
