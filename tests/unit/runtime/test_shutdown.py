"""The end of a process, in process and as a real one with signals."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.common.runtime.clock import SystemClock
from services.common.runtime.shutdown import Lifecycle, ShutdownLimits

ROOT = Path(__file__).parents[3]

QUICK = ShutdownLimits(drain_s=0.0, closer_s=0.1, overall_s=5.0)


def lifecycle_with(limits: ShutdownLimits = QUICK) -> tuple[Lifecycle, list[str]]:
    return Lifecycle("tandem-unit", SystemClock(), limits), []


async def test_closers_run_in_reverse_order_after_the_drain() -> None:
    lifecycle, seen = lifecycle_with(ShutdownLimits(drain_s=0.05))

    def step(name: str) -> Any:
        async def run() -> None:
            seen.append(name)

        return run

    lifecycle.on_close("journal", step("journal"))
    lifecycle.on_close("server", step("server"))
    lifecycle.on_drain("health", step("health"))
    lifecycle.on_drain("streams", step("streams"))
    lifecycle.request_stop("test")
    started = time.monotonic()
    assert await lifecycle.shut_down() == 0
    assert time.monotonic() - started >= 0.05
    assert seen == ["health", "streams", "server", "journal"]


async def test_failing_or_hanging_closer_does_not_stop_the_others(log_lines: Any) -> None:
    lifecycle, seen = lifecycle_with()

    async def last() -> None:
        seen.append("last")

    async def failing() -> None:
        raise ValueError

    async def hanging() -> None:
        while True:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                if seen:
                    raise

    lifecycle.on_close("last", last)
    lifecycle.on_close("failing", failing)
    lifecycle.on_close("hanging", hanging, timeout_s=0.02)
    lifecycle.request_stop("test")
    assert await lifecycle.shut_down() == 1
    assert seen == ["last"]
    events = [(x["event"], x["step"]) for x in log_lines() if x["level"] == "error"]
    assert events == [("close_timed_out", "hanging"), ("close_failed", "failing")]
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def test_all_closers_together_have_a_limit(log_lines: Any) -> None:
    lifecycle, _ = lifecycle_with(ShutdownLimits(drain_s=0, closer_s=50, overall_s=0.1))
    for name in ("first", "second"):
        lifecycle.on_close(name, lambda: asyncio.sleep(50))
    lifecycle.request_stop("test")
    async with asyncio.timeout(20):
        assert await lifecycle.shut_down() == 1
    events = [x["event"] for x in log_lines() if x["level"] == "error"]
    assert events == ["close_timed_out", "close_skipped"]


async def test_critical_tasks_end_stops_the_process_without_a_drain() -> None:
    lifecycle, _ = lifecycle_with(ShutdownLimits(drain_s=50))

    async def fail() -> None:
        raise OSError

    tasks = lifecycle.own_tasks("router")
    tasks.start("journal", fail(), critical=True)
    async with asyncio.timeout(20):
        await lifecycle.wait_stopping()
        assert await lifecycle.shut_down() == 1


SERVICE = """
    import asyncio, sys
    from services.common.runtime.errors import ListenError, SettingsError
    from services.common.runtime.logs import configure_logging
    from services.common.runtime.process import run_service
    from services.common.runtime.shutdown import ShutdownLimits

    def say(word):
        print(word, flush=True)

    async def closing(name):
        say(f"closing {name}")

    async def opening():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            say("start canceled")
            raise

    async def start(lifecycle):
        configure_logging("tandem-unit", "error", stream=sys.stderr)
        lifecycle.limits = ShutdownLimits(drain_s=DRAIN, closer_s=0.5, overall_s=1.0)
        lifecycle.on_drain("health", lambda: closing("health"))
        lifecycle.on_close("journal", lambda: closing("journal"))
        BODY
        say("ready")

    sys.exit(run_service("tandem-unit", start))
