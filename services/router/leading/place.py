"""Where the settings say that the journal lies: its store, its seat, and threads for both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.common.runtime.blocking import BlockingPool
from services.common.runtime.errors import PoolBusyError, PoolTimeoutError, StartupError
from services.common.runtime.shutdown import Lifecycle
from services.router.journal.journal import RunBlocking
from services.router.journal.postgres import PostgresJournal
from services.router.journal.postgres_seat import PostgresSeat
from services.router.journal.reading import READS_MAX
from services.router.journal.seat import FileSeat, Seat
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.sqlite_standby import SqliteStandby
from services.router.journal.store import CommitFailed, JournalError, JournalStore
from services.router.settings import RouterSettings

_STORE_SHARE = 0.9
"""Of a commit's time: what is left is for the thread's answer to be heard."""


@dataclass(frozen=True, slots=True)
class Place:
    """A journal's store and seat. `setting` is the variable that named it, for messages."""

    store: JournalStore
    seat: Seat
    setting: str

    def failed(self, error: Exception) -> StartupError:
        """What keeps this router from starting on it, as a line for its operator."""
        return StartupError(f"{self.setting}: {error}")


def open_place(settings: RouterSettings, node: str) -> Place:
    """Open the journal that the settings name; a standby's may be another's still.

    Raises StartupError, which shows no password.
    """
    dsn = settings.journal_dsn
    setting = "TANDEM_ROUTER_JOURNAL_PATH" if dsn is None else "TANDEM_JOURNAL_DSN"
    try:
        if dsn is not None:
            return _in_postgres(settings, dsn.get_secret_value(), node, setting)
        seat = FileSeat(settings.journal_path)
        if settings.standby and not seat.take():
            return Place(SqliteStandby(settings.journal_path, seat), seat, setting)
        return Place(SqliteJournal(settings.journal_path, seat=seat), seat, setting)
    except JournalError as error:
        raise StartupError(f"{setting}: {error}") from error


def _in_postgres(settings: RouterSettings, dsn: str, node: str, setting: str) -> Place:
    store = PostgresJournal(dsn, timeout_s=settings.commit_timeout_s * _STORE_SHARE)
    return Place(store, PostgresSeat(dsn, holder=node, lease_s=settings.lease_s), setting)


def commit_runner(lifecycle: Lifecycle, settings: RouterSettings, path: str) -> RunBlocking:
    """One thread that commits; a commit that hangs counts as failed."""
    return _runner(lifecycle, "journal", 1, settings.commit_timeout_s, path, CommitFailed)


def reading_runner(lifecycle: Lifecycle, settings: RouterSettings, path: str) -> RunBlocking:
    """Threads that read the journal beside its writer, as many as may read at once."""
    return _runner(lifecycle, "journal reading", READS_MAX, settings.read_timeout_s, path)


def seat_runner(lifecycle: Lifecycle, settings: RouterSettings, path: str) -> RunBlocking:
    """One thread for the seat, which never waits for a commit."""
    return _runner(lifecycle, "seat", 1, settings.commit_timeout_s, path)


def _runner(
    lifecycle: Lifecycle,
    name: str,
    threads: int,
    timeout_s: float,
    path: str,
    failure: type[JournalError] = JournalError,
) -> RunBlocking:
    pool = BlockingPool(threads, slot_wait_s=timeout_s, name=name)
    lifecycle.on_close(f"{name} thread", lambda: pool.close(timeout_s))

    async def run(call: Callable[[], None]) -> None:
        try:
            await pool.run(call, timeout_s=timeout_s)
        except (PoolTimeoutError, PoolBusyError) as error:
            raise failure(f"{path}: no answer in {timeout_s:g} s") from error

    return run
