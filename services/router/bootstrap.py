"""The router's process: the only place where settings, disk, channels and servers meet."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from services.common.contract.pb import broker_service_pb2_grpc, operations_service_pb2_grpc
from services.common.contract.status import translate
from services.common.domain.errors import Refused
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.errors import PoolBusyError, PoolTimeoutError, StartupError
from services.common.runtime.health import Health, HealthBoard
from services.common.runtime.interceptors.outgoing import OutgoingCalls
from services.common.runtime.listen import insecure_listen_allowed
from services.common.runtime.logs import configure_logging
from services.common.runtime.observing import default_meter, observe
from services.common.runtime.server import RpcServer, ServerOptions, build_server, open_channel
from services.common.runtime.shutdown import Lifecycle
from services.common.runtime.telemetry import VENUE
from services.router.books.entries import VenueEntry
from services.router.books.watching import WatchEnded
from services.router.core import AccountWiring, CoreSettings, RouterCore, VenueWiring
from services.router.journal.codec import UnreadableRecord
from services.router.journal.journal import RunBlocking
from services.router.journal.reading import READS_MAX
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.store import CommitFailed, JournalError
from services.router.meters import TimedJournal
from services.router.risk.journal_room import RoomSettings
from services.router.routing.care import CareSettings
from services.router.routing.link import LinkSettings
from services.router.routing.venue_client import ClientSettings, VenueClient
from services.router.settings import RouterSettings

SERVICE = "tandem-router"
BROKER = "tandem.v1.BrokerService"
OPERATIONS = "tandem.v1.OperationsService"
_MARGIN_S = 0.2
_VENUES_WAIT_S = 60.0


async def start(lifecycle: Lifecycle) -> None:
    """Open everything, in an order such that nothing is served before it is true."""
    settings = RouterSettings.load()
    configure_logging(SERVICE, settings.log_level, json=settings.log_json)
    lifecycle.limits = settings.shutdown_limits()
    observed = await observe(lifecycle, SERVICE, settings)
    store = _open_journal(settings)
    lifecycle.on_close("journal store", _awaitable(store.close))
    opened: list[RouterCore] = []
    lifecycle.on_close("journal anchor", _awaitable(lambda: _tell_anchor(opened)))
    run_blocking = _journal_runner(lifecycle, settings)
    journal_tasks = lifecycle.own_tasks("journal", finish_s=settings.commit_timeout_s)
    # Closed before its task is awaited, and after all who may still record.
    lifecycle.on_close("journal", _awaitable(lambda: _close_journal(opened)))
    accounts = [_wire(lifecycle, settings, i) for i in range(len(settings.accounts))]
    link_tasks = lifecycle.own_tasks("links")
    core = RouterCore(
        _core_settings(settings),
        accounts,
        TimedJournal(store, default_meter(), lifecycle.clock.monotonic),
        clock=lifecycle.clock,
        rng=random.SystemRandom(),
        run_blocking=run_blocking,
        order_tasks=lifecycle.own_tasks("orders", finish_s=settings.finish_s),
        stop=lambda reason: lifecycle.request_stop(reason, exit_code=1, drain=False),
        read_blocking=_reading_runner(lifecycle, settings),
    )
    opened.append(core)
    observed.on_read(core.tell_meters)
    # What waits for its send is not sent any more; what is out gets `finish_s` to be answered.
    lifecycle.on_close("leading", _awaitable(core.journal.resign))
    try:
        core.open()
        journal_tasks.start("writer", core.journal.run(), critical=False)
        await core.journal.durable()
    except (JournalError, UnreadableRecord) as error:
        raise StartupError(f"TANDEM_ROUTER_JOURNAL_PATH: {error}") from error
    core.start_tasks(link_tasks)
    await _serve(lifecycle, settings, core)


def _close_journal(opened: list[RouterCore]) -> None:
    for core in opened:
        core.journal.close()


def _tell_anchor(opened: list[RouterCore]) -> None:
    for core in opened:
        core.tell_anchor()


def _open_journal(settings: RouterSettings) -> SqliteJournal:
    try:
        return SqliteJournal(settings.journal_path)
    except (JournalError, OSError) as error:
        raise StartupError(f"TANDEM_ROUTER_JOURNAL_PATH: {error}") from error


def _journal_runner(lifecycle: Lifecycle, settings: RouterSettings) -> RunBlocking:
    """One thread that commits; a commit that hangs counts as failed."""
    pool = BlockingPool(1, slot_wait_s=settings.commit_timeout_s, name="journal")
    lifecycle.on_close("journal thread", lambda: pool.close(settings.commit_timeout_s))

    async def run(call: Callable[[], None]) -> None:
        try:
            await pool.run(call, timeout_s=settings.commit_timeout_s)
        except (PoolTimeoutError, PoolBusyError) as error:
            raise CommitFailed(
                f"{settings.journal_path}: no answer in {settings.commit_timeout_s:g} s"
            ) from error

    return run


def _reading_runner(lifecycle: Lifecycle, settings: RouterSettings) -> RunBlocking:
    """Threads that read the journal beside its writer, as many as may read at once."""
    pool = BlockingPool(READS_MAX, slot_wait_s=settings.read_timeout_s, name="journal reading")
    lifecycle.on_close("journal readers", lambda: pool.close(settings.read_timeout_s))

    async def run(call: Callable[[], None]) -> None:
        try:
            await pool.run(call, timeout_s=settings.read_timeout_s)
        except (PoolTimeoutError, PoolBusyError) as error:
            raise JournalError(f"it was not read in {settings.read_timeout_s:g} s") from error

    return run


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
        node=f"{socket.gethostname()}:{os.getpid()}",
        version=_version(),
        generation=settings.journal_generation,
        events_kept=settings.events_kept,
        watch_queue_len_max=settings.watch_queue_len_max,
        replace_proof_s=settings.replace_proof_s,
        anchor_log_s=settings.anchor_log_s,
        room=RoomSettings(
            settings.journal_check_s, settings.journal_low_mib, settings.journal_reduce_mib
        ),
        link=LinkSettings(reconnect_max_s=settings.reconnect_max_s),
        care=CareSettings(round_s=settings.review_s),
    )


async def _serve(lifecycle: Lifecycle, settings: RouterSettings, core: RouterCore) -> None:
    board = HealthBoard(lifecycle.clock, [BROKER, OPERATIONS])
    trading = _server(lifecycle, settings, board, settings.listen, "LISTEN", BROKER)
    broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(core.broker, trading.grpc)
    operating = _server(
        lifecycle, settings, board, settings.operations_listen, "OPERATIONS_LISTEN", OPERATIONS
    )
    operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(
        core.operations, operating.grpc
    )
    lifecycle.on_drain("health", _awaitable(board.set_draining))
    lifecycle.on_drain("router", _awaitable(core.drain))
    for server in (trading, operating):
        await server.start()
        stop = partial(server.stop, settings.stop_grace_s)
        # Longer than the grace: calls that it cuts off are no failure to close.
        limit_s = settings.stop_grace_s + lifecycle.limits.closer_s
        lifecycle.on_close(f"server {server.address}", stop, limit_s)
    lifecycle.own_tasks("health").start("venues", _show_venues(core, board), critical=True)
    board.set_ready()


async def _show_venues(core: RouterCore, board: HealthBoard) -> None:
    """Publish each venue as a health component of its own, as the journal tells of it."""
    with contextlib.suppress(WatchEnded):
        while True:
            with contextlib.suppress(Refused):  # fell behind: begin with what is known now
                await _follow_venues(core, board)
    await asyncio.Event().wait()  # draining: nothing more to show


async def _follow_venues(core: RouterCore, board: HealthBoard) -> None:
    subscription = core.watching.subscribe("")
    try:
        for entry in core.books.venues.values():
            _show_venue(entry, board)
        while True:
            event = await subscription.next(_VENUES_WAIT_S)
            if event is not None and isinstance(event.told, VenueEntry):
                _show_venue(event.told, board)
    finally:
        core.watching.unsubscribe(subscription)


def _show_venue(entry: VenueEntry, board: HealthBoard) -> None:
    status = Health.SERVING if entry.ready else Health.NOT_SERVING
    board.set_component(f"venue.{entry.account_id}.{entry.venue}", status, entry.reason)


def _awaitable(call: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    """A quick call in the shape that the lifecycle takes."""

    async def run() -> object:
        return call()

    return run


def _server(
    lifecycle: Lifecycle,
    settings: RouterSettings,
    board: HealthBoard,
    listen: str,
    name: str,
    service: str,
) -> RpcServer:
    options = ServerOptions(
        listen=listen,
        listen_setting=f"TANDEM_ROUTER_{name}",
        default_deadline_s=settings.default_deadline_s,
        insecure_listen=insecure_listen_allowed(os.environ),
    )
    return build_server(
        options, clock=lifecycle.clock, board=board, service_names=[service], translate=translate
    )


def _version() -> str:
    try:
        return version("tandem-broker")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"
