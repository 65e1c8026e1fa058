"""How long the messages about orders are at every version, and that every kind of order is read."""

from decimal import Decimal
from typing import Any

import pytest
from ib_insync import Contract, Order

from simulators.ib_gateway.contracts import con_id_of
from tests.simulators.gateways import (
    COMMISSION,
    EXECUTION,
    OPEN_ORDER,
    ORDER_STATUS,
    PUT,
    Client,
    gateway,
)
from tests.simulators.ib_orders import Legs, Trader, read_by_ib_insync
from tests.simulators.test_ib_insync import connected, eventually

COMPLETED = "101"
VERSIONS = range(157, 179)
FIELDS_A_LEG = 8
KINDS: dict[str, dict[str, Any]] = {
    "limit": {"order_type": "LMT", "lmt": "20"},
    "stop": {"order_type": "STP", "aux": "5"},
    "stop limit": {"order_type": "STP LMT", "aux": "5", "lmt": "4"},
    "trail": {"order_type": "TRAIL", "aux": "3"},
    "trail percent": {"order_type": "TRAIL", "trailingPercent": "50"},
    "trail limit": {"order_type": "TRAIL LIMIT", "aux": "3", "lmtPriceOffset": "1"},
    "on the open": {"order_type": "MKT", "tif": "OPG"},
    "on the close": {"order_type": "LOC", "lmt": "20"},
    "group": {"order_type": "LMT", "lmt": "20", "oca": "one", "ocaType": 2},
    "until": {"order_type": "LMT", "lmt": "20", "tif": "GTD", "goodTillDate": "20241105"},
}
SPREAD: Legs = [("SPY241115P00390000", 1, "BUY"), (PUT, 1, "SELL")]


def open_order_fields(version: int) -> int:
    since = {158: 1, 160: 1, 162: 1, 170: 5, 177: -1}
    return 120 + sum(more for first, more in since.items() if version >= first)


def completed_order_fields(version: int) -> int:
    since = {170: 5, 177: -1}
    return 92 + sum(more for first, more in since.items() if version >= first)


def test_the_counts_are_those_of_the_known_versions() -> None:
    assert [open_order_fields(v) for v in (176, 177, 178)] == [128, 127, 127]
    assert [completed_order_fields(v) for v in (176, 177, 178)] == [97, 96, 96]


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_message_has_the_fields_of_its_version(version: int) -> None:
    async with gateway(cash=Decimal(1_000_000)) as simulated:
        t = Trader(await Client(simulated, version).start())
        for ref, terms in KINDS.items():
            t.place("SELL", "1", ref=ref, **terms)
        await t.status(t.place("SELL", "1", "LMT", lmt="8.5", ref="filled"), "Filled")
        spread = t.place("BUY", "1", "LMT", lmt="-3.4", legs=SPREAD, ref="spread")
        await t.status(spread, "Filled")
        await t.at_market(t.place("BUY", "1", "LMT", lmt="-9", legs=SPREAD, ref="rests"))
        t.client.send(58, 1)
        await t.client.until(lambda: len([e for e in t.client.errors() if e[1] == 202]) == 11)
        await t.client.answers("102", 99, 0)
        for message in t.client.of(OPEN_ORDER, COMPLETED):
            is_open, is_combo = message[0] == OPEN_ORDER, "BAG" in message
            wanted = open_order_fields(version) if is_open else completed_order_fields(version)
            assert len(message) == wanted + is_combo * 2 * FIELDS_A_LEG, message
        assert {len(m) for m in t.client.of(ORDER_STATUS)} == {12}
        assert {len(m) for m in t.client.of(EXECUTION)} == {32 if version >= 178 else 31}
        assert {len(m) for m in t.client.of(COMMISSION)} == {8}
        assert len(t.client.of(COMPLETED)) == len(KINDS) + 3
        if version <= 176:
            for message in t.client.of(OPEN_ORDER, COMPLETED, EXECUTION, COMMISSION):
                read_by_ib_insync(message, version)


@pytest.mark.parametrize("ref", KINDS)
async def test_ib_insync_reads_back_what_was_asked_for(ref: str) -> None:
    terms = KINDS[ref]
    async with gateway() as simulated:
        t = Trader(await Client(simulated).start())
        order = t.place("BUY", "1", ref=ref, symbol="AAPL", **terms)
        await t.client.until(lambda: t.client.of(OPEN_ORDER))
        shown = t.order(order)
        assert (shown.action, shown.totalQuantity, shown.orderRef) == ("BUY", 1.0, ref)
        assert (shown.orderType, shown.tif) == (terms["order_type"], terms.get("tif", "DAY"))
        assert shown.lmtPrice in (float(terms.get("lmt") or 0), shown.trailStopPrice + 1)
        assert shown.auxPrice == float(terms.get("aux") or 0)
        assert (shown.ocaGroup, shown.ocaType) == (terms.get("oca", ""), terms.get("ocaType", 0))
        assert shown.goodTillDate == terms.get("goodTillDate", "")
        assert shown.account == "DU1000001"
        assert str(shown.permId) == t.last(ORDER_STATUS, order)[6]
        assert (shown.clientId, shown.orderId) == (1, order)
        if "trailingPercent" in terms:
            assert shown.trailingPercent == float(terms["trailingPercent"])
        t.cancel(order)
        await t.status(order, "Cancelled")
        (message,) = [m for m in await t.client.answers("102", 99, 0) if m[0] == COMPLETED]
        _, completed, state = read_by_ib_insync(message, 176)
        same = ("orderType", "tif", "lmtPrice", "auxPrice", "ocaGroup", "orderRef", "permId")
        assert [getattr(completed, n) for n in same] == [getattr(shown, n) for n in same]
        assert (state.status, state.completedStatus) == ("Cancelled", "Cancelled by Trader")
        assert state.completedTime.startswith("20241104 10:00:0")


async def test_the_orders_of_another_session_come_back_to_ib_insync_whole() -> None:
    async with connected() as both:
        contract = Contract(conId=con_id_of(PUT), exchange="SMART")
        wanted = Order(
            action="BUY", totalQuantity=2, orderType="TRAIL LIMIT", auxPrice=0.5, tif="GTC",
            lmtPriceOffset=0.1, trailStopPrice=11, orderRef="kept", ocaGroup="g", ocaType=2,
            triggerMethod=2, account="DU1000001",
        )  # fmt: skip
        placed = both.ib.placeOrder(contract, wanted)
        await eventually(lambda: placed.orderStatus.status == "PreSubmitted")
        both.ib.disconnect()
        again = await both.connect(1)
        (trade,) = again.openTrades()
        assert (trade.contract.conId, trade.orderStatus.whyHeld) == (con_id_of(PUT), "trigger")
        shown = trade.order
        assert (shown.orderType, shown.tif, shown.totalQuantity) == ("TRAIL LIMIT", "GTC", 2)
        assert (shown.auxPrice, shown.lmtPriceOffset, shown.trailStopPrice) == (0.5, 0.1, 9.5)
        assert (shown.ocaGroup, shown.ocaType, shown.triggerMethod) == ("g", 2, 2)
        assert (shown.orderRef, shown.permId) == ("kept", placed.order.permId)
        again.disconnect()
