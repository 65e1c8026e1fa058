"""Brackets and groups: held until transmitted, held until the parent fills, one cancels all."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from ib_insync import LimitOrder

from simulators.ib_gateway.settings import IB_VENUE
from tests.simulators.gateways import OPEN_ORDER, ORDER_STATUS, Client, gateway
from tests.simulators.ib_orders import Trader
from tests.simulators.test_ib_insync import charged, connected, eventually


async def trader(simulated: Any, client_id: int = 1) -> Trader:
    return Trader(await Client(simulated).start(client_id))


def bracket(t: Trader, parent: str = "222.5", last: int = 1, qty: str = "10") -> list[int]:
    """A purchase of AAPL with a profit at 230 and a stop at 215; `last` transmits it."""
    first = t.place("BUY", qty, "LMT", symbol="AAPL", lmt=parent, ref="entry", transmit=0)
    more = {"symbol": "AAPL", "parentId": first, "tif": "GTC"}
    profit = t.place("SELL", qty, "LMT", lmt="230", ref="profit", transmit=0, **more)
    loss = t.place("SELL", qty, "STP", aux="215", ref="loss", transmit=last, **more)
    return [first, profit, loss]


def quote(simulated: Any, bid: str, ask: str) -> None:
    simulated.control.set_quote("AAPL", Decimal(bid), Decimal(ask))


async def test_nothing_is_told_of_orders_that_are_not_transmitted() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        bracket(t, last=0)
        told = await t.client.answers("53", 16, 1)
        assert not [m for m in t.client.messages if m[0] in (OPEN_ORDER, ORDER_STATUS)]
        assert told == [["53", "1"]]
        assert simulated.control.ledger()["orders"] == []
        assert (await t.client.answers("9", 8, 1, 1))[-1] == ["9", "1", "4"]


async def test_the_last_child_transmits_the_bracket_and_the_children_wait_for_the_parent() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        entry, profit, loss = bracket(t, parent="200")
        await t.status(entry, "Submitted")
        await t.status(loss, "PreSubmitted")
        assert [t.last(ORDER_STATUS, o)[7] for o in (entry, profit, loss)] == ["0", "1", "1"]
        assert [t.last(ORDER_STATUS, o)[10] for o in (entry, profit, loss)] == [
            "",
            "child",
            "child,trigger",
        ]
        parent_perm_id = t.last(OPEN_ORDER, entry)[25]
        shown = [t.order(o) for o in (profit, loss)]
        assert [(o.parentId, o.ocaGroup, o.ocaType) for o in shown] == [
            (entry, parent_perm_id, 3),
            (entry, parent_perm_id, 3),
        ]


async def test_a_filled_parent_lets_the_children_go_and_one_that_fills_ends_the_other() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        entry, profit, loss = bracket(t)
        await t.status(entry, "Filled")
        await t.status(profit, "Submitted")
        assert t.client.statuses(loss)[-1] == "PreSubmitted"
        quote(simulated, "231", "231.1")
        await t.status(profit, "Filled")
        await t.status(loss, "Cancelled")
        assert t.client.errors() == [(loss, 202)]
        assert simulated.control.ledger()["accounts"]["DU1000001"]["positions"] == []


async def test_a_part_of_a_child_that_fills_shrinks_the_other() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        entry, profit, loss = bracket(t)
        await t.status(entry, "Filled")
        await t.status(profit, "Submitted")
        simulated.control.fill("profit", Decimal(4), Decimal(230))
        await t.client.until(lambda: t.last(OPEN_ORDER, loss)[14] == "6")
        quote(simulated, "214", "214.1")
        await t.status(loss, "Filled")
        await t.status(profit, "Cancelled")
        assert t.last(ORDER_STATUS, profit)[3:5] == ["4", "6"]
        assert simulated.control.ledger()["accounts"]["DU1000001"]["positions"] == []


async def test_a_canceled_parent_takes_its_children_along_with_202_each() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        orders = bracket(t, parent="200")
        await t.status(orders[0], "Submitted")
        t.cancel(orders[0])
        for order in orders:
            await t.status(order, "Cancelled")
            await t.client.failed(order, 202)
        assert await t.client.answers("53", 16, 1) == [["53", "1"]]


async def test_a_canceled_child_takes_its_sibling_along_and_leaves_the_parent() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        entry, profit, loss = bracket(t, parent="200")
        await t.status(entry, "Submitted")
        t.cancel(profit)
        await t.status(profit, "Cancelled")
        await t.status(loss, "Cancelled")
        assert t.client.statuses(entry)[-1] == "Submitted"


async def test_children_that_wait_can_be_modified_and_go_on_waiting() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        entry, profit, _ = bracket(t, parent="221.5")
        await t.status(entry, "Submitted")
        t.place(
            "SELL", "10", "LMT", profit, lmt="240", symbol="AAPL", parentId=entry, tif="GTC",
            ref="profit",
        )  # fmt: skip
        await t.client.until(lambda: t.last(OPEN_ORDER, profit)[16] == "240")
        assert t.last(ORDER_STATUS, profit)[2] == "PreSubmitted"
        quote(simulated, "221.4", "221.5")
        await t.status(entry, "Filled")
        await t.status(profit, "Submitted")


async def test_a_refused_parent_takes_its_children_along() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        orders = bracket(t, qty="100000")
        for order in orders:
            await t.client.failed(order, 201)
        assert simulated.control.ledger()["orders"] == []


async def test_a_child_of_nobody_is_refused() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("SELL", "1", "LMT", lmt="230", symbol="AAPL", parentId=99)
        await t.client.failed(order, 10006)


async def test_what_is_not_transmitted_is_canceled_in_the_gateway() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        orders = bracket(t, last=0)
        t.cancel(orders[0])
        for order in orders:
            await t.status(order, "Cancelled")
            await t.client.failed(order, 202)
        assert simulated.control.ledger()["orders"] == []
        bracket(t, last=0)
        t.client.send(58, 1)
        await t.status(6, "Cancelled")


async def test_an_order_of_its_own_is_transmitted_by_sending_it_again() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("BUY", "10", "LMT", symbol="AAPL", lmt="200", transmit=0)
        t.place("BUY", "10", "LMT", order, symbol="AAPL", lmt="201")
        await t.status(order, "Submitted")
        assert t.last(OPEN_ORDER, order)[16] == "201"


async def test_a_child_whose_parent_has_filled_goes_to_market_at_once() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        entry = t.place("BUY", "10", "LMT", symbol="AAPL", lmt="230")
        await t.status(entry, "Filled")
        child = t.place("SELL", "10", "LMT", symbol="AAPL", lmt="240", parentId=entry)
        await t.status(child, "Submitted")


async def test_a_child_without_the_means_for_it_is_rejected_when_the_parent_fills() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        entry = t.place("BUY", "10", "LMT", symbol="AAPL", lmt="230", transmit=0)
        child = t.place("SELL", "9", "LMT", lmt="20", parentId=entry)
        await t.status(entry, "Filled")
        await t.status(child, "Inactive")
        await t.client.failed(child, 201)


@pytest.mark.parametrize(("oca_type", "left"), [(1, None), (2, "6"), (3, "6"), (0, "6")])
async def test_a_part_that_fills_cancels_or_shrinks_the_group(
    oca_type: int, left: str | None
) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        group = {"symbol": "AAPL", "oca": "one", "ocaType": oca_type}
        first = t.place("BUY", "10", "LMT", lmt="200", ref="a", **group)
        second = t.place("BUY", "10", "LMT", lmt="190", ref="b", **group)
        await t.status(second, "Submitted")
        assert t.order(first).ocaGroup == "one"
        simulated.control.fill("a", Decimal(4), Decimal(200))
        if left is None:
            await t.status(second, "Cancelled")
        else:
            await t.client.until(lambda: t.last(ORDER_STATUS, second)[4] == left)
        simulated.control.fill("a", None, Decimal(200))
        await t.status(second, "Cancelled")


async def test_one_of_a_group_that_is_canceled_ends_the_others_of_all_clients() -> None:
    async with gateway() as simulated:
        t, other = await trader(simulated), await trader(simulated, 2)
        group = {"symbol": "AAPL", "oca": "one", "ocaType": 1}
        first = t.place("BUY", "10", "LMT", lmt="200", **group)
        second = other.place("BUY", "10", "LMT", lmt="190", **group)
        await other.status(second, "Submitted")
        t.cancel(first)
        await other.status(second, "Cancelled")


async def test_two_exits_of_one_group_need_the_holding_only_once() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        await t.status(t.place("BUY", "3", "LMT", lmt="9.5"), "Filled")
        group = {"oca": "exits", "ocaType": 1, "tif": "GTC"}
        profit = t.place("SELL", "3", "LMT", lmt="20", **group)
        loss = t.place("SELL", "3", "STP", aux="5", **group)
        await t.status(profit, "Submitted")
        await t.status(loss, "PreSubmitted")
        assert t.client.errors() == []


async def test_what_waits_outlives_its_connection_and_is_told_of_over_the_next() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        bracket(t, parent="200", last=0)
        await t.client.answers("53", 16, 1)
        t.client.session.lost()
        again = await trader(simulated)
        more = {"symbol": "AAPL", "parentId": 1, "tif": "GTC", "ref": "loss"}
        again.place("SELL", "10", "STP", 3, aux="210", **more)
        await again.client.until(lambda: all(again.client.statuses(order) for order in (1, 2, 3)))
        assert again.last(OPEN_ORDER, 3)[17] == "210"


async def test_what_waited_and_is_refused_is_told_of_over_the_next_connection() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        bracket(t, qty="100000", last=0)
        await t.client.answers("53", 16, 1)
        t.client.session.lost()
        again = await trader(simulated)
        again.place("SELL", "1", "LMT", 4, lmt="230", symbol="AAPL", parentId=1)
        for order in (1, 2, 3, 4):
            await again.client.failed(order, 201)


async def test_exits_close_what_the_entry_has_opened_and_need_no_means() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        entry = t.place("BUY", "2", "LMT", lmt="9.5", transmit=0)
        exits = t.place("SELL", "2", "LMT", lmt="20", parentId=entry)
        await t.status(exits, "Submitted")
        assert simulated.venue.means("DU1000001").held_for_orders == 0


async def test_a_child_that_is_being_canceled_does_not_trade_before_its_parent() -> None:
    async with gateway(venue=replace(IB_VENUE, cancel_delay_s=60)) as simulated:
        t = await trader(simulated)
        entry, profit, _ = bracket(t, parent="200")
        await t.status(entry, "Submitted")
        t.cancel(profit)
        await t.status(profit, "PendingCancel")
        quote(simulated, "231", "231.1")
        await t.client.answers("53", 16, 1)
        assert t.client.statuses(profit)[-1] == "PendingCancel"


async def test_a_restart_of_the_gateway_loses_what_was_not_transmitted() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        bracket(t, last=0)
        await t.client.answers("53", 16, 1)
        simulated.control.do("restart", refuse_s=0)
        again = await trader(simulated)
        child = again.place(
            "SELL", "10", "LMT", 4, lmt="230", symbol="AAPL", parentId=1, ref="profit"
        )
        await again.client.until(lambda: again.client.errors())
        assert [order for order, _ in again.client.errors()] == [child]
        assert simulated.control.ledger()["orders"] == []


async def test_ib_insyncs_bracket_order_is_worked_from_entry_to_exit() -> None:
    async with connected() as both:
        share = both.share()
        await both.ib.qualifyContractsAsync(share)
        orders = both.ib.bracketOrder("BUY", 10, 230, 240, 200)
        trades = [both.ib.placeOrder(share, order) for order in orders]
        await eventually(lambda: trades[1].orderStatus.status == "Submitted")
        assert [trade.orderStatus.status for trade in trades] == [
            "Filled",
            "Submitted",
            "PreSubmitted",
        ]
        both.simulated.control.set_quote("AAPL", Decimal(199), Decimal("199.1"))
        await charged(trades[2])
        await eventually(lambda: trades[1].orderStatus.status == "Cancelled")


async def test_ib_insyncs_one_cancels_all_is_worked() -> None:
    async with connected() as both:
        share = both.share()
        await both.ib.qualifyContractsAsync(share)
        orders = both.ib.oneCancelsAll(
            [LimitOrder("BUY", 10, 230), LimitOrder("BUY", 10, 100)], "oca", 2
        )
        trades = [both.ib.placeOrder(share, order) for order in reversed(orders)]
        await eventually(lambda: trades[1].orderStatus.status == "Filled")
        await eventually(lambda: trades[0].orderStatus.status == "Cancelled")
