"""Programs that the tests start as children: `python -m …child_programs NAME`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from stack.children import Child, Program

SERVICE_SETTING = "TANDEM_TEST_LISTEN"
STARTS_SETTING = "TANDEM_TEST_STARTS"


def say(line: object) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def sleeper() -> None:
    """Say that it is ready, then wait for its end."""
    say(json.dumps({"event": "ready", "pid": os.getpid(), "group": os.getpgid(0)}))
    time.sleep(600)


def stubborn() -> None:
    """Ignore SIGTERM, with a child of its own that does too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    say(json.dumps({"event": "ready", "grandchild": child.pid}))
    time.sleep(600)


def failing() -> None:
    """End at once, with words for a person."""
    say("a line of its own")
    sys.exit("the setting X is missing")


def service() -> None:
    """Be a service that is SERVING, where its environment says; end with 3 when asked to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    server = grpc.server(futures.ThreadPoolExecutor(1))
    states = health.HealthServicer()  # type: ignore[no-untyped-call]
    health_pb2_grpc.add_HealthServicer_to_server(states, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port(os.environ[SERVICE_SETTING])
    server.start()
    address = f"127.0.0.1:{port}"
    say(json.dumps({"event": "listening", "setting": SERVICE_SETTING, "address": address}))
    server.wait_for_termination()


def fragile() -> None:
    """Be a service too, but one that is killed in its second start."""
    starts = Path(os.environ[STARTS_SETTING])
    with starts.open("a") as file:
        file.write("started\n")
    if len(starts.read_text().splitlines()) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    service()


def parent() -> None:
    """Start a sleeper as the stack does, say its pid, and wait to be killed."""
    program = Program("sleeper", __spec__.name, ("sleeper",), dict(os.environ))
    child = Child.start(program, Path(sys.argv[2]))
    say(child.pid)
    time.sleep(600)


if __name__ == "__main__":
    programs = (sleeper, stubborn, failing, service, fragile, parent)
    {program.__name__: program for program in programs}[sys.argv[1]]()
