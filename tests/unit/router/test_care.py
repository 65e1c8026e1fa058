"""Care for orders that are out: look-ups, missing fills, and what a person is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from services.common.domain.errors import OutcomeUnknown, Reason, Unavailable
from services.common.domain.order_status import OrderStatus, Signal
from tests.unit.domain.orders import spec
from tests.unit.router.harness import router, until, virtual
from tests.unit.router.scripted_port import PLACED, ScriptedPort, refuses, report, word

NOT_SENT = Unavailable(Reason.RATE_LIMITED, "the venue said 429")


@virtual
async def test_a_working_order_that_its_venue_no_longer_shows_is_alarmed_once(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        forgotten = running.alpaca.knows.pop(PLACED)
        running.alpaca.news.put_nowait(None)  # a reconnect, at which all is looked up
        await asyncio.sleep(45)
        assert running.alerts("ORDER_NOT_SHOWN") == []
        await asyncio.sleep(300)
        (alert,) = running.alerts("ORDER_NOT_SHOWN")
        assert PLACED in alert.message
        assert running.order().order.status is OrderStatus.ACCEPTED
        running.alpaca.knows[PLACED] = forgotten
        await asyncio.sleep(300)
        assert len(running.alerts("ORDER_NOT_SHOWN")) == 1


@virtual
async def test_fills_that_a_venue_speaks_of_and_never_lists_are_alarmed_once(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        running.alpaca.news.put_nowait(
            word(running.alpaca, OrderStatus.FILLED, Signal.FILLED, "10")
        )
        await asyncio.sleep(40)
        assert running.alerts("FILLS_MISSING") == []
        await asyncio.sleep(400)
        (alert,) = running.alerts("FILLS_MISSING")
        assert "10" in alert.message


@virtual
async def test_one_order_that_cannot_be_looked_up_keeps_no_other_from_care(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        port = running.alpaca
        port.answer = refuses(OutcomeUnknown("no answer"))
        for name in ("o-1", "o-2"):
            await running.submit(spec(client_order_id=name, order_qty=Decimal(1)))
        look_up = port.find_order

        async def fails_for_the_first(placement_id: str) -> object:
            if placement_id == PLACED:
                raise Unavailable(Reason.READ_FAILED, "500")
            return await look_up(placement_id)

        port.find_order = fails_for_the_first  # type: ignore[method-assign, assignment]
        second = replace(spec(), client_order_id="o-2~al~1.0", order_qty=Decimal(1))
        found = report(second, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
        port.knows["o-2~al~1.0"] = replace(found, venue="alpaca")
        await until(lambda: running.order("o-2").order.status is OrderStatus.ACCEPTED)
        assert running.order("o-1").order.status is OrderStatus.IN_DOUBT


@virtual
async def test_a_venue_that_does_not_answer_keeps_no_other_from_care(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        for port in running.ports.values():
            port.answer = refuses(OutcomeUnknown("no answer"))
        await running.submit(spec(venue_pin="alpaca"))
        await running.submit(spec(client_order_id="o-2", venue_pin="second"))

        async def hangs(_: str) -> object:
            await asyncio.sleep(86_400)
            raise AssertionError

        running.alpaca.find_order = hangs  # type: ignore[method-assign, assignment]
        await asyncio.sleep(10)
        order = replace(spec(), client_order_id="o-2~sd~1.0")
        found = report(order, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
        running.second.knows["o-2~sd~1.0"] = replace(found, venue="second")
        await until(lambda: running.order("o-2").order.status is OrderStatus.ACCEPTED)


@virtual
async def test_an_order_cut_off_by_a_restart_is_alarmed(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", hold=asyncio.Event())
    async with router(tmp_path / "j.db", ports={"alpaca": port}, crash=True) as running:
        waiting = asyncio.ensure_future(running.submit(spec()))
        await until(lambda: port.sent)
    waiting.cancel()
    for _ in range(2):
        async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
            await asyncio.sleep(10)
            assert running.kinds().count("ORDER_IN_DOUBT") == 1


@virtual
async def test_a_doubt_ends_with_the_venues_word_that_it_rejected_the_order(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(OutcomeUnknown("no answer"))
        await running.submit(spec())
        word(running.alpaca, OrderStatus.REJECTED, Signal.REJECTED)
        await until(lambda: running.order().order.status is OrderStatus.REJECTED)
        assert running.second.sent == []
