"""What the processes tell of an order: one trace from the client to the broker, and metrics."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from tandem_client import OrderStatus, OutcomeUnknown, TandemClient, new_traceparent

from stack.children import Program
from stack.traces import TraceCollector, TracedSpan
from tests.integration.system.parts import eventually
from tests.integration.system.test_start_up import run
from tests.integration.system.trio import Programs, Trio, fills_now, rests
from tests.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEADLINE_S: Final = 15.0
SUBMIT: Final = "tandem.v1.BrokerService/SubmitOrder"
ROUTER: Final = "tandem-router"
ADAPTER: Final = "tandem-alpaca-adapter"
# Two seconds for spans that nobody takes, besides what an end takes anyway.
FLUSH_S: Final = 2.0


class Observed(Trio):
    """A trio whose adapter exports where its router does; both have metrics."""

    def __init__(self, made: Programs, router: Program) -> None:
        super().__init__(made, router)
        own = {"TANDEM_ALPACA_METRICS_LISTEN": f"127.0.0.1:{free_port()}"}
        shared = {n: v for n, v in router.environment.items() if n.startswith("TANDEM_OTLP")}
        self.adapter.program = made.adapter(**shared, **own)

    async def counted(self, page: str) -> dict[tuple[str, ...], float]:
        """All samples of one process's page: (name, label values sorted by label) to value."""
        variable = f"TANDEM_{page}_METRICS_LISTEN"
        part = self.router if page == "ROUTER" else self.adapter
        address = part.program.environment[variable]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{address}/metrics", raise_for_status=True) as reply,
        ):
            text = await reply.text()
        return {
            # An empty label is none: it stands where another sample of the name has one.
            (sample.name, *(v for _, v in sorted(sample.labels.items()) if v)): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector() -> AsyncIterator[TraceCollector]:
    async with TraceCollector() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, collector: TraceCollector
) -> AsyncIterator[Observed]:
    variables = {
        "TANDEM_OTLP_ENDPOINT": collector.endpoint,
        "TANDEM_OTLP_DELAY_S": "0.1",
        "TANDEM_ROUTER_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
    }
    folder = tmp_path_factory.mktemp("observed")
    async with Observed.running(folder, **variables) as trio:
        yield trio


def the(spans: Sequence[TracedSpan], service: str, name: str, kind: str = "") -> TracedSpan:
    """The one span of that name; fails if there is none or another."""
    (found,) = [s for s in spans if (s.service, s.name) == (service, name) and kind in ("", s.kind)]
    return found


async def test_one_trace_goes_from_the_client_to_the_broker(
    trio: Observed, collector: TraceCollector
) -> None:
    parent = new_traceparent()
    _, trace_id, client_id, _ = parent.split("-")
    async with TandemClient(trio.address, traceparent=lambda: parent) as client:
        order = await client.submit(fills_now("traced"))
    spans = await collector.wait_for(
        trace_id, lambda found: {s.service for s in found} == {ROUTER, ADAPTER}, DEADLINE_S
    )
    spans = await collector.wait_for(
        trace_id, lambda found: any(s.name == "order" for s in found), DEADLINE_S
    )
    taken = the(spans, ROUTER, SUBMIT, "SERVER")
    work = the(spans, ROUTER, "order")
    sent = the(spans, ROUTER, SUBMIT, "CLIENT")
    served = the(spans, ADAPTER, SUBMIT, "SERVER")
    posted = the(spans, ADAPTER, "alpaca POST /orders", "CLIENT")
    chain = [taken, work, sent, served, posted]
    assert [s.parent_id for s in chain] == [client_id, *(s.span_id for s in chain[:-1])]
    assert not any(s.failed for s in chain)
    for span in (taken, work, sent, served):
        assert span.attributes["tandem.client_order_id"] == "traced"
        assert span.attributes["tandem.account_id"] == "main"
    assert sent.attributes["tandem.placement_id"] == order.placement_id
    assert sent.attributes["tandem.venue"] == posted.attributes["tandem.venue"] == "alpaca"
    assert posted.attributes["http.response.status_code"] == 200
    for part in (trio.router, trio.adapter):
        lines = part.logs[-1].read_text("utf-8").splitlines()
        assert [line for line in lines if f'"trace_id": "{trace_id}"' in line]
    assert work.attributes["tandem.order_status"] in ("ACCEPTED", "FILLED", "PARTIALLY_FILLED")


