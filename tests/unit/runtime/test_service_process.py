"""A whole service from the runtime's parts, as a process on real ports with real signals."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

ROOT = Path(__file__).parents[3]
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

SERVICE = """
    import os, sys
    from typing import ClassVar
    from services.common.runtime.config import setting
    from services.common.runtime.config_fields import secret_values
    from services.common.runtime.health import HealthBoard
    from services.common.runtime.listen import insecure_listen_allowed
    from services.common.runtime.logs import configure_logging
    from services.common.runtime.process import run_service
    from services.common.runtime.server import ServerOptions, build_server
    from services.common.runtime.service_settings import ServiceSettings

    class UnitSettings(ServiceSettings):
        section: ClassVar[str] = "unit"
        listen: str = setting(default="127.0.0.1:0", description="Where it listens.")

    async def start(lifecycle):
        settings = UnitSettings.load()
        configure_logging("tandem-unit", settings.log_level, secret_values=secret_values(settings))
        lifecycle.limits = settings.shutdown_limits()
        board = HealthBoard(lifecycle.clock, ["test.Orders"])
        options = ServerOptions(
            listen=settings.listen,
            listen_setting=settings.variable("listen"),
            insecure_listen=insecure_listen_allowed(os.environ),
        )
        server = build_server(
            options, clock=lifecycle.clock, board=board, service_names=["test.Orders"]
        )
        await server.start()
        async def drain():
            board.set_draining()
        lifecycle.on_drain("health", drain)
        lifecycle.on_close("grpc", lambda: server.stop(settings.stop_grace_s))
        board.set_ready()
        print("address", server.address, flush=True)

    sys.exit(run_service("tandem-unit", start))
"""


@pytest.fixture
def run() -> Iterator[Any]:
    running: list[subprocess.Popen[str]] = []

    def start(**environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SERVICE)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("address "):
            return line.split()[1]
    raise AssertionError("the process ended without an address")


async def test_watcher_sees_the_drain_before_the_end(run: Any) -> None:
    process = run(TANDEM_UNIT_DRAIN_S="0.1", TANDEM_UNIT_STOP_GRACE_S="60")
    async with grpc.aio.insecure_channel(address_of(process)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        seen = [(await watch.read()).status]
        process.send_signal(signal.SIGTERM)
        seen.append((await watch.read()).status)
        assert await watch.code() is grpc.StatusCode.OK
    assert seen == [SERVING, NOT_SERVING]
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def test_taken_port_is_one_clear_line(run: Any) -> None:
    address = address_of(run())
    second = run(TANDEM_UNIT_LISTEN=address)
    _, err = second.communicate(timeout=30)
    assert second.returncode == 1
    why = f"TANDEM_UNIT_LISTEN: can't listen on {address}: the port is in use"
    assert err == f"tandem-unit: {why}\n"


@pytest.mark.parametrize(
    ("environ", "code", "said"),
    [
        ({"TANDEM_UNIT_DRAIN_S": "-1"}, 2, "TANDEM_UNIT_DRAIN_S (file key unit.drain_s): "),
        ({"TANDEM_UNIT_LISTEN": "0.0.0.0:0"}, 1, "TANDEM_UNIT_LISTEN: 0.0.0.0:0 is not a loopb"),
    ],
)
def test_wrong_setting_is_one_clear_line(
    run: Any, environ: dict[str, str], code: int, said: str
) -> None:
    process = run(**environ)
    out, err = process.communicate(timeout=30)
    (line,) = err.splitlines()
    assert process.returncode == code
    assert [x for x in out.splitlines() if json.loads(x)["event"] != "stopped"] == []
    assert line.startswith(f"tandem-unit: {said}")
