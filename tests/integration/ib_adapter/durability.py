"""What the disk has when something leaves, and a process that dies just before that."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.unit.adapter.recording_vfs import RecordingVfs

ROOT = Path(__file__).parents[3]


def noting(vfs: RecordingVfs, notes: list[list[tuple[str, str]]]) -> Callable[[], None]:
    """A last check that notes what was done to the disk from now on until it is asked."""
    before = len(vfs.log)
    return lambda: notes.append(vfs.log[before:])


def assert_synced(done: list[tuple[str, str]]) -> None:
    """Something was written, and synced last of all."""
    assert done[-1][0] == "sync", "written and not synced when it left"
    assert "write" in [what for what, _ in done[:-1]]


async def killed_before_the_bytes(port: int, log: Path, *what: str) -> None:
    """Let a process die between the send log's sync and the bytes: see `dies_before_writing`."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.ib_adapter.dies_before_writing",
        str(port),
        str(log),
        *what,
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(child.wait(), 60) == -signal.SIGKILL
