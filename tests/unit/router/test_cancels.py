"""Cancels: they stand until the order has ended, whatever is in the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.common.domain.errors import NotFound, OutcomeUnknown, Reason, Refused, Unavailable
from services.common.domain.order_status import OrderStatus, Signal
from services.router.journal.records import CancelIntended, TradingState, TradingStateSet
from services.router.routing.venue import Pulse
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, router, until, virtual
from tests.unit.router.scripted_port import PLACED, ScriptedPort, refuses, word

NOT_SENT = Unavailable(Reason.RATE_LIMITED, "the venue said 429")


async def cancel(running: Running, client_order_id: str = "o-1") -> OrderStatus:
    return (await running.core.desk.cancel("main", client_order_id)).order.status


@virtual
async def test_a_cancel_is_a_request_and_no_end(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        assert await cancel(running) is OrderStatus.PENDING_CANCEL
        ended = word(running.alpaca, OrderStatus.CANCELED, Signal.CANCELED)
        running.alpaca.news.put_nowait(ended)
        await until(lambda: running.order().order.status is OrderStatus.CANCELED)
        with pytest.raises(Refused) as refused:
            await cancel(running)
        assert refused.value.reason is Reason.ORDER_ENDED


@virtual
async def test_a_cancel_goes_through_a_closed_gate(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.journal.record(TradingStateSet("", TradingState.HALTED, "test", "me"))
        await cancel(running)
        assert running.alpaca.canceled == [PLACED]


@virtual
async def test_a_cancel_of_an_unknown_order_is_not_found(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        with pytest.raises(NotFound):
            await cancel(running)


@virtual
async def test_a_cancel_of_an_order_in_doubt_stands_and_forbids_another_send(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca", answer=refuses(OutcomeUnknown("no answer")))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        assert await cancel(running) is OrderStatus.IN_DOUBT
        assert port.canceled == []
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await asyncio.sleep(60)
        assert (await running.submit(spec())).order.status is OrderStatus.IN_DOUBT
        word(port, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
        await until(lambda: port.canceled)
        assert port.canceled == [PLACED]
        assert len(port.sent) == 1


@virtual
async def test_a_cancel_during_the_send_is_passed_on_after_the_answer(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.hold = asyncio.Event()
        waiting = asyncio.ensure_future(running.submit(spec()))
        await until(lambda: running.alpaca.sent)
        canceling = asyncio.ensure_future(cancel(running))
        await asyncio.sleep(1)
        assert running.alpaca.canceled == []
        running.alpaca.hold.set()
        await waiting
        assert await canceling is OrderStatus.PENDING_CANCEL
        assert running.alpaca.canceled == [PLACED]


@virtual
async def test_a_cancel_before_the_send_keeps_the_order_from_being_sent(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        waiting = asyncio.ensure_future(running.submit(spec()))
        await until(lambda: PLACED in running.core.books.by_placement, step_s=0.0001)
        canceling = asyncio.ensure_future(cancel(running))
        assert (await waiting).order.status is OrderStatus.CANCELED
        assert await canceling is OrderStatus.CANCELED
        assert running.alpaca.sent == []


@virtual
async def test_a_canceled_unplaced_order_is_never_planned_anew(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.answer = refuses(NOT_SENT)
        with pytest.raises(Unavailable):
            await running.submit(spec())
        assert await cancel(running) is OrderStatus.CANCELED
        assert (await running.submit(spec())).order.status is OrderStatus.CANCELED
        assert len(running.alpaca.sent) == 1
        assert running.alpaca.canceled == []


@virtual
async def test_a_cancel_while_the_venue_is_down_is_passed_on_once_it_is_back(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "alpaca"].view().ready)
        assert await cancel(running) is OrderStatus.ACCEPTED
        await asyncio.sleep(60)
        assert running.alpaca.canceled == []
        running.alpaca.reachable = True
        await until(lambda: running.alpaca.canceled)
        await asyncio.sleep(60)
        assert running.alpaca.canceled == [PLACED]


@virtual
async def test_a_cancel_is_durable_before_it_is_passed_on(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        ask = running.alpaca.cancel
        durable: list[bool] = []

        async def checked(*arguments: object) -> object:
            journal = running.core.journal
            durable.append(journal.durable_head.seq >= running.order().seq)
            return await ask(*arguments)  # type: ignore[arg-type]

        running.alpaca.cancel = checked  # type: ignore[method-assign, assignment]
        await cancel(running)
        assert durable == [True]


@virtual
async def test_care_too_passes_on_only_what_is_durable(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        ask, durable = running.alpaca.cancel, []

        async def checked(*arguments: object) -> object:
            durable.append(running.core.journal.durable_head.seq >= running.order().seq)
            return await ask(*arguments)  # type: ignore[arg-type]

        running.alpaca.cancel = checked  # type: ignore[method-assign, assignment]
        running.core.journal.record(CancelIntended("main", "o-1"))
        await running.core.care.review(running.core.links["main", "alpaca"])
        assert durable == [True]


@virtual
async def test_care_passes_nothing_on_for_a_router_that_leads_no_more(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.core.journal.record(CancelIntended("main", "o-1"))
        running.core.journal.resign()
        await running.core.care.review(running.core.links["main", "alpaca"])
        assert running.alpaca.canceled == []


@virtual
async def test_a_cancel_without_an_answer_is_asked_for_again(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        ask, asked = running.alpaca.cancel, []

        async def lost(*arguments: object) -> object:
            asked.append(arguments[0])
            if len(asked) < 3:
                raise OutcomeUnknown("no answer")
            return await ask(*arguments)  # type: ignore[arg-type]

        running.alpaca.cancel = lost  # type: ignore[method-assign, assignment]
        assert await cancel(running) is OrderStatus.ACCEPTED
        await until(lambda: running.order().order.status is OrderStatus.PENDING_CANCEL)
        assert asked == [PLACED] * 3


@virtual
async def test_an_order_that_ended_before_its_cancel_shows_how(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())

        async def ended(*_: object) -> object:
            raise Refused(Reason.ORDER_ENDED, "it is filled")

        running.alpaca.cancel = ended  # type: ignore[method-assign, assignment]
        running.alpaca.fill(PLACED, "e-1", "10", "10")
        running.alpaca.news.get_nowait()  # the stream is behind
        word(running.alpaca, OrderStatus.FILLED, Signal.FILLED, "10")
        with pytest.raises(Refused) as refused:
            await cancel(running)
        assert refused.value.reason is Reason.ORDER_ENDED
        order = running.order().order
        assert (order.status, order.cum_qty) == (OrderStatus.FILLED, 10)


@virtual
async def test_an_end_is_shown_only_once_its_fills_are_booked(tmp_path: Path) -> None:
    """Dead means the venue's word plus executions that add up."""
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        await cancel(running)
        port = running.alpaca
        port.news.put_nowait(word(port, OrderStatus.CANCELED, Signal.CANCELED, "4"))
        await until(lambda: running.order().order.placements[0].status is OrderStatus.CANCELED)
        assert running.order().order.is_open
        assert running.order().order.leaves_qty == 4
        port.fill(PLACED, "e-1", "4", "4")
        port.news.get_nowait()  # lost; care fetches it
        await until(lambda: running.order().order.status is OrderStatus.CANCELED)
        assert running.order().order.cum_qty == 4
        assert running.order().order.leaves_qty == 0


