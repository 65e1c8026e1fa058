"""One order over two holders: sent as parts, each worked for itself, shown as one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.common.domain.errors import (
    Effect,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange, OrderType, TimeInForce
from services.common.domain.reports import OrderReport
from services.router.books.entries import OrderEntry
from services.router.routing.revising import Asked
from tests.unit.router.harness import Running, router, share_order, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, accepts, refuses, report

FIRST, SECOND = "exit~al~1.0", "exit~sd~2.0"
NOT_TAKEN = Unavailable(Reason.VENUE_UNAVAILABLE, "not connected")


def sale(qty: str = "10", name: str = "exit", **changes: Any) -> OrderSpec:
    return share_order(client_order_id=name, side=Side.SELL, order_qty=Decimal(qty), **changes)


async def held(running: Running, *quantities: str) -> None:
    """Buy at each of the venues, the first given first, and have it filled."""
    for (name, port), qty in zip(running.ports.items(), quantities, strict=True):
        bought = share_order(client_order_id=f"in-{name}", venue_pin=name, order_qty=Decimal(qty))
        await running.submit(bought)
        port.fill(port.sent[-1].client_order_id, f"e-{name}", qty, qty)
        port.sent.clear()
    await until(lambda: len(list(running.core.books.held("main"))) == len(quantities))


def rejects(order: OrderSpec) -> OrderReport:
    return report(order, OrderStatus.REJECTED, Signal.REJECTED)


def in_doubt(order: OrderSpec) -> TandemError:
    return OutcomeUnknown("no answer")


def turns_up(port: ScriptedPort) -> None:
    """The venue has what was sent last after all."""
    part = port.sent[-1]
    port.knows[part.client_order_id] = replace(accepts(part), venue=port.name)


def statuses(running: Running) -> list[OrderStatus]:
    """Of the parts: the first venue's and the second's; none before it is taken."""
    entry = running.core.books.find("main", "exit")
    return [] if entry is None else [p.status for p in entry.order.placements]


def sent(running: Running) -> list[tuple[str, Decimal]]:
    return [(s.client_order_id, s.order_qty) for p in running.ports.values() for s in p.sent]


@virtual
async def test_what_two_venues_hold_is_sold_by_one_order_on_its_own_terms(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        answer = await running.submit(sale(time_in_force=TimeInForce.GTC))
        assert (answer.order.status, answer.order.leaves_qty) == (OrderStatus.ACCEPTED, 10)
        assert sent(running) == [(FIRST, 6), (SECOND, 4)]
        for port in running.ports.values():
            (part,) = port.sent
            assert (part.side, part.order_type) == (Side.SELL, OrderType.LIMIT)
            assert (part.limit_price, part.time_in_force) == (Decimal("8.50"), TimeInForce.GTC)
        running.alpaca.fill(FIRST, "x-1", "6", "6")
        running.second.fill(SECOND, "x-2", "4", "4")
        await until(lambda: running.order("exit").order.status is OrderStatus.FILLED)
        left = {p.venue: p.qty for p in running.core.books.held("main")}
        assert left == {"second": 2}
        assert (await running.submit(sale(time_in_force=TimeInForce.GTC))).order.cum_qty == 10
        assert sent(running) == [(FIRST, 6), (SECOND, 4)]


@virtual
async def test_a_watcher_is_told_of_all_parts_at_once(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        watching = running.core.watching.subscribe("")
        await running.submit(sale())
        told: list[tuple[int, int, OrderStatus]] = []
        while (event := await watching.next(0.1)) is not None:
            if isinstance(event.told, OrderEntry):
                order = event.told.order
                told.append((len(order.placements), int(order.leaves_qty), order.status))
        assert told[0] == (2, 10, OrderStatus.PENDING_NEW)
        assert told[-1] == (2, 10, OrderStatus.ACCEPTED)


@virtual
async def test_a_reply_waits_for_each_part_and_no_part_for_another(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        running.alpaca.hold = asyncio.Event()
        asking = asyncio.create_task(running.submit(sale()))
        await until(lambda: statuses(running)[1:] == [OrderStatus.ACCEPTED])
        running.second.fill(SECOND, "x-2", "4", "4")
        await until(lambda: running.order("exit").order.cum_qty == 4)
        assert not asking.done()
        assert running.order("exit").order.status is OrderStatus.PENDING_NEW
        running.alpaca.hold.set()
        assert (await asking).order.status is OrderStatus.PARTIALLY_FILLED


@virtual
async def test_a_part_in_doubt_neither_holds_nor_repeats_the_other(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        running.alpaca.answer = in_doubt
        answer = await running.submit(sale())
        assert (answer.order.status, answer.order.leaves_qty) == (OrderStatus.IN_DOUBT, 10)
        running.second.fill(SECOND, "x-2", "4", "4")
        await until(lambda: running.order("exit").order.cum_qty == 4)
        with pytest.raises(Refused) as more:  # what is in doubt stays reserved
            await running.submit(sale("3", "more"))
        assert more.value.reason is Reason.INSUFFICIENT_QTY
        turns_up(running.alpaca)
        await until(lambda: running.order("exit").order.status is OrderStatus.PARTIALLY_FILLED)
        assert sent(running) == [(FIRST, 6), (SECOND, 4)]


@virtual
async def test_a_part_that_is_proven_absent_ends_and_goes_nowhere_else(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        running.alpaca.answer = in_doubt
        await running.submit(sale())
        running.alpaca.proves_absence = True
        await until(lambda: running.order("exit").order.status is OrderStatus.ACCEPTED)
        assert statuses(running) == [OrderStatus.UNPLACED, OrderStatus.ACCEPTED]
        assert running.order("exit").order.leaves_qty == 4
        (alert,) = running.alerts("PART_NOT_PLACED")
        assert (alert.venue, alert.client_order_id) == ("alpaca", "exit")
        running.second.fill(SECOND, "x-2", "4", "4")
        await until(lambda: running.order("exit").order.status is OrderStatus.CANCELED)
        running.alpaca.answer = accepts
        await running.submit(sale("6", "rest"))
        assert sent(running) == [(FIRST, 6), ("rest~al~1.0", 6), (SECOND, 4)]


@virtual
async def test_a_holder_that_is_lost_before_the_send_gets_nothing_and_the_other_its_part(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        asking = asyncio.create_task(running.submit(sale()))
        await until(lambda: SECOND in running.core.books.by_placement, step_s=0.0001)
        running.core.links["main", "alpaca"]._set_session("session-2")
        shown = (await asking).order
        assert (shown.status, shown.leaves_qty) == (OrderStatus.ACCEPTED, 4)
        assert shown.cause is not None
        assert shown.cause.reason is Reason.STALE_SESSION
        assert sent(running) == [(SECOND, 4)]


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (refuses(NOT_TAKEN), OrderStatus.UNPLACED, Reason.VENUE_UNAVAILABLE),
        (rejects, OrderStatus.REJECTED, None),
    ],
)
@pytest.mark.parametrize("name", ["alpaca", "second"])
def test_a_part_that_is_not_taken_leaves_the_other_and_goes_nowhere_else(
    tmp_path: Path, name: str, answer: Any, status: OrderStatus, reason: Reason | None
) -> None:
    @virtual
    async def run() -> None:
        async with router(tmp_path / "j", "alpaca", "second") as running:
            await held(running, "6", "6")
            running.ports[name].answer = answer
            other, took = ("second", SECOND) if name == "alpaca" else ("alpaca", FIRST)
            shown = (await running.submit(sale())).order
            taken = "4" if other == "second" else "6"
            assert (shown.status, shown.leaves_qty) == (OrderStatus.ACCEPTED, int(taken))
            assert [p.status for p in shown.placements if p.venue == name] == [status]
            assert reason is None or (shown.cause is not None and shown.cause.reason is reason)
            (alert,) = running.alerts("PART_NOT_PLACED")
            assert (alert.venue, alert.client_order_id) == (name, "exit")
            running.ports[other].fill(took, "x", taken, taken)
            await until(lambda: not running.order("exit").order.is_open)
            ended = running.order("exit").order
            assert (ended.status, ended.cum_qty) == (OrderStatus.CANCELED, int(taken))
            assert sent(running) == [(FIRST, 6), (SECOND, 4)]
            running.ports[name].answer = accepts
            rest = await running.submit(sale("6" if name == "alpaca" else "4", "rest"))
            assert [p.venue for p in rest.order.placements] == [name]

    run()


@virtual
async def test_parts_that_nobody_took_are_planned_anew_under_new_numbers(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        for port in running.ports.values():
            port.answer = refuses(NOT_TAKEN)
        with pytest.raises(Unavailable) as nowhere:
            await running.submit(sale())
        error = nowhere.value
        assert (error.reason, error.effect) == (Reason.ALL_VENUES_UNAVAILABLE, Effect.NONE)
        assert [c.venue for c in error.venue_causes] == ["alpaca", "second"]
        assert running.order("exit").order.status is OrderStatus.UNPLACED
        for port in running.ports.values():
            port.answer = accepts
        again = await running.submit(sale())
        assert again.order.status is OrderStatus.ACCEPTED
        assert sent(running)[1] == ("exit~al~3.0", 6)
        assert sent(running)[3] == ("exit~sd~4.0", 4)
        assert "PART_NOT_PLACED" not in running.kinds()


@virtual
async def test_what_both_venues_reject_is_rejected(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        for port in running.ports.values():
            port.answer = rejects
        assert (await running.submit(sale())).order.status is OrderStatus.REJECTED


@virtual
async def test_a_fault_while_one_part_is_sent_leaves_the_other_alone(tmp_path: Path) -> None:
    def breaks(order: OrderSpec) -> OrderReport:
        raise RuntimeError("a bug")

    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        running.alpaca.answer = breaks
        assert (await running.submit(sale())).order.status is OrderStatus.IN_DOUBT
        assert statuses(running) == [OrderStatus.IN_DOUBT, OrderStatus.ACCEPTED]


@virtual
async def test_a_cancel_ends_what_works_at_once_and_what_is_sent_or_in_doubt_when_it_is_known(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        running.alpaca.hold = asyncio.Event()
        running.alpaca.answer = in_doubt
        asking = asyncio.create_task(running.submit(sale()))
        await until(lambda: statuses(running)[1:] == [OrderStatus.ACCEPTED])
        canceling = asyncio.create_task(running.core.desk.cancel("main", "exit"))
        await until(lambda: running.second.canceled == [SECOND], within_s=1.0)  # of virtual time
        assert statuses(running) == [OrderStatus.PENDING_NEW, OrderStatus.PENDING_CANCEL]
        running.alpaca.hold.set()
        await canceling
        assert (await asking).order.status is OrderStatus.IN_DOUBT
        assert running.alpaca.canceled == []
        turns_up(running.alpaca)
        await until(lambda: running.alpaca.canceled == [FIRST])
        assert running.second.canceled == [SECOND]


@virtual
async def test_a_cancel_before_the_sends_keeps_every_part_from_being_sent(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        asking = asyncio.create_task(running.submit(sale()))
        await until(lambda: running.core.books.find("main", "exit"), step_s=0)
        await running.core.desk.cancel("main", "exit")
        answer = await asyncio.gather(asking, return_exceptions=True)
        assert sent(running) == []
        assert running.order("exit").order.status is OrderStatus.CANCELED, answer
        assert "PART_NOT_PLACED" not in running.kinds()


@virtual
async def test_a_split_order_is_not_replaced_even_when_one_part_is_left(tmp_path: Path) -> None:
    async with router(tmp_path / "j", "alpaca", "second") as running:
        await held(running, "6", "6")
        await running.submit(sale())

        async def refusal(replace_id: str) -> Reason:
            asked = Asked(replace_id, OrderChange(limit_price=Decimal(9)))
            with pytest.raises(Refused) as refused:
                await running.core.desk.replace("main", "exit", asked)
            assert refused.value.effect is Effect.NONE
            return refused.value.reason

        assert await refusal("r-1") is Reason.NOT_IMPLEMENTED
        running.alpaca.fill(FIRST, "x-1", "6", "6")
        await until(lambda: running.order("exit").order.cum_qty == 6)
        assert await refusal("r-2") is Reason.NOT_IMPLEMENTED
        running.second.fill(SECOND, "x-2", "4", "4")
        await until(lambda: running.order("exit").order.cum_qty == 10)
        assert await refusal("r-3") is Reason.ORDER_ENDED
        assert running.alpaca.replaced == running.second.replaced == []
