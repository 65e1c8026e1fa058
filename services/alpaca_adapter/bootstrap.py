"""The adapter's process: the only place where settings, disk, threads and servers meet."""

from __future__ import annotations

import logging
import os
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import structlog

from services.alpaca_adapter.assembly import Surroundings, build_gateway
from services.alpaca_adapter.gateway import AlpacaGateway
from services.alpaca_adapter.rest import Access
from services.alpaca_adapter.settings import AlpacaSettings
from services.common.adapter.adapter_servicer import AdapterServicer
from services.common.adapter.broker_servicer import BrokerServicer
from services.common.adapter.capabilities import Capabilities
from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_file import FenceFileUnusable
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.pacer import Pacer
from services.common.adapter.port import SessionChanged, VenueEvent
from services.common.adapter.settings import PacingSettings
from services.common.contract.pb import adapter_service_pb2_grpc, broker_service_pb2_grpc
from services.common.contract.status import translate
from services.common.domain.errors import ReadFailed, TandemError
from services.common.domain.order_spec import OrderType, TimeInForce
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import Clock
from services.common.runtime.errors import StartupError
from services.common.runtime.health import Health, HealthBoard
from services.common.runtime.listen import insecure_listen_allowed
from services.common.runtime.logs import configure_logging
from services.common.runtime.server import RpcServer, ServerOptions, build_server
from services.common.runtime.shutdown import Lifecycle, ShutdownLimits
from services.common.runtime.telemetry import build_tracer_provider, install_tracer_provider

SERVICE: Final = "tandem-alpaca-adapter"
BROKER: Final = "tandem.v1.BrokerService"
ADAPTER: Final = "tandem.v1.AdapterService"
_STOP_GRACE_S = 2.0
_CLOSING_S = 15.0
_STORE_SLOT_WAIT_S = 5.0

_log = structlog.stdlib.get_logger(__name__)


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
class _Kit:
    """What stands around the gateway."""

    store: FenceStore
    feed: EventFeed
    board: HealthBoard
    desk: OrderDesk


async def start(lifecycle: Lifecycle) -> None:
    """Open everything and serve. Settings, credentials and account are checked before that."""
    settings = AlpacaSettings.load()
    access = settings.access()
    identity = settings.identity(access)
    _configure_process(lifecycle, settings, access)
    store = await _open_store(lifecycle, settings)
    board = HealthBoard(lifecycle.clock, [BROKER, ADAPTER])
    feed = EventFeed(
        lifecycle.clock,
        capacity=settings.stream.capacity,
        reader_lag_max=settings.stream.reader_lag_max,
    )
    pacer = _pacer(lifecycle.clock, settings.pacing)
    gateway = _gateway(lifecycle, settings, pacer, ShownFeed(feed, board, settings.venue))
    await _require_account(gateway)
    desk = OrderDesk(gateway, store, pacer, lifecycle.clock, wait_max_s=settings.pacing.wait_max_s)
    server = _server(lifecycle, settings, _Kit(store, feed, board, desk), gateway)
    await server.start()
    _close_in_order(lifecycle, settings, server, _Kit(store, feed, board, desk))
    tasks = lifecycle.own_tasks("venue")
    tasks.start("session", _keep_session(gateway), critical=True)
    tasks.start("probe", _probe(gateway, settings, lifecycle.clock), critical=True)
    lifecycle.on_close("orders", partial(_close_desk, desk, settings), settings.close_wait_s + 2.0)
    board.set_ready()
    _log.info(
        "ready",
        address=server.address,
        venue=settings.venue,
        mode=settings.mode,
        trading_url=identity.trading_url,
        stand_alone=settings.stand_alone,
    )


def _configure_process(lifecycle: Lifecycle, settings: AlpacaSettings, access: Access) -> None:
    configure_logging(
        SERVICE,
        settings.log_level,
        json=settings.log_json,
        secret_values={access.key, access.secret},
    )
    # The SDK logs each reconnect with a traceback; the session says the same in one line.
    logging.getLogger("alpaca.trading.stream").setLevel(logging.CRITICAL)
    lifecycle.limits = ShutdownLimits(
        drain_s=settings.drain_s, overall_s=settings.drain_s + settings.close_wait_s + _CLOSING_S
    )
    provider = build_tracer_provider(SERVICE)
    install_tracer_provider(provider)
    lifecycle.on_close("telemetry", _awaitable(provider.shutdown))


