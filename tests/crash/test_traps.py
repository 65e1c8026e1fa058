"""Traps: they strike once, at their boundary, for their order, and whom they should."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from stack.children import ROOT
from tests.crash.traps import Snare, Trap, is_sprung, pid_file, set_trap, take_away

_WAIT_S: Final = 30.0
_PASSING: Final = """
import sys
from pathlib import Path
from tests.crash.traps import Snare
snare = Snare(Path(sys.argv[1]), "router")
for line in sys.stdin:
    snare.passing(*line.split())
    print(line, end="", flush=True)
"""
"""A program that comes by whatever boundary it is told, and says so once it is past."""


@contextmanager
def passing(folder: Path) -> Iterator[subprocess.Popen[str]]:
    program = subprocess.Popen(
        [sys.executable, "-c", _PASSING, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate(timeout=_WAIT_S)


def come_by(program: subprocess.Popen[str], point: str, of: str) -> None:
    assert program.stdin is not None
    program.stdin.write(f"{point} {of}\n")
    program.stdin.flush()


def heard(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    return program.stdout.readline().strip()


def stopped(program: subprocess.Popen[str]) -> bool:
    stat = Path(f"/proc/{program.pid}/stat").read_text("utf-8")
    return stat.rpartition(")")[2].split()[0] == "T"


def until(wanted: Any) -> None:
    ends = time.monotonic() + _WAIT_S
    while not wanted():
        assert time.monotonic() < ends
        time.sleep(0.01)


def trap(fault: str, victim: str = "router", nth: int = 1) -> Trap:
    return Trap(1, "router.send.before", "o", victim, fault, nth)


def test_a_trap_kills_at_its_boundary_for_its_order_and_nowhere_else(tmp_path: Path) -> None:
    with passing(tmp_path) as program:
        come_by(program, "router.send.before", "o")
        assert heard(program) == "router.send.before o"  # there is none yet
        set_trap(tmp_path, trap("kill", nth=2))
        for point, of in (("router.send.after", "o"), ("router.send.before", "p")):
            come_by(program, point, of)
            assert heard(program) == f"{point} {of}"
        come_by(program, "router.send.before", "o")
        assert heard(program) == "router.send.before o"
        assert not is_sprung(tmp_path, 1)
        come_by(program, "router.send.before", "o")
        assert program.wait(_WAIT_S) == -signal.SIGKILL
        assert heard(program) == ""
        assert is_sprung(tmp_path, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_stopped_program_goes_on_from_its_boundary_and_is_not_struck_again(
    tmp_path: Path,
) -> None:
    with passing(tmp_path) as program:
        set_trap(tmp_path, trap("stop"))
        come_by(program, "router.send.before", "o")
        until(lambda: stopped(program))
        program.send_signal(signal.SIGCONT)
        assert heard(program) == "router.send.before o"
        come_by(program, "router.send.before", "o")
        assert heard(program) == "router.send.before o"


def test_a_trap_can_strike_another_program(tmp_path: Path) -> None:
    with passing(tmp_path) as program, passing(tmp_path) as other:
        pid_file(tmp_path, "alpaca").write_text(str(other.pid), "utf-8")
        set_trap(tmp_path, trap("kill", victim="alpaca"))
        come_by(program, "router.send.before", "o")
        assert heard(program) == "router.send.before o"
        assert other.wait(_WAIT_S) == -signal.SIGKILL


def test_a_trap_that_was_taken_away_strikes_nobody(tmp_path: Path) -> None:
    set_trap(tmp_path, trap("kill"))
    assert take_away(tmp_path, 1)
    Snare(tmp_path, "router").passing("router.send.before", "o")
    assert not is_sprung(tmp_path, 1)
