"""Order events as server-sent events: live, replayed, and ended with the streams."""

import asyncio
import json
from typing import Any

import aiohttp
import requests

from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from tests.simulators.process import RunningAlpaca
from tests.simulators.rest import PUT

HEADERS = {"APCA-API-KEY-ID": SIMULATED_KEY, "APCA-API-SECRET-KEY": SIMULATED_SECRET}
ORDER = {
    "symbol": PUT,
    "qty": "1",
    "side": "sell",
    "type": "limit",
    "limit_price": "8.50",
    "time_in_force": "day",
}


def place(alpaca: RunningAlpaca) -> None:
    requests.post(f"{alpaca.url}/v2/orders", json=ORDER, headers=HEADERS, timeout=30)


async def events(response: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    """The next events, comments left out."""
    told: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while len(told) < count:
            line = await response.content.readline()
            if line.startswith(b"data: "):
                told.append(json.loads(line[6:]))
    return told


async def test_events_are_told_live_and_again_from_any_of_them(alpaca: RunningAlpaca) -> None:
    url = f"{alpaca.url}/v2/events/trades"
    async with aiohttp.ClientSession(headers=HEADERS) as http:
        async with http.get(url) as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            await asyncio.to_thread(place, alpaca)
            live = await events(response, 3)
        assert [event["event"] for event in live] == ["pending_new", "new", "fill"]
        assert live[2]["position_qty"] == "-1"
        ids = [event["event_id"] for event in live]
        assert ids == sorted(ids)
        async with http.get(url, params={"since_id": ids[1]}) as response:
            assert [event["event_id"] for event in await events(response, 2)] == ids[1:]
        async with http.get(url, params={"since": live[0]["at"]}) as response:
            assert await events(response, 3) == live
            alpaca.control("POST", "/stream/disconnect")
            async with asyncio.timeout(30):
                assert b"data" not in await response.content.read()


def test_who_may_not_read_is_refused(alpaca: RunningAlpaca) -> None:
    url = f"{alpaca.url}/v2/events/trades"
    assert requests.get(url, timeout=30).status_code == 401
    assert requests.get(url, headers=HEADERS, params={"since": "x"}, timeout=30).status_code == 422
