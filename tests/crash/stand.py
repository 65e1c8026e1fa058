"""A stand: router, two adapters and two simulated brokers as processes, and who restarts them.

What dies is started again at once, and what sleeps sleeps until it is woken. The simulators stay up
for as long as the stand does, and are the oracle.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tandem_client import TandemClient, TandemError

from stack.children import Program
from stack.programs import ALPACA, IB, Broker
from tests.crash import settings
from tests.crash.processes import Life, Nursery
from tests.crash.watcher import Watcher
from tests.integration.system.parts import Part
from tests.integration.system.trio import ACCOUNT, Programs, says_ready
from tests.integration.system.venue import VenueControl
from tests.ports import free_port

BROKERS: Final = {"alpaca": ALPACA, "ib": IB}
"""The brokers by what their adapters are called here."""

READY_S: Final = 60.0
_POLL_S: Final = 0.02
_CALL_S: Final = 1.5
_READ_S: Final = 10.0
_END_S: Final = 15.0
_RESIGNED: Final = 1
_APART_S: Final = 0.5


@dataclass(eq=False, slots=True)
class Kept:
    """A program that is always there: started again whenever it has died.

    `number` tells several of a role apart. `ends` are the exit codes of its lives since they were
    last asked for. `may_resign`: with another router standing by, one that was asleep for too long
    ends by itself.
    """

    role: str
    program: Program
    folder: Path
    nursery: Nursery
    number: int = 1
    may_resign: bool = False
    ends: list[int] = field(default_factory=list)
    life: Life | None = None
    is_kept: bool = True

    async def keep(self) -> None:
        """Until `is_kept` is taken back."""
        loop = asyncio.get_running_loop()
        while self.is_kept:
            began = loop.time()
            logs, traps = self.folder / "logs", self.folder / "traps"
            log = logs / f"{self.role}-{self.number}.log"
            self.life = await self.nursery.start(self.role, self.program, traps, log)
            if not self.is_kept:
                self.life.send(signal.SIGKILL)
            code = await self.life.ended
            self.ends.append(code)
            if code != -signal.SIGKILL:  # not as fast as it can, if it can't start
                await asyncio.sleep(max(began + _APART_S - loop.time(), 0.0))

    def strange_ends(self) -> list[int]:
        """The exit codes, since they were last asked for, of lives that nobody has killed."""
        ends, self.ends = self.ends, []
        expected = {-signal.SIGKILL, *([_RESIGNED] if self.may_resign else [])}
        return [code for code in ends if code not in expected]

    def send(self, number: signal.Signals) -> None:
        """Send its present life a signal."""
        if self.life is not None:
            self.life.send(number)


class Stand:
    """Made by `standing`. With a `dsn` the journal lies there, and a second router stands by."""

    def __init__(self, folder: Path, nursery: Nursery, dsn: str) -> None:
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
        routers = [made] if not dsn else [made, _with_other_ports(made)]
        self.programs = [
            *(
                Kept("router", _router(r, dsn), folder, nursery, number, bool(dsn))
                for number, r in enumerate(routers, 1)
            ),
            Kept("alpaca", made.adapter(ALPACA, **settings.ALPACA), folder, nursery),
            Kept("ib", made.adapter(IB, **settings.IB), folder, nursery),
        ]
        address = ",".join(f"127.0.0.1:{r.ports.router}" for r in routers)
        self.client = TandemClient(
            address, account_id=ACCOUNT, deadline_s=_CALL_S, connect_timeout_s=_CALL_S
        )
        self.reader = TandemClient(address, account_id=ACCOUNT, deadline_s=_READ_S)
        self.watcher = Watcher(address)

    @classmethod
    @asynccontextmanager
    async def standing(cls, folder: Path, nursery: Nursery, dsn: str = "") -> AsyncIterator[Stand]:
        """All of them up and open for orders; all of them ended after it."""
        stand = cls(folder, nursery, dsn)
        async with AsyncExitStack() as owned:
            for client in (stand.client, stand.reader):
                owned.push_async_callback(client.close)
            for simulator in stand.simulators:
                owned.push_async_callback(simulator.end)
                simulator.begin()
            for simulator in stand.simulators:
                await simulator.up()
            tasks = await owned.enter_async_context(asyncio.TaskGroup())
            for kept in stand.programs:
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
        for kept in self.programs:
            if kept.role == role:
                kept.send(signal.SIGCONT)

    async def end(self) -> None:
        """Ask the programs to end, and kill what does not."""
        for kept in self.programs:
            kept.is_kept = False
            kept.send(signal.SIGCONT)
            kept.send(signal.SIGTERM)
        lives = [kept.life.ended for kept in self.programs if kept.life is not None]
        await asyncio.wait(lives, timeout=_END_S)
        for kept in self.programs:
            kept.send(signal.SIGKILL)


def _router(made: Programs, dsn: str) -> Program:
    more = {**settings.POSTGRES, "TANDEM_ROUTER_JOURNAL_DSN": dsn} if dsn else {}
    return made.router(**settings.ROUTER, **more)


def _with_other_ports(made: Programs) -> Programs:
    """The same programs, with a router of its own place."""
    return replace(made, ports=replace(made.ports, router=free_port(), operations=free_port()))


def _simulator(made: Programs, broker: Broker) -> Program:
    program = made.simulator(broker)
    environment = {**program.environment, **settings.SIMULATORS}
    return Program(program.name, program.module, program.arguments, environment)
