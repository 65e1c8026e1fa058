"""docs/telemetry.md says what the code tells: each metric, each attribute, each setting."""

from __future__ import annotations

from typing import Any

from opentelemetry.metrics import NoOpMeter

from services.common.adapter.meters import AdapterMeters
from services.common.runtime import rpc_meter, telemetry
from services.common.runtime.broker_calls import broker_span
from services.common.runtime.clock import SystemClock
from services.common.runtime.observing import LoopLag
from services.common.runtime.service_settings import TelemetrySettings
from services.router.books.books import Books
from services.router.meters import RouterMeters, TimedJournal
from tests.workshop.repository import DOCS, codes, rows, section

PAGE = DOCS / "telemetry.md"


class Asked(NoOpMeter):
    """A meter that remembers what it was asked to make, with its unit and kind."""

    def __init__(self) -> None:
        super().__init__("asked")
        self.made: dict[str, str] = {}

    def _make(self, kind: str, name: str, unit: str) -> None:
        self.made[name] = f"{kind}, {unit}" if unit else kind

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Any:
        self._make("counter", name, unit)
        return super().create_counter(name, unit, description)

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Any:
        self._make("gauge", name, unit)
        return super().create_gauge(name, unit, description)

    def create_histogram(
        self, name: str, unit: str = "", description: str = "", **boundaries: Any
    ) -> Any:
        self._make("histogram", name, unit)
        return super().create_histogram(name, unit, description, **boundaries)


def documented(heading: str) -> dict[str, str]:
    return {codes(row[0])[0]: row[1] for row in rows(section(PAGE, heading)) if codes(row[0])}


def test_every_metric_is_documented_with_its_kind_and_unit() -> None:
    clock, every, routers, adapters = SystemClock(), Asked(), Asked(), Asked()
    rpc_meter.server_meter(every)
    rpc_meter.client_meter(every)
    LoopLag(clock, every)
    RouterMeters(routers, Books(), clock)
    TimedJournal(None, routers, clock.monotonic)  # type: ignore[arg-type]
    AdapterMeters(adapters, "alpaca")
    with broker_span("alpaca", "GET /account", meter=adapters):
        pass
    page = PAGE.read_text(encoding="utf-8")
    for asked, heading in ((routers, "The router's"), (adapters, "An adapter's")):
        assert documented(heading) == asked.made
    for name, kind in every.made.items():
        assert f"| `{name}` | {kind} |" in page


def test_every_attribute_is_documented() -> None:
    told = {
        value
        for name, value in vars(telemetry).items()
        if name.isupper() and isinstance(value, str) and "." in value
    }
    table = rows(section(PAGE, "One trace for each order"))
    assert {code for row in table for code in codes(row[0])} == told


def test_every_setting_of_telemetry_is_documented() -> None:
    table = rows(section(PAGE, "Settings"))
    assert [codes(row[0])[0] for row in table] == list(TelemetrySettings.model_fields)
