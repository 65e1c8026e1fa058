"""Programs of Tandem as processes that a test starts, kills, freezes, and starts again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from stack import environment
from stack.children import Child, Program

START_S = 40.0
END_S = 35.0
WAIT_S = 15.0
_POLL_S = 0.03

T = TypeVar("T")


def scrubbed() -> dict[str, str]:
    """This process's environment without anything of a broker, of Tandem or of a proxy."""
    return environment.for_simulation(os.environ)


class Part:
    """One program with one place: each start of it has the same ports and the same state.

    `is_up` says of a line of its log that it is ready to be used; `program` is what the next
    start runs.
    """

    def __init__(
        self, program: Program, folder: Path, is_up: Callable[[Mapping[str, Any]], object]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.program = program
        self._folder = folder
        self._is_up = is_up
        self._starts = 0
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        """The process that was started last."""
        assert self._child is not None, "it was never started"
        return self._child

    @property
    def logs(self) -> list[Path]:
        """What each start of it has said, oldest first."""
        return sorted(self._folder.glob(f"{self.program.name.replace(' ', '-')}.*.log"))

    async def start(self) -> None:
        """Start it, and wait until it can be used."""
        self.begin()
        await self.up()

    async def up(self) -> None:
        """Wait until it can be used."""
        await self.child.says(lambda line: self._is_up(line) or None, START_S)

    def begin(self) -> None:
        """Start it, and don't wait."""
        assert self._child is None or self._child.exit_code() is not None, "it still runs"
        self._starts += 1
        name = f"{self.program.name.replace(' ', '-')}.{self._starts:02}.log"
        self._child = Child.start(self.program, self._folder / name)

    async def kill(self) -> None:
        """SIGKILL: it can tell nobody."""
        self._signal(signal.SIGKILL)
        await self.ended()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self._signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """Wait until it ends; its exit code, negative for the signal that killed it."""
        async with asyncio.timeout(END_S):
            return await self.child.ended()

    def freeze(self) -> None:
        """Let it stand still: it holds its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    async def end(self) -> None:
        """End it whatever state it is in."""
        if self._child is not None and self._child.exit_code() is None:
            self._signal(signal.SIGCONT)
            await self._child.end(END_S)

    def _signal(self, number: signal.Signals) -> None:
        assert self.child.exit_code() is None, "it has ended already"
        os.kill(self.child.pid, number)


async def eventually(ask: Callable[[], Awaitable[T]], wanted: Callable[[T], object] = bool) -> T:
    """Ask again and again until the answer is as wanted; fails with the last one."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + WAIT_S
    while not wanted(answer := await ask()):
        assert loop.time() < ends_at, f"still {answer!r} after {WAIT_S:g} s"
        await asyncio.sleep(_POLL_S)
    return answer


async def until(condition: Callable[[], object]) -> None:
    """Wait until something of this process holds."""

    async def ask() -> object:
        return condition()

    await eventually(ask)
