"""The page that Prometheus reads: what is measured is refreshed, then rendered in a thread."""

from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.common.runtime.blocking import BlockingPool
from services.common.runtime.errors import ListenError, PoolBusyError, PoolTimeoutError
from services.common.runtime.listen import ListenAddress, require_free

Refresh = Callable[[], None]
"""Sets gauges from what they measure; quick, on the event loop's thread."""

PATH: Final = "/metrics"
_RENDER_TIMEOUT_S: Final = 5.0
_STOP_S: Final = 1.0

_log = structlog.stdlib.get_logger(__name__)


class MetricsPage:
    """One process's metrics and the address where they are read.

    `provider` is what instruments are made by. At most one page is rendered at a time; a reader
    that comes meanwhile gets 503.
    """

    def __init__(self, service: str, address: ListenAddress, setting: str) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._reader = PrometheusMetricReader(scope_info_enabled=False, registry=self._registry)
        self.provider = MeterProvider(
            [self._reader],
            resource=Resource.create({SERVICE_NAME: service}),
            # The page has no place for exemplars.
            exemplar_filter=AlwaysOffExemplarFilter(),
            shutdown_on_exit=False,
        )
        self._address = address
        self._setting = setting
        self._pool = BlockingPool(1, slot_wait_s=_STOP_S, name="metrics")
        self._refreshes: list[Refresh] = []
        self._runner: web.AppRunner | None = None

    def on_read(self, refresh: Refresh) -> None:
        """Call `refresh` before each reading."""
        self._refreshes.append(refresh)

    async def start(self) -> str:
        """Listen; the address, host:port. ListenError if the port is taken."""
        require_free(self._address, self._setting)
        app = web.Application()
        app.router.add_get(PATH, self._read)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_S)
        await runner.setup()
        self._runner = runner
        site = web.TCPSite(runner, self._address.host, self._address.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise ListenError(f"{self._setting}: can't listen on {self._address}") from error
        host, port = runner.addresses[0][:2]
        return str(ListenAddress(host, port))

    async def stop(self) -> None:
        """Read no more; what is being read has a second to end."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._pool.close(_STOP_S)

    async def _read(self, request: web.Request) -> web.Response:
        for refresh in self._refreshes:
            refresh()
        try:
            body = await self._pool.run(
                generate_latest, self._registry, timeout_s=_RENDER_TIMEOUT_S
            )
        except (PoolBusyError, PoolTimeoutError):
            return web.Response(status=503, text="busy")
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