"""


class Process:
    """A real process of a service written for the test, ended after it."""

    def __init__(self, body: str, drain_s: float) -> None:
        code = textwrap.dedent(SERVICE).replace("BODY", body).replace("DRAIN", str(drain_s))
        self.popen = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def end(self) -> tuple[int, str, str]:
        out, err = self.popen.communicate(timeout=30)
        return self.popen.returncode, out, err


@pytest.fixture
def run() -> Iterator[Any]:
    processes: list[Process] = []

    def start(body: str = "pass", drain_s: float = 0.0) -> Process:
        processes.append(Process(body, drain_s))
        return processes[-1]

    yield start
    for process in processes:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_drains_and_closes(run: Any, number: int) -> None:
    process = run(drain_s=0.05)
    assert process.line() == "ready"
    process.popen.send_signal(number)
    assert process.end() == (0, "closing health\nclosing journal\n", "")


def test_second_signal_exits_at_once_with_130(run: Any) -> None:
    process = run(drain_s=60)
    assert process.line() == "ready"
    process.popen.send_signal(signal.SIGTERM)
    assert process.line() == "closing health"
    process.popen.send_signal(signal.SIGINT)
    code, out, err = process.end()
    assert (code, out) == (130, "")
    assert err == "tandem-unit: second signal (SIGINT): exiting at once\n"


def test_signal_during_start_closes_what_is_open(run: Any) -> None:
    body = "lifecycle.on_close('x', lambda: closing('x')); say('waiting'); await opening()"
    process = run(body, drain_s=60)
    assert process.line() == "waiting"
    process.popen.send_signal(signal.SIGTERM)
    expected = "start canceled\nclosing health\nclosing x\nclosing journal\n"
    assert process.end() == (0, expected, "")


@pytest.mark.parametrize(("error", "code"), [("SettingsError", 2), ("ListenError", 1)])
def test_start_up_errors_are_single_lines_without_a_traceback(
    run: Any, error: str, code: int
) -> None:
    process = run(f"raise {error}('X is missing', 'Y is wrong')")
    assert process.end() == (
        code,
        "closing health\nclosing journal\n",
        "tandem-unit: X is missing\ntandem-unit: Y is wrong\n",
    )


def test_start_up_error_inside_a_task_group_is_a_line_too(run: Any) -> None:
    process = run("raise ExceptionGroup('g', [SettingsError('X is missing')])")
    code, _, err = process.end()
    assert (code, err) == (2, "tandem-unit: X is missing\n")


def test_unexpected_error_of_start_is_logged_with_its_traceback(run: Any) -> None:
    process = run("raise ValueError('secret=hunter2')")
    code, _, err = process.end()
    logged, said = err.splitlines()
    assert code == 1
    assert "Traceback" in json.loads(logged)["exception"]
    assert said == "tandem-unit: failed to start: ValueError (the log has the details)"
    assert "hunter2" not in err


def test_process_that_hangs_in_its_shutdown_is_ended(run: Any) -> None:
    body = (
        "import time; lifecycle.limits = ShutdownLimits(drain_s=0, overall_s=0.1); "
        "lifecycle.on_close('stuck', lambda: time.sleep(60))"
    )
    process = run(body)
    assert process.line() == "ready"
    process.popen.send_signal(signal.SIGTERM)
    code, _, err = process.end()
    assert code == 1
    assert "shutdown took longer than 2.1 s" in err


def test_hanging_thread_does_not_keep_the_process(run: Any) -> None:
    body = (
        "import threading; from services.common.runtime.blocking import BlockingPool; "
        "pool = BlockingPool(1, slot_wait_s=0, name='p'); "
        "asyncio.ensure_future(pool.run(threading.Event().wait, timeout_s=60)); "
        "await asyncio.sleep(0.05)"
    )
    process = run(body)
    assert process.line() == "ready"
    process.popen.send_signal(signal.SIGTERM)
    code, _, _ = process.end()  # the thread never ends by itself
    assert code == 0
