"""The demo as a user sees it: the whole story over real processes, and nothing left behind."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tandem_client import ExecSource, ExecType, Execution, RecordTimes, Side, parse_symbol
from tandem_client.command.tables import console

from stack.comparison import Comparison, profit
from stack.ledger import VenueLedger
from tests.integration.stack.stack_process import StackProcess, leftovers

CREDENTIALS = {
    "APCA_API_KEY_ID": "AKLIVE",
    "APCA_API_SECRET_KEY": "live",
    "TANDEM_ALPACA_MODE": "live",
    "TANDEM_ROUTER_NO_SUCH_SETTING": "1",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


@pytest.mark.timeout(200)
async def test_two_demos_at_once_tell_the_whole_story_and_leave_nothing(tmp_path: Path) -> None:
    environ = {**CREDENTIALS, "TMPDIR": str(tmp_path)}
    async with (
        await StackProcess.start("demo", environ=environ) as one,
        await StackProcess.start("demo", environ=environ) as other,
    ):
        codes = await asyncio.gather(one.end(), other.end())
    assert codes == [0, 0], one.said + other.said
    for demo in (one, other):
        assert len(demo.children) == 5
        assert demo.survivors() == []
        for words in STORY:
            assert words in demo.said, demo.said
        assert demo.said.count("Both agree.") == 2
    assert not set(one.children) & set(other.children)
    assert leftovers(tmp_path) == []


@pytest.mark.timeout(200)
async def test_ctrl_c_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    async with await StackProcess.start("demo", environ={"TMPDIR": str(tmp_path)}) as demo:
        await demo.hear("Alpaca adapter (process")
        demo.signal(signal.SIGINT)
        assert await demo.end() == 130, demo.said
    assert len(demo.children) >= 2
    assert demo.survivors() == []
    assert leftovers(tmp_path) == []


STORY = (
    "demo-1-sell  FILLED",
    "demo-2-buy  FILLED",
    "-50.00",
    "demo-3-hold  FILLED",
    "demo-4-failover  FILLED",
    "at interactive_brokers",
    "FAILOVER",
    "HOLDER_UNAVAILABLE",
)


def execution(side: Side, px: str, multiplier: str = "100") -> Execution:
    return Execution(
        exec_id=f"{side.name}-{px}",
        exec_ref_id="",
        exec_type=ExecType.TRADE,
        account_id="main",
        venue="alpaca",
        client_order_id="x",
        placement_id="",
        venue_order_id="",
        instrument=parse_symbol("SPY241115P00400000"),
        side=side,
        last_qty=Decimal(1),
        last_px=Decimal(px),
        cum_qty=None,
        fees=(),
        source=ExecSource.STREAM,
        late=False,
        times=RecordTimes(),
        multiplier=Decimal(multiplier),
        sequence=1,
    )


ROUND_TRIP = (execution(Side.SELL, "8.50"), execution(Side.BUY, "9.00"))
LEDGER = VenueLedger(
    fills=(("sell", Decimal(1), Decimal("8.5")), ("buy", Decimal(1), Decimal(9))),
    realised_pnl=Decimal(-50),
    fees=Decimal(0),
    open_positions=0,
)


def test_the_round_trip_costs_what_the_multiplier_says() -> None:
    assert profit(ROUND_TRIP) == Decimal(-50)
    assert profit((execution(Side.SELL, "8.50", "1"), execution(Side.BUY, "9.00", "1"))) == (
        Decimal("-0.5")
    )


def test_books_that_agree_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    half = replace(LEDGER, fills=LEDGER.fills[:1], open_positions=1)
    assert Comparison(ROUND_TRIP, 0, LEDGER).agrees
    assert Comparison(ROUND_TRIP[:1], 1, half).agrees
    console().print(Comparison(ROUND_TRIP, 0, LEDGER).table())
    assert capsys.readouterr().out.count("-50.00") == 2


@pytest.mark.parametrize(
    ("held", "ledger"),
    [
        (0, replace(LEDGER, realised_pnl=Decimal("-50.01"))),
        (0, replace(LEDGER, fills=LEDGER.fills[:1])),
        (0, replace(LEDGER, open_positions=1)),
        (0, replace(LEDGER, fees=Decimal("0.65"))),
        (1, LEDGER),
    ],
)
def test_books_that_do_not_agree_are_told(held: int, ledger: VenueLedger) -> None:
    assert not Comparison(ROUND_TRIP, held, ledger).agrees
