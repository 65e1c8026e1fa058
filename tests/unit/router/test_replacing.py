"""Replaces: other terms for what works, never more of it than was asked for."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.domain.errors import (
    InvalidRequest,
    OutcomeUnknown,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.router.books.entries import OrderEntry
from services.router.journal.records import TradingState, TradingStateSet
from services.router.routing.revising import Asked
from tests.unit.domain.orders import NOW, spec
from tests.unit.router.harness import Running, closing, held_short, router, until, virtual
from tests.unit.router.scripted_port import (
    PLACED,
    ScriptedPort,
    fails_replace,
    refuses,
    refuses_replace,
    takes_replace,
    word,
)

REVISED = "o-1~al~1.1"
ANEW = "o-1~al~2.0"
CHEAPER = OrderChange(limit_price=Decimal("8.40"))
MORE = OrderChange(order_qty=Decimal(20))


async def change(
    running: Running, terms: OrderChange = CHEAPER, replace_id: str = "r-1", order: str = "o-1"
) -> OrderEntry:
    return await running.core.desk.replace("main", order, Asked(replace_id, terms))


def statuses(running: Running, order: str = "o-1") -> dict[str, OrderStatus]:
    placements = running.order(order).order.placements
    return {p.placement_id: p.status for p in placements}


def ends(port: ScriptedPort, cum: str = "4") -> None:
    """The venue ends the order, and its stream says so."""
    port.news.put_nowait(word(port, OrderStatus.CANCELED, Signal.CANCELED, cum))


@virtual
async def test_a_revision_takes_the_place_of_the_order(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        entry = await change(running)
        assert running.alpaca.replaced == [(PLACED, REVISED, CHEAPER)]
        assert statuses(running) == {PLACED: OrderStatus.REPLACED, REVISED: OrderStatus.ACCEPTED}
        order = entry.order
        assert (order.status, order.terms.limit_price) == (OrderStatus.ACCEPTED, Decimal("8.40"))
        assert (order.leaves_qty, order.leaves_sum) == (10, 10)
        assert running.kinds() == []


@virtual
async def test_the_intent_is_durable_before_the_change_is_sent(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.hold = asyncio.Event()
        waiting = asyncio.ensure_future(change(running))
        await until(lambda: running.alpaca.replaced)
        assert running.core.journal.durable_head.seq >= running.order().seq
        assert running.order().order.status is OrderStatus.PENDING_REPLACE
        assert running.order().order.leaves_sum == 20
        running.alpaca.hold.set()
        await waiting


@virtual
async def test_the_same_replace_again_is_the_same_replace(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.hold = asyncio.Event()
        both = [asyncio.ensure_future(change(running)) for _ in range(2)]
        await until(lambda: running.alpaca.replaced)
        running.alpaca.hold.set()
        await asyncio.gather(*both)
        await change(running)
        assert len(running.alpaca.replaced) == 1
        with pytest.raises(Refused) as refused:
            await change(running, MORE)
        assert refused.value.reason is Reason.CLIENT_ORDER_ID_REUSED


@virtual
async def test_one_replace_at_a_time(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.hold = asyncio.Event()
        waiting = asyncio.ensure_future(change(running))
        await until(lambda: running.alpaca.replaced)
        with pytest.raises(Refused) as refused:
            await change(running, MORE, "r-2")
        assert refused.value.reason is Reason.CHANGE_IN_PROGRESS
        running.alpaca.hold.set()
        await waiting
        await change(running, MORE, "r-2")
        third = running.order().order
        assert (third.terms.limit_price, third.terms.order_qty) == (Decimal("8.40"), 20)
        assert running.alpaca.replaced[-1] == (REVISED, "o-1~al~1.2", MORE)


@virtual
async def test_a_refused_change_leaves_the_order_as_it_was(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=refuses_replace)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        before = (await running.submit(spec())).order
        with pytest.raises(Refused) as refused:
            await change(running)
        assert refused.value.reason is Reason.INVALID_PRICE
        order = running.order().order
        assert (order.status, order.terms) == (OrderStatus.ACCEPTED, before.spec)
        assert (order.latest, order.leaves_sum) == (order.placement(PLACED), 10)
        port.on_replace = takes_replace
        await change(running)
        assert port.replaced[-1][1] == "o-1~al~1.2", "an id is never used twice"


@virtual
async def test_a_change_that_was_not_sent_may_be_asked_for_again(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=fails_replace(Unavailable(Reason.RATE_LIMITED, "no")))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        with pytest.raises(Unavailable):
            await change(running)
        assert running.order().order.status is OrderStatus.ACCEPTED
        port.on_replace = takes_replace
        assert (await change(running)).order.terms.limit_price == Decimal("8.40")


@virtual
async def test_an_unanswered_change_is_in_doubt_and_both_terms_count(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", on_replace=fails_replace(OutcomeUnknown("no answer")))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        order = (await change(running, MORE)).order
        assert (order.status, order.leaves_qty, order.leaves_sum) == (OrderStatus.IN_DOUBT, 20, 30)
        assert running.kinds() == ["ORDER_IN_DOUBT"]
        with pytest.raises(Refused) as refused:
            await change(running, CHEAPER, "r-2")
        assert refused.value.reason is Reason.CHANGE_IN_PROGRESS
        takes_replace(port, PLACED, REVISED, MORE)
        await until(lambda: running.order().order.status is OrderStatus.ACCEPTED)
        await until(lambda: running.order().order.leaves_sum == 20)
        assert len(port.replaced) == 1


@virtual
async def test_a_change_without_an_answer_is_in_doubt_after_a_restart(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", hold=None)
    async with router(tmp_path / "j.db", ports={"alpaca": port}, crash=True) as running:
        await running.submit(spec())
        port.hold = asyncio.Event()
        waiting = asyncio.ensure_future(change(running))
        await until(lambda: port.replaced)
    with pytest.raises(OutcomeUnknown):
        await waiting
    port.hold = None
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        assert running.order().order.status is OrderStatus.IN_DOUBT
        await asyncio.sleep(60)
        assert len(port.replaced) == 1, "a restart sends nothing"


@virtual
async def test_an_order_with_fills_is_canceled_and_what_is_left_placed_anew(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.fill(PLACED, "e-1", "4", "4")
        await until(lambda: running.order().order.cum_qty)
        waiting = asyncio.ensure_future(change(running))
        await until(lambda: running.alpaca.canceled)
        await asyncio.sleep(5)
        assert [o.client_order_id for o in running.alpaca.sent] == [PLACED], "no end, no new order"
        ends(running.alpaca)
        order = (await waiting).order
        assert running.alpaca.replaced == []
        new = running.alpaca.sent[-1]
        assert (new.client_order_id, new.order_qty, new.limit_price) == (ANEW, 6, Decimal("8.40"))
        assert (order.status, order.cum_qty, order.leaves_sum) == (
            OrderStatus.PARTIALLY_FILLED,
            4,
            6,
        )
        await change(running, MORE, "r-2")
        revision = OrderChange(order_qty=Decimal(16))
        assert running.alpaca.replaced == [(ANEW, "o-1~al~2.1", revision)], "20 less what is filled"
        assert running.order().order.leaves_sum == 16


@virtual
async def test_without_proof_of_the_end_nothing_new_is_sent(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.fill(PLACED, "e-1", "4", "4")
        await until(lambda: running.order().order.cum_qty)
        with pytest.raises(OutcomeUnknown, match="not proven"):
            await change(running)
        ends(running.alpaca)
        await until(lambda: running.order().order.status is OrderStatus.CANCELED)
        await asyncio.sleep(60)
        assert len(running.alpaca.sent) == 1


@virtual
async def test_fills_that_the_adapter_saw_first_lead_to_cancel_and_proof(tmp_path: Path) -> None:
    in_time = Refused(Reason.CHANGE_IN_PROGRESS, "it has fills")
    port = ScriptedPort("alpaca", on_replace=fails_replace(in_time))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        port.fill(PLACED, "e-1", "4", "4")
        waiting = asyncio.ensure_future(change(running))
        await until(lambda: port.canceled)
        ends(port)
        await waiting
        assert port.sent[-1].order_qty == 6


@virtual
async def test_a_fill_that_raced_the_replace_is_alarmed_and_the_excess_canceled(
    tmp_path: Path,
) -> None:
    def races(port: ScriptedPort, placement_id: str, revision_id: str, terms: OrderChange) -> Any:
        port.fill(placement_id, "e-1", "4", "4")
        return takes_replace(port, placement_id, revision_id, terms)

    port = ScriptedPort("alpaca", on_replace=races)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running)
        await until(lambda: port.canceled)
        assert running.kinds() == ["REPLACE_EXCESS"]
        assert port.canceled == [REVISED]
        assert running.core.books.trading_state("main") is TradingState.REDUCING


@virtual
async def test_a_venue_that_takes_the_raced_fill_off_the_revision_is_right(tmp_path: Path) -> None:
    def races(port: ScriptedPort, placement_id: str, revision_id: str, terms: OrderChange) -> Any:
        port.fill(placement_id, "e-1", "4", "4")
        takes_replace(port, placement_id, revision_id, terms)
        port.knows[revision_id] = replace(port.knows[revision_id], order_qty=Decimal(6))
        return port.knows[revision_id]

    port = ScriptedPort("alpaca", on_replace=races)
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        await change(running)
        await until(lambda: running.order().order.cum_qty)
        order = running.order().order
        assert (order.status, order.leaves_qty) == (OrderStatus.PARTIALLY_FILLED, 6)
        port.fill(REVISED, "e-2", "6", "6", px="8.50")
        await until(lambda: running.order().order.status is OrderStatus.FILLED)
        assert running.kinds() == []
        assert running.core.books.trading_state("main") is TradingState.ACTIVE


@virtual
async def test_a_cancel_during_a_replace_ends_what_stands_after_it(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.hold = asyncio.Event()
        waiting = asyncio.ensure_future(change(running))
        await until(lambda: running.alpaca.replaced)
        canceling = asyncio.ensure_future(running.core.desk.cancel("main", "o-1"))
        await asyncio.sleep(1)
        running.alpaca.hold.set()
        await asyncio.gather(waiting, canceling)
        assert REVISED in running.alpaca.canceled
        assert running.order().order.status is OrderStatus.PENDING_CANCEL


@virtual
async def test_a_replace_that_hangs_holds_no_cancel_back(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.hold = asyncio.Event()
        waiting = asyncio.ensure_future(change(running))
        await until(lambda: running.alpaca.replaced)
        canceling = asyncio.ensure_future(running.core.desk.cancel("main", "o-1"))
        await until(lambda: running.alpaca.canceled, within_s=1.0)
        assert running.alpaca.canceled == [PLACED]
        running.alpaca.hold.set()
        await asyncio.gather(waiting, canceling, return_exceptions=True)


@virtual
async def test_the_adapter_is_told_when_a_change_may_leave_at_the_latest(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        latest = NOW + timedelta(hours=1)
        await running.core.desk.replace("main", "o-1", Asked("r-1", CHEAPER, latest))
        assert running.alpaca.replace_not_after == latest


@virtual
async def test_a_larger_exit_stays_within_what_is_held(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held_short(running, "10")
        await running.submit(closing(order_qty=Decimal(6)))
        await change(running, OrderChange(order_qty=Decimal(10)), order="o-2")
        with pytest.raises(Refused) as refused:
            await change(running, OrderChange(order_qty=Decimal(11)), "r-2", order="o-2")
        assert refused.value.reason is Reason.INSUFFICIENT_QTY


@virtual
async def test_a_shut_gate_holds_replaces_of_entries_back(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        reducing = TradingStateSet("", TradingState.REDUCING, "test", "me")
        running.core.journal.record(reducing)
        with pytest.raises(Refused) as refused:
            await change(running)
        assert refused.value.reason is Reason.TRADING_REDUCING
        assert running.alpaca.replaced == []


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (OrderChange(limit_price=Decimal("8.50")), "limit_price"),
        (OrderChange(stop_price=Decimal(1)), "stop_price"),
        (OrderChange(order_qty=Decimal("1.5")), "order_qty"),
        (OrderChange(trail_percent=Decimal(1)), "trail_percent"),
    ],
)
def test_a_change_that_makes_no_order_is_named(
    tmp_path: Path, terms: OrderChange, field: str
) -> None:
    @virtual
    async def run() -> None:
        async with router(tmp_path / "j.db") as running:
            await running.submit(spec())
            with pytest.raises(InvalidRequest) as invalid:
                await change(running, terms)
            assert invalid.value.field == field

    run()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuses(OutcomeUnknown("no answer")), Reason.CHANGE_IN_PROGRESS),
        (refuses(Unavailable(Reason.RATE_LIMITED, "no")), Reason.ORDER_ENDED),
    ],
)
def test_only_what_works_can_be_replaced(tmp_path: Path, answer: Any, reason: Reason) -> None:
    @virtual
    async def run() -> None:
        port = ScriptedPort("alpaca", answer=answer)
        async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
            with contextlib.suppress(Unavailable):
                await running.submit(spec())
            with pytest.raises(Refused) as refused:
                await change(running)
            assert refused.value.reason is reason

    run()
