"""Instructions to exercise, or not to: each is sent once, ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.domain.errors import (
    Cause,
    NotFound,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.instruments import OptionContract
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import PositionIntent
from services.common.domain.reports import InstructionReport
from services.router.journal.records import (
    Instruction,
    InstructionIntended,
    TradingState,
    TradingStateSet,
)
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, held_short, router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort

CONTRACT = spec().single
assert isinstance(CONTRACT, OptionContract)
EXERCISE = InstructionIntended("main", "x-1", Instruction.EXERCISE, "", CONTRACT, Decimal(2))


async def held_long(running: Running, qty: str = "10") -> None:
    opening = spec(
        client_order_id="open",
        side=Side.BUY,
        position_intent=PositionIntent.BUY_TO_OPEN,
        limit_price=Decimal("8.50"),
    )
    await running.submit(opening)
    port = running.alpaca
    known = port.knows[port.sent[-1].client_order_id]
    port.knows[known.client_id] = replace(known, side=Side.BUY)
    port.fill(known.client_id, "e-open", qty, qty)
    await until(lambda: running.order("open").order.cum_qty)


async def instruct(running: Running, asked: InstructionIntended = EXERCISE) -> OrderStatus:
    return (await running.core.desk.instructing.instruct(asked)).status


@virtual
async def test_it_goes_to_the_venue_that_holds_the_contracts(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held_long(running)
        assert await instruct(running) is OrderStatus.ACCEPTED
        assert running.alpaca.instructed == [replace(EXERCISE, venue="alpaca")]


@virtual
async def test_the_same_instruction_again_is_answered_and_not_sent(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held_long(running)
        await asyncio.gather(instruct(running), instruct(running))
        await instruct(running)
        assert len(running.alpaca.instructed) == 1
        for other in (
            replace(EXERCISE, qty=Decimal(3)),
            replace(EXERCISE, instruction=Instruction.DO_NOT_EXERCISE, qty=None),
            replace(EXERCISE, client_order_id="open"),
        ):
            with pytest.raises(Refused) as refused:
                await instruct(running, other)
            assert refused.value.reason is Reason.CLIENT_ORDER_ID_REUSED


@virtual
async def test_without_an_answer_it_stays_in_doubt_for_ever(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_exercise=OutcomeUnknown("no answer"))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await held_long(running)
        assert await instruct(running) is OrderStatus.IN_DOUBT
        assert await instruct(running) is OrderStatus.IN_DOUBT
        assert running.kinds() == ["INSTRUCTION_IN_DOUBT"]
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await asyncio.sleep(120)
        assert await instruct(running) is OrderStatus.IN_DOUBT
        assert len(port.instructed) == 1


@virtual
async def test_what_a_killed_router_had_journaled_is_in_doubt(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", crash=True) as running:
        await held_long(running)
        running.core.journal.record(replace(EXERCISE, venue="alpaca"))
        await running.core.journal.durable()
        ports = running.ports
    async with router(tmp_path / "j.db", ports=ports) as running:
        assert running.kinds() == ["INSTRUCTION_IN_DOUBT"]
        assert await instruct(running) is OrderStatus.IN_DOUBT
        assert ports["alpaca"].instructed == []


@virtual
async def test_a_refusal_by_the_venue_is_an_answer(tmp_path: Path) -> None:
    no = InstructionReport(OrderStatus.REJECTED, Cause(Reason.NOT_PERMITTED, "no", "40310000"))
    port = ScriptedPort("alpaca", on_exercise=no)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await held_long(running)
        assert await instruct(running) is OrderStatus.REJECTED


@virtual
async def test_what_had_no_effect_may_be_asked_for_again(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_exercise=Unavailable(Reason.RATE_LIMITED, "429"))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await held_long(running)
        with pytest.raises(Unavailable):
            await instruct(running)
        port.on_exercise = InstructionReport(OrderStatus.ACCEPTED)
        assert await instruct(running) is OrderStatus.ACCEPTED
        assert len(port.instructed) == 2


@pytest.mark.parametrize(
    ("holding", "changes", "error", "reason"),
    [
        (None, {}, NotFound, Reason.POSITION_NOT_FOUND),
        (held_short, {}, NotFound, Reason.POSITION_NOT_FOUND),
        (held_long, {"qty": Decimal(11)}, Refused, Reason.INSUFFICIENT_QTY),
    ],
)
def test_only_long_contracts_that_are_held_can_be_exercised(
    tmp_path: Path, holding: Any, changes: dict[str, Any], error: type[TandemError], reason: Reason
) -> None:
    @virtual
    async def run() -> None:
        async with router(tmp_path / "j.db") as running:
            if holding is not None:
                await holding(running)
            with pytest.raises(error) as caught:
                await instruct(running, replace(EXERCISE, **changes))
            assert caught.value.reason is reason
            assert running.alpaca.instructed == []

    run()


@virtual
async def test_a_halted_gate_holds_it_back(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held_long(running)
        running.core.journal.record(TradingStateSet("", TradingState.HALTED, "test", "me"))
        with pytest.raises(Refused) as refused:
            await instruct(running)
        assert refused.value.reason is Reason.TRADING_HALTED
