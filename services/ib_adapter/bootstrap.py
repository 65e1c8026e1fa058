"""The adapter's process: the only place where settings, disk and the gateway meet."""

from __future__ import annotations

import logging
import random
import secrets
from functools import partial
from typing import Final

import structlog

from services.common.adapter.capabilities import Capabilities
from services.common.adapter.hosting import (
    Host,
    awaitable,
    open_host,
    open_store_pool,
    serve,
)
from services.common.domain.order_terms import OrderClass, OrderType, TimeInForce
from services.common.runtime.errors import StartupError
from services.common.runtime.shutdown import Lifecycle
from services.ib_adapter.assembly import Surroundings, build_gateway
from services.ib_adapter.gateway import IbGateway
from services.ib_adapter.send_log import SendLog, SendLogUnusable
from services.ib_adapter.settings import IbSettings

SERVICE: Final = "tandem-ib-adapter"

_log = structlog.stdlib.get_logger(__name__)


async def start(lifecycle: Lifecycle) -> None:
    """Open everything and serve. Settings, send log and account are checked before that."""
    settings = IbSettings.load()
    settings.identity()
    host = await open_host(lifecycle, settings, SERVICE)
    # The library logs each failed connect, and every order in full; the session says it in a line.
    for name in ("ib_insync", "eventkit"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    gateway = _gateway(host, settings, _open_send_log(lifecycle, settings))
    address = await serve(
        host,
        gateway,
        partial(_capabilities, settings, gateway),
        probe_interval_s=settings.connection.probe_interval_s,
    )
    _log.info(
        "ready",
        address=address,
        venue=settings.venue,
        mode=settings.mode,
        gateway=f"{settings.host}:{settings.port}",
        client_id=settings.client_id,
        stand_alone=settings.stand_alone,
    )


def _open_send_log(lifecycle: Lifecycle, settings: IbSettings) -> SendLog:
    pool = open_store_pool(lifecycle, "send log", settings.fence_write_timeout_s)
    try:
        log = SendLog.open(
            settings.send_log_path,
            lifecycle.clock,
            pool.run,
            write_timeout_s=settings.fence_write_timeout_s,
        )
    except SendLogUnusable as error:
        raise StartupError(f"TANDEM_IB_SEND_LOG_PATH: {error}") from error
    lifecycle.on_close("send log", awaitable(log.close))
    return log


def _gateway(host: Host, settings: IbSettings, send_log: SendLog) -> IbGateway:
    def current_epoch() -> int:
        return 0 if host.store.seen is None else host.store.seen.epoch

    around = Surroundings(
        clock=host.lifecycle.clock,
        sink=host.sink,
        pacer=host.pacer,
        send_log=send_log,
        random=random.SystemRandom(),
        new_session_id=partial(secrets.token_hex, 8),
        current_epoch=current_epoch,
    )
    gateway = build_gateway(settings, around)
    host.lifecycle.on_close("gateway", gateway.close)
    return gateway


def _capabilities(settings: IbSettings, gateway: IbGateway) -> Capabilities:
    return Capabilities(
        order_types=tuple(OrderType),
        times_in_force=tuple(TimeInForce),
        order_classes=tuple(OrderClass),
        enforces_unique_ids=False,
        fractional_quantities=False,
        entitlements=(f"market_data={settings.data.kind}", *gateway.entitlements),
    )
