"""Schedules in several processes: each seed once, with the digest that it has anywhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.simulation.run import run_seed
from tests.simulation.workers import act

_ROOT = Path(__file__).parents[2]


def test_every_seed_is_acted_once_and_as_in_one_process() -> None:
    outcomes = {outcome.seed: outcome for outcome in act(range(3, 15), workers=2)}
    assert sorted(outcomes) == list(range(3, 15))
    assert outcomes[13].digest == run_seed(13).digest


def test_an_interrupt_ends_all_processes_and_tells_what_was_done() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "100000", "--workers", "2"]
    running = subprocess.Popen(
        command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert running.stdout is not None
    deadline = time.monotonic() + 60.0
    while len(_children(running.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    children = _children(running.pid)
    os.killpg(running.pid, signal.SIGINT)
    told, _ = running.communicate(timeout=60.0)
    assert running.returncode == 130
    assert "schedules" in told
    while any(map(_lives, children)) and time.monotonic() < deadline + 30.0:
        time.sleep(0.05)
    assert not any(map(_lives, children))


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []
