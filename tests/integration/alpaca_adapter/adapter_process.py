"""The adapter as the process that a user starts, with its gRPC services."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET

ROOT = Path(__file__).parents[3]
START_S = 40.0
END_S = 20.0


def environment(folder: Path, url: str, **changed: str) -> dict[str, str]:
    """Variables of an adapter of the simulator at `url`; an empty value takes one out."""
    given = {
        "LISTEN": "127.0.0.1:0",
        "ACCOUNT_ID": "main",
        "ACCOUNT_TAG": "sim",
        "FENCE_STORE_PATH": str(folder / "fence.sqlite"),
        "API_KEY": SIMULATED_KEY,
        "SECRET_KEY": SIMULATED_SECRET,
        "BASE_URL": url,
        "DRAIN_S": "0",
        "REST__CONNECT_TIMEOUT_S": "2",
        "REST__READ_TIMEOUT_S": "2",
        "REST__TOTAL_TIMEOUT_S": "3",
        "SYNC__BACKOFF_MIN_S": "0.05",
        "SYNC__BACKOFF_MAX_S": "0.2",
        **changed,
    }
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TANDEM_", "APCA_", "ALPACA_"))
    }
    return kept | {f"TANDEM_ALPACA_{name}": value for name, value in given.items() if value}


class AdapterProcess:
    """A running adapter; what it logs is read as it comes."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        text = self._log.read_text("utf-8")
        whole = text[: text.rfind("\n") + 1]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def said(self, event: str) -> dict[str, Any]:
        """Wait for the first line of an event."""
        ends_at = time.monotonic() + START_S
        while True:
            for line in self.lines():
                if line["event"] == event:
                    return line
            assert self.process.poll() is None, self._log.read_text("utf-8")
            assert time.monotonic() < ends_at, f"no {event} in {self._log.read_text('utf-8')}"
            time.sleep(0.02)

    @property
    def address(self) -> str:
        """host:port of its services, once it serves."""
        return str(self.said("listening")["address"])

    def end(self) -> int:
        """Ask it to end, and give its exit code."""
        self.process.terminate()
        return self.process.wait(END_S)


@contextmanager
def adapter_process(folder: Path, env: dict[str, str]) -> Iterator[AdapterProcess]:
    """Start `python -m services.alpaca_adapter`; it is gone at the end, whatever happens."""
    log = folder / "adapter.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.alpaca_adapter"],
            cwd=ROOT,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield AdapterProcess(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(END_S)


def start_fails(env: dict[str, str]) -> tuple[int, list[str]]:
    """Run an adapter that can't start: its exit code, and its lines for a person."""
    done = subprocess.run(
        [sys.executable, "-m", "services.alpaca_adapter"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()
