"""The pacer: who may send the next request to a venue, and how long one may wait for it.

One pacer per limit that the venue sets (trading and data have their own). The order desk takes
one request for each submit and each cancel before it calls the gateway; the gateway takes one for
every other request that it makes, look-ups and pages of lists included, never between a mutation's
last check and its write. It tells the pacer what each answer says about the limit.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
from dataclasses import dataclass, field

from services.common.adapter.budget import Budget, BudgetTerms, Priority
from services.common.domain.errors import Reason, Unavailable
from services.common.runtime.clock import Clock

__all__ = ["BudgetTerms", "Pacer", "Priority"]


_WAIT_MIN_S = 0.001


@dataclass(order=True, slots=True)
class _Ticket:
    priority: Priority
    number: int
    displaced: bool = field(default=False, compare=False)


class Pacer:
    """Gives out requests in the order cancel, submit, read, probe; first come first within each.

    At most `queue_len_max` wait. When all places are taken, a more urgent arrival displaces the
    least urgent one that waits (the latest of those), else it is refused itself. Used on the event
    loop's thread only.
    """

    def __init__(self, clock: Clock, terms: BudgetTerms, *, queue_len_max: int = 100) -> None:
        self._clock = clock
        self._budget = Budget(terms)
        self._queue_len_max = queue_len_max
        self._queue: list[_Ticket] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Event()

    @property
    def queue_len(self) -> int:
        """How many wait now."""
        return len(self._queue)

    @property
    def left(self) -> int:
        """How many requests may go now, cancels among them."""
        return self._budget.left(self._clock.monotonic())

    async def take(self, priority: Priority, *, within_s: float) -> None:
        """Return when the caller may send one request, now.

        Waits at most `within_s`. Raises Unavailable BUDGET_EXHAUSTED (effect NONE, with
        `retry_after_s`) once it is known that there is no request in that time, at once if the
        budget alone already says so. Canceled, nothing is spent.
        """
        ends_at = self._clock.monotonic() + within_s
        ticket = self._enqueue(priority)
        try:
            while not self._may_go(ticket):
                await self._wait(ticket, ends_at)
            self._budget.spend(self._clock.monotonic())
        finally:
            self._leave(ticket)

    def observe(self, limit: int, remaining: int, reset_in_s: float) -> None:
        """Take the limit, what is left of it and the seconds to its reset from an answer."""
        self._budget.observe(limit, remaining, reset_in_s, self._clock.monotonic())
        self._wake()

    def throttled(self, reset_in_s: float | None) -> None:
        """The venue refused a request as one too many; `reset_in_s` is None if it didn't say."""
        self._budget.throttled(reset_in_s, self._clock.monotonic())
        self._wake()

    def _enqueue(self, priority: Priority) -> _Ticket:
        ticket = _Ticket(priority, next(self._numbers))
        if len(self._queue) >= self._queue_len_max:
            last = self._queue[-1] if self._queue else ticket
            if last.priority <= priority:
                raise self._exhausted(priority, "the queue for requests is full")
            last.displaced = True
            self._queue.pop()
            self._wake()
        bisect.insort(self._queue, ticket)
        return ticket

    def _may_go(self, ticket: _Ticket) -> bool:
        if ticket.displaced:
            raise self._exhausted(ticket.priority, "displaced by a more urgent request")
        return self._queue[0] is ticket and self._delay_s(ticket.priority) <= 0

    async def _wait(self, ticket: _Ticket, ends_at: float) -> None:
        left_s = ends_at - self._clock.monotonic()
        delay_s = self._delay_s(ticket.priority)
        if left_s <= 0 or delay_s > left_s:
            raise self._exhausted(ticket.priority, "no request is left for this in the time given")
        # Behind others and with budget, only a change can help; else the budget's own time.
        # Never so short that a clock could stand still meanwhile.
        timeout_s = max(delay_s if self._queue[0] is ticket else left_s, _WAIT_MIN_S)
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return  # the loop in `take` looks again

    def _delay_s(self, priority: Priority) -> float:
        return self._budget.delay_s(priority, self._clock.monotonic())

    def _leave(self, ticket: _Ticket) -> None:
        if not ticket.displaced:
            self._queue.remove(ticket)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _exhausted(self, priority: Priority, why: str) -> Unavailable:
        return Unavailable(
            Reason.BUDGET_EXHAUSTED,
            f"request budget of the venue: {why}",
            retry_after_s=max(self._delay_s(priority), 0.1),
        )
