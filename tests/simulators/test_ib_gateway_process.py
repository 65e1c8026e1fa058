"""`python -m simulators.ib_gateway` as a program: ports, flags, signals."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
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
        timeout=60,
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


def calls_in_the_readme() -> list[list[str]]:
    """The words of each curl command that the README shows."""
    readme = (ROOT / "simulators/ib_gateway/README.md").read_text()
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", readme, re.DOTALL))
    found = re.split(r"\n(?=curl)", re.sub(r"(?m)^(#.*|python .*)$", "", blocks))
    return [shlex.split(call) for call in found if call.startswith("curl")]


def test_every_call_that_the_readme_shows_makes_sense_to_the_control() -> None:
    calls = calls_in_the_readme()
    assert len(calls) >= 15
    with running_gateway() as running:
        for words in calls:
            url = next(word for word in words if word.startswith("localhost"))
            body = words[words.index("-d") + 1] if "-d" in words else None
            method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
            address = url.replace("localhost:4092", f"127.0.0.1:{running.ready['control_port']}")
            answer = requests.request(method, f"http://{address}", data=body, timeout=30)
            assert answer.ok or answer.status_code in (404, 409), (words, answer.text)
            assert answer.text.startswith(("{", "[")), (words, answer.text)
