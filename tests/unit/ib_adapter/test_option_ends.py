"""Which options were assigned, exercised or expired: by their shares, and never by a guess."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from services.common.domain.activities import Activity, ActivityType
from services.common.domain.instruments import Equity, OptionContract
from services.common.domain.occ import parse_occ
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from services.ib_adapter import contracts
from services.ib_adapter.activities import Activities, ActivityTerms
from services.ib_adapter.option_ends import Gone, Moved, delivered, explain, is_orderless, pair
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.words import ExecutionWord
from tests.unit.ib_adapter.scene import NOW, Ticking, Told, execution_word, put_contract

PUT = parse_occ("SPY241115P00400000")
CALL = parse_occ("SPY241115C00410000")
AFTER = datetime.fromisoformat("2024-11-16T15:00:00+00:00")
LATER = date(2024, 11, 15)


def moved(
    exec_id: str, instrument: OptionContract | Equity, qty: int, px: str = "0", late_s: float = 0
) -> Moved:
    return Moved(exec_id, instrument, Decimal(qty), Decimal(px), NOW + timedelta(seconds=late_s))


@pytest.mark.parametrize(
    ("option", "qty", "shares"),
    [(PUT, 1, 100), (PUT, -2, -200), (CALL, 1, -100), (CALL, -1, 100)],
)
def test_shares_come_and_go_by_right_and_side(
    option: OptionContract, qty: int, shares: int
) -> None:
    assert delivered(option, Decimal(qty)) == shares


def test_each_option_is_paired_with_its_own_shares_at_the_strike() -> None:
    moves = [
        moved("a", PUT, 1),
        moved("b", CALL, 1),
        moved("c", Equity("SPY"), -100, "410"),
        moved("d", Equity("SPY"), 100, "400"),
    ]
    pairs, left = pair(moves)
    assert [(p.option.exec_id, p.shares.exec_id) for p in pairs] == [("a", "d"), ("b", "c")]
    assert left == []


@pytest.mark.parametrize(
    "other",
    [
        moved("s", Equity("SPY"), 100, "401"),
        moved("s", Equity("SPY"), 200, "400"),
        moved("s", Equity("SPY"), -100, "400"),
        moved("s", Equity("QQQ"), 100, "400"),
        moved("s", Equity("SPY"), 100, "400", late_s=3600),
    ],
)
def test_other_shares_are_not_its_half(other: Moved) -> None:
    assert pair([moved("a", PUT, 1), other])[0] == []


@pytest.mark.parametrize(
    ("shares", "exercised"), [(100, {0}), (-100, {1}), (50, None), (200, None), (0, None)]
)
def test_the_shares_tell_which_were_exercised(shares: int, exercised: set[int] | None) -> None:
    """No shares can mean that both were exercised, or none."""
    gone = [Gone(PUT, Decimal(1)), Gone(CALL, Decimal(1))]
    assert explain(gone, Decimal(shares), LATER) == exercised


def test_what_is_gone_before_its_end_was_exercised_or_is_not_explained() -> None:
    gone = [Gone(PUT, Decimal(1))]
    assert explain(gone, Decimal(100), date(2024, 11, 14)) == {0}
    assert explain(gone, Decimal(0), date(2024, 11, 14)) is None
    assert explain(gone, Decimal(0), LATER) == set()


def test_an_execution_of_an_order_is_no_end() -> None:
    assert not is_orderless(execution_word())
    assert not is_orderless(execution_word(perm_id=0))
    assert is_orderless(ended_word("x.1"))


# -- when it is decided -----------------------------------------------------------------------


def ended_word(exec_id: str, **changed: Any) -> ExecutionWord:
    """A short put bought at nothing."""
    none = {"perm_id": 0, "order_id": 0, "client_id": 0, "order_ref": ""}
    values = {"side": "BOT", "last_px": Decimal(0), "venue_time": AFTER, **none, **changed}
    return execution_word(exec_id, **values)


def shares_word(exec_id: str) -> ExecutionWord:
    stock = contracts.contract_of(Equity("SPY"))
    return ended_word(
        exec_id, contract=stock, last_qty=Decimal(100), last_px=Decimal(400), cum_qty=Decimal(100)
    )


class Scene:
    """Activities over a session that states what a test says."""

    def __init__(self, log: SendLog) -> None:
        self.told, self.clock = Told(), Ticking()
        self.session_id, self.account, self.is_lost = "session-1", "DU1", False
        self.held: list[tuple[Any, ...]] = []
        self.unexplained: list[ExecutionWord] = []
        self.activities = Activities(
            cast("Any", self),
            log.activities,
            self.told,
            cast("Any", self),
            ActivityTerms(60.0, 30.0),
            venue="ib",
            account_id="main",
        )
        self.activities.on_unexplained = self.unexplained.append

    # the session, its requests, and the clocks
    def requests(self) -> Scene:
        return self

    @property
    def venue_clock(self) -> Scene:
        return self

    def now(self) -> datetime:
        return AFTER

    async def executions(self) -> None:
        """What it lists was heard already."""

    async def positions(self, _account: str) -> list[tuple[Any, ...]]:
        if self.is_lost:
            self.session_id = "session-2"
        return self.held

    def monotonic(self) -> float:
        return self.clock()

    async def look(self, later_s: float = 0.0) -> list[ActivityType]:
        self.clock.now += later_s
        await self.activities._look()
        told = [event for event in self.told.events if isinstance(event, Activity)]
        return [activity.activity_type for activity in told]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    pool = BlockingPool(1, slot_wait_s=1.0, name="test")
    log = SendLog.open(tmp_path / "sends.sqlite", SystemClock(), pool.run)
    yield Scene(log)
    log.close()
    await pool.close(timeout_s=5.0)


async def test_an_end_without_shares_is_an_expiry_only_after_the_settling_time(
    scene: Scene,
) -> None:
    assert scene.activities.hears(ended_word("x.1"))
    assert await scene.look() == []
    assert await scene.look(29.0) == []
    assert await scene.look(2.0) == [ActivityType.EXPIRATION]
    assert await scene.look(60.0) == [ActivityType.EXPIRATION]


async def test_shares_that_come_later_make_it_an_assignment(scene: Scene) -> None:
    scene.activities.hears(ended_word("x.1"))
    await scene.look(20.0)
    scene.activities.hears(shares_word("x.2"))
    assert await scene.look() == [ActivityType.ASSIGNMENT, ActivityType.OPTION_DELIVERY]
    for exec_id in ("x.1", "x.2"):
        assert scene.activities.hears(ended_word(exec_id))  # listed again: known
    assert len(await scene.look(60.0)) == 2


async def test_shares_that_belong_to_nothing_go_where_trades_go(scene: Scene) -> None:
    scene.activities.hears(shares_word("x.2"))
    assert await scene.look(31.0) == []
    assert [word.exec_id for word in scene.unexplained] == ["x.2"]
    assert not scene.activities.hears(shares_word("x.2"))


async def test_a_position_that_a_trade_took_away_did_not_expire(scene: Scene) -> None:
    scene.held = [("DU1", put_contract(), -1.0, 550.0)]
    await scene.look()
    scene.held = []
    assert not scene.activities.hears(execution_word("t.1.01", side="BOT", venue_time=AFTER))
    await scene.look()
    assert await scene.look(60.0) == []


async def test_a_position_that_comes_back_did_not_expire(scene: Scene) -> None:
    """A list that was short of a row for a moment."""
    scene.held = [("DU1", put_contract(), -1.0, 550.0)]
    await scene.look()
    scene.held = []
    await scene.look()
    scene.held = [("DU1", put_contract(), -1.0, 550.0)]
    await scene.look(60.0)
    scene.held = []
    assert await scene.look() == []
    assert await scene.look(31.0) == [ActivityType.EXPIRATION]


async def test_nothing_is_decided_over_a_gap(scene: Scene) -> None:
    scene.activities.hears(ended_word("x.1"))
    scene.is_lost = True
    assert await scene.look(60.0) == []
    scene.is_lost = False
    assert await scene.look() == [ActivityType.EXPIRATION]
