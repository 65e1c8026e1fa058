"""A machine with one process on it, and the supervisor that starts the process again.

Another machine can take its place while its process sleeps: then there are two, and the older one
wakes to a disk that it may not write to any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, Generic, TypeVar

from tests.simulation.disk import Disk
from tests.simulation.incarnation import CURRENT, Incarnation
from tests.simulation.network import Network
from tests.simulation.virtual_loop import VirtualLoop

P = TypeVar("P")

_RESTART_S = 2.0


class Node(Generic[P]):
    """`make` builds the process, `run` serves until the process would end.

    Both are called as the incarnation. A process that ends, or can't start, is started again after
    a while. `exits` collects why each life ended, `on_start` is called with each new process.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        disk: Disk,
        make: Callable[[], P],
        run: Callable[[P], Awaitable[Any]],
    ) -> None:
        self.name = name
        self.disk = disk
        self.process: P | None = None
        self.life: Incarnation | None = None
        self.exits: list[str] = []
        self.on_start: Callable[[P], None] = lambda _: None
        self._network = network
        self._make = make
        self._run = run
        self._lives = 0
        self._replaced: list[Incarnation] = []
        self._restart: asyncio.TimerHandle | None = None

    @property
    def is_up(self) -> bool:
        """Whether its process runs."""
        return self.life is not None and not self.life.frozen

    def start(self) -> None:
        """Start the process now, unless it runs."""
        if self.is_up:
            return
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        self._lives += 1
        life = self.life = Incarnation(self.name, self._lives)
        life.spawn(self._main(life), f"main {life!r}")

    def crash(self, why: str, down_s: float = _RESTART_S) -> None:
        """Kill the process here and now: unsynced writes are lost; start it again in `down_s`."""
        life = self.life
        if life is None or life.frozen:
            return
        life.freeze()
        self._network.crash(life)
        self.disk.crash()
        self.exits.append(why)
        self.process = None
        loop = asyncio.get_running_loop()
        self._restart = loop.call_later(down_s, self.start, context=Context())

    def crash_in(self, steps: int, why: str, down_s: float = _RESTART_S) -> None:
        """Kill it between two of its steps, so many from now."""
        self.in_steps(steps, lambda: self.crash(why, down_s))

    def at_await(self, number: int, then: Callable[[], None]) -> None:
        """Call back at the `number`th await from now on the path of an order in its process."""
        if self.life is not None:
            self.life.at_await(number, then)

    def sleep(self, seconds: float) -> Incarnation | None:
        """Stop the process here and now, as by SIGSTOP, and wake it in so many seconds."""
        life = self.life
        if life is None or life.frozen or life.asleep:
            return None
        life.asleep = True
        asyncio.get_running_loop().call_later(seconds, self._wake, life, context=Context())
        return life

    def wake(self) -> None:
        """Wake whoever sleeps here, those whose place was taken before the present one."""
        for life in [*self._replaced, self.life]:
            if life is not None:
                self._wake(life)

    def _wake(self, life: Incarnation) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        if life.asleep and not life.frozen:
            loop.wake(life)

    def take_over(self) -> None:
        """Let another machine take the place of a process that sleeps, with all that was synced.
        The sleeper keeps its connections, and its disk refuses whatever it still writes."""
        life = self.life
        if life is None or life.frozen or not life.asleep:
            return
        self._replaced.append(life)
        self._network.close_ports(life)
        self.disk.hand_over()
        self.exits.append("fault")
        self.process = self.life = None
        self.start()

    def is_replaced(self, life: Incarnation | None) -> bool:
        """Whether another machine has taken that life's place."""
        return life in self._replaced

    def in_steps(self, steps: int, then: Callable[[], None]) -> None:
        """Call back between two of its steps, so many from now."""
        if self.life is not None:
            self.life.in_steps(steps, then)

    def crash_at_io(self, io: int, why: str, down_s: float = _RESTART_S) -> None:
        """Kill it in a write or sync of its disk, the `io`th from now."""
        self.at_io(io, lambda: self.crash(why, down_s))

    def at_io(self, io: int, then: Callable[[], None]) -> None:
        """Call back in a write or sync of its disk, the `io`th from now."""
        left = iter(range(max(io, 1) - 1, -1, -1))

        def count(_: int) -> None:
            if next(left, 0) == 0:
                self.disk.on_io = None
                then()

        self.disk.on_io = count

    def exit(self, why: str) -> None:
        """The process that calls this ends by itself; the rest is as in a crash."""
        life, loop = CURRENT.get(), asyncio.get_running_loop()
        if life is not None and self.is_replaced(life):
            loop.call_soon(self._end, life, context=Context())
        else:
            loop.call_soon(self.crash, why, context=Context())

    def _end(self, life: Incarnation) -> None:
        life.freeze()
        self._network.crash(life)

    async def _main(self, life: Incarnation) -> None:
        why = "returned"
        try:
            process = self._make()
            self.process = process
            self.on_start(process)
            await self._run(process)
        except Exception as error:  # noqa: BLE001 - a process that fails is started again
            why = _shown(error)
        if not life.frozen:
            self.exit(why)


def _shown(error: BaseException) -> str:
    """An error in words; of a group, those that it was made of."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_shown(part) for part in error.exceptions)
    return f"{type(error).__name__}: {error}"
