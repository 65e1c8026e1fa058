"""`python -m stack …` as a process: what it says, the children it names, how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from stack.children import ROOT
from tests.integration.stack.processes import alive

_CHILD = re.compile(r"\(process (\d+)\)")
_PATIENCE_S = 100.0


class StackProcess:
    """One running stack. `said` grows while it is read; stderr comes with stdout."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said = ""
        self._heard_to = 0

    @classmethod
    async def start(cls, *arguments: str, environ: Mapping[str, str] | None = None) -> StackProcess:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stack", *arguments),
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return cls(process)

    @property
    def children(self) -> list[int]:
        """The process ids that it has named."""
        return [int(pid) for pid in _CHILD.findall(self.said)]

    def forget(self) -> None:
        """Hear only what it says from now on; `said` keeps all."""
        self._heard_to = len(self.said)

    async def hear(self, words: str) -> None:
        """Read until it has said `words`; AssertionError if it ends first."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE_S):
            while words not in self.said[self._heard_to :]:
                line = await self._process.stdout.readline()
                assert line, f"ended without saying {words!r}:\n{self.said}"
                self.said += line.decode()

    async def end(self) -> int:
        """Read what is left, and give its exit code."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE_S):
            self.said += (await self._process.stdout.read()).decode()
            return await self._process.wait()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def survivors(self) -> list[int]:
        """Children that still run."""
        return [pid for pid in self.children if alive(pid)]

    async def __aenter__(self) -> StackProcess:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.terminate()
            await self.end()


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
