"""One venue account as this router stands to it: connect, fence, catch up, listen, and again.

States: not connected → fenced (look-ups, cancels and exits may go) → caught up (entries too), and
all of it only while the adapter has a venue session. Any gap in the event stream starts over:
what happened meanwhile is read from the venue before entries go there again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.common.domain.activities import Activity
from services.common.domain.errors import Reason, TandemError
from services.common.domain.executions import Execution
from services.common.domain.reports import OrderReport, VenueState, VenueStatus
from services.common.runtime.clock import Clock
from services.router.books.books import Books
from services.router.journal.journal import Journal
from services.router.journal.records import (
    AlertRaised,
    Record,
    RestoreFound,
    Severity,
    TradingState,
    TradingStateSet,
    VenueStateChanged,
)
from services.router.routing.failback import Failback
from services.router.routing.intake import Intake
from services.router.routing.lineage import why_not_ours
from services.router.routing.venue import Claim, Pulse, VenueNews, VenuePort, VenueView

_log = structlog.stdlib.get_logger(__name__)
_TAKES_NO_ORDERS = frozenset({VenueState.DOWN, VenueState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Waits of a link, in seconds.

    `overlap_s` is how far before the last booked execution the catch-up begins, `failback_after_s`
    how long the venue must have been well after an outage before entries prefer it again.
    """

    reconnect_min_s: float = 0.2
    reconnect_max_s: float = 5.0
    overlap_s: float = 300.0
    failback_after_s: float = 60.0


Stop = Callable[[str], None]
"""Ends the process for a reason: this router may not, or can't, lead any more."""


