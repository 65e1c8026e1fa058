"""Children are heard, told apart from earlier ones, and always end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stack.children import ROOT, Child, Program, StackFailed
from tests.integration.stack import child_programs
from tests.integration.stack.processes import alive, until

MODULE = child_programs.__name__
Start = Callable[[str], Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Child] = []

    def run(name: str) -> Child:
        program = Program(name, MODULE, (name,), dict(os.environ))
        started.append(Child.start(program, tmp_path / f"{name}.log"))
        return started[-1]

    yield run
    for child in started:
        child.kill()


def ready(line: Any) -> dict[str, Any] | None:
    return dict(line) if line.get("event") == "ready" else None


async def test_a_child_is_asked_to_end_and_does(start: Start) -> None:
    child = start("sleeper")
    said = await child.says(ready, 20)
    assert said["pid"] == child.pid
    assert said["group"] == child.pid
    await child.end(grace_s=10)
    assert child.exit_code() == -signal.SIGTERM


async def test_a_child_that_does_not_end_is_killed_with_its_group(start: Start) -> None:
    child = start("stubborn")
    grandchild = (await child.says(ready, 20))["grandchild"]
    await child.end(grace_s=0.2)
    assert child.exit_code() == -signal.SIGKILL
    await until(lambda: not alive(grandchild))


async def test_a_child_that_ends_while_starting_is_told_with_its_last_words(start: Start) -> None:
    with pytest.raises(StackFailed, match=r"the failing ended while starting \(exit code 1\)") as e:
        await start("failing").says(ready, 20)
    assert e.value.tail == ("a line of its own", "the setting X is missing")


async def test_a_child_that_never_gets_ready_is_given_up(start: Start) -> None:
    child = start("sleeper")
    with pytest.raises(StackFailed, match=r"the sleeper was not ready within 0\.2 s"):
        await child.says(lambda line: None, 0.2)
    await child.end(grace_s=10)


async def test_the_log_of_the_run_before_is_kept_and_not_heard(tmp_path: Path) -> None:
    log = tmp_path / "failing.log"
    log.write_text('{"event": "ready"}\n')
    child = Child.start(Program("failing", MODULE, ("failing",), dict(os.environ)), log)
    with pytest.raises(StackFailed):
        await child.says(ready, 20)
    assert (tmp_path / "failing.log.1").read_text() == '{"event": "ready"}\n'


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word on parents is Linux's")
async def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE, "parent", str(tmp_path / "log")),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    try:
        await until(lambda: b"ready" in (tmp_path / "log").read_bytes())
        parent.kill()
        await parent.wait()
        await until(lambda: not alive(child))
    finally:
        if alive(child):
            os.kill(child, signal.SIGKILL)


async def test_a_child_whose_parent_has_gone_before_does_not_begin(tmp_path: Path) -> None:
    """The launcher compares: a parent that died in between is not the one it was told of."""
    launcher = ROOT / "stack" / "launcher.py"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-IS", str(launcher), "1", sys.executable, "-c", "print('begun')"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, out) == (1, b"")