@virtual
async def test_a_cancel_that_the_venue_refuses_is_asked_for_at_intervals_only(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        ask, port = running.alpaca.cancel, running.alpaca

        async def refused_later(*arguments: object) -> object:
            answer = await ask(*arguments)  # type: ignore[arg-type]
            port.news.put_nowait(word(port, OrderStatus.ACCEPTED, Signal.CANCEL_REJECTED))
            return answer

        port.cancel = refused_later  # type: ignore[method-assign, assignment]
        await cancel(running)
        await asyncio.sleep(60)
        assert 2 <= len(port.canceled) <= 15  # care's round is 5 s here


@virtual
async def test_a_cancel_that_the_venue_has_forgotten_is_asked_for_again_and_alarmed(
    tmp_path: Path,
) -> None:
    """It said "pending", and a look-up shows the order working."""
    async with router(tmp_path / "j.db") as running:
        running.alpaca.swallows_cancels = True
        await running.submit(spec())
        assert await cancel(running) is OrderStatus.PENDING_CANCEL
        await asyncio.sleep(50)
        assert 2 <= len(running.alpaca.canceled) <= 4
        assert running.alerts("CANCEL_OVERDUE") == []
        await asyncio.sleep(100)
        (alert,) = running.alerts("CANCEL_OVERDUE")
        assert (alert.client_order_id, alert.venue) == ("o-1", "alpaca")
        running.alpaca.swallows_cancels = False
        await asyncio.sleep(30)
        asked = len(running.alpaca.canceled)
        await asyncio.sleep(300)
        assert len(running.alpaca.canceled) == asked


@virtual
async def test_a_cancel_needs_an_adapter_and_no_session_with_the_venue(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.news.put_nowait(Pulse(""))
        await until(lambda: not running.core.links["main", "alpaca"].view().ready)
        assert await cancel(running) is OrderStatus.PENDING_CANCEL
        assert running.alpaca.canceled == [PLACED]


@virtual
async def test_fills_that_come_with_a_refused_cancel_are_fetched_at_once(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        await cancel(running)
        port = running.alpaca
        port.fill(PLACED, "e-1", "4", "4")
        port.news.get_nowait()  # lost
        refused = word(port, OrderStatus.PARTIALLY_FILLED, Signal.CANCEL_REJECTED, "4")
        port.news.put_nowait(refused)
        await until(lambda: running.order().order.cum_qty == 4, within_s=1.0)


@virtual
async def test_a_standing_cancel_survives_a_restart(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        port.reachable = False
        port.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "alpaca"].view().ready)
        await cancel(running)
    port.reachable = True
    async with router(tmp_path / "j.db", ports={"alpaca": port}):
        await until(lambda: port.canceled == [PLACED])


@virtual
async def test_canceling_the_call_does_not_cancel_the_cancel(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.hold = asyncio.Event()
        waiting = asyncio.ensure_future(running.submit(spec()))
        await until(lambda: running.alpaca.sent)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await cancel(running)
        running.alpaca.hold.set()
        await waiting
        await until(lambda: running.alpaca.canceled == [PLACED])
