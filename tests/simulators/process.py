"""Runs a simulator as the separate process that a user starts, and speaks to its control port."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.trading.client import TradingClient
from alpaca.trading.stream import TradingStream

from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET

ROOT = Path(__file__).parents[2]
_DEADLINE_S = 10.0
KEYS: dict[str, Any] = {"api_key": SIMULATED_KEY, "secret_key": SIMULATED_SECRET}


@dataclass(frozen=True)
class RunningAlpaca:
    """A simulated Alpaca in a process of its own."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ready['port']}"

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.ready['control_port']}"

    def control(self, method: str, path: str, content: Any = None, status: int = 200) -> Any:
        """One call of the control API; asserts its status."""
        answer = requests.request(method, self.control_url + path, json=content, timeout=5)
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
        yield RunningAlpaca(process, json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.communicate(timeout=_DEADLINE_S)


def eventually(check: Callable[[], Any], deadline_s: float = _DEADLINE_S) -> Any:
    """Asks again until the answer is true; fails at the deadline with the last answer."""
    ends = time.monotonic() + deadline_s
    while not (answer := check()):
        assert time.monotonic() < ends, f"still {answer!r} after {deadline_s} s"
        time.sleep(0.005)
    return answer
