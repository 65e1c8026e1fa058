"""`python -m stack`: what can't be run is said in one line, and nothing is started."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from stack import interrupts
from stack.children import ROOT, StackFailed
from stack.foreground import RunOptions, paper_brokers, show_guide
from stack.programs import ALPACA, DEFAULT_PORTS, IB
from stack.running import Addresses


@dataclass(frozen=True)
class Ran:
    code: int | None
    out: str
    err: str


async def stack(*arguments: str, environ: Mapping[str, str] | None = None) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stack", *arguments),
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 40)
    finally:
        if process.returncode is None:
            process.terminate()
    return Ran(process.returncode, out.decode(), err.decode())


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "TANDEM_ALPACA_API_KEY and TANDEM_ALPACA_SECRET_KEY"),
        ({"TANDEM_ALPACA_API_KEY": "PK1"}, "needs TANDEM_ALPACA_SECRET_KEY"),
        ({"TANDEM_ALPACA_API_KEY": "ak1", "TANDEM_ALPACA_SECRET_KEY": "s"}, "live account"),
    ],
)
def test_a_paper_run_needs_the_credentials_of_a_paper_account(
    environ: dict[str, str], words: str
) -> None:
    with pytest.raises(StackFailed, match=words):
        paper_brokers(environ)


def test_credentials_may_come_as_files() -> None:
    paper_brokers(
        {"TANDEM_ALPACA_API_KEY_FILE": "/run/key", "TANDEM_ALPACA_SECRET_KEY_FILE": "/run/secret"}
    )


def test_the_paper_gateway_is_taken_where_the_environment_names_it() -> None:
    alpaca = {"TANDEM_ALPACA_API_KEY": "PK1", "TANDEM_ALPACA_SECRET_KEY": "s3cr3t"}
    gateway = {"TANDEM_IB_PORT": "4002"}
    assert paper_brokers(alpaca) == (ALPACA,)
    assert paper_brokers(gateway) == (IB,)
    assert paper_brokers({**alpaca, **gateway}) == (ALPACA, IB)
    with pytest.raises(StackFailed, match="TANDEM_ALPACA_SECRET_KEY in the environment"):
        paper_brokers({**gateway, "TANDEM_ALPACA_API_KEY": "PK1"})


async def test_a_live_key_starts_nothing_and_is_not_shown(tmp_path: Path) -> None:
    environ = {"TANDEM_ALPACA_API_KEY": "AK1", "TANDEM_ALPACA_SECRET_KEY": "s3cr3t"}
    ran = await stack("run", "--paper", "--state", str(tmp_path / "state"), environ=environ)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("stack: TANDEM_ALPACA_API_KEY is the key of a live account")
    assert ran.err.count("\n") == 1
    assert "s3cr3t" not in ran.err
    assert not (tmp_path / "state").exists()


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = await stack("run", "--state", str(tmp_path), "--alpaca-port", str(port))
    assert ran.code == 1
    assert ran.err.startswith("stack: the simulated Alpaca ended while starting (exit code 1)\n")
    assert f"port {port} on 127.0.0.1 is in use" in ran.err


def test_the_guides_commands_are_whole_lines_in_the_narrowest_terminal(tmp_path: Path) -> None:
    """They are there to be copied."""
    console = Console(width=30, file=io.StringIO())
    addresses = Addresses("127.0.0.1:50050", "127.0.0.1:50060", {})
    options = RunOptions(paper=False, state=tmp_path, ports=DEFAULT_PORTS)
    show_guide(console, addresses, options, earlier=False)
    assert isinstance(console.file, io.StringIO)
    order = "sell 1 SPY241115P00400000 --limit 8.50 --intent open --id my-1 --wait 10"
    assert f"  .venv/bin/tandem submit {order}\n" in console.file.getvalue()


async def test_wrong_usage_exits_2() -> None:
    assert (await stack("run", "--router-port", "x")).code == 2


def run_with_signals(*numbers: signal.Signals) -> tuple[int, list[str]]:
    """Run work that takes signals as they come; the exit code and what happened."""
    happened: list[str] = []

    async def work() -> int:
        try:
            os.kill(os.getpid(), numbers[0])
            await asyncio.sleep(20)
        finally:
            for number in numbers[1:]:
                os.kill(os.getpid(), number)
                await asyncio.sleep(0.05)
            happened.append("cleaned up")
        return 0

    return interrupts.run(work, lambda: happened.append("at once")), happened


def test_the_first_signal_cleans_up_and_gives_its_code() -> None:
    assert run_with_signals(signal.SIGINT) == (130, ["cleaned up"])
    assert run_with_signals(signal.SIGTERM) == (143, ["cleaned up"])
    assert run_with_signals(signal.SIGHUP) == (129, ["cleaned up"])


def test_a_second_signal_ends_the_children_at_once() -> None:
    assert run_with_signals(signal.SIGINT, signal.SIGINT) == (130, ["at once", "cleaned up"])


def test_without_a_signal_the_works_own_code_is_given() -> None:
    async def work() -> int:
        return 7

    assert interrupts.run(work, lambda: None) == 7
