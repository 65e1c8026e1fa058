"""`python -m simulators.ib_gateway` as a program: ports, flags, signals."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulators.ib_gateway.__main__ import main
from tests.simulators.gateways import running_gateway
from tests.simulators.process import ROOT


def start(*flags: str) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end, which has to come at once."""
    return subprocess.run(
        [sys.executable, "-m", "simulators.ib_gateway", "--control-port", "0", *flags],
        capture_output=True,
        text=True,
        timeout=10,
        cwd=ROOT,
        env={**os.environ, "TANDEM_INSECURE_LISTEN": ""},
        check=False,
    )


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = start("--port", str(port))
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [f"Error: port {port} on 127.0.0.1 is in use"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--fee-min", "some"], "is not an amount"),
        (["--market-data", "soon"], "is not one of"),
        (["--messages-per-s", "-1"], "is not in the range"),
        (["--restart-at", "soon"], "is not a time like 23:45"),
        (["--restart-at", "23:45+01:00"], "has a zone"),
        (["--host", "0.0.0.0"], "is not a loopback address"),
    ],
)
def test_a_bad_flag_is_a_clear_line(flags: list[str], reason: str) -> None:
    ended = CliRunner().invoke(main, ["--port", "0", *flags], env={"TANDEM_INSECURE_LISTEN": ""})
    assert ended.exit_code != 0
    assert reason in ended.output.replace("\n", " ")
    assert isinstance(ended.exception, SystemExit)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_even_while_a_client_is_connected(number: signal.Signals) -> None:
    with running_gateway() as running:
        address = ("127.0.0.1", running.ready["port"])
        with socket.create_connection(address, timeout=30) as client:
            client.sendall(b"API\0\0\0\0\x09v157..176")
            assert b"176" in client.recv(100)
            running.process.send_signal(number)
            assert running.process.wait(timeout=30) == 0


def test_flags_come_from_the_environment_and_quotes_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotes = tmp_path / "quotes.csv"
    quotes.write_text("symbol,bid,ask\nKO,62.10,62.12\n")
    monkeypatch.setenv("TANDEM_SIM_IB_ACCOUNT", "DF42")
    monkeypatch.setenv("TANDEM_SIM_IB_QUOTES_FILE", str(quotes))
    with running_gateway("--cash", "2500") as running:
        assert running.ready["account"] == "DF42"
        accounts = running.control("GET", "/ledger")["accounts"]
        assert accounts["DF42"]["cash"] == "2500"
        running.control("POST", "/quotes", {"symbol": "KO", "bid": "62", "ask": "63"})
        order = {"symbol": "KO", "side": "buy", "qty": "1"}
        running.control("POST", "/orders/external", order, status=201)
