"""`make` finds a Python that works, lets no environment leak in, and says what it can do."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.workshop.repository import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ACTIVE_ENVIRONMENT = {
    "ALPACA_API_KEY": "a",
    "APCA_API_SECRET_KEY": "b",
    "TANDEM_ROUTER_LISTEN": "c",
    "PAPER": "1",
}


def make(*arguments: str, **variables: str) -> str:
    """What `make` would do or print, with a few more environment variables."""
    done = subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return done.stdout


def find_python(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run tools/find_python.sh with the commands in `path` and the system's own basic ones."""
    return subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "find_python.sh"), *arguments],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder to be the whole PATH, with the one command that find_python.sh needs."""
    (tmp_path / "head").symlink_to("/usr/bin/head")
    return tmp_path


def put_command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_every_target_is_described_in_the_help() -> None:
    phony = set(re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, re.MULTILINE)) - {"named-python"}
    shown = set(re.findall(r"^  ([a-z-]+) +\S", make("help"), re.MULTILINE))
    assert shown == phony
    assert {"demo", "run", "test", "check"} <= phony


@pytest.mark.parametrize("target", ["demo", "run", "test"])
def test_broker_variables_stay_out_of_simulated_runs(target: str) -> None:
    planned = make("-n", target, **ACTIVE_ENVIRONMENT)
    for name in ("ALPACA_API_KEY", "APCA_API_SECRET_KEY", "TANDEM_ROUTER_LISTEN"):
        assert f"-u {name}" in planned
    assert "--paper" not in planned


def test_only_paper_on_the_command_line_lets_broker_variables_through() -> None:
    planned = make("-n", "run", "PAPER=1", **ACTIVE_ENVIRONMENT)
    assert "--paper" in planned
    assert "-u ALPACA_API_KEY" not in planned
    assert "--paper" not in make("-n", "run", "PAPER=0", **ACTIVE_ENVIRONMENT)


def test_a_python_that_is_on_the_path_but_does_not_run_is_passed_over(commands: Path) -> None:
    put_command(commands, "python3.13", 'echo "shim: python3.13: not switched on" >&2; exit 127')
    put_command(commands, "python3.12", 'echo "/somewhere/python3.12"')
    found = find_python(commands)
    assert (found.returncode, found.stdout) == (0, "/somewhere/python3.12\n")


def test_without_a_usable_python_every_candidate_and_its_fault_are_named(commands: Path) -> None:
    put_command(commands, "python3.12", 'echo "shim: not switched on" >&2; exit 127')
    put_command(commands, "python3", 'echo "is Python 3.9" >&2; exit 1')
    found = find_python(commands)
    assert (found.returncode, found.stdout) == (1, "")
    assert "python3.13: not found" in found.stderr
    assert "python3.12: shim: not switched on" in found.stderr
    assert "python3: is Python 3.9" in found.stderr
    assert "PYTHON=" in found.stderr


def test_a_named_python_is_the_only_one_tried(commands: Path) -> None:
    put_command(commands, "python3.12", 'echo "/somewhere/python3.12"')
    found = find_python(commands, "my python")
    assert found.returncode == 1
    assert "my python: not found" in found.stderr


def test_ci_runs_the_checks_and_then_the_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    steps = [line for line in script.splitlines() if line.startswith("make ")]
    assert steps == ["make check", "make test-ib-async", "make test-slow", "make test"]
    assert "set -euo pipefail" in script
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_constraints_pin_exact_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [
        pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!]+", pin)
    ] == []
    assert len(pins) > 20
