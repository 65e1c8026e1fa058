"""Strangers' orders: told once, shown as they stand, dismissed, adopted by policy, looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Refused
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.order_terms import OrderClass
from services.common.domain.reports import LookupResult, OrderReport
from services.router.journal.records import (
    Severity,
)
from services.router.routing.adopting import own_order
from tests.unit.domain.orders import NOW, execution, spec
from tests.unit.router.harness import Running, router, until, virtual
from tests.unit.router.scripted_port import ScriptedPort
from tests.unit.router.strangers import (
    ADOPTED,
    ADOPTS,
    ID,
    adopt,
    dismiss,
    quarantined,
    shown,
    tell,
)
from tests.unit.router.test_adopting import found
from tests.unit.router.test_combos import CREDIT

# -- what is told, and what is shown --


@virtual
async def test_a_stranger_is_told_once_and_shown_as_it_stands(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running)
        tell(running)
        tell(running, status=OrderStatus.PARTIALLY_FILLED, cum_qty=Decimal(4))
        tell(running, cum_qty=Decimal(2))  # older news
        tell(running, limit_price=Decimal(9), cum_qty=Decimal(4))
        ended = {"status": OrderStatus.CANCELED, "signal": Signal.CANCELED}
        tell(running, cum_qty=Decimal(4), **ended)
        tell(running, cum_qty=Decimal(4))  # older news, too
        await until(lambda: running.alpaca.news.empty())
        await asyncio.sleep(1)
        assert (shown(running).status, shown(running).cum_qty) == (OrderStatus.CANCELED, 4)
        [alert] = running.alerts("EXTERNAL_ORDER")
        assert alert.severity is Severity.WARNING
        assert running.kinds() == ["EXTERNAL_ORDER"]
        assert list(running.core.books.quarantine) == [ID]
        assert len(list(running.core.books.quarantine.open("main"))) == 1


@virtual
async def test_what_is_told_without_an_id_belongs_to_no_order(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        for number in ("1", "2"):
            nameless = execution(f"e-{number}", client_id="by-hand", venue_order_id="")
            running.core.intake.take_execution(replace(nameless, cum_qty=None))
        assert running.kinds() == ["QUARANTINED", "QUARANTINED"]
        for quarantine_id in list(running.core.books.quarantine):
            with pytest.raises(Refused, match="no id"):
                await adopt(running, quarantine_id)
        lost = found(client_id="lost~al~1.0", venue_order_id="")
        running.core.intake.adopt(own_order(lost, at=NOW, reason="restored", actor="tandem"))
        assert running.order("lost").order.cum_qty == 0
        assert len(list(running.core.books.quarantine.open())) == 2


@virtual
async def test_older_news_of_a_stranger_shows_nothing_older(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running, status=OrderStatus.PARTIALLY_FILLED, cum_qty=Decimal(4))
        tell(running, status=OrderStatus.PARTIALLY_FILLED, cum_qty=Decimal(2))
        tell(running, client_id="next", venue_order_id="v-8")
        await quarantined(running, 2)
        assert shown(running).cum_qty == 4


@virtual
async def test_a_strangers_first_fill_is_critical_and_the_others_are_kept_beside_it(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running)
        for number, cum in enumerate(("2", "5", "9")):
            running.alpaca.fill("by-hand", f"e-{number}", "2", cum)
        await quarantined(running, 4)
        assert [a.severity for a in running.alerts("QUARANTINED")] == [Severity.CRITICAL]
        assert not list(running.core.books.held("main"))


@virtual
async def test_a_placement_id_that_the_journal_does_not_know_is_critical(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        await running.submit(spec())
        for client_id, vid in (("x~zz~1.0", "v-a"), ("x~al~1.0", "v-b"), ("o-1~al~9.0", "v-c")):
            tell(running, client_id=client_id, venue_order_id=vid)
        await quarantined(running, 3)
        reasons = [e.record.reason for e in running.core.books.quarantine.values()]
        for reason, said in zip(reasons, ("is zz", "restored", "of o-1"), strict=True):
            assert said in reason
        running.alpaca.fill("x~zz~1.0", "e-1", "1", "1")
        await quarantined(running, 4)
        [filled] = running.core.books.quarantine.of_order("main", "alpaca", "v-a")[1:]
        assert filled.record.reason.startswith("an execution of an order of another Tandem")
        assert {a.severity for a in running.alerts("QUARANTINED")} == {Severity.CRITICAL}


@virtual
async def test_an_order_that_nobody_can_reckon_with_is_critical(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        tell(running, instrument=None)
        await quarantined(running)
        assert [a.severity for a in running.alerts()] == [Severity.CRITICAL]
        with pytest.raises(Refused, match="instrument"):
            await adopt(running)


@virtual
async def test_legs_of_a_strangers_multi_leg_order_are_told_with_it(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        many = {"order_class": OrderClass.MULTI_LEG}
        tell(running, instrument=CREDIT.instrument, side=None, **many)
        tell(running, client_id="leg", venue_order_id="v-8", parent="v-7", **many)
        await quarantined(running, 2)
        assert running.kinds() == ["EXTERNAL_ORDER"]
        for quarantine_id in (ID, "order:main:alpaca:v-8"):
            with pytest.raises(Refused, match="multi-leg"):
                await adopt(running, quarantine_id)


# -- dismissed --


@virtual
async def test_a_dismissed_order_is_silent_until_it_goes_on(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        tell(running)
        port.fill("by-hand", "e-1", "2", "2")
        tell(running, cum_qty=Decimal(2))
        await quarantined(running, 2)
        await until(lambda: shown(running).cum_qty == 2)
        assert dismiss(running) == dismiss(running)
        assert not list(running.core.books.quarantine.open())
        before = len(running.kinds())
        port.news.put_nowait(None)  # all of it is told again
        await asyncio.sleep(30)
        assert not list(running.core.books.quarantine.open())
        assert len(running.core.books.quarantine) == 2
        port.fill("by-hand", "e-2", "3", "5")
        tell(running, cum_qty=Decimal(5))
        await quarantined(running, 4)
        assert [e.record.quarantine_id for e in running.core.books.quarantine.open()] == [
            "execution:main:alpaca:v-7:5:3@8.5",
            f"{ID}#2",
        ]
        assert running.kinds()[before:] == ["EXTERNAL_ORDER"]
        await adopt(running, f"{ID}#2")
        assert running.order(ADOPTED).order.cum_qty == 5
        assert not list(running.core.books.quarantine.open())


# -- the account's policy --


@virtual
async def test_an_account_can_adopt_strangers_at_once(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", policy=ADOPTS) as running:
        tell(running)
        running.alpaca.fill("by-hand", "e-1", "4", "4")
        await until(lambda: len(running.core.books.executions) == 1)
        assert not running.core.books.quarantine
        assert [a.severity for a in running.alerts()] == [Severity.INFO]
        assert [p.qty for p in running.core.books.held("main")] == [-4]


@virtual
async def test_fills_that_come_before_their_order_are_adopted_with_it(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", policy=ADOPTS) as running:
        running.alpaca.knows["by-hand"] = found()
        running.alpaca.fill("by-hand", "e-1", "4", "4")
        await quarantined(running)
        assert [p.qty for p in running.core.books.held("main")] == []
        await until(lambda: len(running.core.books.executions) == 1, within_s=120)  # looked up
        assert not list(running.core.books.quarantine.open())


@virtual
async def test_a_policy_adopts_neither_our_ids_nor_what_it_cannot_express(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", policy=ADOPTS) as running:
        tell(running, client_id="x~al~1.0", venue_order_id="v-1")
        tell(running, client_id="many", venue_order_id="v-2", order_class=OrderClass.MULTI_LEG)
        await quarantined(running, 2)
        assert not running.core.books.orders
        assert "not adopted, it is a multi-leg" in shown_reason(running, "order:main:alpaca:v-2")


def shown_reason(running: Running, quarantine_id: str) -> str:
    return running.core.books.quarantine[quarantine_id].record.reason


# -- while nobody listened --


@virtual
async def test_a_stranger_that_ended_during_a_gap_is_looked_up_after_it(tmp_path: Path) -> None:
    port = OpenOnesOnly("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        tell(running)
        tell(running, client_id="works-on", venue_order_id="v-8")
        await quarantined(running, 2)
        ended = found(status=OrderStatus.CANCELED, signal=Signal.CANCELED, cum_qty=Decimal(1))
        port.knows["by-hand"] = ended
        port.news.put_nowait(None)
        await until(lambda: shown(running).status is OrderStatus.CANCELED)
        assert port.looked_up == ["external~main~alpaca~v-7"]


class OpenOnesOnly(ScriptedPort):
    """A venue whose list of open orders has open ones only."""

    looked_up: list[str]

    async def find_order(self, placement_id: str) -> LookupResult:
        self.looked_up = [*getattr(self, "looked_up", []), placement_id]
        return await super().find_order(placement_id)

    async def open_orders(self) -> Sequence[OrderReport]:
        return [r for r in await super().open_orders() if r.status not in TERMINAL]
