"""Requests that wait for the Gateway's answer on one connection, and the rows that came so far.

A request is known by its number, or by its name if it has none: of those only one can be under way,
since nothing in the answer tells to which it belongs. A number is given once on a connection, so
what comes late, of a request that was given up, finds nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Any, Final

from services.common.domain.errors import ReadFailed, Reason
from services.ib_adapter.codes import Said
from services.ib_adapter.ticks import TickLine, Ticks


class Named(Enum):
    """Requests without a number."""

    OPEN_ORDERS = "open orders"
    COMPLETED_ORDERS = "completed orders"
    POSITIONS = "positions"
    ACCOUNT = "account values"
    TIME = "time"
    NEXT_ID = "next order id"


# What a code can mean for a read; other reasons are of orders.
_READ_REASONS: Final = frozenset(
    {
        Reason.INSTRUMENT_NOT_FOUND,
        Reason.NOT_TRADABLE,
        Reason.NOT_PERMITTED,
        Reason.RATE_LIMITED,
        Reason.VENUE_UNAVAILABLE,
    }
)


class RequestRefused(ReadFailed):
    """The Gateway answered a request with a code."""

    def __init__(self, said: Said) -> None:
        reason = said.cause.reason
        super().__init__(
            str(said), reason=reason if reason in _READ_REASONS else Reason.READ_FAILED
        )
        self.said = said


class Pending:
    """What is waited for. Used on the event loop's thread only."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, list[Any]] = {}
        self._ends: dict[Hashable, asyncio.Future[list[Any]]] = {}
        self._lines: dict[int, TickLine] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._ends or key in self._lines

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

    def listen(self, number: int, line: TickLine) -> None:
        """Take the ticks of a request, until it is given up."""
        self._lines[number] = line

    def tick(self, number: int, take: Callable[[Ticks], None]) -> None:
        """A tick came; of a request that nobody listens to it is nothing."""
        line = self._lines.get(number)
        if line is not None:
            take(line.ticks)
            line.told()

    def end(self, key: Hashable) -> None:
        """The answer is complete."""
        end, rows = self._ends.pop(key, None), self._rows.pop(key, [])
        if end is not None and not end.done():
            end.set_result(rows)
        if isinstance(key, int) and key in self._lines:
            self._lines[key].finish(by_gateway=True)

    def fail(self, key: Hashable, error: ReadFailed) -> None:
        """The answer won't come, or not all of it."""
        end = self._ends.pop(key, None)
        self._rows.pop(key, None)
        if end is not None and not end.done():
            end.set_exception(error)
            end.exception()  # taken: whoever gave up waiting must not have it logged
        if isinstance(key, int) and key in self._lines:
            self._lines[key].fail(error)

    def fail_all(self, why: str) -> None:
        """No answer that is waited for will come whole."""
        for key in list(self._ends):
            self.fail(key, ReadFailed(why, reason=Reason.READ_FAILED))
        self.fail_lines(why)

    def fail_lines(self, why: str) -> None:
        """Ticks may be missing from here on, of any line."""
        for line in list(self._lines.values()):
            line.fail(ReadFailed(why, reason=Reason.READ_FAILED))

    def give_up(self, key: Hashable) -> None:
        """Nobody waits for it any more."""
        self._ends.pop(key, None)
        self._rows.pop(key, None)
        if isinstance(key, int):
            self._lines.pop(key, None)
