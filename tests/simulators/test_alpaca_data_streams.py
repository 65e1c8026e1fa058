"""The data websockets: their protocol in process, and real clients on real sockets."""

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from alpaca.data.live import OptionDataStream, StockDataStream

from simulators.alpaca.data_session import ERRORS, DataSession
from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from tests.simulators.process import KEYS, RunningAlpaca
from tests.simulators.rest import PUT, Api

MODELLED = "SPY241129P00380000"
MSGPACK = {"content-type": "application/msgpack"}
AUTH = {"action": "auth", "key": SIMULATED_KEY, "secret": SIMULATED_SECRET}
HEADERS = {"apca-api-key-id": SIMULATED_KEY, "apca-api-secret-key": SIMULATED_SECRET}


class Client:
    """A client of a data stream in process: what it was told, decoded."""

    def __init__(self, api: Api, path: str = "/v2/iex", **headers: str) -> None:
        session = api.simulated.data.connect(path, {**MSGPACK, **headers})
        assert session is not None
        self.session: DataSession = session
        self.closed = False

    async def told(self) -> list[dict[str, Any]]:
        """All that waits for the client now."""
        messages: list[dict[str, Any]] = []
        while True:
            try:
                async with asyncio.timeout(0):
                    frame = await self.session.next_frame()
            except TimeoutError:
                return messages
            if frame is None:
                self.closed = True
                return messages
            assert isinstance(frame, bytes)
            messages += msgspec.msgpack.decode(frame)

    async def say(self, **message: Any) -> list[dict[str, Any]]:
        self.session.receive(msgspec.msgpack.encode(message))
        return await self.told()


async def connected(api: Api, path: str = "/v2/iex", **headers: str) -> Client:
    client = Client(api, path, **headers)
    await client.told()
    assert await client.say(**AUTH) == [{"T": "success", "msg": "authenticated"}]
    return client


def error(code: int) -> list[dict[str, Any]]:
    return [{"T": "error", "code": code, "msg": ERRORS[code]}]


async def test_a_client_is_greeted_authenticates_and_subscribes() -> None:
    api = Api()
    client = Client(api)
    assert await client.told() == [{"T": "success", "msg": "connected"}]
    assert await client.say(action="subscribe", quotes=["SPY"]) == error(401)
    assert await client.say(**AUTH) == [{"T": "success", "msg": "authenticated"}]
    assert await client.say(**AUTH) == error(403)
    (echo,) = await client.say(action="subscribe", quotes=["SPY"], trades=["SPY", "QQQ"])
    assert echo == {
        "T": "subscription", "trades": ["QQQ", "SPY"], "quotes": ["SPY"], "bars": [],
        "updatedBars": [], "dailyBars": [], "statuses": [], "lulds": [],
        "corrections": ["QQQ", "SPY"], "cancelErrors": ["QQQ", "SPY"],
    }  # fmt: skip
    (echo,) = await client.say(action="unsubscribe", trades=["SPY"])
    assert (echo["trades"], echo["quotes"]) == (["QQQ"], ["SPY"])


async def test_each_new_quote_is_told_with_a_trade() -> None:
    api = Api()
    client = await connected(api)
    await client.say(action="subscribe", quotes=["SPY"], trades=["SPY"])
    api.simulated.control.set_quote("SPY", Decimal("401.00"), Decimal("401.04"))
    api.simulated.control.set_quote("QQQ", Decimal("351.00"), Decimal("351.04"))
    quote, trade = await client.told()
    assert isinstance(quote.pop("t"), datetime)
    assert quote == {
        "T": "q", "S": "SPY", "ap": 401.04, "as": 10, "bp": 401, "bs": 10, "ax": "V", "bx": "V",
        "c": ["R"], "z": "B",
    }  # fmt: skip
    assert (trade["T"], trade["p"], trade["s"]) == ("t", 401.02, 100)


