"""The settings that every service has, and the variables that hold for all of them."""

from collections.abc import Mapping
from typing import Literal

from services.common.runtime.config import CONFIG_FILE, Settings, setting
from services.common.runtime.listen import INSECURE_LISTEN
from services.common.runtime.shutdown import ShutdownLimits

GLOBAL_VARIABLES: Mapping[str, str] = {
    CONFIG_FILE: "Path of the settings file (TOML). Unset: no file.",
    INSECURE_LISTEN: (
        "1 allows listening on addresses other than loopback, although connections are neither "
        "encrypted nor authenticated. Warned of at each start."
    ),
}
"""Environment variables that belong to no section, with their descriptions for the reference."""


class TelemetrySettings(Settings):
    """Where a process tells of itself: spans to a collector, metrics on a page."""

    otlp_endpoint: str = setting(
        default="",
        env="TANDEM_OTLP_ENDPOINT",
        pattern=r"^(https?://[^/?#@\s]+/?)?$",
        description="OpenTelemetry collector that takes spans by OTLP over HTTP, such as "
        "http://127.0.0.1:4318. Empty: none are sent.",
    )
    otlp_delay_s: float = setting(
        default=5.0,
        gt=0,
        le=60,
        env="TANDEM_OTLP_DELAY_S",
        description="Spans that end within so many seconds are sent together.",
    )
    metrics_listen: str = setting(
        default="",
        description="host:port of the page that Prometheus reads, /metrics; customary ports are "
        "9464 (router), 9465 (Alpaca adapter), 9466 (IB adapter). Port 0 picks a free one. "
        "Empty: no page.",
    )


class ServiceSettings(TelemetrySettings):
    """Base of a service's settings."""

    log_level: Literal["debug", "info", "warning", "error"] = setting(
        default="info", description="The least level that is logged."
    )
    log_json: bool = setting(
        default=True, description="Log one JSON object a line; false: lines for a person's eyes."
    )
    default_deadline_s: float = setting(
        default=30.0, gt=0, description="Deadline of a call whose caller gave none. Not of streams."
    )
    drain_s: float = setting(
        default=5.0,
        ge=0,
        description="How long health says NOT_SERVING before anything is closed on shutdown.",
    )
    stop_grace_s: float = setting(
        default=5.0, ge=0, description="How long running calls may go on after the drain."
    )
    shutdown_s: float = setting(
        default=25.0,
        gt=0,
        description="Limit of the whole shutdown; a pod's grace period must be longer.",
    )

    def shutdown_limits(self) -> ShutdownLimits:
        """These settings as the lifecycle takes them."""
        return ShutdownLimits(drain_s=self.drain_s, overall_s=self.shutdown_s)
