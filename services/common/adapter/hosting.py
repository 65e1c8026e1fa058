"""The process around a gateway: what every adapter opens, serves and closes in the same way.

A bootstrap opens a `Host`, builds its gateway on it, and calls `serve`. What is registered for the
end is closed in reverse order: first the desk (orders in flight are waited for), then the venue's
tasks, the server, the gateway, and what it stands on.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Protocol

import structlog

from services.common.adapter.adapter_servicer import AdapterServicer
from services.common.adapter.broker_servicer import BrokerServicer
from services.common.adapter.capabilities import Capabilities
from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_file import FenceFileUnusable
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.meters import AdapterMeters
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.pacer import Pacer
from services.common.adapter.port import SessionChanged, VenueEvent, VenueGateway
from services.common.adapter.settings import AdapterSettings, PacingSettings
from services.common.contract.pb import adapter_service_pb2_grpc, broker_service_pb2_grpc
from services.common.contract.status import translate
from services.common.domain.errors import ReadFailed, TandemError
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import Clock
from services.common.runtime.errors import StartupError
from services.common.runtime.health import Health, HealthBoard
from services.common.runtime.listen import insecure_listen_allowed
from services.common.runtime.logs import configure_logging
from services.common.runtime.observing import default_meter, observe
from services.common.runtime.server import RpcServer, ServerOptions, build_server
from services.common.runtime.shutdown import Lifecycle, ShutdownLimits
from services.common.runtime.telemetry import order_attributes

BROKER: Final = "tandem.v1.BrokerService"
ADAPTER: Final = "tandem.v1.AdapterService"
_STOP_GRACE_S = 2.0
_CLOSING_S = 15.0
_STORE_SLOT_WAIT_S = 5.0

_log = structlog.stdlib.get_logger(__name__)


class HostedGateway(VenueGateway, Protocol):
    """A gateway that can be asked at the start which account it has."""

    async def admit(self) -> None:
        """Find out which account this is.

        Raises ReadFailed if that can't be known yet, and any other TandemError if it must not, or
        can't, be traded.
        """


class ShownFeed:
    """The feed, with the venue session shown as a health component on its way."""

    def __init__(self, feed: EventFeed, board: HealthBoard, venue: str) -> None:
        self._feed = feed
        self._board = board
        self._component = f"venue.{venue}"
        board.set_component(self._component, Health.NOT_SERVING, "not connected yet")

    def publish(self, *events: VenueEvent) -> None:
        """Take events for the feed; see `EventSink`."""
        for event in events:
            if isinstance(event, SessionChanged):
                state = Health.SERVING if event.session_id else Health.NOT_SERVING
                self._board.set_component(self._component, state, event.reason)
        self._feed.publish(*events)


@dataclass(frozen=True, slots=True)
class Host:
    """What stands around a gateway. `sink` takes its events, `pacer` is the one for trading.

    `meters` tells of budgets; an adapter with more limits than trading's adds them.
    """

    lifecycle: Lifecycle
    settings: AdapterSettings
    store: FenceStore
    board: HealthBoard
    feed: EventFeed
    sink: ShownFeed
    pacer: Pacer
    meters: AdapterMeters


async def open_host(
    lifecycle: Lifecycle,
    settings: AdapterSettings,
    service: str,
    *,
    secret_values: Collection[str] = (),
) -> Host:
    """Set the process up and open the fence store; nothing is served yet.

    `secret_values` are never logged. Raises StartupError for a fence store that can't be used.
    """
    meters = await _configure_process(lifecycle, settings, service, secret_values)
    store = await _open_store(lifecycle, settings)
    board = HealthBoard(lifecycle.clock, [BROKER, ADAPTER])
    feed = EventFeed(
        lifecycle.clock,
        capacity=settings.stream.capacity,
        reader_lag_max=settings.stream.reader_lag_max,
    )
    pacer = make_pacer(lifecycle.clock, settings.pacing)
    meters.watch_budget("trading", pacer)
    sink = ShownFeed(feed, board, settings.venue)
    return Host(lifecycle, settings, store, board, feed, sink, pacer, meters)


async def serve(
    host: Host,
    gateway: HostedGateway,
    capabilities: Callable[[], Capabilities],
    *,
    probe_interval_s: float,
) -> str:
    """Check the account, serve, keep the session; give the address that is served.

    Raises StartupError if the account must not be traded. A venue that is down is waited for.
    """
    lifecycle, settings = host.lifecycle, host.settings
    await _require_account(gateway)
    desk = OrderDesk(
        gateway, host.store, host.pacer, lifecycle.clock, wait_max_s=settings.pacing.wait_max_s
    )
    host.meters.watch(lambda: desk.in_flight_count, lambda: gateway.session_id)
    server = _server(host, desk, gateway, capabilities)
    await server.start()
    lifecycle.on_drain("health", awaitable(host.board.set_draining))
    lifecycle.on_drain("event streams", awaitable(host.feed.drain))
    lifecycle.on_close("server", partial(server.stop, _STOP_GRACE_S))
    tasks = lifecycle.own_tasks("venue")
    tasks.start("session", _keep_session(gateway), critical=True)
    tasks.start("probe", _probe(gateway, probe_interval_s, lifecycle.clock), critical=True)
    lifecycle.on_close(
        "orders", partial(desk.close, finish_s=settings.close_wait_s), settings.close_wait_s + 2.0
    )
    host.board.set_ready()
    return server.address


def open_store_pool(lifecycle: Lifecycle, name: str, write_timeout_s: float) -> BlockingPool:
    """A thread of its own for a store: calls to a broker must not keep it waiting."""
    pool = BlockingPool(1, slot_wait_s=_STORE_SLOT_WAIT_S, name=name.replace(" ", "-"))
    lifecycle.on_close(f"{name} thread", lambda: pool.close(write_timeout_s))
    return pool


def make_pacer(clock: Clock, pacing: PacingSettings) -> Pacer:
    """A pacer by settings."""
    return Pacer(clock, pacing.terms(), queue_len_max=pacing.queue_len_max)


def awaitable(call: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    """A quick call in the shape that the lifecycle takes."""

    async def run() -> object:
        return call()

    return run


async def _configure_process(
    lifecycle: Lifecycle,
    settings: AdapterSettings,
    service: str,
    secret_values: Collection[str],
) -> AdapterMeters:
    configure_logging(
        service, settings.log_level, json=settings.log_json, secret_values=set(secret_values)
    )
    lifecycle.limits = ShutdownLimits(
        drain_s=settings.drain_s, overall_s=settings.drain_s + settings.close_wait_s + _CLOSING_S
    )
    whose = order_attributes(account_id=settings.account_id, venue=settings.venue)
    observed = await observe(lifecycle, service, settings, whose)
    meters = AdapterMeters(default_meter(), settings.venue)
    observed.on_read(meters.tell)
    return meters


async def _open_store(lifecycle: Lifecycle, settings: AdapterSettings) -> FenceStore:
    pool = open_store_pool(lifecycle, "fence store", settings.fence_write_timeout_s)
    try:
        store = FenceStore.open(
            settings.fence_store_path,
            lifecycle.clock,
            pool.run,
            routed=not settings.stand_alone,
            write_timeout_s=settings.fence_write_timeout_s,
        )
    except FenceFileUnusable as error:
        raise StartupError(f"{_variable(settings, 'FENCE_STORE_PATH')}: {error}") from error
    lifecycle.on_close("fence store", awaitable(store.close))
    return store


async def _require_account(gateway: HostedGateway) -> None:
    """Stop here if the account is wrong; a venue that is down is waited for later."""
    try:
        await gateway.admit()
    except ReadFailed as error:
        _log.warning("account_not_checked_yet", reason=error.reason.value, error=error.message)
    except TandemError as error:
        raise StartupError(f"{error.reason.value}: {error.message}") from error


def _server(
    host: Host, desk: OrderDesk, gateway: VenueGateway, capabilities: Callable[[], Capabilities]
) -> RpcServer:
    settings, clock = host.settings, host.lifecycle.clock
    server = build_server(
        ServerOptions(
            listen=settings.listen,
            listen_setting=_variable(settings, "LISTEN"),
            default_deadline_s=settings.default_deadline_s,
            insecure_listen=insecure_listen_allowed(os.environ),
        ),
        clock=clock,
        board=host.board,
        service_names=[BROKER, ADAPTER],
        translate=translate,
    )
    broker = BrokerServicer(
        gateway,
        desk,
        host.feed,
        host.store,
        clock,
        settings,
        capabilities,
        server_version=_version(),
    )
    broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(broker, server.grpc)
    adapter_service_pb2_grpc.add_AdapterServiceServicer_to_server(
        AdapterServicer(
            gateway,
            desk,
            host.store,
            account_tag=settings.account_tag,
            settling_s=settings.settling_s,
        ),
        server.grpc,
    )
    return server


async def _keep_session(gateway: VenueGateway) -> None:
    try:
        await gateway.run()
    except TandemError as error:
        _log.error("no_trading_here", reason=error.reason.value, error=error.message)
        raise


async def _probe(gateway: VenueGateway, interval_s: float, clock: Clock) -> None:
    """Look at the account from time to time, so that a block shows without being asked for."""
    while True:
        await gateway.status()
        await clock.sleep(interval_s)


def _variable(settings: AdapterSettings, name: str) -> str:
    return f"TANDEM_{settings.section.upper()}_{name}"


def _version() -> str:
    try:
        return version("tandem-broker")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"
