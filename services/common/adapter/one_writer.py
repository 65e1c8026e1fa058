"""Work on a store's file: off the event loop, one at a time, and never again after a failure.

A file that failed once is not trusted again: from then on everything is refused, until a restart
has read back what is really there. (A repeated fsync may report success for pages that the system
has thrown away after the first failure.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import apsw

from services.common.domain.errors import OutcomeUnknown, Reason, Unavailable
from services.common.runtime.blocking import RunBlocking
from services.common.runtime.errors import PoolBusyError, PoolTimeoutError

T = TypeVar("T")


class StoreFailed(Unavailable):
    """The file could not make a change durable; the store refuses everything until a restart."""


class OneWriter:
    """Runs a store's work. `name` is for messages; `failed` is what is raised after a failure.

    `run_blocking` should be of a pool of its own: behind calls to a broker that hangs, the store
    could not be written, and no order sent anywhere.
    """

    def __init__(
        self,
        name: str,
        run_blocking: RunBlocking,
        *,
        write_timeout_s: float,
        failed: type[StoreFailed] = StoreFailed,
    ) -> None:
        self._name = name
        self._run_blocking = run_blocking
        self._write_timeout_s = write_timeout_s
        self._failed = failed
        self.failure = ""
        # Held by the thread that writes. A lock of the event loop would not do: a caller that
        # was canceled lets go of it while its write still runs.
        self._writing = threading.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread, alone.

        Raises what is raised after a failure; Unavailable if nothing was begun, OutcomeUnknown if
        the disk doesn't answer in time. Canceled, the work may still take place.
        """
        self.require_working()
        try:
            return await self._run_blocking(self._alone, work, timeout_s=self._write_timeout_s)
        except PoolBusyError as error:
            raise Unavailable(
                Reason.JOURNAL_UNAVAILABLE, f"the {self._name} is busy, nothing was written"
            ) from error
        except PoolTimeoutError as error:
            raise OutcomeUnknown(
                f"the {self._name} did not answer within {self._write_timeout_s} s",
                reason=Reason.JOURNAL_UNAVAILABLE,
            ) from error

    def persist(self, save: Callable[[], T]) -> T:
        """Change the file, inside of `work`; the store is out of use if that fails."""
        try:
            return save()
        except apsw.Error as error:
            self.failure = f"a write of the {self._name} failed: {error}"
            raise self._failed(Reason.JOURNAL_UNAVAILABLE, self.failure) from error

    def require_working(self) -> None:
        """Raise if the store failed, or is closed."""
        if self.failure:
            raise self._failed(Reason.JOURNAL_UNAVAILABLE, self.failure)

    def close(self, close_file: Callable[[], None]) -> None:
        """Close the file after the work that runs, if any. Blocks.

        Raises if the disk fails in it; all that was answered is durable already.
        """
        with self._writing:
            self.failure = self.failure or f"the {self._name} is closed"
            try:
                close_file()
            except apsw.Error as error:
                raise self._failed(
                    Reason.JOURNAL_UNAVAILABLE, f"closing the {self._name} failed: {error}"
                ) from error

    def _alone(self, work: Callable[[], T]) -> T:
        with self._writing:
            self.require_working()
            return work()
