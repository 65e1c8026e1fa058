"""placeOrder with the id of a live order: one permId, refusals that leave the original live."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from simulators.ib_gateway.settings import IB_VENUE
from tests.simulators.gateways import EXECUTION, OPEN_ORDER, ORDER_STATUS, PUT, Client, gateway
from tests.simulators.ib_orders import Trader

SLOW = replace(IB_VENUE, replace_delay_s=60)


async def resting(simulated: Any, qty: str = "1", **more: Any) -> tuple[Trader, int]:
    t = Trader(await Client(simulated).start())
    terms = {"lmt": "20", "ref": "first", **more}
    order = t.place("SELL", qty, terms.pop("kind", "LMT"), **terms)
    await t.at_market(order)
    return t, order


def shown(t: Trader, order: int) -> list[tuple[str, ...]]:
    """permId, quantity, type, limit, stop, tif of each openOrder, repetitions left out."""
    told = [m for m in t.client.of(OPEN_ORDER) if m[1] == str(order)]
    return list(dict.fromkeys((m[25], m[14], m[15], m[16], m[17], m[18]) for m in told))


async def test_quantity_price_and_tif_change_under_one_perm_id() -> None:
    async with gateway() as simulated:
        t, order = await resting(simulated)
        t.place("SELL", "2", "LMT", order, lmt="19", ref="first", tif="GTC")
        await t.client.until(lambda: len(shown(t, order)) == 2)
        perm_id = shown(t, order)[0][0]
        assert shown(t, order)[1] == (perm_id, "2", "LMT", "19", "0", "GTC")
        assert t.last(ORDER_STATUS, order)[2:6] == ["Submitted", "0", "2", "0"]
        (known,) = simulated.control.ledger()["orders"]
        assert (known["venue_order_id"], known["order_qty"]) == (perm_id, "2")
        assert t.client.errors() == []


async def test_a_modified_limit_that_is_marketable_trades() -> None:
    async with gateway() as simulated:
        t, order = await resting(simulated)
        t.place("SELL", "1", "LMT", order, lmt="8.5", ref="first")
        await t.status(order, "Filled")


async def test_a_stop_moves_and_a_limit_becomes_a_market_order() -> None:
    async with gateway() as simulated:
        t, order = await resting(simulated, kind="STP", aux="7", lmt="")
        t.place("SELL", "1", "STP", order, aux="7.5", ref="first")
        await t.client.until(lambda: shown(t, order)[-1][4] == "7.5")
        t.place("SELL", "1", "MKT", order, ref="first")
        await t.status(order, "Filled")


async def test_the_quantity_counts_what_has_filled() -> None:
    async with gateway(cash=Decimal(300_000)) as simulated:
        t, order = await resting(simulated, qty="3")
        simulated.control.fill("first", Decimal(2), Decimal(20))
        await t.client.until(lambda: t.client.of(EXECUTION))
        t.place("SELL", "2", "LMT", order, lmt="20", ref="first")
        await t.client.failed(order, 201)
        t.place("SELL", "4", "LMT", order, lmt="20", ref="first")
        await t.client.until(lambda: t.last(ORDER_STATUS, order)[3:5] == ["2", "2"])
        simulated.control.fill("first", None, Decimal(20))
        await t.status(order, "Filled")
        assert t.last(ORDER_STATUS, order)[3] == "4"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"qty": "3"}, 201),
        ({"lmt": "19.001"}, 110),
        ({"lmt": ""}, 321),
        ({"action": "BUY"}, 105),
        ({"symbol": "AAPL"}, 105),
        ({"account": "DU9"}, 321),
        ({"order_type": "TRAIL", "aux": "1"}, 329),
        ({"tif": "IOC"}, 462),
        ({"oca": "group"}, 10326),
        ({"parentId": "77"}, 10006),
    ],
)
async def test_a_refused_modify_leaves_the_original_live(terms: dict[str, str], code: int) -> None:
    async with gateway() as simulated:
        t, order = await resting(simulated)
        given = {"action": "SELL", "qty": "1", "order_type": "LMT", "lmt": "19", **terms}
        before = shown(t, order)
        t.place(order_id=order, ref="first", **given)
        await t.client.failed(order, code)
        opened = await t.client.answers("53", 16, 1)
        assert [(m[25], m[16]) for m in opened if m[0] == OPEN_ORDER] == [(before[0][0], "20")]
        assert t.client.statuses(order)[-1] == "Submitted"
        t.cancel(order)
        await t.status(order, "Cancelled")


async def test_what_has_ended_is_not_modified() -> None:
    async with gateway() as simulated:
        t, order = await resting(simulated, lmt="8.5")
        await t.status(order, "Filled")
        t.place("SELL", "2", "LMT", order, lmt="8.5")
        await t.client.failed(order, 104)
        canceled = t.place("SELL", "1", "LMT", lmt="20")
        t.cancel(canceled)
        await t.status(canceled, "Cancelled")
        t.place("SELL", "1", "LMT", canceled, lmt="19")
        await t.client.failed(canceled, 103)
        assert len(simulated.control.ledger()["orders"]) == 2


async def test_an_order_that_fills_first_is_not_modified_any_more() -> None:
    async with gateway(venue=SLOW) as simulated:
        t, order = await resting(simulated)
        t.place("SELL", "2", "LMT", order, lmt="19", ref="first")
        await t.client.answers("49", 49, 1)
        simulated.control.fill("first")
        await t.status(order, "Filled")
        assert t.client.errors() == []
        simulated.control.advance_clock(61)
        await t.client.failed(order, 104)
        assert t.client.statuses(order)[-1] == "Filled"
        assert len({m[25] for m in t.client.of(OPEN_ORDER)}) == 1


async def test_a_modify_whose_money_is_gone_by_then_leaves_the_original_live() -> None:
    async with gateway(venue=SLOW) as simulated:
        t, order = await resting(simulated)
        t.place("SELL", "2", "LMT", order, lmt="19", ref="first")
        other = t.place("SELL", "1", "LMT", lmt="30")
        await t.at_market(other)
        assert t.client.errors() == []
        simulated.control.advance_clock(61)
        await t.client.failed(order, 201)
        assert t.last(OPEN_ORDER, order)[14] == "1"


async def test_a_stop_that_was_reached_waits_again_if_it_is_moved() -> None:
    async with gateway() as simulated:
        t = Trader(await Client(simulated).start())
        order = t.place("BUY", "10", "STP LMT", symbol="AAPL", aux="222", lmt="221")
        await t.status(order, "Submitted")
        t.place("BUY", "10", "STP LMT", order, symbol="AAPL", aux="225", lmt="226")
        await t.status(order, "PreSubmitted")
        assert t.last(ORDER_STATUS, order)[10] == "trigger"


async def test_while_a_cancel_is_pending_nothing_is_modified() -> None:
    async with gateway() as simulated:
        t, order = await resting(simulated)
        t.cancel(order)
        t.place("SELL", "1", "LMT", order, lmt="19", ref="first")
        await t.client.failed(order, 201)
        await t.status(order, "Cancelled")


@pytest.mark.parametrize(("orders", "price"), [("hold", "19"), ("drop", "20")])
async def test_while_the_link_is_down_a_modify_is_held_or_lost_like_an_order(
    orders: str, price: str
) -> None:
    async with gateway() as simulated:
        t, order = await resting(simulated)
        simulated.control.do("connectivity", code=1100, orders=orders)
        t.place("SELL", "1", "LMT", order, lmt="19", ref="first")
        await t.client.answers("49", 49, 1)
        assert t.client.statuses(order)[-1] == "Submitted"
        simulated.control.do("connectivity", code=1102)
        later = t.place("SELL", "1", "LMT", lmt="30")
        await t.at_market(later)
        assert shown(t, order)[-1][3] == price
        assert len({row[0] for row in shown(t, order)}) == 1


async def test_a_doubled_modify_leaves_two_live_perm_ids_under_one_order_id() -> None:
    async with gateway() as simulated:
        t, order = await resting(simulated)
        simulated.gateway.orders.modifies_to_double = 1
        t.place("SELL", "1", "LMT", order, lmt="19", ref="first")
        await t.client.until(lambda: len({row[0] for row in shown(t, order)}) == 2)
        opened = await t.client.answers("53", 16, 1)
        live = [(m[1], m[16], m[23]) for m in opened if m[0] == OPEN_ORDER]
        assert live == [(str(order), "20", "first"), (str(order), "19", "first")]
        t.place("SELL", "1", "LMT", order, lmt="18", ref="first")
        await t.client.until(lambda: shown(t, order)[-1][3] == "18")
        opened = await t.client.answers("53", 16, 1)
        assert sorted(m[16] for m in opened if m[0] == OPEN_ORDER) == ["18", "20"]


async def test_another_client_has_no_such_order_to_modify_or_cancel() -> None:
    async with gateway() as simulated:
        t, order = await resting(simulated)
        other = Trader(await Client(simulated).start(2))
        other.cancel(order)
        await other.client.failed(order, 10147)
        other.place("SELL", "1", "LMT", order, lmt="20", symbol=PUT)
        await other.status(order, "Submitted")
        assert len(simulated.control.ledger()["orders"]) == 2
        other.client.send(58, 1)
        await t.status(order, "Cancelled")
        await other.status(order, "Cancelled")
