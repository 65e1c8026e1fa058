"""Runs a simulated Alpaca on real ports, as the process that a user starts or in a thread."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.trading.client import TradingClient
from alpaca.trading.stream import TradingStream

from simulators.alpaca.server import alpaca_app
from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET, AlpacaSettings
from simulators.alpaca.simulated import build
from simulators.control.server import ControlServer
from simulators.listening import Listener

ROOT = Path(__file__).parents[2]
_DEADLINE_S = 30.0
KEYS: dict[str, Any] = {"api_key": SIMULATED_KEY, "secret_key": SIMULATED_SECRET}


@dataclass(frozen=True)
class RunningAlpaca:
    """A simulated Alpaca on real ports; `process` only if it has one of its own."""

    ready: dict[str, Any]
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ready['port']}"

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.ready['control_port']}"

    def control(self, method: str, path: str, content: Any = None, status: int = 200) -> Any:
        """One call of the control API; asserts its status."""
        answer = requests.request(method, self.control_url + path, json=content, timeout=30)
        assert answer.status_code == status, answer.text
        return answer.json()

    def trading(self, **more: Any) -> Any:
        """alpaca-py's `TradingClient`; Any, since each of its answers is a union with raw data."""
        return TradingClient(**KEYS, url_override=self.url, **more)

    def stocks(self) -> Any:
        return StockHistoricalDataClient(**KEYS, url_override=self.url)

    def options(self) -> Any:
        return OptionHistoricalDataClient(**KEYS, url_override=self.url)

    def stream(self, **more: Any) -> TradingStream:
        """alpaca-py's stream of order events."""
        url = f"ws://127.0.0.1:{self.ready['port']}/stream"
        return TradingStream(**KEYS, url_override=url, **more)


@contextmanager
def running_alpaca(*flags: str) -> Iterator[RunningAlpaca]:
    """Starts `python -m simulators.alpaca` on free ports and ends it."""
    command = [sys.executable, "-m", "simulators.alpaca", "--port", "0", "--control-port", "0"]
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield RunningAlpaca(json.loads(process.stdout.readline()), process)
    finally:
        process.terminate()
        process.communicate(timeout=_DEADLINE_S)


@contextmanager
def alpaca_in_thread(settings: AlpacaSettings | None = None) -> Iterator[RunningAlpaca]:
    """The same server without the second that a process takes to start."""
    with ThreadPoolExecutor(1) as pool:
        started: Future[tuple[dict[str, Any], Callable[[], object]]] = Future()
        ended = pool.submit(asyncio.run, _serve(settings or AlpacaSettings(), started))
        ready, stop = started.result(_DEADLINE_S)
        try:
            yield RunningAlpaca(ready)
        finally:
            stop()
            ended.result(_DEADLINE_S)


async def _serve(
    settings: AlpacaSettings, started: "Future[tuple[dict[str, Any], Callable[[], object]]]"
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    simulated, listener = build(settings, time.monotonic), Listener("127.0.0.1")
    try:
        async with simulated.frontend.running():
            port = await listener.listen(alpaca_app(simulated.frontend), 0)
            control_port = await listener.listen(ControlServer(simulated.control).app(), 0)
            ready = {"port": port, "control_port": control_port}
            started.set_result((ready, partial(loop.call_soon_threadsafe, stop.set)))
            await stop.wait()
    finally:
        await listener.close()


def eventually(check: Callable[[], Any], deadline_s: float = _DEADLINE_S) -> Any:
    """Asks again until the answer is true; fails at the deadline with the last answer."""
    ends = time.monotonic() + deadline_s
    while not (answer := check()):
        assert time.monotonic() < ends, f"still {answer!r} after {deadline_s} s"
        time.sleep(0.005)
    return answer
