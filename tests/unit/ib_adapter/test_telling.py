"""What is told of orders, and when: each thing once, executions first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from services.common.domain.amounts import Money
from services.common.domain.executions import ExecSource, Fee
from services.ib_adapter.evidence import Evidence
from services.ib_adapter.exec_ids import split_exec_id
from services.ib_adapter.telling import Telling, TellingTerms
from services.ib_adapter.words import OrderWord, StatusWord
from tests.unit.ib_adapter.scene import (
    OURS,
    Ticking,
    Told,
    execution_word,
    order_word,
    status_word,
    translator,
)

FEE = Fee("commission", Money(Decimal("1.05"), "USD"))


class Scene:
    """A telling, open, with a clock that the test moves."""

    def __init__(self) -> None:
        self.clock, self.told = Ticking(), Told()
        self.evidence = Evidence(OURS, self.clock)
        self.translator = translator()
        self.telling = Telling(self.told, self.translator, self.clock, TellingTerms(1.0, 5.0))
        self.telling.open()

    def order(self, word: OrderWord | StatusWord) -> None:
        if isinstance(word, OrderWord):
            facts = self.evidence.take_order(word)
        else:
            facts = self.evidence.take_status(word)
        assert facts is not None
        self.telling.hear_report(self.translator.report(facts))
        self.telling.flush()

    def execution(self, exec_id: str, cum: str, fee: Fee | None = FEE) -> None:
        self.telling.hear_execution(execution_word(exec_id, cum), ExecSource.STREAM)
        if fee is not None:
            self.telling.hear_fee(exec_id, fee)
        self.telling.flush()

    def later(self, seconds: float) -> None:
        self.clock.now += seconds
        self.telling.flush()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_execution_waits_for_its_commission_and_no_longer(scene: Scene) -> None:
    scene.execution("x.1.01", "1", fee=None)
    scene.later(0.9)
    assert scene.told.short() == []
    scene.later(0.1)
    assert scene.told.short() == ["TRADE x.1.01"]


def test_a_commission_releases_its_execution_at_once(scene: Scene) -> None:
    scene.execution("x.1.01", "1")
    [execution] = scene.told.events
    assert execution.fees == (FEE,)  # type: ignore[union-attr]


def test_a_commission_may_come_before_its_execution(scene: Scene) -> None:
    scene.telling.hear_fee("x.1.01", FEE)
    scene.execution("x.1.01", "1", fee=None)
    assert scene.told.short() == ["TRADE x.1.01"]


def test_a_report_waits_for_the_executions_that_it_counts(scene: Scene) -> None:
    scene.order(order_word())
    scene.order(status_word("Filled", "3"))
    scene.execution("x.1.01", "1")
    scene.execution("x.2.01", "3")
    assert scene.told.short() == ["ACCEPTED 0", "TRADE x.1.01", "TRADE x.2.01", "FILLED 3"]


def test_a_filled_quantity_without_its_executions_is_overdue_after_a_while(scene: Scene) -> None:
    scene.order(order_word())
    scene.order(status_word("Submitted", "2"))
    scene.execution("x.1.01", "1")
    scene.later(4.9)
    assert scene.telling.overdue() == ""
    scene.later(0.2)
    assert "2 filled" in scene.telling.overdue()


def test_one_execution_after_the_other_makes_nothing_overdue(scene: Scene) -> None:
    scene.order(order_word(order_qty=Decimal(100)))
    for number in range(1, 40):
        scene.order(status_word("Submitted", str(number)))
        scene.execution(f"x.{number}.01", str(number), fee=None)
        scene.later(0.5)
        assert scene.telling.overdue() == ""


def test_nothing_is_told_twice(scene: Scene) -> None:
    for _ in range(2):
        scene.order(order_word())
        scene.execution("x.1.01", "1")
        scene.order(status_word("Submitted", "1"))
    assert scene.told.short() == ["ACCEPTED 0", "TRADE x.1.01", "PARTIALLY_FILLED 1"]


def test_an_execution_with_a_higher_last_part_corrects_the_earlier_one(scene: Scene) -> None:
    scene.execution("x.1.01", "1")
    scene.execution("x.1.02", "1")
    scene.execution("x.1.01", "1")
    assert scene.told.short() == ["TRADE x.1.01", "CORRECT x.1.02"]
    correction = scene.told.events[-1]
    assert correction.exec_ref_id == "x.1.01"  # type: ignore[union-attr]
    assert scene.telling.corrected_by("x.1.02") == "x.1.01"


def test_a_correction_names_what_it_corrects_though_that_was_never_heard_of(scene: Scene) -> None:
    """As after a start of this process: whoever booked the first one must not book both."""
    scene.execution("x.1.02", "1")
    scene.execution("x.1.01", "1")
    assert scene.told.short() == ["CORRECT x.1.02"]
    assert scene.told.events[0].exec_ref_id == "x.1.01"  # type: ignore[union-attr]


def test_while_it_is_shut_the_latest_word_is_kept(scene: Scene) -> None:
    scene.telling.shut()
    scene.order(order_word())
    scene.order(status_word("Submitted", "1"))
    scene.execution("x.1.01", "1")
    assert scene.told.short() == []
    scene.telling.open()
    assert scene.told.short() == ["TRADE x.1.01", "PARTIALLY_FILLED 1"]


@pytest.mark.parametrize(
    ("exec_id", "parts"),
    [
        ("00013911.6725a.01.01", ("00013911.6725a.01", 1)),
        ("00013911.6725a.01.02", ("00013911.6725a.01", 2)),
        ("plain", ("plain", 0)),
        ("a.b", ("a.b", 0)),
    ],
)
def test_the_last_part_of_an_execution_id_is_its_revision(
    exec_id: str, parts: tuple[str, int]
) -> None:
    assert split_exec_id(exec_id) == parts


@asynccontextmanager
async def watched(scene: Scene) -> AsyncIterator[list[str]]:
    """Tells what becomes due, by the real clock; gives what was called lost."""
    lost: list[str] = []
    task = asyncio.create_task(scene.telling.run(lost.append))
    await asyncio.sleep(0)
    try:
        yield lost
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def passes() -> None:
    """Let what was woken run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_lost_execution_is_noticed_although_something_else_came_when_it_was_due(
    scene: Scene,
) -> None:
    async with watched(scene) as lost:
        scene.order(order_word())
        scene.order(status_word("Submitted", "1"))
        await passes()
        scene.clock.now += 6.0  # the loop was busy, and the next thing comes before its timer
        scene.order(order_word(perm_id=901, order_id=6, order_ref="b~sim~1.0"))
        await passes()
        assert ["1 filled" in text for text in lost] == [True]


async def test_what_is_due_at_once_is_told_at_once(scene: Scene) -> None:
    async with watched(scene):
        await passes()
        scene.telling.hear_execution(execution_word(), ExecSource.STREAM)
        scene.clock.now += 1.0
        scene.telling.hear_execution(execution_word("x.2.01", "2"), ExecSource.STREAM)
        await passes()
        assert scene.told.short() == ["TRADE x.1.01"]