async def test_an_order_that_is_resolved_after_a_restart_stays_in_its_trace(
    trio: Observed, collector: TraceCollector
) -> None:
    parent = new_traceparent()
    trace_id = parent.split("-")[1]
    await trio.venue.spoil_submit("drop_reply", of="withheld", ends="hang")
    async with TandemClient(trio.address, traceparent=lambda: parent) as client:
        submitting = asyncio.create_task(client.submit(rests("withheld")))
        await eventually(lambda: trio.venue.placed("withheld"))
        await trio.router.kill()
        with pytest.raises(OutcomeUnknown):
            await submitting
    await trio.router.start()
    await trio.becomes("withheld", OrderStatus.ACCEPTED)
    looked_up = "tandem.v1.BrokerService/GetOrder"
    spans = await collector.wait_for(
        trace_id,
        lambda found: {ROUTER, ADAPTER} <= {s.service for s in found if s.name == looked_up},
        DEADLINE_S,
    )
    asked = [s for s in spans if (s.service, s.name) == (ROUTER, looked_up)]
    assert {s.attributes["tandem.client_order_id"] for s in asked} == {"withheld"}
    # The span of the RPC died with the router, unsent; the journal kept its id.
    assert {s.parent_id for s in asked}.isdisjoint({s.span_id for s in spans} | {""})


async def test_pages_count_calls_orders_venues_and_commits(trio: Observed) -> None:
    before = await trio.counted("ROUTER")
    await trio.client.submit(fills_now("counted"))
    await trio.settles("counted")
    router, adapter = await trio.counted("ROUTER"), await trio.counted("ALPACA")

    def more(*sample: str) -> float:
        return router[sample] - before.get(sample, 0.0)

    duration = "rpc_server_call_duration_seconds_count"
    assert more(duration, SUBMIT, "OK", "grpc") == 1
    assert more("rpc_client_call_duration_seconds_count", SUBMIT, "OK", "grpc") == 1
    assert more("tandem_orders_total", "FILLED") == 1
    assert more("tandem_executions_total", "alpaca") == 1
    assert more("tandem_journal_commit_duration_seconds_count") >= 2
    assert router["tandem_venue_ready", "main", "alpaca"] == 1
    assert router["tandem_venue_state", "main", "UP", "alpaca"] == 1
    assert router["tandem_trading_state", "ACTIVE"] == 1
    assert router["tandem_orders_in_doubt",] == 0
    assert router["tandem_event_loop_lag_seconds",] < 5
    assert adapter[duration, SUBMIT, "OK", "grpc"] >= 1
    posted = ("tandem_broker_call_duration_seconds_count", "alpaca", "POST /orders")
    assert adapter[posted] >= 1
    assert adapter["tandem_budget_left", "trading", "alpaca"] > 0
    assert adapter["tandem_budget_left", "market_data", "alpaca"] > 0
    assert adapter["tandem_calls_under_way", "alpaca"] >= 0
    assert adapter["tandem_calls_late", "alpaca"] == 0
    assert adapter["tandem_venue_session", "alpaca"] == 1
    assert adapter["tandem_sends_in_flight", "alpaca"] >= 0
    told = " ".join(value for sample in (*router, *adapter) for value in sample)
    assert "counted" not in told, "an id as a label would make series without end"


async def test_a_collector_that_is_away_holds_up_neither_orders_nor_the_end(
    trio: Observed, collector: TraceCollector
) -> None:
    await collector.stop()
    try:
        for n in range(20):
            order = await trio.client.submit(fills_now(f"untold-{n}"))
            assert order.status is not OrderStatus.IN_DOUBT
        began = time.monotonic()
        assert await trio.router.stop() == 0
        # The router of these tests drains at once; its venues' streams end in a moment.
        assert time.monotonic() - began < FLUSH_S + 20.0
        said = trio.router.logs[-1].read_text("utf-8")
        assert said.count("spans_not_exported") <= 1
        assert "Traceback" not in said
    finally:
        await trio.router.start()
        await trio.open_for_entries()


async def test_metrics_that_cannot_be_served_end_the_start_with_one_line(tmp_path: Path) -> None:
    made, variable = Programs.in_folder(tmp_path), "TANDEM_ROUTER_METRICS_LISTEN"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = await run(made.router(**{variable: address}))
    assert ended.code == 1
    why = f"{variable}: can't listen on {address}: the port is in use"
    assert ended.said == [f"tandem-router: {why}"]
    beyond = await run(made.router(**{variable: "0.0.0.0:0"}))
    assert beyond.code == 1
    assert "not a loopback address" in beyond.said[0]
