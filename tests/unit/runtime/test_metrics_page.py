"""The page that Prometheus reads."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.common.runtime.clock import SystemClock
from services.common.runtime.errors import ListenError
from services.common.runtime.listen import ListenAddress
from services.common.runtime.metrics_page import MetricsPage
from services.common.runtime.observing import LoopLag

SETTING = "TANDEM_TEST_METRICS_LISTEN"


@pytest.fixture
async def page() -> AsyncIterator[tuple[MetricsPage, str]]:
    made = MetricsPage("unit", ListenAddress("127.0.0.1", 0), SETTING)
    address = await made.start()
    yield made, address
    await made.stop()


async def read(address: str) -> dict[str, float]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/metrics", raise_for_status=True) as reply,
    ):
        assert reply.headers["Content-Type"].startswith("text/plain")
        text = await reply.text()
    families = text_string_to_metric_families(text)
    return {sample.name: sample.value for family in families for sample in family.samples}


async def test_gauges_are_refreshed_before_each_reading(page: tuple[MetricsPage, str]) -> None:
    made, address = page
    gauge = made.provider.get_meter("unit").create_gauge("tandem.watchers")
    values = iter([3, 5])
    made.on_read(lambda: gauge.set(next(values)))
    assert (await read(address))["tandem_watchers"] == 3
    assert (await read(address))["tandem_watchers"] == 5


async def test_the_process_itself_is_on_the_page(page: tuple[MetricsPage, str]) -> None:
    assert (await read(page[1]))["process_resident_memory_bytes"] > 1e6


async def test_many_readers_at_once_are_served_or_refused(
    page: tuple[MetricsPage, str],
) -> None:
    counted = await asyncio.gather(*(read(page[1]) for _ in range(8)), return_exceptions=True)
    refused = [r.status for r in counted if isinstance(r, aiohttp.ClientResponseError)]
    assert any(isinstance(r, dict) for r in counted)
    assert set(refused) <= {503}


async def test_a_port_in_use_is_said_with_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        made = MetricsPage("unit", ListenAddress("127.0.0.1", port), SETTING)
        with pytest.raises(ListenError, match=f"{SETTING}: .*:{port}: the port is in use"):
            await made.start()
        await made.stop()


async def test_after_the_stop_nothing_listens(page: tuple[MetricsPage, str]) -> None:
    await page[0].stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await read(page[1])


async def test_the_lag_is_the_worst_since_the_last_reading(page: tuple[MetricsPage, str]) -> None:
    made, address = page

    class Late(SystemClock):
        """Sleeps a quarter of a second too long, twice."""

        times = 0
        at = 0.0

        def monotonic(self) -> float:
            return self.at

        async def sleep(self, seconds: float) -> None:
            self.times += 1
            self.at += seconds + (0.25 if self.times == 2 else 0.0)
            await asyncio.sleep(0 if self.times < 4 else 60)

    clock = Late()
    lag = LoopLag(clock, made.provider.get_meter("unit"))
    made.on_read(lag.tell)
    measuring = asyncio.create_task(lag.run())
    async with asyncio.timeout(30):
        while clock.times < 4:
            await asyncio.sleep(0)
    assert (await read(address))["tandem_event_loop_lag_seconds"] == pytest.approx(0.25)
    assert (await read(address))["tandem_event_loop_lag_seconds"] == 0
    measuring.cancel()
