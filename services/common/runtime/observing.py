"""A process's telemetry, set up by its settings and taken down in a bounded time."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog
from opentelemetry import metrics
from opentelemetry.metrics import Meter
from opentelemetry.sdk.trace import TracerProvider

from services.common.runtime import telemetry
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import Clock
from services.common.runtime.errors import PoolTimeoutError
from services.common.runtime.listen import (
    INSECURE_LISTEN,
    insecure_listen_allowed,
    parse_listen,
    require_allowed,
)
from services.common.runtime.passing_on import PassingProvider
from services.common.runtime.service_settings import TelemetrySettings
from services.common.runtime.shutdown import Lifecycle

if TYPE_CHECKING:
    from services.common.runtime.metrics_page import MetricsPage

LOOP_LAG: Final = "tandem.event_loop.lag"
FLUSH_S: Final = 2.0
_LAG_EACH_S: Final = 0.5

_log = structlog.stdlib.get_logger(__name__)


class Observed:
    """What a process tells of itself. Without a page its gauges are not read, and cost nothing."""

    def __init__(self, page: MetricsPage | None) -> None:
        self._page = page

    def on_read(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` on the event loop before each reading of the metrics, to set gauges."""
        if self._page is not None:
            self._page.on_read(refresh)


def default_meter() -> Meter:
    """The meter of the installed provider; without one, nothing is kept and nothing costs."""
    return metrics.get_meter("tandem")


async def observe(
    lifecycle: Lifecycle,
    service: str,
    settings: TelemetrySettings,
    attributes: telemetry.Attributes | None = None,
) -> Observed:
    """Install tracing, export and metrics by `settings`; once in a process's life.

    `attributes` are told with every span of the process. What is registered to close here is
    closed last: spans get two seconds to leave, and are given up then. Raises ListenError if the
    metrics' address can't be listened on.
    """
    _trace(lifecycle, service, settings, attributes)
    page = await _serve_page(lifecycle, service, settings) if settings.metrics_listen else None
    if page is not None:
        lag = LoopLag(lifecycle.clock, default_meter())
        page.on_read(lag.tell)
        lifecycle.own_tasks("metrics").start("event loop", lag.run(), critical=True)
    return Observed(page)


def _trace(
    lifecycle: Lifecycle,
    service: str,
    settings: TelemetrySettings,
    attributes: telemetry.Attributes | None,
) -> None:
    if not settings.otlp_endpoint:
        telemetry.install_tracer_provider(PassingProvider())
        return
    # Only loaded where it is used.
    from services.common.runtime.span_export import otlp_processor

    processor = otlp_processor(settings.otlp_endpoint, settings.otlp_delay_s, lifecycle.clock)
    provider = telemetry.build_tracer_provider(service, [processor], attributes)
    telemetry.install_tracer_provider(provider)
    lifecycle.on_close("telemetry", lambda: flush(provider), FLUSH_S + 1.0)


async def flush(provider: TracerProvider) -> None:
    """Shut down after sending what is left; given up after `FLUSH_S`, whatever a collector does."""
    pool = BlockingPool(1, slot_wait_s=0.0, name="telemetry")
    try:
        await pool.run(provider.shutdown, timeout_s=FLUSH_S)
    except PoolTimeoutError:
        _log.warning("spans_given_up", waited_s=FLUSH_S)
    else:
        await pool.close(0.0)


async def _serve_page(
    lifecycle: Lifecycle, service: str, settings: TelemetrySettings
) -> MetricsPage:
    # Its HTTP server takes a third of a second to load: only where it is used.
    from services.common.runtime.metrics_page import MetricsPage

    setting = settings.variable("metrics_listen")
    address = parse_listen(settings.metrics_listen, setting)
    require_allowed(address, setting, insecure_listen=insecure_listen_allowed(os.environ))
    if not address.is_loopback:
        _log.warning("insecure_listen", address=str(address), allowed_by=INSECURE_LISTEN)
    page = MetricsPage(service, address, setting)
    metrics.set_meter_provider(page.provider)
    lifecycle.on_close("metrics page", page.stop)
    _log.info("listening", address=await page.start(), setting=setting)
    return page


class LoopLag:
    """How late the event loop is: what a sleep takes beyond its time, at its worst."""

    def __init__(self, clock: Clock, meter: Meter) -> None:
        self._clock = clock
        self._worst_s = 0.0
        self._gauge = meter.create_gauge(
            LOOP_LAG,
            unit="s",
            description="The longest that the event loop was late since the last reading.",
        )

    async def run(self) -> None:
        """Measure until canceled."""
        while True:
            due = self._clock.monotonic() + _LAG_EACH_S
            await self._clock.sleep(_LAG_EACH_S)
            self._worst_s = max(self._worst_s, self._clock.monotonic() - due)

    def tell(self) -> None:
        """Set the gauge, and begin anew."""
        self._gauge.set(self._worst_s)
        self._worst_s = 0.0
