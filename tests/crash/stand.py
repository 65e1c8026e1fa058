"""A stand: router, two adapters and two simulated brokers as processes, and who restarts them.

What dies is started again at once, and what sleeps sleeps until it is woken. The simulators stay up
for as long as the stand does, and are the oracle.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tandem_client import TandemClient, TandemError

from stack.children import Program
from stack.programs import ALPACA, IB, Broker
from tests.crash import settings
from tests.crash.processes import Life, Nursery
from tests.crash.watcher import Watcher
from tests.integration.system.parts import Part
from tests.integration.system.trio import Programs, says_ready
from tests.integration.system.venue import VenueControl

BROKERS: Final = {"alpaca": ALPACA, "ib": IB}
"""The brokers by what their adapters are called here."""

READY_S: Final = 60.0
_POLL_S: Final = 0.02
_CALL_S: Final = 1.5
_END_S: Final = 15.0


@dataclass(eq=False, slots=True)
class Kept:
    """A program that is always there: started again whenever it has died.

    `ends` are the exit codes of its lives so far.
    """

    role: str
    program: Program
    folder: Path
    nursery: Nursery
    ends: list[int] = field(default_factory=list)
    life: Life | None = None
    is_kept: bool = True

    async def keep(self) -> None:
        """Until `is_kept` is taken back."""
        while self.is_kept:
            log = self.folder / "logs" / f"{self.role}.log"
            self.life = await self.nursery.start(
                self.role, self.program, self.folder / "traps", log
            )
            self.ends.append(await self.life.ended)

    def strange_ends(self) -> list[int]:
        """The exit codes, since they were last asked for, of lives that nobody has killed."""
        ends, self.ends = self.ends, []
        return [code for code in ends if code != -signal.SIGKILL]

    def send(self, number: signal.Signals) -> None:
        """Send its present life a signal."""
        if self.life is not None:
            self.life.send(number)


class Stand:
    """Made by `standing`. `programs` are by role: router, alpaca, ib."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self.folder = folder
        self.traps = folder / "traps"
        self.traps.mkdir(parents=True)
        made = Programs.in_folder(folder, ALPACA, IB)
        self.controls = {
            role: VenueControl(f"127.0.0.1:{made.ports.of(broker).control}")
            for role, broker in BROKERS.items()
        }
        self.simulators = [
            Part(_simulator(made, b), folder / "logs", says_ready) for b in BROKERS.values()
        ]
        started = {
            "router": made.router(**settings.ROUTER),
            "alpaca": made.adapter(ALPACA, **settings.ALPACA),
            "ib": made.adapter(IB, **settings.IB),
        }
        self.programs = {
            role: Kept(role, program, folder, nursery) for role, program in started.items()
        }
        self.address = f"127.0.0.1:{made.ports.router}"
        self.client = TandemClient(self.address, deadline_s=_CALL_S, connect_timeout_s=_CALL_S)
        self.watcher = Watcher(self.address)

    @classmethod
    @asynccontextmanager
    async def standing(cls, folder: Path, nursery: Nursery) -> AsyncIterator[Stand]:
        """All of them up and open for orders; all of them ended after it."""
        stand = cls(folder, nursery)
        async with AsyncExitStack() as owned:
            owned.push_async_callback(stand.client.close)
            for simulator in stand.simulators:
                owned.push_async_callback(simulator.end)
                simulator.begin()
            for simulator in stand.simulators:
                await simulator.up()
            tasks = await owned.enter_async_context(asyncio.TaskGroup())
            for kept in stand.programs.values():
                tasks.create_task(kept.keep(), name=kept.role)
            watching = tasks.create_task(stand.watcher.run(), name="watcher")
            try:
                await stand.ready()
                yield stand
            finally:
                watching.cancel()
                await stand.end()

    async def ready(self) -> None:
        """Wait until the router sends entries to both venues. Raises TimeoutError."""
        async with asyncio.timeout(READY_S):
            while not await self._is_ready():
                await asyncio.sleep(_POLL_S)

    async def _is_ready(self) -> bool:
        try:
            venues = (await self.client.status()).venues
        except TandemError:
            return False
        return len(venues) == len(BROKERS) and all(venue.ready for venue in venues)

    def wake(self, role: str) -> None:
        """Let a program that was stopped go on."""
        self.programs[role].send(signal.SIGCONT)

    async def end(self) -> None:
        """Ask the programs to end, and kill what does not."""
        for kept in self.programs.values():
            kept.is_kept = False
            kept.send(signal.SIGCONT)
            kept.send(signal.SIGTERM)
        lives = [kept.life.ended for kept in self.programs.values() if kept.life is not None]
        await asyncio.wait(lives, timeout=_END_S)
        for kept in self.programs.values():
            kept.send(signal.SIGKILL)


def _simulator(made: Programs, broker: Broker) -> Program:
    program = made.simulator(broker)
    environment = {**program.environment, **settings.SIMULATORS}
    return Program(program.name, program.module, program.arguments, environment)
