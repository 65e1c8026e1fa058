"""Checking a journal: whatever was done to its records is found, and where."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from services.router.journal import codec
from services.router.journal.__main__ import DAMAGED, INTACT, USAGE, main
from services.router.journal.anchor import Anchor, NotAnAnchor
from services.router.journal.opening import open_reader
from services.router.journal.records import AlertRaised, JournalCreated, Record, Severity
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.store import Entry, Head, JournalError, link
from services.router.journal.verification import Verification, Verified

AT = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
COUNT = 40


def record_of(seq: int, text: str = "") -> Record:
    if seq == 1:
        return JournalCreated("the-journal")
    return AlertRaised("TEST", Severity.INFO, text or f"number {seq}")


def entries(count: int = COUNT) -> list[Entry]:
    made, head = [], Head()
    for seq in range(1, count + 1):
        data = codec.encode(seq, AT, record_of(seq))
        head = Head(seq, link(head.hash, data))
        made.append(Entry(seq, data, head.hash))
    return made


def write(path: Path, written: list[Entry]) -> None:
    store = SqliteJournal(path)
    store.append(written, store.take_epoch())
    store.close()


def checked(path: Path, *anchors: Head, from_seq: int = 1, until: int | None = None) -> Verified:
    reader = open_reader(str(path))
    try:
        check = Verification(reader, from_seq=from_seq, anchors=anchors, until_seq=until)
        while check.advance():
            pass
        return check.result
    finally:
        reader.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "j.db", entries())
    return tmp_path / "j.db"


def rewritten(*sql: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        db = apsw.Connection(str(path))
        for one in sql:
            db.execute(one)
        db.close()

    return change


def flip_data(path: Path) -> None:
    db = apsw.Connection(str(path))
    (data,) = next(db.execute("SELECT data FROM entries WHERE seq = 7"))
    changed = data.replace(b"number 7", b"number 6")
    db.execute("UPDATE entries SET data = ? WHERE seq = 7", (changed,))
    db.close()


def insert_between(path: Path) -> None:
    """A record of its own at 7, all that follow moved up by one as they are."""
    db = apsw.Connection(str(path))
    db.execute("UPDATE entries SET seq = -seq - 1 WHERE seq >= 7")
    db.execute("UPDATE entries SET seq = -seq WHERE seq < 0")
    (before,) = next(db.execute("SELECT hash FROM entries WHERE seq = 6"))
    data = codec.encode(7, AT, record_of(7, "put in"))
    db.execute("INSERT INTO entries VALUES (7, ?, ?)", (data, link(before, data)))
    db.close()


def made_anew(path: Path) -> None:
    """Record 7 changed, and all hashes from there on reckoned anew: the chain fits."""
    made = entries()
    head = Head(6, made[5].hash)
    db = apsw.Connection(str(path))
    for seq in range(7, COUNT + 1):
        text = "changed" if seq == 7 else ""
        data = codec.encode(seq, AT, record_of(seq, text))
        head = Head(seq, link(head.hash, data))
        db.execute("UPDATE entries SET data = ?, hash = ? WHERE seq = ?", (data, head.hash, seq))
    db.close()


@dataclass(frozen=True)
class Damage:
    what: str
    do: Callable[[Path], None]
    first_bad: int
    problem: str


SWAP = rewritten(
    "UPDATE entries SET seq = 0 WHERE seq = 7",
    "UPDATE entries SET seq = 7 WHERE seq = 8",
    "UPDATE entries SET seq = 8 WHERE seq = 0",
)
DAMAGES = [
    Damage("flipped", flip_data, 7, "does not fit its hash"),
    Damage(
        "hash flipped",
        rewritten("UPDATE entries SET hash = zeroblob(32) WHERE seq = 7"),
        7,
        "does not fit its hash",
    ),
    Damage(
        "made text",
        rewritten("UPDATE entries SET data = CAST(data AS TEXT) WHERE seq = 7"),
        7,
        "not made of bytes",
    ),
    Damage("removed", rewritten("DELETE FROM entries WHERE seq = 7"), 7, "record 7 is missing"),
    Damage("first removed", rewritten("DELETE FROM entries WHERE seq = 1"), 1, "1 is missing"),
    Damage("reordered", SWAP, 7, "does not fit its hash"),
    Damage("put in", insert_between, 8, "the record before it is another one"),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.what)
def test_what_was_done_to_a_record_is_found_with_its_place(path: Path, damage: Damage) -> None:
    assert checked(path).intact
    damage.do(path)
    found = checked(path)
    assert (found.first_bad_seq, found.checked) == (damage.first_bad, damage.first_bad - 1)
    assert damage.problem in found.problem
    assert found.head.seq == damage.first_bad - 1


def test_a_tail_that_was_cut_off_is_found_back_to_the_anchor(path: Path) -> None:
    heads = [Head(entry.seq, entry.hash) for entry in entries()]
    rewritten("DELETE FROM entries WHERE seq > 30")(path)
    assert checked(path).intact, "the chain alone can't tell"
    assert checked(path, heads[29]).intact
    found = checked(path, heads[9], heads[34])
    assert found.first_bad_seq == 31
    assert "an anchor names 35: its tail was cut off" in found.problem


def test_a_journal_that_is_empty_now_is_found_by_an_anchor(path: Path) -> None:
    anchor = Head(COUNT, entries()[-1].hash)
    rewritten("DELETE FROM entries")(path)
    assert checked(path, anchor).first_bad_seq == 1


def test_a_chain_that_was_made_anew_is_found_by_an_anchor(path: Path) -> None:
    anchor = Head(20, entries()[19].hash)
    made_anew(path)
    assert checked(path).intact, "the chain alone can't tell"
    found = checked(path, anchor)
    assert found.first_bad_seq == 20
    assert "the chain was made anew" in found.problem


def test_a_part_is_checked_from_the_record_before_it(path: Path) -> None:
    found = checked(path, from_seq=21, until=30)
    assert (found.intact, found.checked, found.head) == (True, 10, Head(30, entries()[29].hash))
    flip_data(path)
    assert checked(path, from_seq=8).intact, "the record before it is believed"
    assert checked(path, from_seq=7).first_bad_seq == 7
    assert checked(path, from_seq=COUNT + 1).intact
    assert checked(path, from_seq=COUNT + 2).problem == "the journal ends before record 42"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"nothing", "not a journal record"),
        (codec.encode(8, AT, record_of(8)), "it says that it is record 8"),
        (codec.encode(7, AT, JournalCreated("again")), "JournalCreated in this place"),
    ],
)
def test_a_record_that_fits_the_chain_and_is_none_is_found(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    made = entries(6)
    write(tmp_path / "j.db", [*made, Entry(7, data, link(made[-1].hash, data))])
    found = checked(tmp_path / "j.db")
    assert found.first_bad_seq == 7
    assert problem in found.problem


def test_a_long_journal_is_never_held_in_memory(tmp_path: Path) -> None:
    write(tmp_path / "j.db", entries(20_000))
    tracemalloc.start()
    found = checked(tmp_path / "j.db")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.checked, found.intact) == (20_000, True)
    assert peak < 3_000_000, "20,000 records are about 5 MB"


def test_a_journal_that_a_router_writes_can_be_checked_beside_it(path: Path) -> None:
    store = SqliteJournal(path)
    try:
        epoch = store.take_epoch()
        reader = store.reader()
        read = reader.entries()
        assert next(read).seq == 1
        made = entries(COUNT + 1)
        store.append(made[COUNT:], epoch)  # a reader in the middle keeps no writer out
        assert sum(1 for _ in read) >= COUNT - 1
        assert reader.head() == store.head() == Head(COUNT + 1, made[-1].hash)
        reader.close()
        assert checked(path).checked == COUNT + 1
    finally:
        store.close()


# -- anchors -------------------------------------------------------------------------------------


def test_an_anchor_comes_back_as_it_was() -> None:
    anchor = Anchor("the-journal", Head(7, bytes(range(32))), AT)
    assert Anchor.from_json(anchor.to_json()) == anchor


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 0},
        {"sequence": "x"},
        {"hash": "00"},
        {"hash": 5},
        {"time": "2024-11-04T15:00:00"},
        {"more": 1},
    ],
)
def test_a_text_that_is_no_anchor_is_refused(change: dict[str, object]) -> None:
    content = json.loads(Anchor("j", Head(7, bytes(32)), AT).to_json())
    with pytest.raises(NotAnAnchor):
        Anchor.from_json(json.dumps({**content, **change}))


# -- without a router ----------------------------------------------------------------------------


def ran(*arguments: str | Path) -> tuple[int, str]:
    out = io.StringIO()
    return main([str(argument) for argument in arguments], out), out.getvalue()


def test_an_anchor_written_offline_finds_the_cut_tail_later(path: Path, tmp_path: Path) -> None:
    code, text = ran("anchor", "--journal", path)
    assert (code, json.loads(text)["sequence"]) == (INTACT, COUNT)
    (tmp_path / "anchor").write_text(text)
    verify = ("verify", "--journal", path, "--anchor", tmp_path / "anchor")
    assert ran(*verify)[0] == INTACT
    rewritten(f"DELETE FROM entries WHERE seq = {COUNT}")(path)
    code, text = ran(*verify)
    assert (code, text.split(":")[0]) == (DAMAGED, f"record {COUNT}")
    other = (tmp_path / "anchor").read_text().replace("the-journal", "another")
    (tmp_path / "anchor").write_text(other)
    assert ran(*verify) == (DAMAGED, "the anchor is of another journal, another\n")


def test_no_anchor_is_given_of_a_journal_that_does_not_fit(path: Path) -> None:
    flip_data(path)
    code, text = ran("anchor", "--journal", path)
    assert (code, text.split(":")[0]) == (DAMAGED, "record 7")


def test_an_export_gives_every_record_with_its_hash(path: Path) -> None:
    code, text = ran("export", "--journal", path)
    lines = [json.loads(line) for line in text.splitlines()]
    assert (code, [line["record"]["seq"] for line in lines]) == (INTACT, list(range(1, COUNT + 1)))
    assert lines[-1]["hash"] == entries()[-1].hash.hex()


@pytest.fixture
def unusable(tmp_path: Path) -> Path:
    (tmp_path / "text").write_text("This is a text, and by no means a database.\n" * 50)
    return tmp_path / "text"


def test_what_is_no_journal_is_named(
    unusable: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("verify", "--journal", tmp_path / "none")[0] == USAGE
    assert str(tmp_path / "none") in capsys.readouterr().err
    code, text = ran("verify", "--journal", unusable)
    assert code in (DAMAGED, USAGE)
    assert text + capsys.readouterr().err
    with pytest.raises(JournalError):
        open_reader(str(tmp_path))
