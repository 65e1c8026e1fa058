"""The router's process: the only place where settings, disk, channels and servers meet."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import structlog

from services.common.runtime.interceptors.outgoing import OutgoingCalls
from services.common.runtime.logs import configure_logging
from services.common.runtime.observing import default_meter, observe
from services.common.runtime.server import open_channel
from services.common.runtime.shutdown import Lifecycle
from services.common.runtime.telemetry import VENUE
from services.router.books.snapshotting import SnapshotSettings
from services.router.core import AccountWiring, CoreSettings, RouterCore, VenueWiring
from services.router.journal.codec import UnreadableRecord
from services.router.journal.journal import RunBlocking
from services.router.journal.records import Record
from services.router.journal.snapshots import SnapshotUnusable
from services.router.journal.sqlite_snapshots import SqliteSnapshots, open_snapshots
from services.router.journal.store import Head, JournalError
from services.router.leading.leadership import Leadership
from services.router.leading.place import (
    Place,
    commit_runner,
    open_place,
    reading_runner,
    seat_runner,
)
from services.router.meters import TimedJournal
from services.router.risk.journal_room import RoomSettings
from services.router.routing.care import CareSettings
from services.router.routing.link import LinkSettings
from services.router.routing.venue_client import ClientSettings, VenueClient
from services.router.serving import Serving
from services.router.settings import RouterSettings

SERVICE = "tandem-router"
_log = structlog.stdlib.get_logger(__name__)
_MARGIN_S = 0.2


async def start(lifecycle: Lifecycle) -> None:
    """Open everything, in an order such that nothing is served before it is true."""
    settings = RouterSettings.load()
    configure_logging(SERVICE, settings.log_level, json=settings.log_json)
    lifecycle.limits = settings.shutdown_limits()
    observed = await observe(lifecycle, SERVICE, settings)
    place = open_place(settings, _node())
    lifecycle.on_close("seat", _awaitable(place.seat.release))
    lifecycle.on_close("journal store", _awaitable(place.store.close))
    opened: list[RouterCore] = []
    lifecycle.on_close("journal's end", _awaitable(lambda: _after_journal(opened)))
    committing = commit_runner(lifecycle, settings, place.store.path)
    leadership = _leadership(lifecycle, settings, place, opened)
    keeping = lifecycle.own_tasks("seat")  # to the end of the journal: it is written until then
    journal_tasks = lifecycle.own_tasks("journal", finish_s=settings.commit_timeout_s)
    # Closed before its task is awaited, and after all who may still record.
    lifecycle.on_close("journal", _awaitable(lambda: _close_journal(opened)))
    accounts = [_wire(lifecycle, settings, i) for i in range(len(settings.accounts))]
    link_tasks = lifecycle.own_tasks("links")
    core = RouterCore(
        _core_settings(settings),
        accounts,
        TimedJournal(place.store, default_meter(), lifecycle.clock.monotonic),
        clock=lifecycle.clock,
        rng=random.SystemRandom(),
        run_blocking=committing,
        order_tasks=lifecycle.own_tasks("orders", finish_s=settings.finish_s),
        stop=lambda reason: lifecycle.request_stop(reason, exit_code=1, drain=False),
        read_blocking=reading_runner(lifecycle, settings, place.store.path),
        snapshots=_snapshots(settings),
    )
    opened.append(core)
    observed.on_read(core.tell_meters)
    # What waits for its send is not sent any more; what is out gets `finish_s` to be answered.
    lifecycle.on_close("leading", _awaitable(core.journal.resign))
    serving = Serving(lifecycle, settings, core)
    lifecycle.on_drain("router", _awaitable(core.drain))
    if settings.standby:
        await serving.operations()
    follow = partial(_follow, core, committing)
    try:
        core.restore()
        if settings.standby:
            await leadership.wait(follow)
        else:
            await leadership.take()
        if place.seat.lease_s is not None:
            keeping.start("keeper", leadership.keep(), critical=True)
        await follow()
        core.open()
        core.journal.lead_while(leadership.holds)
        journal_tasks.start("writer", core.journal.run(), critical=False)
        await core.journal.durable()
    except (JournalError, UnreadableRecord) as error:
        raise place.failed(error) from error
    core.start_tasks(link_tasks)
    await serving.all()


def _leadership(
    lifecycle: Lifecycle, settings: RouterSettings, place: Place, opened: list[RouterCore]
) -> Leadership:
    def lost(why: str) -> None:
        for core in opened:
            core.journal.resign()
        lifecycle.request_stop(f"this router leads no more: {why}", exit_code=1, drain=False)

    runner = seat_runner(lifecycle, settings, place.store.path)
    return Leadership(place.seat, runner, lifecycle.clock, lost)


async def _follow(core: RouterCore, run_blocking: RunBlocking) -> None:
    """Fold all that is in the journal by now, page by page: the event loop goes on meanwhile."""
    while True:
        ahead: list[tuple[Head, datetime, Record]] = []
        await run_blocking(lambda: ahead.extend(core.read_ahead()))  # noqa: B023 - awaited here
        if not ahead:
            return
        core.fold(ahead)


def _close_journal(opened: list[RouterCore]) -> None:
    for core in opened:
        core.journal.close()


def _after_journal(opened: list[RouterCore]) -> None:
    for core in opened:
        core.tell_anchor()
        core.close()


def _snapshots(settings: RouterSettings) -> SqliteSnapshots | None:
    """Where snapshots are kept, None if nowhere: then the whole journal is replayed."""
    path = settings.snapshots_at()
    try:
        return None if path is None else open_snapshots(path)
    except (SnapshotUnusable, OSError) as error:
        _log.warning("snapshots_off", path=str(path), error=str(error))
        return None


def _wire(lifecycle: Lifecycle, settings: RouterSettings, index: int) -> AccountWiring:
    account = settings.accounts[index]
    client = ClientSettings(
        send_timeout_s=settings.send_timeout_s,
        read_timeout_s=settings.read_timeout_s,
        heartbeat_s=settings.heartbeat_s,
        silence_max_s=settings.silence_max_s,
    )
    venues = []
    for venue in account.venues:
        channel = open_channel(
            venue.address,
            margin_s=_MARGIN_S,
            default_timeout_s=settings.read_timeout_s,
            calls=OutgoingCalls(lifecycle.clock, {VENUE: venue.name}),
        )
        lifecycle.on_close(f"channel to {venue.name}", channel.close)
        port = VenueClient(account.account_id, venue.name, channel, client)
        venues.append(VenueWiring(venue.name, venue.account_tag, port))
    return AccountWiring(account.account_id, venues, account.allow_uncovered, account.policy())


def _core_settings(settings: RouterSettings) -> CoreSettings:
    return CoreSettings(
        node=_node(),
        version=_version(),
        generation=settings.journal_generation,
        events_kept=settings.events_kept,
        watch_queue_len_max=settings.watch_queue_len_max,
        replace_proof_s=settings.replace_proof_s,
        anchor_log_s=settings.anchor_log_s,
        snapshots=SnapshotSettings(settings.snapshot_records, settings.events_kept),
        room=RoomSettings(
            settings.journal_check_s, settings.journal_low_mib, settings.journal_reduce_mib
        ),
        link=LinkSettings(reconnect_max_s=settings.reconnect_max_s),
        care=CareSettings(round_s=settings.review_s),
    )


def _awaitable(call: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    """A quick call in the shape that the lifecycle takes."""

    async def run() -> object:
        return call()

    return run


def _node() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _version() -> str:
    try:
        return version("tandem-broker")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"
