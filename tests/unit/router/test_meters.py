"""What the router counts, and what it tells of an order on the order's span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from services.common.domain.errors import OutcomeUnknown, Reason, Unavailable
from services.common.domain.order_status import OrderStatus
from services.common.runtime import telemetry
from services.router.meters import RouterMeters
from tests.unit.adapter.virtual_time import virtual_clock
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, router, share_order, until, virtual
from tests.unit.router.scripted_port import accepts, refuses

Sample = tuple[str, ...]


class Counted:
    """A router's meters, read by name and labels."""

    def __init__(self, running: Running) -> None:
        self._reader = InMemoryMetricReader()
        meter = MeterProvider([self._reader]).get_meter("unit")
        self._meters = RouterMeters(meter, running.core.books, virtual_clock())
        self._meters.begin()
        running.core.meters = self._meters

    def read(self) -> dict[Sample, float]:
        """(name, label values sorted by label) to value."""
        self._meters.tell(watchers=0, leads=True)
        data: Any = self._reader.get_metrics_data()
        return {
            (metric.name, *(str(value) for _, value in sorted(point.attributes.items()))): (
                point.value
            )
            for metric in data.resource_metrics[0].scope_metrics[0].metrics
            for point in metric.data.data_points
        }


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What the router's own tracer tells; a process has one, these tests have one each."""
    exporter = InMemorySpanExporter()
    provider = telemetry.build_tracer_provider("unit", [SimpleSpanProcessor(exporter)])
    monkeypatch.setattr(telemetry, "default_tracer", lambda: provider.get_tracer("unit"))
    yield exporter
    provider.shutdown()


@virtual
async def test_a_failover_is_counted_and_told_on_the_orders_span(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        counted = Counted(running)
        running.alpaca.answer = refuses(Unavailable(Reason.RATE_LIMITED, "429"))
        await running.submit(share_order())
        assert counted.read()["tandem.failovers", "alpaca", "second"] == 1
        assert counted.read()["tandem.alerts", "FAILOVER", "WARNING"] == 1
        (order,) = spans.get_finished_spans()
        (event,) = order.events
        assert (order.name, event.name) == ("order", "failover")
        assert dict(event.attributes or {}) == {
            "tandem.from_venue": "alpaca",
            "tandem.to_venue": "second",
            "tandem.reason": "RATE_LIMITED",
        }
        assert dict(order.attributes or {}) == {
            telemetry.ACCOUNT_ID: "main",
            telemetry.CLIENT_ORDER_ID: "o-1",
            telemetry.ORDER_STATUS: "ACCEPTED",
        }


@virtual
async def test_an_order_that_the_journal_could_not_take_has_a_failed_span(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with router(tmp_path / "j.db") as running:
        running.core.journal._commit = _fail  # type: ignore[method-assign, assignment]
        with pytest.raises(Unavailable):
            await running.submit(share_order())
        (order,) = spans.get_finished_spans()
        assert order.status.status_code is StatusCode.ERROR
        assert (order.attributes or {})[telemetry.ERROR_TYPE] == "JOURNAL_UNAVAILABLE"


def _fail(*_: object) -> None:
    raise OSError("no space is left")


@virtual
async def test_orders_are_counted_by_status_and_doubts_by_their_age(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    async with router(path, crash=True) as running:
        counted = Counted(running)
        running.alpaca.answer = accepts
        await running.submit(spec())
        running.alpaca.fill(running.alpaca.sent[-1].client_order_id, "e-1", "10", "10")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        running.alpaca.answer = refuses(OutcomeUnknown("no answer"))
        await running.submit(share_order(client_order_id="o-2"))
        figures = counted.read()
        assert figures["tandem.orders", "FILLED"] == 1
        assert figures["tandem.executions", "alpaca"] == 1
        assert figures["tandem.orders", "IN_DOUBT"] == 1
        assert figures["tandem.orders.open", "IN_DOUBT"] == figures["tandem.orders.in_doubt",] == 1
        assert figures["tandem.orders.open", "ACCEPTED"] == 0
        assert figures["tandem.venue.state", "main", "UP", "alpaca"] == 1
        assert figures["tandem.trading.state", "ACTIVE"] == 1
        assert figures["tandem.leading",] == 1
        running.alpaca.answer = accepts
        placed = running.alpaca.sent[-1]
        running.core.intake.take_report(replace(accepts(placed), venue="alpaca"))
        found = counted.read()
        assert found["tandem.orders.in_doubt",] == found["tandem.orders.in_doubt.age",] == 0
        assert found["tandem.orders.open", "ACCEPTED"] == 1
        running.alpaca.answer = refuses(OutcomeUnknown("no answer"))
        await running.submit(share_order(client_order_id="o-3"))
    async with router(path, ports=running.ports, wait_ready=False) as again:
        figures = Counted(again).read()
        assert figures["tandem.orders.in_doubt",] == 1, "what is in doubt is so after a restart"
        assert figures["tandem.orders.in_doubt.age",] > 0
        assert ("tandem.orders", "FILLED") not in figures, "replay counts nothing"
