"""A machine with one process on it, and the supervisor that starts the process again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, Generic, TypeVar

from tests.simulation.disk import Disk
from tests.simulation.incarnation import Incarnation
from tests.simulation.network import Network

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
        if self.life is not None:
            self.life.freeze_in(steps, lambda: self._crashed(why, down_s))

    def crash_at_io(self, io: int, why: str, down_s: float = _RESTART_S) -> None:
        """Kill it in a write or sync of its disk, the `io`th from now."""
        left = iter(range(max(io, 1) - 1, -1, -1))

        def count(_: int) -> None:
            if next(left, 0) == 0:
                self.disk.on_io = None
                self.crash(why, down_s)

        self.disk.on_io = count

    def exit(self, why: str) -> None:
        """The process ends by itself; the rest is as in a crash."""
        asyncio.get_running_loop().call_soon(self.crash, why, context=Context())

    def _crashed(self, why: str, down_s: float) -> None:
        """Frozen already: do the rest."""
        assert self.life is not None
        self.life.frozen = False
        self.crash(why, down_s)

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
