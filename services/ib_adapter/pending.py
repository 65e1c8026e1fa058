"""Requests that wait for the Gateway's answer on one connection, and the rows that came so far.

A request is known by its number, or by its name if it has none: of those only one can be under way,
since nothing in the answer tells to which it belongs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from enum import Enum
from typing import Any

from services.common.domain.errors import ReadFailed, Reason
from services.ib_adapter.codes import Said


class Named(Enum):
    """Requests without a number."""

    OPEN_ORDERS = "open orders"
    COMPLETED_ORDERS = "completed orders"
    POSITIONS = "positions"
    ACCOUNT = "account values"
    TIME = "time"
    NEXT_ID = "next order id"


class RequestRefused(ReadFailed):
    """The Gateway answered a request with a code."""

    def __init__(self, said: Said) -> None:
        super().__init__(str(said), reason=said.cause.reason)
        self.said = said


class Pending:
    """What is waited for. Used on the event loop's thread only."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, list[Any]] = {}
        self._ends: dict[Hashable, asyncio.Future[list[Any]]] = {}
        self._watched: dict[Hashable, asyncio.Event] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._ends

    def begin(self, key: Hashable) -> asyncio.Future[list[Any]]:
        """Wait for an answer; the future gives its rows, or raises ReadFailed."""
        assert key not in self._ends, f"{key} is under way already"
        self._rows[key] = []
        end: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._ends[key] = end
        return end

    def row(self, key: Hashable, row: Any) -> None:
        """A part of an answer came; of one that nobody waits for it is nothing."""
        if key in self._rows:
            self._rows[key].append(row)
            self._wake(key)

    def rows(self, key: Hashable) -> list[Any]:
        """What came so far."""
        return self._rows.get(key, [])

    async def changed(self, key: Hashable, within_s: float) -> bool:
        """Wait for another row, or the end; False if neither came in time."""
        event = self._watched.setdefault(key, asyncio.Event())
        try:
            async with asyncio.timeout(within_s):
                await event.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self, key: Hashable) -> None:
        event = self._watched.pop(key, None)
        if event is not None:
            event.set()

    def end(self, key: Hashable) -> None:
        """The answer is complete."""
        self._wake(key)
        end, rows = self._ends.pop(key, None), self._rows.pop(key, [])
        if end is not None and not end.done():
            end.set_result(rows)

    def fail(self, key: Hashable, error: ReadFailed) -> None:
        """The answer won't come, or not all of it."""
        self._wake(key)
        end = self._ends.pop(key, None)
        self._rows.pop(key, None)
        if end is not None and not end.done():
            end.set_exception(error)
            end.exception()  # taken: whoever gave up waiting must not have it logged

    def fail_all(self, why: str) -> None:
        """No answer that is waited for will come whole."""
        for key in list(self._ends):
            self.fail(key, ReadFailed(why, reason=Reason.READ_FAILED))

    def give_up(self, key: Hashable) -> None:
        """Nobody waits for it any more."""
        self._watched.pop(key, None)
        self._ends.pop(key, None)
        self._rows.pop(key, None)
