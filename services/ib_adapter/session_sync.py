"""Gets in sync on a connection, and stays so: reads, heartbeats, and a look at all now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import structlog

from services.common.adapter.pacer import Priority
from services.common.domain.errors import ReadFailed, TandemError
from services.common.runtime.clock import Clock, VenueClock
from services.ib_adapter.held_notes import HeldNotes
from services.ib_adapter.order_news import OrderNews
from services.ib_adapter.recovery import read_all, read_missed
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.session_state import Standing

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SyncTerms:
    """Seconds: between round trips, and between reads of everything."""

    heartbeat_s: float
    silence_s: float


class Sync:
    """Keeps one connection after the other in sync; `backoff_s` is the wait after n failures."""

    def __init__(
        self,
        terms: SyncTerms,
        standing: Standing,
        orders: OrderNews,
        send_log: SendLog,
        held: HeldNotes,
        clock: Clock,
        venue_clock: VenueClock,
        *,
        account: Callable[[], str],
        backoff_s: Callable[[int], float],
    ) -> None:
        self._terms = terms
        self._standing = standing
        self._orders = orders
        self._send_log = send_log
        self._held = held
        self.beside: list[Callable[[], Coroutine[None, None, None]]] = []
        self._clock = clock
        self._venue_clock = venue_clock
        self._account = account
        self._backoff_s = backoff_s

    async def stay(self) -> bool:
        """Return when the connection is gone: whether it ever was in sync."""
        async with asyncio.TaskGroup() as tasks:
            others = [
                tasks.create_task(self._beat(), name="ib.heartbeat"),
                tasks.create_task(self._held.run(), name="ib.held"),
                tasks.create_task(self._orders.telling.run(self._standing.gap), name="ib.telling"),
            ]
            others += [tasks.create_task(run(), name="ib.beside") for run in self.beside]
            was_in_sync = await self._keep()
            for task in others:
                task.cancel()
        await self._held.flush()
        return was_in_sync

    async def _keep(self) -> bool:
        was_in_sync, failures, standing = False, 0, self._standing
        while standing.is_connected:
            if not standing.link.is_up or standing.session_id:
                if not await standing.wait_change(self._terms.silence_s) and standing.session_id:
                    await self._look_again()
                continue
            try:
                await self._sync()
            except ReadFailed as error:
                failures += 1
                reason = error.reason.value
                standing.restart.log(_log, "not_in_sync", error=error.message, reason=reason)
                await standing.wait_change(self._backoff_s(failures))
                continue
            if standing.session_id:
                was_in_sync, failures = True, 0
        return was_in_sync

    async def _sync(self) -> None:
        """Read what was missed and begin a session, unless a gap comes in between."""
        standing = self._standing
        gaps, requests = standing.gaps, standing.requests()
        lowest = await requests.next_order_id()
        self._raise_next_id(max(lowest, self._send_log.high_water + 1))
        await self.round_trip()
        begun = self._orders.overturning.begin()
        await read_missed(requests, self._orders.telling, self._clock)
        await self._orders.lists_read(begun)
        self._raise_next_id(self._orders.evidence.highest_number + 1)
        if gaps == standing.gaps and standing.is_link_up:
            standing.begin_session(self._account())

    def _raise_next_id(self, at_least: int) -> None:
        """Also above what the Gateway lists under our client id: with an old log, and its own count
        rolled back, a new order would be taken for a change of one that works."""
        try:
            self._standing.wire().raise_next_id(at_least)
        except TandemError as error:  # lost with the answer, or another login's by now
            raise ReadFailed(error.message, reason=error.reason) from error

    async def _look_again(self) -> None:
        """Read everything after a while: orders of other clients are told by lists only."""
        try:
            begun = self._orders.overturning.begin()
            await read_all(self._standing.requests())
            await self._orders.lists_read(begun)
        except ReadFailed as error:
            _log.warning("not_read_again", error=error.message)

    async def round_trip(self, priority: Priority = Priority.PROBE) -> float:
        """Ask for the time; how long that took, in seconds. Raises ReadFailed."""
        at, asked, answered = await self._standing.requests().current_time(priority)
        self._venue_clock.observe(at, asked, answered, resolution_s=1.0)
        return answered - asked

    async def _beat(self) -> None:
        """Find out that a connection is dead, though reads be waiting for their turn on it."""
        while True:
            await self._clock.sleep(self._terms.heartbeat_s)
            try:
                await self.round_trip(Priority.SUBMIT)
            except ReadFailed as error:
                _log.info("no_round_trip", error=error.message)
