"""What an adapter measures of itself: request budgets, the venue session, orders under way."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.metrics import Meter

from services.common.adapter.pacer import Pacer
from services.common.runtime.blocking import BlockingPool


class AdapterMeters:
    """Gauges that are set before each reading. Its only labels are the venue and a limit's name."""

    def __init__(self, meter: Meter, venue: str) -> None:
        self._venue = {"venue": venue}
        self._pacers: dict[str, Pacer] = {}
        self._in_flight: Callable[[], int] | None = None
        self._session_id: Callable[[], str] | None = None
        self._pool: BlockingPool | None = None
        gauge = meter.create_gauge
        self._budget = gauge(
            "tandem.budget.left", description="Requests that may go now, by limit of the venue."
        )
        self._queue = gauge("tandem.budget.queue", description="Requests that wait for a budget.")
        self._calls = gauge(
            "tandem.calls.under_way", description="Threads in calls of the venue, late ones too."
        )
        self._late = gauge(
            "tandem.calls.late", description="Of these, calls that were given up and go on."
        )
        self._session = gauge("tandem.venue.session", description="1 with a session in sync.")
        self._sends = gauge("tandem.sends.in_flight", description="Submits and cancels under way.")

    def watch_budget(self, limit: str, pacer: Pacer) -> None:
        """Tell what is left of a limit, under a name."""
        self._pacers[limit] = pacer

    def watch_calls(self, pool: BlockingPool) -> None:
        """Tell how many threads are in calls of the venue, and how many nobody waits for."""
        self._pool = pool

    def watch(self, in_flight: Callable[[], int], session_id: Callable[[], str]) -> None:
        """Tell how many sends are under way, and whether there is a venue session."""
        self._in_flight, self._session_id = in_flight, session_id

    def tell(self) -> None:
        """Set the gauges."""
        for limit, pacer in self._pacers.items():
            labels = {**self._venue, "limit": limit}
            self._budget.set(pacer.left, labels)
            self._queue.set(pacer.queue_len, labels)
        if self._pool is not None:
            self._calls.set(self._pool.busy_count, self._venue)
            self._late.set(self._pool.late_count, self._venue)
        if self._in_flight is not None:
            self._sends.set(self._in_flight(), self._venue)
        if self._session_id is not None:
            self._session.set(int(bool(self._session_id())), self._venue)