async def test_bars_come_at_the_end_of_each_minute() -> None:
    api = Api()
    client = await connected(api)
    await client.say(action="subscribe", bars=["*"], dailyBars=["SPY"])
    api.simulated.control.advance_clock(125)
    messages = await client.told()
    minutes = [m for m in messages if m["T"] == "b" and m["S"] == "SPY"]
    assert [f"{m['t']:%H:%M}" for m in minutes] == ["15:00", "15:01"]
    assert {m["S"] for m in messages if m["T"] == "b"} == {"SPY", "QQQ", "AAPL", "BRK.B"}
    assert [m["c"] for m in messages if m["T"] == "d"] == [400, 400]


async def test_option_quotes_follow_their_underlying_and_have_a_string_as_condition() -> None:
    api = Api()
    client = await connected(api, "/v1beta1/indicative")
    (echo,) = await client.say(action="subscribe", quotes=[PUT, MODELLED])
    assert echo == {"T": "subscription", "trades": [], "quotes": [PUT, MODELLED]}
    api.simulated.control.set_quote("SPY", Decimal("390"), Decimal("390.02"))
    (followed,) = await client.told()
    assert (followed["S"], followed["c"]) == (MODELLED, "A")
    api.simulated.control.set_quote(PUT, Decimal("12.00"), Decimal("12.10"))
    (given,) = await client.told()
    assert (given["S"], given["bp"], given["ap"]) == (PUT, 12, 12.1)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"action": "dance"}, 400),
        ({"action": "subscribe", "quotes": "SPY"}, 400),
        ({"action": "subscribe", "orderbooks": ["SPY"]}, 410),
        ({"action": "subscribe", "quotes": [f"S{n}" for n in range(31)]}, 405),
        ({"action": "subscribe", "trades": ["*"]}, 405),
    ],
)
async def test_a_bad_message_is_answered_by_its_code(message: dict[str, Any], code: int) -> None:
    client = await connected(Api())
    assert await client.say(**message) == error(code)
    assert not client.closed
    assert (await client.say(action="subscribe", quotes=["SPY"]))[0]["T"] == "subscription"


async def test_limits_of_options_and_of_the_paid_feed_are_others() -> None:
    api = Api()
    options = await connected(api, "/v1beta1/indicative")
    many = [f"SPY241129P{strike:05d}000" for strike in range(300, 501)]
    assert await options.say(action="subscribe", quotes=many) == error(405)
    assert await options.say(action="subscribe", quotes=["*"]) == error(413)
    assert (await options.say(action="subscribe", quotes=many[1:]))[0]["T"] == "subscription"
    paid = await connected(Api(stock_feed="sip"), "/v2/sip")
    assert (await paid.say(action="subscribe", quotes=["*"]))[0]["quotes"] == ["*"]


async def test_who_may_not_come_in_is_told_why_and_cut_off() -> None:
    api = Api()
    await connected(api)
    for path, auth, code in (
        ("/v2/iex", AUTH, 406),
        ("/v2/iex", {**AUTH, "secret": "wrong"}, 402),
        ("/v2/sip", AUTH, 409),
        ("/v1beta1/opra", AUTH, 409),
    ):
        client = Client(api, path)
        await client.told()
        assert await client.say(**auth) == error(code)
        assert client.closed
    late = Client(api)
    await late.told()
    late.session.auth_timed_out()
    assert await late.told() == error(404)
    assert late.closed


async def test_headers_authenticate_too() -> None:
    client = Client(Api(), **HEADERS)
    assert [message["msg"] for message in await client.told()] == ["connected", "authenticated"]


async def test_a_client_that_does_not_read_is_called_slow() -> None:
    api = Api()
    client = await connected(api)
    await client.say(action="subscribe", quotes=["SPY"])
    client.session.push([{"T": "q", "S": "SPY"}] * 50_001)
    assert await client.told() == error(407)
    assert client.closed


