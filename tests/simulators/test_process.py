"""`python -m simulators.alpaca` as a program: ports, flags, signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulators.alpaca.__main__ import main
from simulators.listening import CannotListen, check_host
from tests.simulators.process import ROOT, eventually, running_alpaca


def start(*flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end, which has to come at once."""
    return subprocess.run(
        [sys.executable, "-m", "simulators.alpaca", "--control-port", "0", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, **environment},
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
        (["--port", "99999"], "99999 is not in the range"),
        (["--colour", "red"], "No such option"),
        (["--start", "noon"], "is not a time like"),
        (["--cash", "much"], "is not an amount"),
        (["--host", "0.0.0.0", "--port", "0"], "is not a loopback address"),
        (["--host", "nowhere", "--port", "0"], "is not an IP address"),
        (["--quotes-file", "/nonexistent.csv", "--port", "0"], "No such file"),
    ],
)
def test_a_bad_flag_is_a_clear_line(flags: list[str], reason: str) -> None:
    ended = CliRunner().invoke(main, flags, env={"TANDEM_INSECURE_LISTEN": ""})
    assert ended.exit_code != 0
    assert reason in ended.output.replace("\n", " ")
    assert isinstance(ended.exception, SystemExit)


def test_another_address_is_warned_about_if_it_is_allowed_at_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    check_host("127.0.0.2", {})
    check_host("::1", {})
    assert not caplog.records
    with pytest.raises(CannotListen):
        check_host("0.0.0.0", {})
    check_host("0.0.0.0", {"TANDEM_INSECURE_LISTEN": "1"})
    assert "no encryption" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_even_while_a_request_hangs(number: signal.Signals) -> None:
    with running_alpaca() as alpaca:
        assert alpaca.process is not None
        hang = {"action": {"kind": "drop_reply", "ends": "hang"}}
        alpaca.control("POST", "/faults", hang, status=201)
        with socket.create_connection(("127.0.0.1", alpaca.ready["port"])) as waiting:
            waiting.sendall(b"GET /v2/clock HTTP/1.1\r\nHost: x\r\n\r\n")
            eventually(lambda: len(alpaca.control("GET", "/requests")) == 1)
            alpaca.process.send_signal(number)
            assert alpaca.process.wait(timeout=30) == 0


def test_flags_come_from_the_environment_too() -> None:
    environment = {"TANDEM_SIM_ALPACA_CASH": "2500", "TANDEM_SIM_ALPACA_ACCOUNT_NUMBER": "PA2"}
    os.environ.update(environment)
    try:
        with running_alpaca() as alpaca:
            account = alpaca.trading().get_account()
    finally:
        for name in environment:
            del os.environ[name]
    assert (account.account_number, account.cash) == ("PA2", "2500")


def test_quotes_come_from_a_file(tmp_path: Path) -> None:
    quotes = tmp_path / "quotes.csv"
    quotes.write_text("symbol,bid,ask\nKO,62.10,62.12\nKO241115P00060000,0.40,0.45\n")
    with running_alpaca("--quotes-file", str(quotes), "--start", "2024-11-04T08:00:00") as alpaca:
        client = alpaca.trading()
        assert not client.get_clock().is_open
        assert client.get_asset("KO").symbol == "KO"
        assert client.get_option_contract("KO241115P00060000").strike_price == 60
    quotes.write_text("symbol,bid,ask\nKO,2,1\n")
    ended = start("--port", "0", "--quotes-file", str(quotes))
    assert ended.returncode == 1
    assert ended.stderr == f"Error: {quotes}:2: '2', '1' is not a bid and an ask\n"


def test_the_night_is_skipped_if_asked() -> None:
    with running_alpaca("--skip-closed", "--start", "2024-11-27T15:59:59") as alpaca:
        client = alpaca.trading()
        deadline = time.monotonic() + 5
        while client.get_clock().timestamp.date().isoformat() != "2024-11-29":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert client.get_clock().is_open
