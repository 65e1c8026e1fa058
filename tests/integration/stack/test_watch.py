"""Watching a stack: services that are killed come back, whatever else is killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from stack.children import Program, StackFailed
from stack.running import Stack
from tests.integration.stack import child_programs
from tests.integration.stack.processes import until

SETTING, STARTS = child_programs.SERVICE_SETTING, child_programs.STARTS_SETTING


class Watched:
    """Two services under a watch that brings back what is killed."""

    def __init__(self, state: Path, restart_after_s: float) -> None:
        self.state = state
        self.said: list[str] = []
        self.stack = Stack(state, self.said.append, restart_after_s=restart_after_s)

    async def start(self, name: str, kind: str = "service") -> None:
        starts = str(self.state / "starts")
        environment = {**os.environ, SETTING: "127.0.0.1:0", STARTS: starts}
        program = Program(name, child_programs.__name__, (kind,), environment)
        await self.stack.start_service(program, SETTING)

    def pids(self, name: str) -> list[int]:
        """The processes that it had, the present one last."""
        found = [re.fullmatch(rf"{name} \(process (\d+)\) on .*", line) for line in self.said]
        return [int(match.group(1)) for match in found if match]

    def kill(self, name: str) -> None:
        os.kill(self.pids(name)[-1], signal.SIGKILL)

    def says(self, words: str) -> bool:
        return any(words in line for line in self.said)


async def test_a_service_killed_while_another_waits_to_start_comes_back_too(tmp_path: Path) -> None:
    watched = Watched(tmp_path, restart_after_s=0.3)
    async with watched.stack, asyncio.TaskGroup() as tasks:
        await watched.start("adapter")
        await watched.start("router")
        watch = tasks.create_task(watched.stack.watch())
        watched.kill("adapter")
        await until(lambda: watched.says("the adapter has ended (killed by SIGKILL)"))
        watched.kill("router")
        await until(lambda: len(watched.pids("router")) == 2 or watch.done())
        assert not watch.done()
        assert len(watched.pids("adapter")) == 2
        watch.cancel()


async def test_services_killed_together_wait_together(tmp_path: Path) -> None:
    watched = Watched(tmp_path, restart_after_s=600)
    async with watched.stack, asyncio.TaskGroup() as tasks:
        await watched.start("adapter")
        await watched.start("router")
        watched.kill("adapter")
        watched.kill("router")
        watch = tasks.create_task(watched.stack.watch())
        await until(lambda: watched.says("the adapter has") and watched.says("the router has"))
        watch.cancel()


async def test_a_service_killed_while_it_starts_again_comes_back_all_the_same(
    tmp_path: Path,
) -> None:
    watched = Watched(tmp_path, restart_after_s=0)
    async with watched.stack, asyncio.TaskGroup() as tasks:
        await watched.start("router", "fragile")
        watch = tasks.create_task(watched.stack.watch())
        watched.kill("router")
        await until(lambda: len(watched.pids("router")) == 2 or watch.done())
        assert sum("has ended (killed by SIGKILL)" in line for line in watched.said) == 2
        watch.cancel()


async def test_a_service_that_ends_by_itself_ends_the_watch(tmp_path: Path) -> None:
    watched = Watched(tmp_path, restart_after_s=0)
    async with watched.stack:
        await watched.start("router")
        os.kill(watched.pids("router")[-1], signal.SIGTERM)
        with pytest.raises(StackFailed, match="the router has ended by itself"):
            await watched.stack.watch()
