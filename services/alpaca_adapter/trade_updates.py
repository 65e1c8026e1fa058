"""The session with the venue's event stream: begun after a recovery, ended by any gap.

    no connection ── authorised, listening ──► recovering ── read and told ──► in sync
          ▲                                        ▲                              │
          │                                        └── gap: an event that can't ──┤
          │                                            be read or was lost        │
          └────────────────────── connection lost ────────────────────────────────┘

A session id stands for "in sync without a gap since". What arrives during a recovery is kept back
and told after it. Executions are told before the orders that show them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from services.alpaca_adapter.exchange import parse_exact
from services.alpaca_adapter.recovery import Recovered, Recovery
from services.alpaca_adapter.stream import OpenStream, Stream
from services.alpaca_adapter.told import Told
from services.alpaca_adapter.translate import Translator, Update
from services.common.adapter.port import EventSink, SessionChanged, VenueEvent
from services.common.domain.errors import ReadFailed, Reason, Unavailable
from services.common.runtime.clock import Clock

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SyncTerms:
    """Seconds, and the number of events kept back during a recovery; one more is a gap.

    After `silence_s` without an event the venue is asked whether there was none. What it then
    shows and the stream has not told `late_event_s` later was lost.
    """

    silence_s: float = 60.0
    late_event_s: float = 2.0
    listen_s: float = 20.0
    retry_s: float = 1.0
    retry_max_s: float = 30.0
    kept_back_max: int = 10_000


class TradeUpdates:
    """Keeps the session and publishes what happens. Used on the event loop's thread only.

    `admit` is awaited at each connect before anything is read, and raises if the account must not
    be traded; `new_session_id` gives an id never used before; `on_change` is called after the
    session began or ended.
    """

    def __init__(
        self,
        open_stream: OpenStream,
        recovery: Recovery,
        translator: Translator,
        told: Told,
        sink: EventSink,
        clock: Clock,
        terms: SyncTerms,
        *,
        admit: Callable[[], Awaitable[None]],
        new_session_id: Callable[[], str],
        on_change: Callable[[], None],
    ) -> None:
        self._open_stream = open_stream
        self._recovery = recovery
        self._translator = translator
        self._told = told
        self._sink = sink
        self._clock = clock
        self._terms = terms
        self._admit = admit
        self._new_session_id = new_session_id
        self._on_change = on_change
        self.session_id = ""
        self.session_since: datetime | None = None
        self.session_began_at = 0.0  # monotonic
        self._listening = False
        self._gaps = 0
        self._changed = asyncio.Event()
        self._kept_back: list[Update] = []
        self._read_until: datetime | None = None
        self._last_event_at = self._last_check_at = clock.monotonic()
        self._checks_short: int | None = None
        self._refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Keep the session until canceled. Raises (in a group) what `admit` raises for good.

        Bad credentials end it too: Unavailable CREDENTIALS_REFUSED.
        """
        stream = self._open_stream(self)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(stream.run(), name="trade_updates.stream")
                tasks.create_task(self._keep(stream), name="trade_updates.session")
                await self._until_refused()
        finally:
            self._listening = False
            self._gap("the adapter stopped listening")

    # -- what the stream says (StreamListener) -----------------------------------------------

    def heard(self, frame: str | bytes) -> None:
        """One frame of the stream; whatever is wrong with it becomes a gap, never an error."""
        try:
            message = parse_exact(frame)
            name, data = message["stream"], message["data"]
            if name == "trade_updates":
                self._heard_event(data)
            elif name == "listening":
                self._heard_listening(data)
            elif name == "authorization":
                self._heard_authorization(data)
            else:
                _log.warning("unknown_stream", stream=str(name)[:64])
        except Exception as error:  # noqa: BLE001 - not told, so what it said has to be read
            _log.warning("event_not_understood", error=str(error)[:300])
            self._gap(f"an event could not be taken: {type(error).__name__}")

    def ended(self, reason: str) -> None:
        """The connection is gone, or did not come up."""
        if self._listening or self.session_id:
            _log.warning("stream_lost", reason=reason)
        self._listening = False
        self._gap(f"the stream was lost: {reason}")

    def _heard_authorization(self, data: Any) -> None:
        if data["status"] != "authorized" and not self._refused.done():
            self._refused.set_exception(
                Unavailable(Reason.CREDENTIALS_REFUSED, "Alpaca's stream refused the credentials")
            )

    def _heard_listening(self, data: Any) -> None:
        if "trade_updates" not in data["streams"]:
            raise ValueError("the stream does not give trade_updates")
        self._listening = True
        self._wake()

    def _heard_event(self, data: Any) -> None:
        update = self._translator.update(data)
        self._last_event_at = self._clock.monotonic()
        if self.session_id:
            self._publish([update])
            return
        self._kept_back.append(update)
        if len(self._kept_back) > self._terms.kept_back_max:
            # What they said is read by the recovery that this gap begins anew.
            self._kept_back.clear()
            self._gap("more events than can be kept back during a recovery")

    # -- the session -------------------------------------------------------------------------

    async def _keep(self, stream: Stream) -> None:
        failures = 0
        while True:
            if not await self._is_listening(stream):
                continue
            try:
                await self._admit()
                await self._recover()
            except ReadFailed as error:
                failures += 1
                _log.warning("recovery_failed", error=error.message, reason=error.reason.value)
                retry_s = min(self._terms.retry_s * 2 ** (failures - 1), self._terms.retry_max_s)
                await self._clock.sleep(max(retry_s, error.retry_after_s or 0.0))
                continue
            failures = 0
            if self.session_id:
                stream.in_order()
                await self._watch()

    async def _is_listening(self, stream: Stream) -> bool:
        """Wait for a connection that listens; drop one that never gets there."""
        if not self._listening and not await self._wait_change(self._terms.listen_s):
            await stream.drop()
        return self._listening

    async def _recover(self) -> None:
        """Read what was missed and begin a session, unless a gap comes in between."""
        gaps = self._gaps
        recovered = await self._recovery.read(self._read_until)
        if gaps != self._gaps or not self._listening:
            return
        self._begin_session(recovered)

    def _begin_session(self, recovered: Recovered) -> None:
        self.session_id = self._new_session_id()
        self.session_since = self._clock.now()
        self.session_began_at = self._clock.monotonic()
        kept_back, self._kept_back = self._kept_back, []
        # Whose exit or leg an order is has to be known before its executions are told.
        first = [r for r in recovered.reports if r.parent and not self._told.knows(r)]
        later = [r for r in recovered.reports if r not in first]
        events: list[VenueEvent] = [*first, *recovered.executions, *later]
        events.append(SessionChanged(self.session_id, "in sync"))
        self._note(recovered)
        self._sink.publish(*events)
        _log.info(
            "session_began",
            session_id=self.session_id,
            executions=len(recovered.executions),
            orders=len(recovered.reports),
            kept_back=len(kept_back),
        )
        self._on_change()
        self._publish_kept_back(kept_back)

    def _publish_kept_back(self, updates: list[Update]) -> None:
        try:
            self._publish(updates)
        except Exception as error:  # noqa: BLE001 - not told, so what it said has to be read
            _log.warning("event_not_understood", error=str(error)[:300])
            self._gap(f"an event could not be taken: {type(error).__name__}")

    def _note(self, recovered: Recovered) -> None:
        for execution in recovered.executions:
            self._told.note_execution(execution)
        for report in recovered.reports:
            self._told.note_order(report)
        self._read(recovered)

    def _publish(self, updates: list[Update]) -> None:
        """Tell events of the stream, without executions that were told and outdated reports."""
        for update in updates:
            new = [e for e in update.executions if self._told.is_news_of_execution(e)]
            reports = [] if self._told.is_outdated(update.report) else [update.report]
            reports += [r for r in update.nested if self._told.is_news_of_order(r)]
            # Whose exit or leg an order is has to be known before its executions are told.
            first = [r for r in reports if r.parent and not self._told.knows(r)]
            self._sink.publish(*first, *new, *(r for r in reports if r not in first))
            for execution in new:
                self._told.note_execution(execution)
            for report in reports:
                self._told.note_order(report)

    def _gap(self, reason: str) -> None:
        """End the session at once: from here on something may be missing."""
        self._gaps += 1
        if self.session_id:
            _log.info("session_ended", session_id=self.session_id, reason=reason)
            self.session_id, self.session_since = "", None
            self._sink.publish(SessionChanged("", reason))
            self._on_change()
        self._wake()

    # -- silence -----------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Return when the session has ended; meanwhile ask the venue when it is silent."""
        self._last_event_at = self._clock.monotonic()
        while self.session_id:
            wait_s = self._next_check_at() - self._clock.monotonic()
            if wait_s > 0:
                await self._wait_change(wait_s)
            else:
                await self._check()
                self._last_check_at = self._clock.monotonic()

    def _next_check_at(self) -> float:
        """After a while of silence; sooner, and each time later, while fills are missing."""
        if self._checks_short is None:
            return max(self._last_event_at, self._last_check_at) + self._terms.silence_s
        soon_s = self._terms.retry_s * 2.0 ** min(self._checks_short, 16)
        return self._last_check_at + min(soon_s, self._terms.silence_s)

    async def _check(self) -> None:
        """A quiet market is normal, so the connection stays; lost events are not."""
        gaps = self._gaps
        try:
            recovered = await self._recovery.read(self._read_until)
        except ReadFailed as error:
            _log.warning("silence_not_checked", error=error.message)
            return
        if recovered.executions or recovered.reports:
            # It may just be on its way: the stream gets a moment to tell it.
            await self._clock.sleep(self._terms.late_event_s)
        if gaps != self._gaps:
            return
        lost = [e for e in recovered.executions if self._told.is_news_of_execution(e)]
        if lost or any(self._told.is_news_of_order(r) for r in recovered.reports):
            self._gap("the stream lost events")
        else:
            self._read(recovered)

    def _read(self, recovered: Recovered) -> None:
        """Everything up to here is told, unless fills are still missing from the venue's list."""
        if recovered.complete:
            self._read_until, self._checks_short = recovered.as_of, None
        else:
            self._checks_short = 0 if self._checks_short is None else self._checks_short + 1

    async def _wait_change(self, timeout_s: float) -> bool:
        """Wait for a change of connection or session; False if there was none in that time."""
        changed = self._changed
        try:
            async with asyncio.timeout(timeout_s):
                await changed.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until_refused(self) -> None:
        try:
            await self._refused
        except asyncio.CancelledError:
            # We stop: what the closing stream says from here on is no loss.
            self._listening = False
            self._gap("the adapter stopped listening")
            raise
