"""What the router counts: orders by status, failovers, alerts, venues, the journal's commits.

Counted from the journal's records as they are made, so that the figures and the books can't
differ. Replay counts nothing: counters say what this process has done. No label names an order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from opentelemetry.metrics import Meter

from services.common.domain.order_status import OPEN, OrderStatus
from services.common.domain.reports import VenueState
from services.common.runtime.broker_calls import DURATION_BOUNDS_S
from services.common.runtime.clock import Clock
from services.router.books.books import Books
from services.router.books.entries import OrderKey
from services.router.journal.records import (
    ActivityBooked,
    AlertRaised,
    CancelIntended,
    DoubtResolved,
    ExecutionBooked,
    FailedOver,
    OrderAdopted,
    OrderIntended,
    PlacementIntended,
    PlacementReported,
    Record,
    TradingState,
)
from services.router.journal.store import Entry, Head, JournalReader, JournalStore

_NO_TIME_S = 0.0
VENUE_FAULTS = frozenset({"OVERFILL", "ORDER_DOUBLED", "VENUE_CONTRADICTION"})


class RouterMeters:
    """Counts records as they are applied, and sets gauges when somebody reads them."""

    def __init__(self, meter: Meter, books: Books, clock: Clock) -> None:
        self._books = books
        self._clock = clock
        self._open: Counter[OrderStatus] = Counter()
        self._in_doubt: dict[OrderKey, datetime] = {}
        counter, gauge = meter.create_counter, meter.create_gauge
        self._orders = counter("tandem.orders", description="Changes of an order's status.")
        self._executions = counter("tandem.executions", description="Executions that were booked.")
        self._activities = counter("tandem.activities", description="Activities that were booked.")
        self._failovers = counter("tandem.failovers", description="Orders that went elsewhere.")
        self._alerts = counter("tandem.alerts", description="Alerts that were raised.")
        self._faults = counter("tandem.venue.faults", description="What venues broke.")
        self._open_now = gauge("tandem.orders.open", description="Open orders by status.")
        self._doubts = gauge("tandem.orders.in_doubt", description="Orders in doubt.")
        self._doubt_age = gauge(
            "tandem.orders.in_doubt.age",
            unit="s",
            description="Since when the oldest order in doubt was sent; 0 without any.",
        )
        self._ready = gauge("tandem.venue.ready", description="1 if entries can go to the venue.")
        self._state = gauge("tandem.venue.state", description="1 for the state the venue is in.")
        self._trading = gauge("tandem.trading.state", description="1 for the state for all.")
        self._leading = gauge("tandem.leading", description="1 if this router leads, else 0.")
        self._quarantined = gauge("tandem.quarantined", description="What nobody has decided on.")
        self._watchers = gauge(
            "tandem.watchers", description="Readers of events, health among them."
        )

    # -- as records are made -----------------------------------------------------------------

    def begin(self) -> None:
        """Take stock of the books after replay."""
        for key in self._books.open_orders:
            self._moved(key, None, self._books.orders[key].order.status)

    def status_of(self, record: Record) -> OrderStatus | None:
        """The present status of the order that a record is about, None if it is about none."""
        entry = self._books.orders.get(_key(record) or ("", ""))
        return None if entry is None else entry.order.status

    def note(self, record: Record, before: OrderStatus | None) -> None:
        """Count a record that was just applied; `before` is what `status_of` said before that."""
        after, key = self.status_of(record), _key(record)
        if after is not None and key is not None and after is not before:
            self._orders.add(1, {"status": after.value})
            self._moved(key, before, after)
        match record:
            case ExecutionBooked():
                self._executions.add(1, {"venue": record.execution.venue})
            case ActivityBooked():
                kind = record.activity.activity_type.value
                self._activities.add(1, {"venue": record.activity.venue, "type": kind})
            case AlertRaised():
                self._alerts.add(1, {"kind": record.kind, "severity": record.severity.value})
                if record.kind in VENUE_FAULTS:
                    self._faults.add(1, {"kind": record.kind, "venue": record.venue})
            case FailedOver():
                way = {"from_venue": record.from_venue, "to_venue": record.to_venue}
                self._failovers.add(1, way)

    def _moved(self, key: OrderKey, before: OrderStatus | None, after: OrderStatus) -> None:
        if before in OPEN:
            self._open[before] -= 1
        if after in OPEN:
            self._open[after] += 1
        if after is OrderStatus.IN_DOUBT:
            sent = [p.attempted_at for p in self._books.orders[key].order.placements]
            self._in_doubt[key] = max(sent, default=self._clock.now())
        else:
            self._in_doubt.pop(key, None)

    # -- when they are read ------------------------------------------------------------------

    def tell(self, watchers: int, *, leads: bool) -> None:
        """Set the gauges from the books as they are now."""
        self._leading.set(int(leads))
        for status in OPEN:
            self._open_now.set(self._open[status], {"status": status.value})
        self._doubts.set(len(self._in_doubt))
        self._doubt_age.set(self._oldest_doubt_s())
        self._quarantined.set(sum(1 for _ in self._books.quarantine.open()))
        self._watchers.set(watchers)
        trading = self._books.trading_state("")
        for trading_state in TradingState:
            labels = {"state": trading_state.value}
            self._trading.set(int(trading is trading_state), labels)
        for venue in self._books.venues.values():
            whose = {"account_id": venue.account_id, "venue": venue.venue}
            self._ready.set(int(venue.ready), whose)
            for state in VenueState:
                self._state.set(int(venue.state is state), {**whose, "state": state.value})

    def _oldest_doubt_s(self) -> float:
        if not self._in_doubt:
            return _NO_TIME_S
        age_s = (self._clock.now() - min(self._in_doubt.values())).total_seconds()
        return max(age_s, _NO_TIME_S)


class TimedJournal:
    """A `JournalStore` whose appends are timed: each is one commit with one fsync."""

    def __init__(self, store: JournalStore, meter: Meter, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._monotonic = monotonic
        self._durations = meter.create_histogram(
            "tandem.journal.commit.duration",
            unit="s",
            description="How long commits of the journal took, fsync included.",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDS_S,
        )

    @property
    def path(self) -> str:
        return self._store.path

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        return self._store.entries(after_seq)

    def head(self) -> Head:
        return self._store.head()

    def reader(self) -> JournalReader:
        return self._store.reader()

    def room_bytes(self) -> int | None:
        return self._store.room_bytes()

    def is_moved(self) -> bool:
        return self._store.is_moved()

    def take_epoch(self) -> int:
        return self._store.take_epoch()

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        began = self._monotonic()
        self._store.append(entries, epoch)
        self._durations.record(self._monotonic() - began)

    def close(self) -> None:
        self._store.close()


def _key(record: Record) -> OrderKey | None:
    match record:
        case OrderIntended() | OrderAdopted():
            return (record.account_id, record.spec.client_order_id)
        case (
            PlacementIntended()
            | PlacementReported()
            | ExecutionBooked()
            | CancelIntended()
            | DoubtResolved()
        ):
            return (record.account_id, record.client_order_id)
        case _:
            return None