async def _open_store(lifecycle: Lifecycle, settings: AlpacaSettings) -> FenceStore:
    """The fence store, with a thread of its own: calls to Alpaca must not keep it waiting."""
    pool = BlockingPool(1, slot_wait_s=_STORE_SLOT_WAIT_S, name="fence-store")
    lifecycle.on_close("fence store thread", lambda: pool.close(settings.fence_write_timeout_s))
    try:
        store = FenceStore.open(
            settings.fence_store_path,
            lifecycle.clock,
            pool.run,
            routed=not settings.stand_alone,
            write_timeout_s=settings.fence_write_timeout_s,
        )
    except FenceFileUnusable as error:
        raise StartupError(f"TANDEM_ALPACA_FENCE_STORE_PATH: {error}") from error
    lifecycle.on_close("fence store", _awaitable(store.close))
    return store


def _gateway(
    lifecycle: Lifecycle, settings: AlpacaSettings, pacer: Pacer, sink: ShownFeed
) -> AlpacaGateway:
    rest = settings.rest
    pool = BlockingPool(rest.slots, slot_wait_s=rest.slot_wait_s, name="alpaca")
    lifecycle.on_close("requests", lambda: pool.close(rest.total_timeout_s), rest.total_timeout_s)
    around = Surroundings(
        clock=lifecycle.clock,
        run_blocking=pool.run,
        sink=sink,
        pacer=pacer,
        data_pacer=_pacer(lifecycle.clock, settings.data_pacing),
        random=random.SystemRandom(),
        new_session_id=partial(secrets.token_hex, 8),
    )
    gateway = build_gateway(settings, around)
    lifecycle.on_close("gateway", gateway.close)
    return gateway


def _pacer(clock: Clock, pacing: PacingSettings) -> Pacer:
    return Pacer(clock, pacing.terms(), queue_len_max=pacing.queue_len_max)


async def _require_account(gateway: AlpacaGateway) -> None:
    """Stop here if the key or the account is wrong; a venue that is down is waited for later."""
    try:
        await gateway.admit()
    except ReadFailed as error:
        _log.warning("account_not_checked_yet", reason=error.reason.value, error=error.message)
    except TandemError as error:
        raise StartupError(f"{error.reason.value}: {error.message}") from error


def _server(
    lifecycle: Lifecycle, settings: AlpacaSettings, kit: _Kit, gateway: AlpacaGateway
) -> RpcServer:
    server = build_server(
        ServerOptions(
            listen=settings.listen,
            listen_setting="TANDEM_ALPACA_LISTEN",
            default_deadline_s=settings.default_deadline_s,
            insecure_listen=insecure_listen_allowed(os.environ),
        ),
        clock=lifecycle.clock,
        board=kit.board,
        service_names=[BROKER, ADAPTER],
        translate=translate,
    )
    broker = BrokerServicer(
        gateway,
        kit.desk,
        kit.feed,
        kit.store,
        lifecycle.clock,
        settings,
        partial(_capabilities, settings),
        server_version=_version(),
    )
    broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(broker, server.grpc)
    adapter_service_pb2_grpc.add_AdapterServiceServicer_to_server(
        AdapterServicer(gateway, kit.store, settling_s=settings.settling_s), server.grpc
    )
    return server


def _close_in_order(
    lifecycle: Lifecycle, settings: AlpacaSettings, server: RpcServer, kit: _Kit
) -> None:
    """Health off, streams ended; then (last registered first) orders, session, server, the rest."""
    lifecycle.on_drain("health", _awaitable(kit.board.set_draining))
    lifecycle.on_drain("event streams", _awaitable(kit.feed.drain))
    lifecycle.on_close("server", partial(server.stop, _STOP_GRACE_S))


async def _close_desk(desk: OrderDesk, settings: AlpacaSettings) -> None:
    await desk.close(finish_s=settings.close_wait_s)


async def _keep_session(gateway: AlpacaGateway) -> None:
    try:
        await gateway.run()
    except TandemError as error:
        _log.error("no_trading_here", reason=error.reason.value, error=error.message)
        raise


async def _probe(gateway: AlpacaGateway, settings: AlpacaSettings, clock: Clock) -> None:
    """Look at the account from time to time, so that a block shows without being asked for."""
    while True:
        await gateway.status()
        await clock.sleep(settings.rest.probe_interval_s)


def _capabilities(settings: AlpacaSettings) -> Capabilities:
    return Capabilities(
        order_types=(OrderType.MARKET, OrderType.LIMIT),
        times_in_force=(TimeInForce.DAY, TimeInForce.GTC),
        enforces_unique_ids=True,
        fractional_quantities=True,
        entitlements=(f"stock_feed={settings.stock_feed}", f"option_feed={settings.option_feed}"),
    )


def _awaitable(call: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    """A quick call in the shape that the lifecycle takes."""

    async def run() -> object:
        return call()

    return run


def _version() -> str:
    try:
        return version("tandem-broker")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"