class VenueLink:
    """The link to one venue account. `run` and `follow` are its tasks; the planner reads it."""

    def __init__(
        self,
        account_id: str,
        name: str,
        account_tag: str,
        port: VenuePort,
        *,
        journal: Journal,
        books: Books,
        intake: Intake,
        clock: Clock,
        rng: random.Random,
        settings: LinkSettings,
        on_stale_epoch: Stop,
    ) -> None:
        self.account_id = account_id
        self.name = name
        self.account_tag = account_tag
        self.port = port
        self._journal = journal
        self._books = books
        self._intake = intake
        self._clock = clock
        self._rng = rng
        self._settings = settings
        self._on_stale_epoch = on_stale_epoch
        self._fenced = False
        self._caught_up = False
        self._session_id = ""
        self._turn = 0
        self._status: VenueStatus | None = None
        self._broker = ""
        self._failback = Failback(clock, settings.failback_after_s)
        self._why_not = "not connected yet"
        self._session_changed = asyncio.Event()
        self.on_catch_up: Callable[[VenueLink], Awaitable[None]] | None = None
        self.on_session: Callable[[VenueLink], Awaitable[None]] | None = None
        self.on_activity: Callable[[Activity], None] | None = None

    # -- what planning sees ------------------------------------------------------------------

    def view(self) -> VenueView:
        """The venue as planning may see it now."""
        why = self._obstacle()
        ready = self._fenced and bool(self._session_id)
        takes = ready and self._caught_up and why == ""
        return VenueView(
            self.name,
            self.account_tag,
            ready,
            takes,
            why,
            self._session_id,
            self._broker,
            is_recovering=takes and self.failback_left_s > 0,
        )

    def _obstacle(self) -> str:
        if not self._fenced:
            return self._why_not
        if not self._session_id:
            reason = self._status.reason if self._status is not None else ""
            return f"the adapter has no session with the venue{reason and f' ({reason})'}"
        if self._status is not None and self._status.state in (
            _TAKES_NO_ORDERS | {VenueState.DRAINED}
        ):
            return f"{self._status.state.value}: {self._status.reason}"
        if not self._caught_up:
            return "its orders are being looked up after a (re)connect"
        return ""

    @property
    def failback_left_s(self) -> float:
        """How long others still go first, since it was down."""
        return self._failback.left_s(self._books.venues.get((self.account_id, self.name)))

    @property
    def status(self) -> VenueStatus | None:
        """The adapter's latest word on its venue, None before the first."""
        return self._status

    @property
    def session_id(self) -> str:
        """The adapter's current venue session, empty while there is none."""
        return self._session_id

    @property
    def is_fenced(self) -> bool:
        """Whether the adapter has taken this router's epoch on this connection."""
        return self._fenced

    def claim(self) -> Claim:
        """This router's claim. It names a durable head: an adapter keeps what it has seen, and a
        router that was killed before its commit would look like one restored from a copy."""
        head = self._journal.durable_head
        books = self._books
        return Claim(books.journal_id, books.generation, self._journal.epoch, head.seq, head.hash)

    def was_overtaken(self, error: TandemError) -> bool:
        """Whether a refusal says that another router leads; if so, this one stops at once."""
        if error.reason is not Reason.STALE_EPOCH:
            return False
        self._on_stale_epoch(f"{self.name}: {error.message}")
        return True

    # -- the task ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect and listen, for ever; ends only by cancellation."""
        wait_s = self._settings.reconnect_min_s
        while True:
            try:
                await self._connect()
                wait_s = self._settings.reconnect_min_s
                await self._listen()
                self._lost("the adapter ended its event stream")
            except TandemError as error:
                self._lost(error.message)
                if self.was_overtaken(error):
                    return
            await self._clock.sleep(wait_s * self._rng.uniform(0.5, 1.0))
            wait_s = min(wait_s * 2, self._settings.reconnect_max_s)

    async def _connect(self) -> None:
        fenced = await self.port.fence(self.claim())
        if fenced.previous is not None:
            await self._check_journal(fenced.previous)
        self._heard(await self.port.status())
        self._fenced = True

    async def _check_journal(self, seen: Claim) -> None:
        """Halt on a journal that is behind or beside what the adapter has seen."""
        why = await why_not_ours(seen, self._journal, self._books.journal_id)
        if why is None:
            return
        reason = f"{self.name} {why}"
        records: list[Record] = [
            AlertRaised("JOURNAL_BEHIND", Severity.CRITICAL, reason, self.account_id, self.name)
        ]
        key, books = (self.account_id, self.name), self._books
        if seen.journal_id == books.journal_id and key not in books.restores:
            records.append(RestoreFound(*key, books.created, reason))
        if self._books.trading_state("") is not TradingState.HALTED:
            records.append(TradingStateSet("", TradingState.HALTED, reason, "tandem"))
        self._journal.record(*records)

    async def _listen(self) -> None:
        """Take the stream's news. Its first pulse brings the session, and with it the catch-up:
        what is read after that and what the stream tells leave no hole between them."""
        async for item in self.port.watch():
            self._take(item)

    async def follow(self) -> None:
        """Catch up with each new session; the link's other task, ends only by cancellation."""
        wait_s = self._settings.reconnect_min_s
        while True:
            if not self._session_id or self._caught_up:
                self._session_changed.clear()
                await self._session_changed.wait()
                continue
            turn = self._turn
            try:
                await self._catch_up()
            except TandemError as error:
                _log.warning("catch_up_failed", venue=self.name, error=error.message)
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, self._settings.reconnect_max_s)
                continue
            wait_s = self._settings.reconnect_min_s
            if turn == self._turn:  # no gap since it began, nor a new session
                self._caught_up = True
                self._tell_state()

    async def _catch_up(self) -> None:
        """Read what happened since the last word: executions first, then orders."""
        await self._read_status()
        if self.on_catch_up is not None:
            await self.on_catch_up(self)
        since = self._books.last_exec_time.get((self.account_id, self.name))
        if since is None:
            since = self.in_venue_time(self._books.created)
        if since is not None:
            since -= timedelta(seconds=self._settings.overlap_s)
        for execution in reversed(await self.port.executions(after=since)):
            self._intake.take_execution(execution)
        for report in reversed(await self.port.open_orders()):
            self._intake.take_report(report)
        if self.on_session is not None:
            await self.on_session(self)

    async def _read_status(self) -> None:
        """Ask for the venue's state again: what was read before the stream stood may be old."""
        before = self._status
        status = await self.port.status()
        if self._status is before:  # else the stream has told since
            self._heard(status)
            self._tell_state()

    def in_venue_time(self, moment: datetime | None) -> datetime | None:
        """A past wall time by the venue's clock; None, which reads all, if its clock is not known.

        By the least offset that was ever seen: if the venue's clock has jumped ahead since, or ours
        back, the present one would leave out what happened before that.
        """
        offset_s = self._status.clock_offset_s if self._status is not None else None
        if moment is None or offset_s is None:
            return None
        known_s = self._books.least_offset_s.get((self.account_id, self.name), offset_s)
        return moment + timedelta(seconds=min(known_s, offset_s))

    def _take(self, item: VenueNews) -> None:
        match item:
            case Execution():
                self._intake.take_execution(item)
            case OrderReport():
                self._intake.take_report(item)
            case Activity():
                if self.on_activity is not None:
                    self.on_activity(item)
            case VenueStatus():
                self._heard(item)
                self._set_session(item.session_id)
            case Pulse():
                self._set_session(item.session_id)

    def _heard(self, status: VenueStatus) -> None:
        """The adapter's own word on its venue; the kind of broker outlives the connection."""
        self._status, self._broker = status, status.broker

    def _set_session(self, session_id: str) -> None:
        if session_id != self._session_id:
            self._begin(session_id)
        self._tell_state()

    def _begin(self, session_id: str) -> None:
        """Another session, or none: what was read before counts no more."""
        self._caught_up = False
        self._session_id = session_id
        self._turn += 1
        self._session_changed.set()

    def _lost(self, why: str) -> None:
        self._fenced = False
        self._begin("")
        self._status = None
        self._why_not = why
        self._tell_state()

    def _tell_state(self) -> None:
        """Journal the venue's state when it has changed, not each time it is looked at."""
        view = self.view()
        state = self._state(view)
        known = self._books.venues.get((self.account_id, self.name))
        if known is not None and (known.state, known.ready) == (state, view.takes_entries):
            return
        if self._journal.is_leading:
            self._journal.record(
                VenueStateChanged(
                    self.account_id,
                    self.name,
                    state,
                    view.why_not,
                    view.takes_entries,
                    self._session_id,
                    self._status.clock_offset_s if self._status is not None else None,
                )
            )

    def _state(self, view: VenueView) -> VenueState:
        if not view.ready:
            return VenueState.DOWN
        if self._status is not None and self._status.state is not VenueState.UP:
            return self._status.state
        return VenueState.UP if view.takes_entries else VenueState.DEGRADED
