"""What the journal asks of where it lies, of a SQLite file and of PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.router.journal.replay import read_back
from services.router.journal.store import (
    CommitFailed,
    Entry,
    EpochLost,
    Head,
    JournalStore,
    check_chain,
    link,
)
from tests.unit.router.conftest import OpenStore


def chain(count: int, after: Head | None = None) -> list[Entry]:
    head, entries = after or Head(), []
    for _ in range(count):
        data = f"record {head.seq + 1}".encode()
        head = Head(head.seq + 1, link(head.hash, data))
        entries.append(Entry(head.seq, data, head.hash))
    return entries


def end_of(entries: list[Entry]) -> Head:
    return Head(entries[-1].seq, entries[-1].hash)


@contextmanager
def opened(open_store: OpenStore) -> Iterator[JournalStore]:
    store = open_store()
    try:
        yield store
    finally:
        store.close()


def test_what_was_appended_is_there_after_a_restart_in_order(open_store: OpenStore) -> None:
    entries = chain(2500)
    with opened(open_store) as store:
        epoch = store.take_epoch()
        store.append(entries[:1], epoch)
        store.append(entries[1:], epoch)
    with opened(open_store) as store:
        assert list(check_chain(store.entries())) == entries
        assert list(store.entries(after_seq=2499)) == entries[2499:]
        assert list(store.entries(after_seq=2500)) == []


def test_an_epoch_rises_with_each_taking_and_over_restarts(open_store: OpenStore) -> None:
    taken = []
    for _ in range(2):
        with opened(open_store) as store:
            taken += [store.take_epoch(), store.take_epoch()]
    assert taken == [1, 2, 3, 4]


def test_an_append_of_an_older_epoch_is_refused_and_stores_nothing(open_store: OpenStore) -> None:
    with opened(open_store) as store:
        first = store.take_epoch()
        second = store.take_epoch()
        with pytest.raises(EpochLost, match="has taken over from"):
            store.append(chain(1), first)
        store.append(chain(1), second)
        assert len(list(store.entries())) == 1


def test_a_commit_is_whole_or_not_at_all(open_store: OpenStore) -> None:
    entries = chain(3)
    with opened(open_store) as store:
        epoch = store.take_epoch()
        store.append(entries[2:], epoch)
        with pytest.raises(CommitFailed):
            store.append(entries, epoch)  # the third is there already
    with opened(open_store) as store:
        assert list(store.entries()) == entries[2:]


def test_an_empty_journal_has_no_entries(open_store: OpenStore) -> None:
    with opened(open_store) as store:
        assert list(read_back(store.entries())) == []
        assert store.head() == Head()


def test_a_reader_follows_the_writer_and_can_be_left_open(open_store: OpenStore) -> None:
    entries = chain(3)
    with opened(open_store) as store:
        epoch = store.take_epoch()
        reader = store.reader()
        try:
            for entry in entries:
                store.append([entry], epoch)
                assert reader.head() == store.head() == Head(entry.seq, entry.hash)
            assert list(reader.entries(after_seq=1)) == entries[1:]
        finally:
            reader.close()
        store.append(chain(1, end_of(entries)), epoch)
