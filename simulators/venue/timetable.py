"""What is due when: a heap of market times, run in order, ties in the order of their making."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(order=True, slots=True)
class _Due:
    at: datetime
    seq: int
    run: Callable[[], None] = field(compare=False)
    is_session: bool = field(compare=False)


class Timetable:
    """Things to run at market times.

    Two kinds: what belongs to a market time (`is_session`: opens, closes, steps of a walk) and what
    takes a while from now on (an acknowledgement). They differ only when the clock is set back.
    """

    def __init__(self) -> None:
        self._heap: list[_Due] = []
        self._seq = 0

    def at(self, due: datetime, run: Callable[[], None], *, is_session: bool = False) -> None:
        """Runs it at that market time, after what is already there for the same time."""
        self._seq += 1
        heapq.heappush(self._heap, _Due(due, self._seq, run, is_session))

    @property
    def next_due(self) -> datetime | None:
        """The earliest time of all, None if there is nothing."""
        return self._heap[0].at if self._heap else None

    def pop(self) -> Callable[[], None]:
        """Takes out the earliest; there must be one."""
        return heapq.heappop(self._heap).run

    def moved_back(self, by: timedelta) -> None:
        """The clock was set back: waits keep what is left of them, session items are dropped."""
        kept = [item for item in self._heap if not item.is_session]
        for item in kept:
            item.at -= by
        heapq.heapify(kept)
        self._heap = kept
