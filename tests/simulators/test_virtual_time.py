"""alpaca-py, REST and stream, with the simulated Alpaca in one virtual-time loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import async_solipsism
import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.stream import TradingStream

from simulators.alpaca.settings import AlpacaSettings
from simulators.alpaca.simulated import SimulatedAlpaca, build
from tests.simulators.in_loop import InLoopAdapter, run_blocking, served
from tests.simulators.process import KEYS

PUT = "SPY241115P00400000"


class InLoop:
    """A simulated Alpaca with alpaca-py's clients connected to it inside the loop."""

    def __init__(self, simulated: SimulatedAlpaca) -> None:
        self.simulated = simulated
        self.client: Any = TradingClient(**KEYS, url_override="http://alpaca:8081", raw_data=True)
        self.client._retry = 0
        self.client._session.mount("http://", InLoopAdapter(simulated.frontend))
        self.events: list[tuple[float, str]] = []

    async def post(self, client_order_id: str, price: str = "8.50", **more: Any) -> Any:
        order = {
            "symbol": PUT,
            "qty": "1",
            "side": "sell",
            "type": "limit",
            "limit_price": price,
            "time_in_force": "day",
            "client_order_id": client_order_id,
            **more,
        }
        return await run_blocking(self.client.post, "/orders", order)

    async def get(self, client_order_id: str) -> Any:
        params = {"client_order_id": client_order_id}
        return await run_blocking(self.client.get, "/orders:by_client_order_id", params)

    async def listen(self) -> None:
        stream = TradingStream(**KEYS, url_override="ws://alpaca:8081/stream", raw_data=True)
        loop = asyncio.get_running_loop()

        async def heard(message: Any) -> None:
            self.events.append((round(loop.time(), 3), message["data"]["event"]))

        stream.subscribe_trade_updates(heard)
        try:
            await stream._run_forever()  # type: ignore[no-untyped-call]
        finally:
            await stream.close()


def in_virtual_time(
    story: Callable[[InLoop], Awaitable[None]], settings: AlpacaSettings | None = None
) -> float:
    """Acts a story on a loop of its own; returns the virtual seconds that it took."""

    async def act() -> float:
        loop = asyncio.get_running_loop()
        simulated = build(settings or AlpacaSettings(), loop.time)
        async with served(simulated.frontend, "alpaca", 8081):
            inside = InLoop(simulated)
            listening = asyncio.create_task(inside.listen())
            await asyncio.sleep(1)
            try:
                await story(inside)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            return loop.time()

    loop = async_solipsism.EventLoop()  # type: ignore[no-untyped-call]
    try:
        return loop.run_until_complete(act())
    finally:
        loop.close()


def test_an_order_and_its_events_take_the_same_times_in_every_run() -> None:
    runs: list[list[tuple[float, str]]] = []

    async def story(alpaca: InLoop) -> None:
        order = await alpaca.post("one")
        assert order["status"] == "pending_new"
        await asyncio.sleep(3600)
        assert (await alpaca.get("one"))["status"] == "filled"
        runs.append(alpaca.events)

    began = time.perf_counter()
    took_s = [in_virtual_time(story), in_virtual_time(story)]
    assert min(took_s) > 3600
    assert time.perf_counter() - began < 50
    assert runs[0] == runs[1]
    assert [event for _, event in runs[0]] == ["pending_new", "new", "fill"]


def test_submits_overlap_in_virtual_time() -> None:
    async def story(alpaca: InLoop) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(alpaca.post(f"o{n}", price="20.00") for n in range(2)))
        assert loop.time() - began == pytest.approx(0.1)

    in_virtual_time(story)


def test_a_lost_reply_leaves_the_order_at_the_venue() -> None:
    async def story(alpaca: InLoop) -> None:
        alpaca.simulated.control.add_fault({"action": {"kind": "drop_reply"}})
        with pytest.raises(requests.exceptions.ConnectionError):
            await alpaca.post("lost")
        assert (await alpaca.get("lost"))["client_order_id"] == "lost"
        with pytest.raises(APIError) as again:
            await alpaca.post("lost")
        assert again.value.status_code == 422

    in_virtual_time(story)


def test_a_request_goes_on_when_its_caller_gave_up() -> None:
    async def story(alpaca: InLoop) -> None:
        fault = {"action": {"kind": "delay", "delay_before_s": 30}}
        alpaca.simulated.control.add_fault(fault)
        calling = asyncio.create_task(alpaca.post("late"))
        await asyncio.sleep(5)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        with pytest.raises(APIError) as absent:
            await alpaca.get("late")
        assert absent.value.status_code == 404
        await asyncio.sleep(30)
        assert (await alpaca.get("late"))["status"] == "filled"

    in_virtual_time(story)


@pytest.mark.parametrize(
    ("kind", "wrapped"), [("refuse", "NewConnectionError"), ("drop_request", "RemoteDisconnected")]
)
def test_a_request_that_never_arrived_has_no_effect(kind: str, wrapped: str) -> None:
    async def story(alpaca: InLoop) -> None:
        alpaca.simulated.control.add_fault({"action": {"kind": kind}})
        with pytest.raises(requests.exceptions.ConnectionError, match=wrapped):
            await alpaca.post("never")
        assert alpaca.simulated.control.ledger()["orders"] == []

    in_virtual_time(story)


def test_the_stream_reconnects_without_replay() -> None:
    async def story(alpaca: InLoop) -> None:
        control = alpaca.simulated.control
        assert control.disconnect_streams() == 1
        await alpaca.post("unheard")
        await asyncio.sleep(60)
        assert alpaca.events == []
        assert control.health()["stream_sessions"] == 1
        await alpaca.post("heard", price="20.00")
        await asyncio.sleep(1)
        assert [event for _, event in alpaca.events] == ["pending_new", "new"]

    in_virtual_time(story)
