"""The adapter's process: the only place where settings, threads and the gateway meet."""

from __future__ import annotations

import logging
import random
import secrets
from functools import partial
from typing import Final

import structlog

from services.alpaca_adapter.assembly import Surroundings, build_gateway
from services.alpaca_adapter.gateway import AlpacaGateway
from services.alpaca_adapter.settings import AlpacaSettings
from services.common.adapter.capabilities import Capabilities
from services.common.adapter.hosting import Host, make_pacer, open_host, serve
from services.common.domain.order_terms import OrderClass, OrderType, TimeInForce
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.shutdown import Lifecycle

SERVICE: Final = "tandem-alpaca-adapter"

_log = structlog.stdlib.get_logger(__name__)


async def start(lifecycle: Lifecycle) -> None:
    """Open everything and serve. Settings, credentials and account are checked before that."""
    settings = AlpacaSettings.load()
    access = settings.access()
    identity = settings.identity(access)
    host = await open_host(lifecycle, settings, SERVICE, secret_values={access.key, access.secret})
    # The SDK logs each reconnect with a traceback; the session says the same in one line.
    for name in ("alpaca.trading.stream", "alpaca.data.live.websocket"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    gateway = _gateway(host, settings)
    address = await serve(
        host,
        gateway,
        partial(_capabilities, gateway),
        probe_interval_s=settings.rest.probe_interval_s,
    )
    _log.info(
        "ready",
        address=address,
        venue=settings.venue,
        mode=settings.mode,
        trading_url=identity.trading_url,
        stand_alone=settings.stand_alone,
    )


def _gateway(host: Host, settings: AlpacaSettings) -> AlpacaGateway:
    rest, lifecycle = settings.rest, host.lifecycle
    pool = BlockingPool(rest.slots, slot_wait_s=rest.slot_wait_s, name="alpaca")
    lifecycle.on_close("requests", lambda: pool.close(rest.total_timeout_s), rest.total_timeout_s)
    data_pacer = make_pacer(lifecycle.clock, settings.data_pacing)
    host.meters.watch_budget("market_data", data_pacer)
    host.meters.watch_calls(pool)
    around = Surroundings(
        clock=lifecycle.clock,
        run_blocking=pool.run,
        sink=host.sink,
        pacer=host.pacer,
        data_pacer=data_pacer,
        random=random.SystemRandom(),
        new_session_id=partial(secrets.token_hex, 8),
    )
    gateway = build_gateway(settings, around)
    lifecycle.on_close("gateway", gateway.close)
    return gateway


def _capabilities(gateway: AlpacaGateway) -> Capabilities:
    return Capabilities(
        order_types=tuple(OrderType),
        times_in_force=tuple(TimeInForce),
        order_classes=tuple(OrderClass),
        enforces_unique_ids=True,
        fractional_quantities=True,
        entitlements=gateway.entitlements,
    )
