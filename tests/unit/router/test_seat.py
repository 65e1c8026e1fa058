"""The seat of a journal: one has it, and it is free when its holder is gone or stands still."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from services.router.journal.postgres import PostgresJournal
from services.router.journal.postgres_seat import PostgresSeat
from services.router.journal.seat import FileSeat, Seat, SeatLost
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.sqlite_standby import SqliteStandby
from services.router.journal.store import JournalError, JournalLocked
from tests.postgres import PostgresServer
from tests.unit.router.test_store import chain, end_of

NewSeat = Callable[[float], Seat]
LONG_S = 60.0


def soon(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


@pytest.fixture
def in_postgres(journal_dsn: str) -> NewSeat:
    PostgresJournal(journal_dsn).close()
    return lambda lease_s: PostgresSeat(journal_dsn, holder="test", lease_s=lease_s)


@pytest.fixture(params=["file", "postgres"])
def new_seat(request: pytest.FixtureRequest, path: Path) -> NewSeat:
    if request.param == "file":
        return lambda _: FileSeat(path)
    made: NewSeat = request.getfixturevalue("in_postgres")
    return made


def test_one_has_it_and_the_next_when_it_is_released(new_seat: NewSeat) -> None:
    first, second = new_seat(LONG_S), new_seat(LONG_S)
    assert (first.take(), first.take()) == (True, True)
    assert not second.take()
    first.renew()
    first.release()
    soon(second.take)
    assert not first.take()
    second.release()


def test_journals_in_one_database_have_seats_of_their_own(postgres: PostgresServer) -> None:
    seats = []
    for dsn in (postgres.new_dsn(), postgres.new_dsn()):
        PostgresJournal(dsn).close()
        seats.append(PostgresSeat(dsn, holder="test", lease_s=LONG_S))
    assert [seat.take() for seat in seats] == [True, True]
    for seat in seats:
        seat.release()


def test_it_is_free_when_its_holders_session_ends(in_postgres: NewSeat) -> None:
    first, second = in_postgres(LONG_S), in_postgres(LONG_S)
    assert first.take()
    assert not second.take()
    first._db.close()  # type: ignore[attr-defined] # as the kernel does for a killed process
    soon(second.take)
    with pytest.raises(SeatLost):
        first.renew()
    second.release()


def test_who_does_not_renew_loses_it_and_who_does_keeps_it(
    in_postgres: NewSeat, journal_dsn: str
) -> None:
    def time_passes() -> None:
        with psycopg.connect(journal_dsn) as session:
            session.execute("UPDATE tandem_lease SET renewed = renewed - interval '61 s'")

    first, second = in_postgres(LONG_S), in_postgres(LONG_S)
    assert first.take()
    time_passes()
    first.renew()
    assert not second.take()
    first.renew()
    time_passes()
    soon(second.take)
    with pytest.raises(SeatLost):
        first.renew()
    second.renew()
    second.release()


def test_a_lease_of_the_one_before_is_not_held_against_the_next(
    in_postgres: NewSeat, journal_dsn: str
) -> None:
    """The lock was taken a moment ago, and the row still tells of a lease that ran out long ago."""
    first = in_postgres(LONG_S)
    assert first.take()
    first.release()
    holder = in_postgres(LONG_S)
    soon(holder.take)
    with psycopg.connect(journal_dsn) as session:
        session.execute("UPDATE tandem_lease SET pid = 1, renewed = '-infinity'")
    assert not in_postgres(LONG_S).take()
    assert holder._db.execute("SELECT 1").fetchone() == (1,)  # type: ignore[attr-defined]
    holder.release()


def test_of_many_at_once_one_takes_it(in_postgres: NewSeat) -> None:
    seats = [in_postgres(LONG_S) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda seat: seat.take(), seats))
    assert sorted(taken) == [False] * 7 + [True]
    for seat in seats:
        seat.release()


def test_nobody_can_say_who_has_it_while_the_server_is_down(
    postgres: PostgresServer, in_postgres: NewSeat
) -> None:
    holder, waiting = in_postgres(LONG_S), in_postgres(LONG_S)
    assert holder.take()
    assert not waiting.take()
    postgres.stop()
    try:
        with pytest.raises(SeatLost):
            holder.renew()
        for _ in range(2):
            with pytest.raises(JournalError):
                waiting.take()
    finally:
        postgres.start()
    assert waiting.take()
    waiting.release()


def test_a_standby_on_a_file_reads_along_and_writes_once_it_has_the_seat(path: Path) -> None:
    entries = chain(3)
    seat = FileSeat(path)
    with closing(SqliteStandby(path, seat)) as standby:
        assert list(standby.entries()) == []  # before the first leader has made it
        leader = SqliteJournal(path)
        assert not seat.take()
        with pytest.raises(JournalLocked):
            standby.take_epoch()
        epoch = leader.take_epoch()
        for entry in entries:
            leader.append([entry], epoch)
            assert (list(standby.entries())[-1], standby.head().seq) == (entry, entry.seq)
        leader.close()
        assert seat.take()
        assert standby.take_epoch() == epoch + 1
        standby.append(chain(1, end_of(entries)), epoch + 1)
        assert standby.head().seq == 4
