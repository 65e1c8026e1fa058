"""Promises 4, 6 and 7: where an order may go, and where it may not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import (
    Cause,
    Effect,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import VenuePosition
from tests.unit.domain.orders import instrument, spec
from tests.unit.router.harness import closing, held_short, router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, accepts, refuses, report

NOT_SENT = Unavailable(Reason.RATE_LIMITED, "the venue said 429")


# -- promise 4: failover needs proof --


@virtual
async def test_an_entry_that_was_provably_not_sent_goes_to_the_next_venue(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(NOT_SENT)
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert [p.placement_id for p in entry.order.placements] == ["o-1~al~1.0", "o-1~sd~2.0"]
        assert running.core.books.failover_count == 1
        assert "FAILOVER" in running.kinds()


@virtual
async def test_a_rejection_for_the_orders_sake_does_not_fail_over(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:

        def rejects(order: OrderSpec) -> object:
            made = report(order, OrderStatus.REJECTED, Signal.REJECTED)
            return replace(made, cause=Cause(Reason.INSUFFICIENT_BUYING_POWER, "no money"))

        running.alpaca.answer = rejects  # type: ignore[assignment]
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.REJECTED
        assert running.second.sent == []


@virtual
async def test_an_order_that_the_stream_has_shown_does_not_fail_over(tmp_path: Path) -> None:
    """Evidence beats the word "not sent"."""
    async with router(tmp_path / "j.db", "alpaca", "second") as running:

        def shown_then_denied(order: OrderSpec) -> TandemError:
            known = report(order, OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
            running.core.intake.take_report(replace(known, venue="alpaca"))
            return NOT_SENT

        running.alpaca.answer = shown_then_denied
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert running.second.sent == []


@virtual
async def test_when_every_venue_says_no_effect_the_order_is_kept_unplaced(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        for port in running.ports.values():
            port.answer = refuses(NOT_SENT)
        with pytest.raises(Unavailable) as refused:
            await running.submit(spec())
        assert refused.value.reason is Reason.ALL_VENUES_UNAVAILABLE
        assert [c.venue for c in refused.value.venue_causes] == ["alpaca", "second"]
        assert {c.effect for c in refused.value.venue_causes} == {Effect.NONE}
        assert running.order().order.status is OrderStatus.UNPLACED
        running.alpaca.answer = accepts
        entry = await running.submit(spec())
        assert entry.order.status is OrderStatus.ACCEPTED
        assert running.alpaca.sent[-1].client_order_id == "o-1~al~3.0"


@virtual
async def test_a_venue_that_is_down_names_its_cause(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "alpaca"].view().ready)
        with pytest.raises(Unavailable, match="alpaca"):
            await running.submit(spec())
        assert running.alpaca.sent == []


# -- promise 6: unknown is not empty --


@virtual
async def test_an_account_that_cannot_be_read_gives_no_cover(tmp_path: Path) -> None:
    """NautilusTrader #4228: a failed query was read as an empty list."""
    async with router(tmp_path / "j.db") as running:

        async def unreadable() -> object:
            raise ReadFailed("alpaca: 500")

        running.alpaca.positions = unreadable  # type: ignore[method-assign, assignment]
        with pytest.raises(Unavailable, match="cover can't be shown"):
            await running.submit(spec())
        assert running.alpaca.sent == []


# -- promise 7: exits to the holder, cover with what it covers --


@virtual
async def test_an_exit_goes_to_the_holder_although_another_venue_is_preferred(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await held_short(running, venue="second")
        await running.submit(closing())
        assert running.second.sent[-1].client_order_id == "o-2~sd~1.0"
        assert running.alpaca.sent == []


@virtual
async def test_an_exit_never_fails_over(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        await held_short(running)
        running.alpaca.answer = refuses(NOT_SENT)
        with pytest.raises(Unavailable):
            await running.submit(closing())
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "alpaca"].view().ready)
        with pytest.raises(Refused) as refused:
            await running.submit(closing(client_order_id="o-3"))
        assert refused.value.reason is Reason.HOLDER_UNAVAILABLE
        assert running.second.sent == []


@virtual
async def test_two_exits_cannot_turn_a_position_over(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await held_short(running)
        await running.submit(closing(order_qty=Decimal(6)))
        with pytest.raises(Refused) as refused:
            await running.submit(closing(client_order_id="o-3", order_qty=Decimal(5)))
        assert refused.value.reason is Reason.INSUFFICIENT_QTY
        with pytest.raises(Refused) as refused:
            await running.submit(closing(client_order_id="o-4", order_qty=Decimal(11)))
        assert refused.value.reason is Reason.WOULD_CROSS_ZERO


@virtual
async def test_a_covered_call_goes_only_where_the_shares_are(tmp_path: Path) -> None:
    call = instrument("SPY241115C00600000")
    order = spec(instrument=call, order_qty=Decimal(1), limit_price=Decimal(1))
    shares = VenuePosition("second", "main", instrument("SPY"), Decimal(100))
    ports = {"alpaca": ScriptedPort("alpaca"), "second": ScriptedPort("second", held=[shares])}
    async with router(tmp_path / "j.db", ports=ports) as running:
        await running.submit(order)
        assert [p.client_order_id for p in running.second.sent] == ["o-1~sd~1.0"]
        with pytest.raises(Refused) as refused:  # the first one's cover is taken
            await running.submit(replace(order, client_order_id="o-2"))
        assert refused.value.reason is Reason.NO_COVER
        running.second.reachable = False
        running.second.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "second"].view().ready)
        with pytest.raises(Refused) as refused:
            await running.submit(replace(order, client_order_id="o-3"))
        assert refused.value.reason is Reason.COVER_ELSEWHERE
        assert running.alpaca.sent == []


@virtual
async def test_cash_behind_one_short_put_is_not_behind_another(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", cash="45000")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec(order_qty=Decimal(1)))
        with pytest.raises(Refused) as refused:
            await running.submit(spec(client_order_id="o-2", order_qty=Decimal(1)))
        assert refused.value.reason is Reason.NO_COVER
        assert len(port.sent) == 1