async def test_json_is_for_those_who_do_not_ask_for_msgpack() -> None:
    api = Api()
    session = api.simulated.data.connect("/v2/iex", HEADERS)
    assert session is not None
    assert await session.next_frame() == '[{"T":"success","msg":"connected"}]'
    assert await session.next_frame() == '[{"T":"success","msg":"authenticated"}]'
    session.receive('{"action":"subscribe","quotes":["SPY"]}')
    assert json.loads(await session.next_frame() or "")[0]["quotes"] == ["SPY"]
    api.wait(1)
    api.simulated.control.set_quote("SPY", Decimal("401.00"), Decimal("401.04"))
    (quote,) = json.loads(await session.next_frame() or "")
    assert quote["t"] == "2024-11-04T15:00:01.000000523Z"
    options = api.simulated.data.connect("/v1beta1/indicative", HEADERS)
    assert options is not None
    options.receive('{"action":"subscribe","quotes":["SPY241115P00400000"]}')
    frames = [json.loads(await options.next_frame() or "") for _ in range(3)]
    assert frames[2] == error(412)


async def test_a_muted_stream_stays_connected_and_says_nothing() -> None:
    api = Api()
    client = await connected(api)
    await client.say(action="subscribe", quotes=["SPY"])
    assert api.simulated.control.do("data_streams_mute") == {"sessions": 1}
    api.simulated.control.set_quote("SPY", Decimal("401.00"), Decimal("401.04"))
    assert await client.told() == []
    api.simulated.control.do("data_streams_mute", muted=False)
    api.simulated.control.set_quote("SPY", Decimal("402.00"), Decimal("402.04"))
    assert len(await client.told()) == 1
    api.simulated.control.do("data_streams_disconnect")
    assert await client.told() == []
    assert client.closed
    api.simulated.control.do("data_streams_refuse", times=1)
    assert api.simulated.data.connect("/v2/iex", {}) is None


@asynccontextmanager
async def running(stream: Any) -> Any:
    """alpaca-py's stream in the loop of the test."""
    task = asyncio.create_task(stream._run_forever())
    try:
        yield
    finally:
        await stream.stop_ws()
        await stream.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def first_of(
    stream: Any, subscribe: Callable[..., None], symbol: str, change: Callable[[], Any]
) -> Any:
    """The first thing that a stream of alpaca-py hands over while the market changes."""
    got: asyncio.Queue[Any] = asyncio.Queue()

    async def handler(item: Any) -> None:
        await got.put(item)

    subscribe(handler, symbol)
    async with running(stream), asyncio.timeout(10):
        while got.empty():
            await asyncio.to_thread(change)
            await asyncio.sleep(0.02)
        return await got.get()


async def test_alpaca_py_streams_stocks_and_options(alpaca: RunningAlpaca) -> None:
    base = f"ws://127.0.0.1:{alpaca.ready['port']}"

    def change(symbol: str, bid: str, ask: str) -> Callable[[], Any]:
        content = {"symbol": symbol, "bid": bid, "ask": ask}
        return lambda: alpaca.control("POST", "/quotes", content)

    stocks = StockDataStream(**KEYS, url_override=f"{base}/v2/iex")
    quote = await first_of(stocks, stocks.subscribe_quotes, "SPY", change("SPY", "401", "401.02"))
    assert (quote.symbol, quote.bid_price, quote.ask_price) == ("SPY", 401, 401.02)
    options = OptionDataStream(**KEYS, url_override=f"{base}/v1beta1/indicative")
    trade = await first_of(options, options.subscribe_trades, PUT, change(PUT, "9", "9.10"))
    assert (trade.symbol, trade.price) == (PUT, 9.05)


async def test_the_test_stream_has_quotes_at_any_hour(alpaca: RunningAlpaca) -> None:
    url = f"ws://127.0.0.1:{alpaca.ready['port']}/v2/test"
    async with aiohttp.ClientSession(headers=HEADERS) as http, http.ws_connect(url) as socket:
        assert (await socket.receive_json())[0]["msg"] == "connected"
        assert (await socket.receive_json())[0]["msg"] == "authenticated"
        await socket.send_json({"action": "subscribe", "quotes": ["FAKEPACA"]})
        assert (await socket.receive_json())[0]["T"] == "subscription"
        async with asyncio.timeout(30):
            (quote,) = await socket.receive_json()
        assert quote["S"] == "FAKEPACA"


async def test_a_path_without_a_websocket_says_so(alpaca: RunningAlpaca) -> None:
    async with (
        aiohttp.ClientSession(headers=HEADERS) as http,
        http.get(f"{alpaca.url}/v2/iex") as response,
    ):
        assert response.status == 426
