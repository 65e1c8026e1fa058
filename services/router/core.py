"""The router without its process: journal, books, links, desk and servicers, put together once.

`bootstrap` gives it a real disk, channels and clocks, the simulation virtual ones.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from uuid import UUID

import structlog

from services.common.runtime.clock import Clock
from services.common.runtime.observing import default_meter
from services.common.runtime.tasks import TaskOwner
from services.router.api.broker_service import BrokerServicer
from services.router.api.operations_service import OperationsServicer
from services.router.books.books import Books
from services.router.books.snapshotting import Snapshots, SnapshotSettings
from services.router.books.watching import Watching
from services.router.journal.anchor_log import AnchorLog
from services.router.journal.journal import Journal, RunBlocking
from services.router.journal.reading import JournalReads
from services.router.journal.records import (
    AlertRaised,
    EpochTaken,
    JournalCreated,
    Record,
    Severity,
    TradingState,
    TradingStateSet,
)
from services.router.journal.replay import read_back
from services.router.journal.snapshots import SnapshotStore, SnapshotUnusable
from services.router.journal.store import Head, JournalError, JournalStore
from services.router.meters import RouterMeters
from services.router.risk.journal_room import JournalRoom, RoomSettings
from services.router.routing.accounts import AccountLinks
from services.router.routing.activities import Activities, ActivitySettings
from services.router.routing.care import Care, CareSettings, Nudge
from services.router.routing.desk import Desk
from services.router.routing.doubts import doubt_orphans
from services.router.routing.instructing import doubt_instructions
from services.router.routing.intake import Intake
from services.router.routing.link import LinkSettings, Stop, VenueLink
from services.router.routing.policy import DEFAULT_POLICY, AccountPolicy
from services.router.routing.quarantine import QuarantineRules
from services.router.routing.quarantine_desk import QuarantineDesk
from services.router.routing.quarantine_watch import QuarantineWatch
from services.router.routing.restoring import RestoreSettings, Restoring, restored
from services.router.routing.revising import drop_held
from services.router.routing.venue import VenuePort
from services.router.routing.work import WorkTools

_log = structlog.stdlib.get_logger(__name__)
_AHEAD_LEN = 500


@dataclass(frozen=True, slots=True)
class VenueWiring:
    """A venue account and the port to it."""

    name: str
    account_tag: str
    port: VenuePort


@dataclass(frozen=True, slots=True)
class AccountWiring:
    """An account with its venues in order of preference."""

    account_id: str
    venues: Sequence[VenueWiring]
    allow_uncovered: bool = False
    policy: AccountPolicy = DEFAULT_POLICY


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """What the core needs to know besides its wiring.

    Without `anchor_log_s` no anchor is logged, without `room` nobody looks at the journal's place.
    """

    node: str
    version: str
    generation: int = 1
    events_kept: int = 10_000
    watch_queue_len_max: int = 1_000
    replace_proof_s: float = 20.0
    anchor_log_s: float = 0.0
    room: RoomSettings | None = None
    snapshots: SnapshotSettings = field(default_factory=SnapshotSettings)
    link: LinkSettings = field(default_factory=LinkSettings)
    care: CareSettings = field(default_factory=CareSettings)
    activities: ActivitySettings = field(default_factory=ActivitySettings)


def _quarantine_rules(accounts: Sequence[AccountWiring]) -> QuarantineRules:
    tags = {(a.account_id, v.name): v.account_tag for a in accounts for v in a.venues}
    return QuarantineRules(
        tags, frozenset(a.account_id for a in accounts if a.policy.adopts_unknown)
    )


class RouterCore:
    """Everything that a router is between its disk and its wires.

    Made, then `open`ed (replay, epoch), then its tasks started. `rng` is the only randomness.
    `read_blocking` is for what reads the journal beside its writer, by default as that one writes.
    Without `snapshots` the whole journal is replayed, and all of it stays in memory.
    """

    def __init__(
        self,
        settings: CoreSettings,
        accounts: Sequence[AccountWiring],
        store: JournalStore,
        *,
        clock: Clock,
        rng: random.Random,
        run_blocking: RunBlocking,
        order_tasks: TaskOwner,
        stop: Stop,
        read_blocking: RunBlocking | None = None,
        snapshots: SnapshotStore | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._rng = rng
        self._stop = stop
        self._read = Head()
        self._read_at: datetime | None = None
        self.books = Books()
        self.meters = RouterMeters(default_meter(), self.books, clock)
        self.watching = Watching(
            keep=settings.events_kept, queue_len_max=settings.watch_queue_len_max
        )
        self.journal = Journal(
            store, clock, run_blocking, self._apply, self.watching.durable, self._failed
        )
        self._read_blocking = read_blocking or run_blocking
        self._anchors = AnchorLog(
            self.journal, lambda: self.books.journal_id, clock, settings.anchor_log_s
        )
        self._clock = clock
        self._snapshots = None if snapshots is None else self._snapshotting(snapshots)
        nudge = Nudge()
        self.intake = Intake(self.journal, self.books, nudge, _quarantine_rules(accounts))
        self.care = Care(self.journal, self.books, self.intake, clock, settings.care, nudge)
        self.strangers = QuarantineWatch(self.journal, self.books, self.intake)
        self.activities = Activities(self.journal, self.books, settings.activities)
        self.restoring = Restoring(
            self.journal, self.books, self.intake, clock, RestoreSettings(settings.link.overlap_s)
        )
        self.links: dict[tuple[str, str], VenueLink] = {}
        for account in accounts:
            for venue in account.venues:
                key = (account.account_id, venue.name)
                self.links[key] = self._link(account, venue, clock)
        self.accounts = {a.account_id: self._account(a) for a in accounts}
        tools = WorkTools(self.journal, self.books, self.intake, self.care, clock)
        self.desk = Desk(
            self.accounts, tools, order_tasks, replace_proof_s=settings.replace_proof_s
        )
        self.care.doubts.on_fenced = self.desk.take_proof
        self.broker = BrokerServicer(  # type: ignore[abstract] # not_served adds the rest
            self.desk, self.books, self.journal, self.watching, clock, settings.version
        )
        self.operations = self._operations()

    def _operations(self) -> OperationsServicer:
        reads = JournalReads(self._store, self._read_blocking)
        quarantine = QuarantineDesk(self.books, self.intake, self.accounts, self._clock.now)
        return OperationsServicer(  # type: ignore[abstract] # not_served adds the rest
            self.desk,
            self.books,
            self.journal,
            reads,
            quarantine,
            self._clock,
            self._settings.version,
        )

    def _link(self, account: AccountWiring, venue: VenueWiring, clock: Clock) -> VenueLink:
        wait_s = account.policy.failover.failback_after_s
        link = VenueLink(
            account.account_id,
            venue.name,
            venue.account_tag,
            venue.port,
            journal=self.journal,
            books=self.books,
            intake=self.intake,
            clock=clock,
            rng=self._rng,
            settings=replace(self._settings.link, failback_after_s=wait_s),
            on_stale_epoch=self._overtaken,
        )
        link.on_catch_up = self.restoring.read
        link.on_session = self._after_connect
        link.on_activity = self.activities.take
        return link

    async def _after_connect(self, link: VenueLink) -> None:
        await self.care.after_connect(link)
        self.activities.want(link)
        self.strangers.want(link)

    def _account(self, account: AccountWiring) -> AccountLinks:
        links = tuple(self.links[(account.account_id, venue.name)] for venue in account.venues)
        return AccountLinks(account.account_id, links, account.allow_uncovered, account.policy)

    def _snapshotting(self, store: SnapshotStore) -> Snapshots:
        settings, run_blocking = self._settings.snapshots, self._read_blocking
        return Snapshots(store, self.books, settings, run_blocking, self._damaged)

    def _damaged(self, error: SnapshotUnusable) -> None:
        self.journal.resign()
        self._stop(f"what the books had put away can't be read: {error}")

    def restore(self) -> None:
        """Begin with the snapshot, if there is one that fits; before anything is read. Blocks."""
        if self._snapshots is not None:
            self._read, self._read_at = self._snapshots.restore(self._store)
            self.watching.begin_after(self._read.seq)

    def close(self) -> None:
        """Release the snapshots, after the journal's writer has ended. Blocks."""
        if self._snapshots is not None:
            self._snapshots.close()

    def _apply(self, seq: int, at: datetime, record: Record) -> None:
        if self._snapshots is not None:
            self._snapshots.note(self.journal.head)
        before = self.meters.status_of(record)
        self.watching.note(self.books.apply(seq, at, record))
        self.meters.note(record, before)

    def _overtaken(self, reason: str) -> None:
        """Another router leads: nothing is sent any more, to no venue, from this moment on."""
        _log.critical("overtaken", reason=reason)
        self.journal.resign()
        self._stop(reason)

    def _failed(self, error: JournalError) -> None:
        _log.critical("journal_failed", error=str(error))
        self._stop(f"the journal has failed: {error}")

    def read_ahead(self) -> list[tuple[Head, datetime, Record]]:
        """A page of the journal beyond what was folded, empty at its end; for `fold`.

        Blocks and changes nothing here, so another thread may do it.
        """
        return list(islice(read_back(self._store.entries(self._read.seq), self._read), _AHEAD_LEN))

    def fold(self, ahead: list[tuple[Head, datetime, Record]]) -> None:
        """Take what `read_ahead` has read last into the books; sends nothing."""
        for head, at, record in ahead:
            if self._snapshots is not None:
                self._snapshots.note(self._read)
            self.watching.note(self.books.apply(head.seq, at, record))
            self._read, self._read_at = head, at
        if self._snapshots is not None:
            self._snapshots.save_due()
        self.watching.durable(self._read.seq)
        self.journal.start(self._read, epoch=0)

    def read_on(self) -> None:
        """Fold all that the journal holds beyond what was read before. Blocks; sends nothing."""
        while ahead := self.read_ahead():
            self.fold(ahead)

    def open(self) -> None:
        """Replay, take the epoch, and record what a start has to say. Blocks; sends nothing.

        The epoch is taken by one who can read the journal, and what another has still written
        before it was overtaken is read after that. Raises JournalError or UnreadableRecord: this
        router may not lead on this journal.
        """
        self.read_on()
        epoch = self._store.take_epoch()
        self.read_on()
        head = self._read
        self.meters.begin()
        self.journal.start(head, epoch)
        self.journal.record(*self._first_records())
        self.watching.journal_id = self.books.journal_id
        drop_held(self.books, self.intake, self.journal)
        doubt_orphans(self.books, self.intake)
        doubt_instructions(self.books, self.journal)
        self._alarm_missing_venues()
        _log.info(
            "journal_open",
            path=self._store.path,
            records=head.seq,
            epoch=self.books.epoch,
            generation=self.books.generation,
            open_orders=len(self.books.open_orders),
        )

    def _alarm_missing_venues(self) -> None:
        """Say which orders nobody looks after: their venues are not in the settings any more."""
        missing = {
            (account_id, placement.venue)
            for account_id, client_order_id in self.books.open_orders
            for placement in self.books.orders[account_id, client_order_id].order.placements
            if (account_id, placement.venue) not in self.links
        }
        for account_id, venue in sorted(missing):
            message = f"{account_id} has orders at {venue}, which is not among its venues any more"
            self.journal.record(
                AlertRaised("VENUE_MISSING", Severity.CRITICAL, message, account_id, venue)
            )

    def _first_records(self) -> list[Record]:
        books, asked = self.books, self._settings.generation
        records: list[Record] = []
        if not books.journal_id:
            journal_id = str(UUID(int=self._rng.getrandbits(128), version=4))
            records = [
                JournalCreated(journal_id),
                TradingStateSet("", TradingState.ACTIVE, "the journal was created", "tandem"),
            ]
        elif asked > books.generation or self._store.is_moved():
            asked = max(asked, books.generation + 1)
            reason = f"the journal was {self._why_anew()} as generation {asked}: it may lack orders"
            records = [
                TradingStateSet("", TradingState.HALTED, reason, "tandem"),
                *restored(books, list(self.links.values()), self._read_at, reason),
            ]
        generation = max(asked, books.generation)
        return [
            *records,
            EpochTaken(generation, self.journal.epoch, self._settings.node),
        ]

    def _why_anew(self) -> str:
        return "promoted or restored, and taken up" if self._store.is_moved() else "taken up"

    def start_tasks(self, tasks: TaskOwner) -> None:
        """Start links, care and activities. The journal's task is started apart: it ends last."""
        if self._settings.anchor_log_s:
            tasks.start("journal anchors", self._anchors.run(), critical=True)
        if self._snapshots is not None:
            saving = self._snapshots.run(self.journal.durable)
            tasks.start("snapshots", saving, critical=True)
        if self._settings.room is not None:
            tasks.start("journal room", self._room(self._settings.room).run(), critical=True)
        for (account_id, venue), link in self.links.items():
            tasks.start(f"link {account_id} {venue}", link.run(), critical=True)
            tasks.start(f"follow {account_id} {venue}", link.follow(), critical=True)
            tasks.start(f"care {account_id} {venue}", self.care.run(link), critical=True)
            activities = self.activities.run(link)
            tasks.start(f"activities {account_id} {venue}", activities, critical=True)
            tasks.start(f"strangers {account_id} {venue}", self.strangers.run(link), critical=True)

    def _room(self, settings: RoomSettings) -> JournalRoom:
        return JournalRoom(
            self._store,
            self.journal,
            self.books,
            self._clock,
            settings,
            self._read_blocking,
            on_gone=self._journal_gone,
        )

    def _journal_gone(self, error: JournalError) -> None:
        """Nothing that is journaled from now on would be found again: nothing is sent."""
        self.journal.resign()
        self._failed(error)

    def tell_anchor(self) -> None:
        """Log where the journal ends, at the end."""
        if self._settings.anchor_log_s:
            self._anchors.tell()

    def tell_meters(self) -> None:
        """Set the gauges; before each reading."""
        leads = self.journal.epoch > 0 and self.journal.is_leading
        self.meters.tell(self.watching.reader_count, leads=leads)

    def drain(self) -> None:
        """Take nothing new; end the streams, which can be opened again elsewhere."""
        self.desk.drain()
        self.watching.close()
        self.broker.drain()
