"""What an account's policy makes of outcomes: where its orders go next, and where they stay."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Cause, InvalidRequest, Reason, Unavailable
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import OrderReport, VenueStatus
from services.router.routing.policy import AccountPolicy, FailoverPolicy
from services.router.routing.preference import (
    LARGE_ORDER_BROKER,
    AssetClass,
    Preference,
    RoutingRule,
)
from tests.unit.router.harness import closing, held_short, router, share_order, until, virtual
from tests.unit.router.scripted_port import ScriptedPort, refuses
from tests.unit.router.test_failback import BOTH, comes_back, goes_down
from tests.unit.router.test_failover import NOT_SENT, blocked, show


def failing_over(**terms: object) -> AccountPolicy:
    return AccountPolicy(FailoverPolicy(**terms))  # type: ignore[arg-type]


@virtual
async def test_a_rejection_after_the_venue_had_shown_the_order_at_work_goes_nowhere(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", "alpaca", "second") as running:

        def shown_then_rejected(order: OrderSpec) -> OrderReport:
            show(running, order.client_order_id, "alpaca", share_order())
            return blocked(order)

        running.alpaca.answer = shown_then_rejected
        entry = await running.submit(share_order())
        assert entry.order.status is OrderStatus.REJECTED
        assert entry.order.placements[0].was_accepted
        assert running.second.sent == []


@virtual
async def test_a_rejection_that_the_policy_lists_goes_to_the_next_venue(tmp_path: Path) -> None:
    listed = failing_over(on_rejections=frozenset({Reason.INVALID_PRICE}))

    def off_tick(order: OrderSpec) -> OrderReport:
        return replace(blocked(order), cause=Cause(Reason.INVALID_PRICE, "sub-penny"))

    async with router(tmp_path / "j.db", "alpaca", "second", policy=listed) as running:
        running.alpaca.answer = off_tick
        entry = await running.submit(share_order())
        assert [p.venue for p in entry.order.placements] == ["alpaca", "second"]
        assert entry.order.status is OrderStatus.ACCEPTED
    async with router(tmp_path / "k.db", "alpaca", "second") as running:
        running.alpaca.answer = off_tick
        entry = await running.submit(share_order())
        assert entry.order.status is OrderStatus.REJECTED
        assert running.second.sent == []


@virtual
async def test_a_price_off_a_tick_that_an_adapter_refuses_is_tried_elsewhere_as_it_is(
    tmp_path: Path,
) -> None:
    """IB's adapter knows the tick before it sends; nobody ever rounds."""
    async with router(tmp_path / "j.db", "alpaca", "second") as running:
        running.alpaca.answer = refuses(
            InvalidRequest("order.limit_price", "off the tick", reason=Reason.INVALID_PRICE)
        )
        odd = share_order(limit_price=Decimal("400.001"))
        entry = await running.submit(odd)
        assert [p.venue for p in entry.order.placements] == ["alpaca", "second"]
        assert [order.limit_price for order in running.second.sent] == [Decimal("400.001")]


@virtual
async def test_an_account_without_failover_sends_nothing_elsewhere(tmp_path: Path) -> None:
    alone = failing_over(is_allowed=False)
    async with router(tmp_path / "j.db", "alpaca", "second", policy=alone) as running:
        running.alpaca.answer = refuses(NOT_SENT)
        with pytest.raises(Unavailable) as failed:
            await running.submit(share_order())
        assert [c.venue for c in failed.value.venue_causes] == ["alpaca", "second"]
        running.alpaca.reachable = False
        running.alpaca.news.put_nowait(None)
        await until(lambda: not running.core.links["main", "alpaca"].view().ready)
        with pytest.raises(Unavailable) as failed:
            await running.submit(share_order(client_order_id="o-2"))
        assert "allows no failover" in failed.value.message
        assert running.second.sent == []
        assert running.core.books.failover_count == 0


@virtual
async def test_a_reason_that_the_policy_keeps_leaves_the_order_unplaced(tmp_path: Path) -> None:
    stays = failing_over(not_on=frozenset({Reason.RATE_LIMITED}))
    async with router(tmp_path / "j.db", "alpaca", "second", policy=stays) as running:
        running.alpaca.answer = refuses(NOT_SENT)
        with pytest.raises(Unavailable):
            await running.submit(share_order())
        assert running.second.sent == []


@virtual
async def test_no_more_venues_are_asked_than_the_policy_allows(tmp_path: Path) -> None:
    once = failing_over(attempts_max=1)
    async with router(tmp_path / "j.db", "alpaca", "second", policy=once) as running:
        running.alpaca.answer = refuses(NOT_SENT)
        for _ in range(2):  # sent again it is asked for again, once
            with pytest.raises(Unavailable):
                await running.submit(share_order())
        assert [len(port.sent) for port in running.ports.values()] == [2, 0]


# -- what the account prefers --

SECOND_FIRST = AccountPolicy(preference=Preference((RoutingRule("second"),)))


@virtual
async def test_a_failover_is_one_from_the_venue_that_a_rule_prefers(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH, policy=SECOND_FIRST) as running:
        await goes_down(running, "alpaca")
        entry = await running.submit(share_order())
        assert [p.venue for p in entry.order.placements] == ["second"]
        assert running.core.books.failover_count == 0  # nobody wanted the one that is down
        await comes_back(running, "alpaca")
        await goes_down(running, "second")
        entry = await running.submit(share_order(client_order_id="o-2"))
        assert [p.venue for p in entry.order.placements] == ["alpaca"]
        (alert,) = running.alerts("FAILOVER")
        assert "from second to alpaca" in alert.message


@virtual
async def test_a_rule_moves_no_exit(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH, policy=SECOND_FIRST) as running:
        await held_short(running, venue="alpaca")
        await running.submit(closing())
        assert running.alpaca.sent[-1].client_order_id == "o-2~al~1.0"
        assert running.second.sent == []


@virtual
async def test_a_large_order_goes_to_the_venue_whose_adapter_says_that_it_is_interactive_brokers(
    tmp_path: Path,
) -> None:
    ports = {name: ScriptedPort(name) for name in BOTH}
    says = ports["second"].status

    async def status() -> VenueStatus:
        return replace(await says(), broker=LARGE_ORDER_BROKER)

    ports["second"].status = status  # type: ignore[method-assign]
    large = AccountPolicy(preference=Preference(large_order_qty={AssetClass.EQUITY: Decimal(10)}))
    async with router(tmp_path / "j.db", ports=ports, policy=large) as running:
        entry = await running.submit(share_order(order_qty=Decimal(10)))
        assert [p.venue for p in entry.order.placements] == ["second"]
        entry = await running.submit(share_order(client_order_id="o-2", order_qty=Decimal(9)))
        assert [p.venue for p in entry.order.placements] == ["alpaca"]
        # It is still the one that large orders prefer when it can't be reached.
        await goes_down(running, "second")
        await running.submit(share_order(client_order_id="o-3", order_qty=Decimal(10)))
        assert "from second to alpaca" in running.alerts("FAILOVER")[-1].message
