"""A commission that comes after its execution was told: the execution is told once more with it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.common.adapter.port import VenueEvent
from services.common.domain.amounts import Money
from services.common.domain.executions import ExecSource, Execution, Fee
from services.ib_adapter.library import Contract
from services.ib_adapter.telling import Telling, TellingTerms
from services.ib_adapter.words import ExecutionWord
from tests.unit.ib_adapter.scene import translator

AT = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
FEE = Fee("commission", Money(Decimal("1.00"), "USD"))
EXEC_ID = "0000e0d5.6729f31a.01.01"


class Scene:
    """A telling that is open, on a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.told: list[VenueEvent] = []
        self.now_s = 0.0
        self.telling = Telling(self, translator(), lambda: self.now_s, TellingTerms(1.0, 5.0))
        self.telling.open()

    def publish(self, *events: VenueEvent) -> None:
        self.told += events

    def fill(self) -> None:
        """An execution comes in, as it does with each read of the list."""
        contract = Contract(secType="STK", conId=1, symbol="SPY", exchange="SMART", currency="USD")
        qty, px = Decimal(3), Decimal("400.02")
        word = ExecutionWord(
            EXEC_ID, 7, 1, 17, "a~v0~1.0", "DU1", contract, "BOT", qty, px, qty, AT
        )
        self.telling.hear_execution(word, ExecSource.STREAM)
        self.telling.flush()

    def charge(self) -> None:
        self.telling.hear_fee(EXEC_ID, FEE)
        self.telling.flush()

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.telling.flush()

    @property
    def fees_told(self) -> list[tuple[Fee, ...]]:
        assert all(isinstance(event, Execution) for event in self.told)
        return [event.fees for event in self.told if isinstance(event, Execution)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_commission_in_time_is_told_with_its_execution(scene: Scene) -> None:
    scene.fill()
    scene.charge()
    assert scene.fees_told == [(FEE,)]


def test_a_late_commission_is_told_with_its_execution_once_more(scene: Scene) -> None:
    scene.fill()
    scene.wait(1.0)
    assert scene.fees_told == [()]
    scene.charge()
    assert scene.fees_told == [(), (FEE,)]


def test_what_was_told_with_its_commission_is_not_told_again(scene: Scene) -> None:
    scene.fill()
    scene.wait(1.0)
    scene.charge()
    scene.fill()
    scene.charge()
    scene.wait(60.0)
    assert scene.fees_told == [(), (FEE,)]


def test_a_commission_that_comes_while_out_of_sync_is_told_after_it(scene: Scene) -> None:
    scene.fill()
    scene.wait(1.0)
    scene.telling.shut()
    scene.charge()
    assert scene.fees_told == [()]
    scene.telling.open()
    assert scene.fees_told == [(), (FEE,)]
