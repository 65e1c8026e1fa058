"""Several stands side by side, which act a range of schedules between them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tandem_client import TandemError

from tests.crash.evidence import judge_stand
from tests.crash.processes import Nursery, nursery
from tests.crash.report import Report
from tests.crash.run import Outcome, run_schedule
from tests.crash.schedule import make_schedule
from tests.crash.stand import Stand

_READS: Final = 5

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

SEEDS_EACH: Final = 12
"""Schedules that one stand acts before another takes its place: its ledgers grow with each."""


@dataclass(frozen=True, slots=True)
class Range:
    """Schedules `first` to `end` - 1, by so many stands. Figures go to `path`, the logs and
    journals of stands with findings to `keep`."""

    first: int
    end: int
    store: str
    stands: int
    path: Path | None
    keep: Path
    with_story: bool = False


Say = Callable[[str], None]


async def act(asked: Range, say: Say) -> Report:
    """Act all of them; `say` takes lines for a terminal."""
    with ExitStack() as owned:
        server = owned.enter_context(_postgres()) if asked.store == "postgres" else None
        fleet = Fleet(asked, say, server)
        async with nursery() as born, asyncio.TaskGroup() as tasks:
            for _ in range(asked.stands):
                tasks.create_task(fleet.man(born))
        fleet.write()
    return fleet.report


def _postgres() -> AbstractContextManager[PostgresServer]:
    from tests.postgres import PostgresServer

    return PostgresServer.running()


@dataclass(slots=True)
class Fleet:
    """The stands at work. Outcomes are reported in the order of their seeds."""

    asked: Range
    say: Say
    server: PostgresServer | None
    report: Report = field(init=False)
    _chunks: deque[range] = field(init=False)
    _done: dict[int, Outcome] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _before_s: float = field(init=False)

    def __post_init__(self) -> None:
        asked = self.asked
        path = asked.path
        self.report = (
            Report(asked.store, asked.first, asked.first)
            if path is None
            else Report.going_on(asked.store, asked.first, path)
        )
        self._before_s = self.report.seconds
        count = asked.end - asked.first
        each = max(min(SEEDS_EACH, -(-count // asked.stands)), 1)
        seeds = range(asked.first, asked.end)
        self._chunks = deque(seeds[at : at + each] for at in range(0, count, each))

    async def man(self, born: Nursery) -> None:
        """Take chunk after chunk, each with a stand of its own; a new one after a finding."""
        while self._chunks:
            left = deque(self._chunks.popleft())
            while left:
                with tempfile.TemporaryDirectory(prefix="tandem-crash-") as folder:
                    stand, first = Path(folder) / "stand", left[0]
                    try:
                        await self._at_one_stand(born, stand, left)
                    except BaseException:
                        self._keep(stand, first)
                        raise

    async def _at_one_stand(self, born: Nursery, folder: Path, left: deque[int]) -> None:
        wanted: list[dict[str, Any]] = []
        failed: list[int] = []
        dsn = "" if self.server is None else self.server.new_dsn()
        async with Stand.standing(folder, born, dsn) as stand:
            while left and not failed:
                outcome = await run_schedule(make_schedule(left.popleft()), stand)
                wanted += outcome.wanted
                if outcome.findings:
                    failed.append(outcome.seed)
                elif not left:
                    await self._judge_all(stand, wanted, outcome)
                self._take(outcome)
        for seed in failed:
            self._keep(folder, seed)

    def _keep(self, folder: Path, seed: int) -> None:
        kept = self.asked.keep / f"seed-{seed}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept)
        self.say(f"seed {seed}: logs and journals are in {kept}")

    async def _judge_all(self, stand: Stand, wanted: list[dict[str, Any]], last: Outcome) -> None:
        """What came of earlier schedules since they were judged, told with the last of them."""
        for _ in range(_READS):
            try:
                verdict = await judge_stand(stand, wanted, "")
            except TandemError as error:
                told = [f"[broken] the books could not be read: {error.message}"]
            else:
                told = [f"at the end of the stand: {finding}" for finding in verdict.findings]
                break
        last.findings += told

    def _take(self, outcome: Outcome) -> None:
        """Count it as soon as all before it are counted."""
        self._show(outcome)
        self._done[outcome.seed] = outcome
        while (following := self._done.pop(self.report.end, None)) is not None:
            self.report.add(following)
        self.write()

    def write(self) -> None:
        """Write the report as far as it goes."""
        self.report.seconds = self._before_s + time.monotonic() - self._began
        if self.asked.path is not None:
            self.report.write(self.asked.path)

    def _show(self, outcome: Outcome) -> None:
        if self.asked.with_story or outcome.findings:
            self.say(f"seed {outcome.seed}, {outcome.seconds:.1f} s")
            self.say("\n".join(outcome.story))
        for finding in outcome.findings:
            self.say(f"seed {outcome.seed}: {finding}")
        if outcome.findings:
            self.say(f"  replay: make crash SEED={outcome.seed}")
