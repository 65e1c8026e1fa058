"""PostgreSQL as the journal's place: what it may not be, and commits whose answer is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from services.router.journal.opening import open_reader
from services.router.journal.postgres import PostgresJournal
from services.router.journal.postgres_session import PostgresAddress
from services.router.journal.store import CommitFailed, EpochLost, JournalError
from tests.postgres import PostgresServer
from tests.unit.router.cutting_proxy import Cut, CuttingProxy
from tests.unit.router.test_store import chain, end_of

SECRET = "correct-horse"


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[CuttingProxy]:
    with CuttingProxy.running(postgres.folder) as made:
        yield made


@pytest.fixture
def proxied_dsn(journal_dsn: str, proxy: CuttingProxy) -> str:
    options = journal_dsn.partition("&options=")[2]
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?options={options}"


def test_a_commit_that_took_place_and_was_not_answered_is_found(
    proxied_dsn: str, proxy: CuttingProxy
) -> None:
    entries = chain(1200)
    with closing(PostgresJournal(proxied_dsn)) as store:
        epoch = store.take_epoch()
        store.append(entries[:1], epoch)
        proxy.cut = Cut.AFTER
        store.append(entries[1:], epoch)
        assert proxy.cut is None
        assert list(store.entries()) == entries
        store.append(chain(1, end_of(entries)), epoch)


def test_a_commit_that_did_not_take_place_and_was_not_answered_has_failed(
    proxied_dsn: str, proxy: CuttingProxy
) -> None:
    with closing(PostgresJournal(proxied_dsn)) as store:
        epoch = store.take_epoch()
        proxy.cut = Cut.BEFORE
        with pytest.raises(CommitFailed, match="it did not take place"):
            store.append(chain(2), epoch)
        assert list(store.entries()) == []


def test_a_commit_that_cannot_be_looked_for_has_failed(
    proxied_dsn: str, journal_dsn: str, proxy: CuttingProxy
) -> None:
    with closing(PostgresJournal(proxied_dsn, timeout_s=2.0)) as store:
        epoch = store.take_epoch()
        proxy.cut, proxy.refuses_after_cut = Cut.AFTER, True
        with pytest.raises(CommitFailed, match="it can't be looked for"):
            store.append(chain(2), epoch)
    with closing(PostgresJournal(journal_dsn)) as store:
        assert list(store.entries()) == chain(2), "it took place, and replay will find it"


def test_a_lost_commit_of_a_router_that_was_overtaken_is_not_taken_for_its_own(
    proxied_dsn: str, journal_dsn: str, proxy: CuttingProxy
) -> None:
    with (
        closing(PostgresJournal(proxied_dsn)) as store,
        closing(PostgresJournal(journal_dsn)) as other,
    ):
        epoch = store.take_epoch()
        proxy.cut = Cut.BEFORE
        other.take_epoch()
        with pytest.raises(EpochLost, match="epoch 2 has taken over from 1"):
            store.append(chain(1), epoch)


def test_an_epoch_taken_amid_an_append_comes_before_it_or_after_it(journal_dsn: str) -> None:
    """An append waits for a taking that is under way, and then sees it."""
    with (
        closing(PostgresJournal(journal_dsn)) as store,
        psycopg.connect(journal_dsn) as taking,
        ThreadPoolExecutor(1) as pool,
    ):
        epoch = store.take_epoch()
        taking.execute("UPDATE tandem_journal SET epoch = epoch + 1")
        appending = pool.submit(store.append, chain(1), epoch)
        with pytest.raises(TimeoutError):
            appending.result(0.3)
        taking.commit()
        with pytest.raises(EpochLost):
            appending.result(30)
        assert list(store.entries()) == []


def test_a_statement_that_hangs_is_ended_by_its_own_bound(journal_dsn: str) -> None:
    with (
        closing(PostgresJournal(journal_dsn, timeout_s=0.6)) as store,
        psycopg.connect(journal_dsn) as blocking,
    ):
        epoch = store.take_epoch()
        blocking.execute("LOCK TABLE tandem_entries")
        with pytest.raises(CommitFailed, match="timeout"):
            store.append(chain(1), epoch)


def test_a_commit_that_no_replica_has_taken_is_not_believed(
    postgres: PostgresServer, journal_dsn: str
) -> None:
    """The server acknowledges it with a warning when its wait for the replica is cut short."""
    with (
        closing(PostgresJournal(journal_dsn)) as store,
        ThreadPoolExecutor(1) as pool,
    ):
        epoch = store.take_epoch()
        with postgres.set_to("synchronous_standby_names", "nobody"):
            appending = pool.submit(store.append, chain(1), epoch)
            postgres.until(lambda: postgres.execute(_CUT_SHORT) != [])
            with pytest.raises(CommitFailed, match="committed with a warning"):
                appending.result(30)


_CUT_SHORT = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.mark.parametrize(("setting", "value"), [("fsync", "off"), ("synchronous_commit", "off")])
def test_a_server_that_would_lose_what_it_acknowledges_is_refused(
    postgres: PostgresServer, journal_dsn: str, setting: str, value: str
) -> None:
    with (
        postgres.set_to(setting, value),
        pytest.raises(JournalError, match=f"its {setting} is {value}: what it acknowledges"),
    ):
        PostgresJournal(journal_dsn)


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    dsn = f"postgresql://trader:{SECRET}@127.0.0.1:1/books?connect_timeout=2"
    with pytest.raises(JournalError) as refused:
        PostgresJournal(dsn)
    assert "postgresql://trader@127.0.0.1:1/books: can't be reached" in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "dsn", [f"postgresql://u:{SECRET} x@h/db", f"password={SECRET} no=such", SECRET]
)
def test_what_is_no_connection_string_is_not_quoted(dsn: str) -> None:
    with pytest.raises(JournalError, match="not a connection string") as refused:
        PostgresAddress.of(dsn)
    error: BaseException | None = refused.value
    while error is not None:
        shown = "" if error.__suppress_context__ else str(error.__context__)
        assert SECRET not in str(error) + shown
        error = error.__cause__


def test_tables_of_a_newer_release_are_refused(journal_dsn: str) -> None:
    PostgresJournal(journal_dsn).close()
    with psycopg.connect(journal_dsn) as session:
        session.execute("UPDATE tandem_journal SET schema_version = 2")
    with pytest.raises(JournalError, match="have version 2, this release knows 1"):
        PostgresJournal(journal_dsn)


def test_many_that_come_first_at_once_make_the_tables_once(journal_dsn: str) -> None:
    gate = threading.Barrier(8)

    def open_it() -> None:
        gate.wait(30)
        PostgresJournal(journal_dsn).close()

    with ThreadPoolExecutor(8) as pool:
        for opening in [pool.submit(open_it) for _ in range(8)]:
            opening.result(30)


def test_a_reader_by_its_name_can_write_nothing(journal_dsn: str) -> None:
    entries = chain(2)
    with closing(PostgresJournal(journal_dsn)) as store:
        store.append(entries, store.take_epoch())
    with closing(open_reader(journal_dsn)) as reader:
        assert list(reader.entries()) == entries
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader._db.execute("DELETE FROM tandem_entries")  # type: ignore[attr-defined]


def test_a_server_that_was_restarted_is_found_again_between_lives(
    postgres: PostgresServer, journal_dsn: str
) -> None:
    """A standby has its session for days; what it does at the take-over must not fail for that."""
    with closing(PostgresJournal(journal_dsn)) as store:
        epoch = store.take_epoch()
        store.append(chain(1), epoch)
        postgres.restart()
        with pytest.raises(JournalError):
            list(store.entries())
        assert list(store.entries()) == chain(1)
        assert store.take_epoch() == 2


def test_a_server_that_was_promoted_is_another_home_until_that_is_written_down(
    postgres: PostgresServer, journal_dsn: str
) -> None:
    """A replica may lack the last commits; so may a restore, which ends in a new timeline, too."""
    entries = chain(3)
    with closing(PostgresJournal(journal_dsn)) as store:
        epoch = store.take_epoch()
        assert not store.is_moved()
        store.append(entries[:1], epoch)
    with closing(PostgresJournal(journal_dsn)) as store:
        store.append(entries[1:2], store.take_epoch())
        assert not store.is_moved()
    postgres.promote()
    with closing(PostgresJournal(journal_dsn)) as store:
        store.take_epoch()
        assert store.is_moved()  # and this one dies before it has written anything
    with closing(PostgresJournal(journal_dsn)) as store:
        epoch = store.take_epoch()
        assert store.is_moved()
        store.append(entries[2:], epoch)
    with closing(PostgresJournal(journal_dsn)) as store:
        store.take_epoch()
        assert not store.is_moved()


def test_a_replica_is_refused(postgres: PostgresServer, journal_dsn: str) -> None:
    with (
        postgres.as_replica(),
        pytest.raises(JournalError, match=r"can't be reached|is a replica"),
    ):
        PostgresJournal(journal_dsn)
