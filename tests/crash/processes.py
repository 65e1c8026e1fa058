"""The nursery as the stand sees it: processes that it starts, and is told the end of."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stack.children import ROOT, Program
from tests.crash.node import FOLDER
from tests.integration.system.parts import scrubbed

_START_S: Final = 60.0


@dataclass(eq=False, slots=True)
class Life:
    """One process, from its start to its end; `ended` has its exit code, negative for a signal."""

    pid: int
    ended: asyncio.Future[int]

    @property
    def is_alive(self) -> bool:
        return not self.ended.done()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.is_alive:
            os.kill(self.pid, number)


@dataclass(eq=False, slots=True)
class Nursery:
    """A running nursery. Made by `nursery`; for one event loop."""

    _process: asyncio.subprocess.Process
    _asked: deque[asyncio.Future[int]] = field(default_factory=deque)
    _lives: dict[int, Life] = field(default_factory=dict)

    async def start(self, role: str, program: Program, traps: Path, log: Path) -> Life:
        """Start a program; it lives when this returns."""
        assert self._process.stdin is not None
        environment = {**program.environment, FOLDER: str(traps), "PYTHONUNBUFFERED": "1"}
        order = {"role": role, "environment": environment, "log": str(log)}
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        self._asked.append(answer)
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(_START_S):
            pid = await answer
        return self._lives[pid]

    async def listen(self) -> None:
        """Hear what it tells, until it ends."""
        assert self._process.stdout is not None
        loop = asyncio.get_running_loop()
        async for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            if "pid" in said:
                self._lives[said["pid"]] = Life(said["pid"], loop.create_future())
                self._asked.popleft().set_result(said["pid"])
            elif "ended" in said:
                self._lives.pop(said["ended"]).ended.set_result(said["code"])


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery for as long as the block lasts; all that it has started ends with it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.nursery"),
        cwd=ROOT,
        env=scrubbed(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    listening: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(_START_S):
            await process.stdout.readline()  # it is ready
        made = Nursery(process)
        listening = asyncio.create_task(made.listen(), name="nursery")
        yield made
    finally:
        process.stdin.close()
        async with asyncio.timeout(_START_S):
            await process.wait()
        if listening is not None:
            await listening
