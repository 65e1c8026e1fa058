"""A process that sleeps does nothing, wakes late, and may find another in its place."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.simulation.disk import Disk
from tests.simulation.incarnation import ON_ORDER_PATH, Incarnation
from tests.simulation.network import Network
from tests.simulation.node import Node
from tests.simulation.virtual_loop import VirtualLoop

_PORT = 50050


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.close()


class Writer:
    """A process that notes the time every second, and writes when it is told to."""

    def __init__(self, disk: Disk, network: Network, noted: list[float]) -> None:
        self._db = apsw.Connection(str(disk.folder / "a.db"), vfs=disk.vfs)
        self._db.pragma("journal_mode", "wal")
        self._db.pragma("synchronous", "FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS t (x)")
        network.listen(_PORT, lambda _: None)
        self._noted = noted

    def write(self, text: str) -> None:
        self._db.execute("INSERT INTO t VALUES (?)", (text,))

    def read(self) -> list[str]:
        return [str(x) for (x,) in self._db.execute("SELECT x FROM t")]

    async def run(self) -> None:
        while True:
            self._noted.append(asyncio.get_running_loop().time())
            await asyncio.sleep(1.0)


Story = Callable[[Node[Writer], list[float]], Coroutine[Any, Any, None]]


def _act(loop: VirtualLoop, folder: Path, story: Story) -> None:
    async def act() -> None:
        network = Network(random.Random(1), {_PORT: "node"})
        disk, noted = Disk(folder, "node", random.Random(1)), list[float]()
        node = Node("node", network, disk, lambda: Writer(disk, network, noted), Writer.run)
        node.start()
        await asyncio.sleep(2.5)
        await story(node, noted)
        disk.close()

    loop.run_until_complete(act())


def test_a_sleeper_goes_on_late_with_what_was_due(loop: VirtualLoop, tmp_path: Path) -> None:
    async def story(node: Node[Writer], noted: list[float]) -> None:
        node.sleep(10.0)
        await asyncio.sleep(9.0)
        assert noted == pytest.approx([0.0, 1.0, 2.0])
        await asyncio.sleep(2.2)
        assert noted == pytest.approx([0.0, 1.0, 2.0, 12.5, 13.5])

    _act(loop, tmp_path, story)


def test_who_takes_over_has_what_was_synced_and_the_sleeper_can_write_no_more(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async def story(node: Node[Writer], noted: list[float]) -> None:
        old = node.process
        assert old is not None
        old.write("synced")
        node.sleep(5.0)
        node.take_over()
        await asyncio.sleep(1.0)
        new = node.process
        assert new is not None
        assert new is not old
        assert new.read() == ["synced"]
        await asyncio.sleep(10.0)
        with pytest.raises(apsw.Error):
            old.write("overtaken")
        new.write("leading")
        assert new.read() == ["synced", "leading"]
        assert node.is_up
        assert node.process is new

    _act(loop, tmp_path, story)


def test_a_sleeper_that_is_killed_never_wakes(loop: VirtualLoop, tmp_path: Path) -> None:
    async def story(node: Node[Writer], noted: list[float]) -> None:
        node.sleep(5.0)
        node.crash("fault", down_s=100.0)
        await asyncio.sleep(20.0)
        assert noted == pytest.approx([0.0, 1.0, 2.0])

    _act(loop, tmp_path, story)


def test_awaits_are_counted_on_an_orders_path_only(loop: VirtualLoop) -> None:
    async def story() -> tuple[int, int]:
        life, steps = Incarnation("node"), {False: 0, True: 0}

        async def work() -> None:
            for _ in range(9):
                steps[ON_ORDER_PATH.get()] += 1
                await asyncio.sleep(0.1)

        def order() -> None:
            ON_ORDER_PATH.set(True)
            asyncio.get_running_loop().create_task(work())

        life.spawn(work())
        life.run(order)
        life.at_await(4, life.freeze)
        await asyncio.sleep(10.0)
        return steps[True], steps[False]

    on_path, elsewhere = loop.run_until_complete(story())
    assert on_path == 3
    assert elsewhere in (3, 4)
