"""The adapter as the process that a user starts, before a simulated Gateway that is one too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from services.common.contract.convert import spec_to_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import broker_service_pb2_grpc, types_pb2
from services.common.domain.executions import Side
from tests.integration.alpaca_adapter.adapter_process import END_S, START_S, AdapterProcess
from tests.integration.ib_adapter.rig import SPY, limit
from tests.simulators.gateways import RunningGateway, running_gateway

ROOT = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-m", "services.ib_adapter"]


def environment(folder: Path, port: int, **changed: str) -> dict[str, str]:
    """Variables of an adapter of the Gateway at `port`; an empty value takes one out."""
    given = {
        "LISTEN": "127.0.0.1:0",
        "ACCOUNT_ID": "main",
        "ACCOUNT_TAG": "sim",
        "STAND_ALONE": "1",
        "FENCE_STORE_PATH": str(folder / "fence.sqlite"),
        "SEND_LOG_PATH": str(folder / "sends.sqlite"),
        "PORT": str(port),
        "DRAIN_S": "0",
        "CONNECTION__BACKOFF_MIN_S": "0.05",
        "CONNECTION__BACKOFF_MAX_S": "0.2",
        **changed,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
    return kept | {f"TANDEM_IB_{name}": value for name, value in given.items() if value}


@contextmanager
def adapter(folder: Path, env: dict[str, str]) -> Iterator[AdapterProcess]:
    """Start the adapter; it is gone at the end, whatever happens."""
    log = folder / "adapter.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            PROGRAM, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT, text=True
        )
    try:
        yield AdapterProcess(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(END_S)


def start_fails(env: dict[str, str]) -> tuple[int, str]:
    """Run an adapter that can't start: its exit code, and what it says to a person."""
    done = subprocess.run(
        PROGRAM, cwd=ROOT, env=env, capture_output=True, text=True, timeout=START_S, check=False
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def ib_process() -> Iterator[RunningGateway]:
    with running_gateway() as running:
        yield running


def test_it_serves_an_account_and_its_orders(ib_process: RunningGateway, tmp_path: Path) -> None:
    env = environment(tmp_path, int(ib_process.ready["port"]))
    with adapter(tmp_path, env) as running:
        running.said("session_began")
        with grpc.insecure_channel(running.address) as channel:
            broker = broker_service_pb2_grpc.BrokerServiceStub(channel)
            [venue] = broker.GetStatus(pb.GetStatusRequest(), timeout=10).venues
            assert venue.ready
            account = broker.GetAccount(pb.GetAccountRequest(account_id="main"), timeout=10)
            assert account.balances[0].cash.amount.value == "100000"
            held = broker.ListPositions(pb.ListPositionsRequest(account_id="main"), timeout=10)
            assert list(held.positions) == []
            order = spec_to_wire(limit("first", Side.BUY, "10.5", instrument=SPY))
            placed = broker.SubmitOrder(
                pb.SubmitOrderRequest(account_id="main", order=order), timeout=10
            ).order
            assert placed.status == types_pb2.ORDER_STATUS_ACCEPTED
            canceled = broker.CancelOrder(
                pb.CancelOrderRequest(account_id="main", client_order_id="first"), timeout=10
            ).order
            assert canceled.spec.client_order_id == "first"
        assert running.end() == 0
        assert running.said("stopped")["exit_code"] == 0


def test_it_waits_for_a_gateway_that_is_down(tmp_path: Path) -> None:
    with adapter(tmp_path, environment(tmp_path, 1)) as running:
        running.said("ready")
        with grpc.insecure_channel(running.address) as channel:
            broker = broker_service_pb2_grpc.BrokerServiceStub(channel)
            [venue] = broker.GetStatus(pb.GetStatusRequest(), timeout=10).venues
            assert not venue.ready
        assert running.end() == 0


def test_it_does_not_start_on_an_account_of_the_other_kind(tmp_path: Path) -> None:
    with running_gateway("--account", "U1000001") as live:
        code, said = start_fails(environment(tmp_path, int(live.ready["port"])))
    assert code == 1
    assert "WRONG_ACCOUNT_MODE" in said
    assert "U1000001" in said


def test_two_adapters_cant_share_a_send_log(ib_process: RunningGateway, tmp_path: Path) -> None:
    port = int(ib_process.ready["port"])
    with adapter(tmp_path, environment(tmp_path, port)) as running:
        running.said("ready")
        other = environment(tmp_path, port, FENCE_STORE_PATH=str(tmp_path / "other.sqlite"))
        code, said = start_fails(other)
        assert code == 1
        assert "TANDEM_IB_SEND_LOG_PATH" in said
        assert running.end() == 0


def test_live_mode_needs_an_account_number(tmp_path: Path) -> None:
    code, said = start_fails(environment(tmp_path, 1, MODE="live"))
    assert code == 2
    assert "account_number is required" in said
