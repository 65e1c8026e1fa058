"""Child processes: started in a group of their own, heard through their log, always ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

ROOT: Final = Path(__file__).resolve().parent.parent
_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_POLL_S: Final = 0.02
_KILL_WAIT_S: Final = 5.0
_TAIL_LINES: Final = 15
_TAIL_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Program:
    """A program to start: `python -m module arguments…` with exactly this environment."""

    name: str
    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


class StackFailed(Exception):
    """The stack can't go on. The message is one line for a person; `tail` the end of a log."""

    def __init__(self, message: str, tail: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.tail = tail


class Child:
    """One running program; what it prints goes to `log_path`.

    Made by `start`. Its owner calls `end`, whatever happens. Started and ended on the main thread:
    Linux ties a child to the thread that made it.
    """

    def __init__(self, program: Program, process: subprocess.Popen[bytes], log_path: Path) -> None:
        self.name = program.name
        self.log_path = log_path
        self._process = process
        self._read_to = 0
        self._heard: list[dict[str, Any]] = []

    @classmethod
    def start(cls, program: Program, log_path: Path) -> Child:
        """Start a program; a log of an earlier one is kept beside as `.1`."""
        if log_path.exists():
            log_path.replace(log_path.with_name(f"{log_path.name}.1"))
        command = [sys.executable, "-IS", str(_LAUNCHER), str(os.getpid())]
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [*command, sys.executable, "-m", program.module, *program.arguments],
                cwd=ROOT,
                env=dict(program.environment) | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C reaches us alone, and we end it in good order.
                process_group=0,
            )
        return cls(program, process, log_path)

    @property
    def pid(self) -> int:
        """Its process id, which is that of its group."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Its exit code, negative for the signal that killed it; None while it runs."""
        return self._process.poll()

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        while True:
            if (code := self.exit_code()) is not None:
                return code
            await asyncio.sleep(_POLL_S)

    async def says(self, pick: Callable[[Mapping[str, Any]], T | None], deadline_s: float) -> T:
        """Wait for the first JSON line of its log from which `pick` takes something.

        Raises StackFailed if it ends first, or at the deadline.
        """
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    code = self.exit_code()  # before the log: its last words count
                    self._hear()
                    for line in self._heard:
                        if (picked := pick(line)) is not None:
                            return picked
                    if code is not None:
                        raise self.failed(f"ended while starting ({describe(code)})")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise self.failed(f"was not ready within {deadline_s:g} s") from None

    def failed(self, what: str) -> StackFailed:
        """An error about this child, with the tail of its log."""
        return StackFailed(f"the {self.name} {what}", self.tail())

    def tail(self) -> tuple[str, ...]:
        """The last lines of its log."""
        with self.log_path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            lines = log.read().decode("utf-8", errors="replace").splitlines()
        return tuple(line for line in lines if line.strip())[-_TAIL_LINES:]

    async def end(self, grace_s: float) -> None:
        """Ask it to end, and after `grace_s` kill it with whatever is in its group."""
        if self.exit_code() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                await self.ended()
        except TimeoutError:
            self.kill()
            async with asyncio.timeout(_KILL_WAIT_S):
                await self.ended()

    def kill(self) -> None:
        """Kill it and its group now."""
        if self.exit_code() is None:
            os.killpg(self.pid, signal.SIGKILL)

    def _hear(self) -> None:
        with self.log_path.open("rb") as log:
            log.seek(self._read_to)
            text = log.read()
        complete = text.rfind(b"\n") + 1
        self._read_to += complete
        for line in text[:complete].splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue  # a line for people
            if isinstance(said, dict):
                self._heard.append(said)


def describe(code: int) -> str:
    """An exit code in words."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
